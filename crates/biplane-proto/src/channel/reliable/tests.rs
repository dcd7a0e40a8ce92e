//! Order, credit and caps of what leaves reliably.

use super::*;

const PACKET: Room = Room { bytes: 1_175, sequenced: true };

fn queue(messages: u8) -> (ReliableSend, CreditHeld) {
    let mut queue = ReliableSend::default();
    for byte in 0..messages {
        queue.push(Bytes::copy_from_slice(&[byte]), None).unwrap();
    }
    (queue, CreditHeld::new(1 << 20, 1_000))
}

fn pop(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u64, bool)> {
    queue.pop(held, PACKET).map(|leaving| (leaving.sequence.0, leaving.again))
}

/// The offset and length of the next piece.
fn pop_piece(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u32, u32)> {
    let leaving = queue.pop(held, PACKET)?;
    Some((leaving.part?.offset, u32::try_from(leaving.payload.len()).unwrap()))
}

#[test]
fn what_is_lost_goes_before_what_is_new() {
    let (mut queue, mut held) = queue(3);
    assert_eq!(pop(&mut queue, &mut held), Some((0, false)));
    assert_eq!(pop(&mut queue, &mut held), Some((1, false)));
    queue.on_lost(SequenceNumber(0));
    assert_eq!(pop(&mut queue, &mut held), Some((0, true)));
    assert_eq!(pop(&mut queue, &mut held), Some((2, false)));
    assert_eq!(pop(&mut queue, &mut held), None);
}

#[test]
fn what_arrives_after_all_is_not_sent_again() {
    let (mut queue, mut held) = queue(1);
    pop(&mut queue, &mut held);
    queue.on_lost(SequenceNumber(0));
    queue.on_ack(SequenceNumber(0));
    assert_eq!(pop(&mut queue, &mut held), None);
    assert_eq!((queue.len(), queue.cost), (0, 0));
}

#[test]
fn without_credit_nothing_new_leaves() {
    let (mut queue, _) = queue(3);
    let mut held = CreditHeld::new(cost(1) as u64, 0);
    assert!(held.take(cost(0)), "a channel of empty messages holds two of them at the start");
    held.raise(cost(0) as u64 + cost(1) as u64);
    assert_eq!(pop(&mut queue, &mut held), Some((0, false)));
    assert!(!queue.has_data(&held));
    assert_eq!(pop(&mut queue, &mut held), None);
}

#[test]
fn a_full_queue_refuses_and_is_half_empty_later() {
    let (mut queue, mut held) = queue(0);
    let payload = Bytes::from(vec![0; 1_000]);
    while queue.push(payload.clone(), None).is_ok() {}
    assert!(!queue.is_half_empty());
    let mut next = 0;
    while !queue.is_half_empty() {
        held.raise(u64::MAX);
        assert_eq!(pop(&mut queue, &mut held), Some((next, false)));
        queue.on_ack(SequenceNumber(next));
        next += 1;
    }
    assert_eq!(queue.push(payload, None), Ok(()));
}

#[test]
fn a_long_message_leaves_in_pieces_before_the_next_one() {
    let (mut queue, mut held) = queue(0);
    queue.push(vec![1; 3_000].into(), None).unwrap();
    queue.push(vec![2; 10].into(), None).unwrap();
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((2_320, 680)));
    assert_eq!(pop(&mut queue, &mut held), Some((1, false)));
}

#[test]
fn a_lost_piece_goes_again_alone() {
    let (mut queue, mut held) = queue(0);
    queue.push(vec![1; 3_000].into(), None).unwrap();
    while pop_piece(&mut queue, &mut held).is_some() {}
    let first = SequenceNumber(0);
    queue.on_piece_ack(first, 0, 1_160);
    queue.on_piece_lost(first, 1_160, 1_160);
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    queue.on_piece_ack(first, 2_320, 680);
    assert!(queue.is_busy());
    queue.on_piece_ack(first, 1_160, 1_160);
    assert_eq!((queue.len(), queue.cost), (0, 0));
}

#[test]
fn an_ack_that_comes_late_takes_a_piece_off_the_list() {
    let (mut queue, mut held) = queue(0);
    queue.push(vec![1; 2_000].into(), None).unwrap();
    while pop_piece(&mut queue, &mut held).is_some() {}
    let first = SequenceNumber(0);
    queue.on_piece_lost(first, 0, 1_160);
    queue.on_piece_ack(first, 0, 1_160);
    assert!(!queue.has_data(&held));
    queue.on_piece_ack(first, 1_160, 840);
    assert!(!queue.is_busy());
}

#[test]
fn what_went_whole_in_a_record_goes_again_in_pieces_where_packets_are_too_short() {
    const RECORD: Room = Room { bytes: limits::TUNNEL_PIECE, sequenced: true };
    let (mut queue, mut held) = queue(0);
    queue.push(vec![1; 3_000].into(), None).unwrap();
    let first = SequenceNumber(0);
    assert_eq!(queue.pop(&mut held, RECORD).unwrap().part, None);
    queue.on_lost(first);
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    queue.on_piece_ack(first, 0, 1_160);
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((2_320, 680)));
    queue.on_piece_ack(first, 2_320, 680);
    queue.on_piece_lost(first, 1_160, 1_160);
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    queue.on_piece_ack(first, 1_160, 1_160);
    assert_eq!((queue.is_busy(), queue.cost), (false, 0));
}
