//! Order, caps and acks of numbered records.

use std::time::Instant;

use biplane_wire::ChannelKind;

use super::*;
use crate::ChannelConfig;

fn channel(id: u8) -> ChannelId {
    ChannelId::new(id).unwrap()
}

/// Two command channels, each with credit for two of its longest messages.
fn channels(longest: u32) -> Channels {
    let config = ChannelConfig::new(ChannelKind::Command, longest);
    Channels::new(vec![config.clone(), config], 0, 0)
}

fn command(outbox: &mut Outbox, id: u8, len: usize) -> Result<(), SendError> {
    outbox.push(Head::Command(channel(id)), Content::Borrowed(&vec![id; len]))
}

fn ask(outbox: &mut Outbox) {
    let head = Head::Request(RequestId(0), 0);
    outbox.push(head, Content::Borrowed(b"?")).unwrap();
}

fn ask_long(outbox: &mut Outbox) {
    let head = Head::Request(RequestId(0), 0);
    outbox.push(head, Content::Borrowed(&[b'?'; 100])).unwrap();
}

fn acked(outbox: &mut Outbox, next: u32) -> Result<(), Violation> {
    outbox.handle_acked(Instant::now(), next, |_| {})
}

/// Writes one record and says what it is: class, first byte of the payload, and its length.
#[expect(clippy::wildcard_enum_match_arm, reason = "an outbox writes these three alone")]
fn write(outbox: &mut Outbox, channels: &mut Channels) -> Option<(&'static str, u8, usize)> {
    let mut out = Vec::new();
    if !outbox.write_next(channels, &mut out) {
        return None;
    }
    let (record, _) = Record::decode(&out).unwrap().unwrap();
    let (class, bytes) = match record {
        Record::Command { bytes, .. } => ("command", bytes),
        Record::Request { bytes, .. } => ("request", bytes),
        Record::Reply { bytes, .. } => ("reply", bytes),
        other => panic!("{other:?}"),
    };
    Some((class, bytes[0], bytes.len()))
}

#[test]
fn records_go_in_the_order_issued() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(1_000));
    command(&mut outbox, 0, 1).unwrap();
    ask(&mut outbox);
    command(&mut outbox, 1, 1).unwrap();
    let order: Vec<_> = core::iter::from_fn(|| write(&mut outbox, &mut channels)).collect();
    assert_eq!(order, [("command", 0, 1), ("request", b'?', 1), ("command", 1, 1)]);
}

#[test]
fn a_long_message_lets_others_pass_between_its_pieces() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(100_000));
    command(&mut outbox, 0, 2 * Record::CHUNK).unwrap();
    ask(&mut outbox);
    let order: Vec<_> = core::iter::from_fn(|| write(&mut outbox, &mut channels)).collect();
    let piece = ("command", 0, Record::CHUNK);
    assert_eq!(order, [piece, ("request", b'?', 1), piece]);
}

#[test]
fn a_channel_without_credit_waits_alone() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(100));
    for id in [0, 0, 0, 1] {
        command(&mut outbox, id, 100).unwrap();
    }
    let order: Vec<_> = core::iter::from_fn(|| write(&mut outbox, &mut channels)).collect();
    assert_eq!(order.iter().map(|(_, id, _)| *id).collect::<Vec<_>>(), [0, 0, 1]);
    assert!(!outbox.is_written());
    channels.handle_credit(channel(0), 1_000).unwrap();
    assert_eq!(write(&mut outbox, &mut channels), Some(("command", 0, 100)));
}

#[test]
fn a_command_without_credit_holds_up_no_memory_of_those_that_pass_it() {
    for passes in [|outbox: &mut Outbox| command(outbox, 1, 100).unwrap(), ask_long] {
        let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(100));
        for _ in 0..3 {
            command(&mut outbox, 0, 100).unwrap();
        }
        channels.handle_credit(channel(1), 10_000_000).unwrap();
        let mut next = 0;
        for _ in 0..50 {
            // Boards full of them.
            (0..400).for_each(|_| passes(&mut outbox));
            while write(&mut outbox, &mut channels).is_some() {
                next += 1;
            }
            acked(&mut outbox, next).unwrap();
        }
        assert_eq!(outbox.store().boards(), 0, "one is by itself");
        channels.handle_credit(channel(0), 10_000).unwrap();
        assert_eq!(write(&mut outbox, &mut channels), Some(("command", 0, 100)));
    }
}

#[test]
fn those_behind_a_long_message_hold_up_no_memory_of_those_that_pass_it() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(100_000));
    command(&mut outbox, 0, 2 * Record::CHUNK).unwrap();
    command(&mut outbox, 0, 100).unwrap();
    assert_eq!(write(&mut outbox, &mut channels), Some(("command", 0, Record::CHUNK)));
    // One always waits, so that the second piece never goes.
    ask_long(&mut outbox);
    let mut next = 1;
    for _ in 0..50 {
        for _ in 0..400 {
            ask_long(&mut outbox);
            assert_eq!(write(&mut outbox, &mut channels), Some(("request", b'?', 100)));
            next += 1;
        }
        acked(&mut outbox, next).unwrap();
    }
    assert!(outbox.store().boards() <= 6, "of 250");
}

#[test]
fn the_queue_is_full_at_its_cap_and_free_again_at_half() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(200_000));
    let mut queued = 0;
    while command(&mut outbox, 0, 200_000).is_ok() {
        queued += 1;
    }
    assert_eq!(queued, limits::CONTROL_QUEUE_BYTES / 200_000);
    assert_eq!(command(&mut outbox, 0, 200_000), Err(SendError::QueueFull));
    assert!(!outbox.take_writable());
    channels.handle_credit(channel(0), 10_000_000).unwrap();
    let mut records = 0;
    while write(&mut outbox, &mut channels).is_some() {
        records += 1;
    }
    assert!(!outbox.take_writable(), "what is not acknowledged still counts");
    acked(&mut outbox, records).unwrap();
    assert!(outbox.take_writable());
    assert!(!outbox.take_writable(), "it is said once");
}

#[test]
fn nothing_is_written_beyond_the_peers_window() {
    let (mut outbox, mut channels) = (Outbox::new(0), channels(200_000));
    command(&mut outbox, 0, 200_000).unwrap();
    let written: usize =
        core::iter::from_fn(|| write(&mut outbox, &mut channels)).map(|(_, _, len)| len).sum();
    assert!(written < limits::CONTROL_MESSAGE / 4 + Record::CHUNK);
}

#[test]
fn acks_of_what_was_not_written_are_violations() {
    let (mut outbox, mut channels) = (Outbox::new(1 << 20), channels(100));
    command(&mut outbox, 0, 1).unwrap();
    write(&mut outbox, &mut channels).unwrap();
    assert_eq!(acked(&mut outbox, 2), Err(Violation::AckOfUnsent));
    assert_eq!(acked(&mut outbox, 1), Ok(()));
    assert_eq!(acked(&mut outbox, 0), Err(Violation::ControlOrder));
}
