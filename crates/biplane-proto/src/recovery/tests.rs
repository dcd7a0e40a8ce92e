//! One path in virtual time: what is lost, when it is probed, and how reordering is borne.

use biplane_wire::{AckRange, AckRanges};

use super::*;

const RTT: Duration = Duration::from_millis(40);

struct Sender {
    now: Instant,
    recovery: Recovery,
    fate: Fate,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn message(sequence: u64) -> SentFrame {
    SentFrame::Message(ChannelId::new(0).unwrap(), SequenceNumber(sequence), 1)
}

impl Sender {
    /// A sender that has measured its RTT.
    fn new() -> Self {
        Self::of(Congestion::default())
    }

    fn of(congestion: Congestion) -> Self {
        let now = Instant::now();
        let delays = (limits::RELIABLE_ACK_DELAY, limits::UNRELIABLE_ACK_DELAY);
        let mut recovery = Recovery::new(
            now,
            PacketNumber(0),
            &SessionConfig { congestion, ..SessionConfig::default() },
            delays,
            &[1; 32],
        );
        recovery.on_path_validated(now, Some(RTT));
        Self { now, recovery, fate: Fate::default() }
    }

    /// Sends a packet with message `sequence`.
    fn send(&mut self, sequence: u64) {
        let packet = SentPacket {
            at: self.now,
            size: 1_000,
            wants: Eliciting::Reliable,
            marked: self.recovery.marks(Eliciting::Reliable),
            frames: vec![message(sequence)],
            milestone: Milestone::NONE,
        };
        self.recovery.on_sent(packet);
    }

    fn ack(&mut self, ranges: &[(u64, u64)]) -> Result<(), Violation> {
        self.ack_with(ranges, None)
    }

    fn ack_with(&mut self, ranges: &[(u64, u64)], ecn: Option<EcnCounts>) -> Result<(), Violation> {
        let ranges = ranges.iter().map(|(low, high)| AckRange { low: *low, high: *high });
        let largest = ranges.clone().next().unwrap().high;
        let mut bytes = Vec::new();
        AckRanges::encode(&mut bytes, ranges, 32);
        let ack = Ack {
            largest: PacketNumber(largest).truncated(),
            delay: 0,
            arrival: 0,
            ranges: AckRanges::of_encoded(&bytes),
            ecn,
        };
        self.recovery.handle_ack(self.now, &ack, &mut self.fate).map(drop)
    }

    fn lost(&mut self) -> Vec<SentFrame> {
        core::mem::take(&mut self.fate.lost)
    }
}

#[test]
fn a_gap_is_lost_nine_eighths_of_an_rtt_after_it_was_sent() {
    let mut sender = Sender::new();
    let start = sender.now;
    sender.send(0);
    sender.send(1);
    sender.now += RTT;
    sender.ack(&[(1, 1)]).unwrap();
    assert_eq!(sender.lost(), []);
    assert_eq!(sender.recovery.deadline(), Some(start + RTT * 9 / 8));
    sender.now = start + RTT * 9 / 8;
    sender.recovery.handle_timeout(sender.now, &mut sender.fate);
    assert_eq!(sender.lost(), [message(0)]);
    assert_eq!(sender.recovery.oldest_unanswered(), None);
}

#[test]
fn silence_is_probed_with_the_oldest_messages_and_at_growing_distances() {
    let mut sender = Sender::new();
    sender.send(0);
    let timeout = sender.recovery.probe_timeout(Eliciting::Reliable);
    assert_eq!(timeout, RTT + RTT / 2 * 4 + limits::RELIABLE_ACK_DELAY);
    let start = sender.now;
    for (probe, factor) in [1, 2, 4].into_iter().enumerate() {
        let due = start + timeout * factor;
        assert_eq!(sender.recovery.deadline(), Some(due), "probe {probe}");
        sender.now = due;
        let outcome = sender.recovery.handle_timeout(due, &mut sender.fate);
        assert_eq!(outcome, OnTimeout::Probe);
        assert_eq!(sender.lost(), [message(0)], "offered for another copy");
    }
    sender.recovery.handle_timeout(start + ms(3_000), &mut sender.fate);
    assert_eq!(sender.recovery.deadline(), Some(start + limits::PTO_MAX), "capped");
}

#[test]
fn reordering_that_was_taken_for_loss_is_borne_longer_from_then_on() {
    let mut sender = Sender::new();
    sender.send(0);
    sender.send(1);
    sender.now += RTT;
    sender.ack(&[(1, 1)]).unwrap();
    sender.now = sender.recovery.deadline().unwrap();
    sender.recovery.handle_timeout(sender.now, &mut sender.fate);
    assert_eq!(sender.lost(), [message(0)]);
    sender.ack(&[(0, 1)]).unwrap();
    assert_eq!(sender.fate.acked, [message(1), message(0)]);
    assert_eq!(sender.recovery.losses.reordering.delay(ms(16)), ms(20));
    assert_eq!(sender.recovery.counts.spurious, 1);
}

#[test]
fn three_later_packets_tell_loss_before_time_does() {
    let mut sender = Sender::new();
    let start = sender.now;
    for sequence in 0..4 {
        sender.send(sequence);
        sender.now += ms(1);
    }
    sender.now = start + RTT;
    sender.ack(&[(1, 3)]).unwrap();
    assert_eq!(sender.lost(), [], "the third left 3 ms later");
    sender.now = start + ms(4);
    sender.send(4);
    sender.now = start + RTT + ms(1);
    sender.ack(&[(1, 4)]).unwrap();
    assert_eq!(sender.lost(), [message(0)]);
    assert!(sender.now < start + RTT * 9 / 8);
}

#[test]
fn a_reader_that_is_preempted_on_the_far_side_loses_nothing() {
    let mut sender = Sender::new();
    sender.recovery.on_path_validated(sender.now, Some(ms(400)));
    let start = sender.now;
    // It holds the first ten; thousands overtake them within three milliseconds.
    for sequence in 0..10 {
        sender.send(sequence);
    }
    for sequence in 10..3_000 {
        sender.now = start + Duration::from_micros(sequence);
        sender.send(sequence);
    }
    sender.now = start + RTT;
    sender.ack(&[(10, 2_999)]).unwrap();
    assert_eq!(sender.lost(), []);
    sender.ack(&[(0, 2_999)]).unwrap();
    assert_eq!(sender.recovery.counts.spurious, 0);
}

#[test]
fn losses_that_were_none_give_the_window_back() {
    let mut sender = Sender::of(Congestion::NewReno);
    let before = sender.recovery.pace.controller.window();
    for sequence in 0..3 {
        sender.send(sequence);
    }
    sender.now += RTT;
    sender.ack(&[(2, 2)]).unwrap();
    sender.now = sender.recovery.deadline().unwrap();
    sender.recovery.handle_timeout(sender.now, &mut sender.fate);
    assert_eq!(sender.lost(), [message(0), message(1)]);
    let less = sender.recovery.pace.controller.window();
    assert!(less < before);
    sender.ack(&[(1, 2)]).unwrap();
    assert_eq!(sender.recovery.pace.controller.window(), less, "one of them still stands");
    sender.ack(&[(0, 2)]).unwrap();
    assert_eq!(sender.recovery.pace.controller.window(), before);
}

#[test]
fn what_may_leave_in_a_second_is_the_window_each_round_trip() {
    let mut stats = SessionStats::default();
    Sender::new().recovery.report(&mut stats);
    assert_eq!((stats.congestion_window, stats.path.send_rate), (12_000, 300_000));
}

/// The window after packets that were lost over a second.
fn window_after_a_second_of_loss(mut sender: Sender) -> u64 {
    for sequence in 0..11 {
        sender.send(sequence);
        sender.now += ms(100);
    }
    sender.now += RTT;
    sender.ack(&[(10, 10)]).unwrap();
    assert_eq!(sender.lost().len(), 10);
    sender.recovery.pace.controller.window()
}

#[test]
fn losses_over_three_probe_timeouts_collapse_the_window() {
    let mut sender = Sender::new();
    sender.now += ms(1);
    assert_eq!(window_after_a_second_of_loss(sender), 4 * 1_200);
}

#[test]
fn before_a_round_trip_was_measured_no_loss_is_persistent() {
    let now = Instant::now();
    let delays = (limits::RELIABLE_ACK_DELAY, limits::UNRELIABLE_ACK_DELAY);
    let config = SessionConfig::default();
    let recovery = Recovery::new(now, PacketNumber(0), &config, delays, &[1; 32]);
    let sender = Sender { now, recovery, fate: Fate::default() };
    assert_eq!(window_after_a_second_of_loss(sender), 9_100, "seven tenths of 13 kB");
}

#[test]
fn a_packet_that_wants_no_ack_gives_a_round_trip_with_one_that_does() {
    let mut sender = Sender::new();
    sender.send(0);
    sender.now += ms(20);
    let quiet = SentPacket { size: 40, ..SentPacket::none(sender.now) };
    sender.recovery.on_sent(quiet);
    sender.now += RTT * 2;
    sender.ack(&[(0, 1)]).unwrap();
    assert_eq!(sender.recovery.rtt.judged_by(), RTT * 2, "of the largest");
    sender.ack(&[(1, 1)]).unwrap();
    sender.send(1);
    sender.now += RTT;
    sender.ack(&[(1, 1)]).unwrap();
    assert_eq!(sender.recovery.rtt.judged_by(), RTT * 2, "not told for the first time");
}

#[test]
fn after_a_rest_ten_packets_leave_at_once_and_no_more() {
    let mut sender = Sender::new();
    // To the window of a fast path.
    sender.recovery.rtt = Rtt::new(ms(2));
    for _ in 0..7 {
        let first = sender.recovery.sent.next().0;
        while sender.recovery.window_allows(1_000) {
            sender.send(0);
        }
        sender.now += ms(2);
        let last = sender.recovery.sent.next().0 - 1;
        sender.ack(&[(first, last)]).unwrap();
    }
    let burst = |sender: &mut Sender| {
        let sent = |sender: &Sender| sender.recovery.sent.next().0;
        let before = sent(sender);
        while sender.recovery.may_send(sender.now, 1_000) {
            sender.send(0);
        }
        sent(sender) - before
    };
    sender.now += ms(10);
    assert!(burst(&mut sender) > 100, "a pause is no rest");
    let last = sender.recovery.sent.next().0 - 1;
    sender.now += ms(2);
    sender.ack(&[(last, last)]).unwrap();
    sender.now += ms(500);
    assert_eq!(burst(&mut sender), 12, "ten of 1,200 bytes, in packets of 1,000");
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut sender = Sender::new();
    sender.send(0);
    assert_eq!(sender.ack(&[(1, 1)]), Err(Violation::AckOfUnsent));
    assert_eq!(sender.ack(&[(0, 0)]), Ok(()));
    assert_eq!(sender.ack(&[(0, 0)]), Ok(()), "again is nothing");
}

#[test]
fn who_acknowledges_a_skipped_number_has_lied() {
    let mut sender = Sender::new();
    while !sender.recovery.skips_number() {
        let number = sender.recovery.sent.next().0;
        sender.send(number);
        sender.now += ms(1);
        sender.ack(&[(number, number)]).unwrap();
    }
    let skipped = sender.recovery.sent.next().0;
    sender.recovery.on_skipped(sender.now);
    sender.send(0);
    assert_eq!(sender.recovery.sent.next().0, skipped + 2);
    sender.ack(&[(skipped + 1, skipped + 1), (0, skipped - 1)]).unwrap();
    assert_eq!(sender.recovery.oldest_unanswered(), None, "it is waited for by nobody");
    assert_eq!(sender.ack(&[(0, skipped + 1)]), Err(Violation::AckOfSkipped));
    let mut stats = SessionStats::default();
    sender.recovery.report(&mut stats);
    assert_eq!((stats.path.numbers_skipped, stats.packets_sent), (1, skipped + 1));
}

#[test]
fn a_mark_of_congestion_shrinks_the_window_once_a_round_trip_and_loses_nothing() {
    let mut sender = Sender::new();
    let start = sender.now;
    for number in 0..4 {
        sender.send(number);
    }
    let before = sender.recovery.pace.controller.window();
    let counts = |ect0, ce| Some(EcnCounts { ect0, ect1: 0, ce });
    sender.now = start + RTT;
    sender.ack_with(&[(0, 1)], counts(1, 1)).unwrap();
    let less = sender.recovery.pace.controller.window();
    assert!(less < before);
    sender.ack_with(&[(0, 2)], counts(1, 2)).unwrap();
    assert_eq!(sender.recovery.pace.controller.window(), less, "sent before the answer");
    sender.ack_with(&[(0, 1)], counts(1, 9)).unwrap();
    sender.ack_with(&[(0, 3)], counts(2, 2)).unwrap();
    assert_eq!(sender.lost(), []);
    let mut stats = SessionStats::default();
    sender.recovery.report(&mut stats);
    assert_eq!((stats.path.marked, stats.path.congestion_marks), (4, 2));
    assert!(stats.path.carries_marks, "an old ack has older counts, and says nothing");
    sender.now += ms(1);
    sender.send(4);
    sender.now += RTT;
    sender.ack_with(&[(0, 4)], counts(2, 3)).unwrap();
    assert!(sender.recovery.pace.controller.window() < less);
}

#[test]
fn probes_are_not_marked() {
    let mut sender = Sender::new();
    sender.send(0);
    sender.now += ms(500);
    sender.recovery.handle_timeout(sender.now, &mut sender.fate);
    assert!(!sender.recovery.marks(Eliciting::AtOnce));
    sender.send(1);
    sender.ack(&[(1, 1)]).unwrap();
    assert!(sender.recovery.marks(Eliciting::AtOnce));
    assert!(!sender.recovery.marks(Eliciting::Nothing));
}

#[test]
fn a_full_window_waits_for_an_ack() {
    let mut sender = Sender::new();
    let mut sent = 0;
    while sender.recovery.window_allows(1_000) {
        sender.send(sent);
        sent += 1;
    }
    assert_eq!(sent, 12);
    assert_eq!(sender.recovery.pacing_deadline(sender.now, 1_000), None);
    sender.now += RTT;
    sender.ack(&[(0, 5)]).unwrap();
    assert!(sender.recovery.may_send(sender.now, 1_000));
}

#[test]
fn a_dead_direction_gives_everything_up() {
    let mut sender = Sender::new();
    sender.send(0);
    sender.send(1);
    sender.recovery.lose_all(sender.now, &mut sender.fate);
    assert_eq!(sender.lost(), [message(0), message(1)]);
    assert_eq!(sender.recovery.deadline(), None);
    let mut stats = SessionStats::default();
    sender.recovery.report(&mut stats);
    assert_eq!((stats.bytes_in_flight, stats.packets_lost), (0, 2));
}
