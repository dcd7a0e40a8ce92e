//! Order, credit and caps of what leaves reliably.

use bytes::Bytes;

use super::{
    super::outgoing::{Extra, Space},
    *,
};

const PROGRESS: Progress = Progress { issued: 0, settled: 0, written: 0 };
const PACKET: Room = room(1_175);
/// A control record.
const WIDE: Room = room(8_192);

const fn room(left: usize) -> Room {
    Room { space: Space::in_record(left), sequenced: true, after: false }
}

fn queued(payload: impl Into<Bytes>) -> Queued<Content<'static>> {
    Queued { payload: Content::Shared(payload.into()), since: Instant::now(), extra: None }
}

fn queue(messages: u8) -> (ReliableSend, CreditHeld) {
    let mut queue = ReliableSend::default();
    for byte in 0..messages {
        queue.push(queued(vec![byte])).unwrap();
    }
    (queue, CreditHeld::new(1 << 20, 1_000))
}

fn pop(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u64, bool)> {
    queue.pop(held, PACKET, PROGRESS).map(|leaving| (leaving.sequence.0, leaving.again))
}

/// The offset and length of the next piece.
fn pop_piece(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u32, u32)> {
    let leaving = queue.pop(held, PACKET, PROGRESS)?;
    Some((leaving.part?.offset, u32::try_from(leaving.body.len()).unwrap()))
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
    queue.on_acks(SequenceNumber(0), 1);
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
    while queue.push(queued(payload.clone())).is_ok() {}
    assert!(!queue.is_half_empty());
    let mut next = 0;
    while !queue.is_half_empty() {
        held.raise(u64::MAX);
        assert_eq!(pop(&mut queue, &mut held), Some((next, false)));
        queue.on_acks(SequenceNumber(next), 1);
        next += 1;
    }
    assert_eq!(queue.push(queued(payload)), Ok(()));
}

#[test]
fn a_message_of_any_length_is_taken_where_half_of_the_queue_is_free() {
    let (mut queue, mut held) = queue(0);
    let long = || queued(vec![0; 3 * limits::SEND_QUEUE_BYTES]);
    while queue.is_half_empty() {
        queue.push(queued(vec![0; 1_000])).unwrap();
    }
    assert_eq!(queue.push(long()), Err(SendError::QueueFull));
    held.raise(u64::MAX);
    assert_eq!(pop(&mut queue, &mut held), Some((0, false)));
    queue.on_acks(SequenceNumber(0), 1);
    assert!(queue.is_half_empty() && queue.is_busy());
    assert_eq!(queue.push(long()), Ok(()));
    assert_eq!(queue.push(queued(vec![0])), Err(SendError::QueueFull));
}

#[test]
fn a_long_message_leaves_in_pieces_before_the_next_one() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 3_000])).unwrap();
    queue.push(queued(vec![2; 10])).unwrap();
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((2_320, 680)));
    assert_eq!(pop(&mut queue, &mut held), Some((1, false)));
}

#[test]
fn a_lost_piece_goes_again_alone() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 3_000])).unwrap();
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
    queue.push(queued(vec![1; 2_000])).unwrap();
    while pop_piece(&mut queue, &mut held).is_some() {}
    let first = SequenceNumber(0);
    queue.on_piece_lost(first, 0, 1_160);
    queue.on_piece_ack(first, 0, 1_160);
    assert!(!queue.has_data(&held));
    queue.on_piece_ack(first, 1_160, 840);
    assert!(!queue.is_busy());
}

#[test]
fn a_token_is_given_with_the_number_and_once() {
    let (mut queue, mut held) = queue(0);
    for (len, token) in [(10, 1), (3_000, 2), (10, 3)] {
        let extra = Extra { token: Some(token), cause: None }.boxed();
        queue.push(Queued { extra, ..queued(vec![0; len]) }).unwrap();
    }
    let mut tokens = Vec::new();
    for _ in 0..4 {
        let leaving = queue.pop(&mut held, PACKET, PROGRESS).unwrap();
        tokens.extend(leaving.token.map(|token| (leaving.sequence.0, token)));
    }
    queue.on_lost(SequenceNumber(0));
    assert_eq!(queue.pop(&mut held, PACKET, PROGRESS).unwrap().token, None);
    assert_eq!(tokens, [(0, 1), (1, 2)]);
    assert_eq!(queue.take_tokens().collect::<Vec<_>>(), [3]);
}

/// What rides the control connection next, by its number and length.
fn pop_overdue(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u64, usize)> {
    let (leaving, _) = queue.pop_overdue(Instant::now(), held, WIDE, PROGRESS)?;
    Some((leaving.sequence.0, leaving.body.len()))
}

#[test]
fn what_waits_too_long_leaves_by_the_other_way_in_order() {
    let (mut queue, mut held) = queue(3);
    let (now, after) = (Instant::now(), Duration::from_millis(100));
    for _ in 0..2 {
        pop(&mut queue, &mut held);
    }
    queue.on_lost(SequenceNumber(0));
    queue.on_acks(SequenceNumber(1), 1);
    assert!(queue.overdue_at(after).is_some_and(|at| at <= now + after));
    assert!(queue.has_data(&held), "until there is room for it, UDP goes on");
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 1)));
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((2, 1)), "it never left");
    assert_eq!(pop_overdue(&mut queue, &mut held), None);
    assert_eq!(queue.overdue_at(after), None);
    assert!(!queue.has_data(&held), "nothing is left for UDP");
    queue.on_lost(SequenceNumber(0));
    assert!(!queue.has_data(&held));
    assert!(queue.recall());
    assert_eq!(pop(&mut queue, &mut held), Some((0, true)));
    assert_eq!(pop(&mut queue, &mut held), Some((2, true)));
    assert!(!queue.recall(), "nothing rides");
}

#[test]
fn a_long_message_escalates_with_what_the_peer_does_not_have() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 3_000])).unwrap();
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    queue.on_piece_ack(SequenceNumber(0), 0, 1_160);
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 1_840)));
    assert!(!queue.has_data(&held));
    queue.on_piece_lost(SequenceNumber(0), 1_160, 1_160);
    assert!(!queue.has_data(&held), "the other way has it");
    queue.on_piece_ack(SequenceNumber(0), 1_160, 1_840);
    assert!(!queue.is_busy());
}

#[test]
fn both_ways_share_a_message_that_is_longer_than_one_has_room_for() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 20_000])).unwrap();
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 8_177)), "of what never left");
    assert_eq!(pop_piece(&mut queue, &mut held), Some((8_177, 1_160)));
    queue.on_piece_lost(SequenceNumber(0), 8_177, 1_160);
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 8_177)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((16_354, 1_160)), "what was lost rides");
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 3_646)));
    assert_eq!(pop_overdue(&mut queue, &mut held), None);
    assert!(!queue.has_data(&held));
    for (offset, len) in [(0, 8_177), (8_177, 8_177), (16_354, 3_646)] {
        assert!(queue.is_busy());
        queue.on_piece_ack(SequenceNumber(0), offset, len);
    }
    assert!(!queue.is_busy());
}

#[test]
fn what_went_in_pieces_is_whole_where_there_is_room_and_goes_again_if_that_is_lost() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 3_000])).unwrap();
    while pop_piece(&mut queue, &mut held).is_some() {}
    let (leaving, _) = queue.pop_overdue(Instant::now(), &mut held, WIDE, PROGRESS).unwrap();
    assert_eq!((leaving.part, leaving.body.len()), (None, 3_000));
    queue.on_lost(SequenceNumber(0));
    assert!(!queue.has_data(&held), "the other way has it until that is lost");
    assert!(queue.recall());
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    // The same where it rides TCP for want of UDP.
    queue.on_piece_lost(SequenceNumber(0), 0, 1_160);
    queue.on_piece_ack(SequenceNumber(0), 2_320, 680);
    while pop_piece(&mut queue, &mut held).is_some() {}
    queue.on_lost(SequenceNumber(0));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    assert_eq!(pop_piece(&mut queue, &mut held), Some((1_160, 1_160)));
    queue.on_acks(SequenceNumber(0), 1);
    assert!(!queue.is_busy());
}

#[test]
fn without_credit_nothing_escalates_that_never_left() {
    let (mut queue, _) = queue(1);
    let mut held = CreditHeld::new(0, 0);
    while held.take(cost(0)) {}
    assert_eq!(pop_overdue(&mut queue, &mut held), None);
    held.raise(1 << 20);
    assert_eq!(pop_overdue(&mut queue, &mut held), Some((0, 1)));
}

#[test]
fn what_went_whole_in_a_record_goes_again_in_pieces_where_packets_are_too_short() {
    let (mut queue, mut held) = queue(0);
    queue.push(queued(vec![1; 3_000])).unwrap();
    let first = SequenceNumber(0);
    assert_eq!(queue.pop(&mut held, WIDE, PROGRESS).unwrap().part, None);
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

/// What leaves next, as its number, its length, and how long it says that it was if it is withdrawn.
fn leaves(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u64, usize, Option<u32>)> {
    let leaving = queue.pop(held, PACKET, PROGRESS)?;
    let end = leaving.part.filter(|part| part.offset == part.total).map(|part| part.total);
    Some((leaving.sequence.0, leaving.body.len(), end))
}

/// How long messages live here, if that is said.
const LIFETIME: Option<Duration> = Some(Duration::from_millis(100));

/// A queue with a message of `len` bytes, and when that is over.
fn mortal(len: usize) -> (ReliableSend, CreditHeld, Instant) {
    let (mut queue, held) = (ReliableSend::default(), CreditHeld::new(1 << 20, 9_000));
    let message = queued(vec![0; len]);
    let over = message.since + Duration::from_millis(100);
    queue.push(message).unwrap();
    (queue, held, over)
}

#[test]
fn what_is_over_does_not_go_again_and_its_receiver_is_told() {
    let (lifetime, (mut queue, mut held, over)) = (LIFETIME, mortal(600));
    assert_eq!(leaves(&mut queue, &mut held), Some((0, 600, None)));
    queue.on_lost(SequenceNumber(0));
    assert_eq!(queue.withdraw_over(over - Duration::from_millis(1), lifetime), None);
    assert_eq!(queue.withdraw_over(over, None), None, "it lives for ever");
    assert_eq!(queue.withdraw_over(over, lifetime), Some(SequenceNumber(0)));
    assert_eq!(queue.depth(), (1, limits::MESSAGE_COST), "its bytes are free");
    for _ in 0..2 {
        assert_eq!(leaves(&mut queue, &mut held), Some((0, 0, Some(600))));
        assert_eq!(leaves(&mut queue, &mut held), None);
        // What became of copies of the message itself does not matter.
        queue.on_piece_lost(SequenceNumber(0), 0, 600);
        assert!(!queue.has_data(&held));
        queue.on_lost(SequenceNumber(0));
        assert_eq!(queue.withdraw_over(over, lifetime), None, "it is so already");
    }
    queue.on_acks(SequenceNumber(0), 1);
    assert!(!queue.is_busy() && !queue.has_data(&held));
    assert_eq!(queue.depth(), (0, 0));
}

#[test]
fn of_a_long_message_that_is_over_no_more_pieces_leave() {
    let (lifetime, (mut queue, mut held, over)) = (LIFETIME, mortal(9_000));
    queue.push(Queued { since: over, ..queued(vec![1]) }).unwrap();
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    assert_eq!(queue.withdraw_over(over, lifetime), Some(SequenceNumber(0)));
    assert_eq!(leaves(&mut queue, &mut held), Some((0, 0, Some(9_000))));
    assert_eq!(leaves(&mut queue, &mut held), Some((1, 1, None)));
    queue.on_piece_ack(SequenceNumber(0), 0, 1_160);
    queue.on_acks(SequenceNumber(1), 1);
    assert!(queue.is_busy(), "that it is withdrawn has not arrived");
    queue.on_acks(SequenceNumber(0), 1);
    assert!(!queue.is_busy());
}

#[test]
fn one_that_is_over_while_it_leaves_is_not_forgotten_for_one_that_rides() {
    let (lifetime, (mut queue, mut held, over)) = (LIFETIME, mortal(9_000));
    queue.push(Queued { since: over, ..queued(vec![1; 9_000]) }).unwrap();
    assert_eq!(pop_piece(&mut queue, &mut held), Some((0, 1_160)));
    queue.pass_by(|message| message.is_over(over, lifetime));
    assert!(queue.pop_overdue(over, &mut held, PACKET, PROGRESS).is_none(), "the rest is open");
    assert_eq!(queue.withdraw_over(over, lifetime), Some(SequenceNumber(0)));
    let (rides, is_first) = queue.pop_overdue(over, &mut held, PACKET, PROGRESS).unwrap();
    assert_eq!((rides.sequence, is_first), (SequenceNumber(1), true));
    assert_eq!(leaves(&mut queue, &mut held), Some((0, 0, Some(9_000))));
    assert_eq!(leaves(&mut queue, &mut held), Some((1, 1_160, None)), "the next piece");
}

#[test]
fn one_that_is_over_while_it_leaves_is_withdrawn_beside_one_that_goes_again() {
    let lifetime = Some(Duration::from_millis(100));
    let (mut queue, mut held) = (ReliableSend::default(), CreditHeld::new(1 << 20, 9_000));
    let since = Instant::now();
    queue.push(Queued { since: since + Duration::from_millis(1), ..queued(vec![0; 9]) }).unwrap();
    queue.push(Queued { since, ..queued(vec![1; 9_000]) }).unwrap();
    while leaves(&mut queue, &mut held).is_some_and(|(sequence, ..)| sequence == 0) {}
    queue.on_lost(SequenceNumber(0));
    let over = since + Duration::from_millis(100);
    assert_eq!(queue.withdraw_over(over, lifetime), Some(SequenceNumber(1)));
    assert_eq!(leaves(&mut queue, &mut held), Some((0, 9, None)));
    assert_eq!(leaves(&mut queue, &mut held), Some((1, 0, Some(9_000))));
}

#[test]
fn what_is_over_rides_nothing_and_an_empty_message_is_not_withdrawn() {
    let lifetime = Some(Duration::from_millis(100));
    let (mut queue, mut held) = queue(2);
    queue.push(queued(Vec::new())).unwrap();
    let sent = Instant::now();
    while leaves(&mut queue, &mut held).is_some() {}
    let over = sent + Duration::from_millis(100);
    assert!(queue.is_overdue(sent, &held));
    queue.pass_by(|message| message.is_over(over, lifetime));
    assert!(!queue.is_overdue(over, &held));
    queue.on_lost(SequenceNumber(2));
    assert_eq!(queue.withdraw_over(over, lifetime), None);
    assert_eq!(leaves(&mut queue, &mut held), Some((2, 0, None)));
}
