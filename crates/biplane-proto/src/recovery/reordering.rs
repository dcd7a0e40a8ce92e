//! What of a gap is loss, and what packets that overtook each other (RFC 9002, section 6.1).
//!
//! Two thresholds. A packet is lost 9/8 of an RTT after it was sent, once a later one was
//! acknowledged; or as soon as three later packets were, of which the newest left 4 ms after it or
//! more. Never by their number alone: several receivers read one socket on the far side, and while
//! one of them is preempted the others put thousands of packets before those it holds. For about so
//! long a scheduler keeps a thread waiting; and where 9/8 of an RTT is less than that beyond it, the
//! first threshold is the faster one anyway.
//!
//! Both adapt. A packet declared lost and acknowledged after all tells by how many packets and by how
//! much time it was overtaken, and the next is given more than that. What was seen counts until
//! losses have begun a recovery period sixteen times with nothing of the kind (RFC 8985, section
//! 6.2).

use core::time::Duration;
use std::time::Instant;

use biplane_wire::PacketNumber;

use crate::limits;

/// The reordering that one path is known for.
#[derive(Debug)]
pub(super) struct Reordering {
    /// Sixteenths of an RTT after which a packet is lost; 18 is 9/8.
    share: u32,
    /// Later packets that must have been acknowledged.
    packets: u64,
    /// How much later the newest of them must have left.
    span: Duration,
    /// Recovery periods until what was seen counts no more.
    memory: u32,
}

/// The largest packet that was acknowledged, and when it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Largest {
    pub(super) number: PacketNumber,
    pub(super) at: Instant,
}

/// Which packets are lost: a line through what was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// Only those below it.
    pub(super) largest: PacketNumber,
    /// Those sent up to then.
    overdue: Instant,
    /// And those up to this number that were also sent up to this time.
    overtaken: Option<(u64, Instant)>,
}

impl Reordering {
    const SHARE_MIN: u32 = 18;
    const SHARE_MAX: u32 = 32;
    const PACKETS_MIN: u64 = 3;
    const SPAN_MIN: Duration = Duration::from_millis(4);
    const MEMORY: u32 = 16;

    const fn new() -> Self {
        Self { share: Self::SHARE_MIN, packets: Self::PACKETS_MIN, span: Self::SPAN_MIN, memory: 0 }
    }

    /// How long after it was sent a packet is lost, at this RTT.
    pub(super) fn delay(&self, rtt: Duration) -> Duration {
        (rtt * self.share / 16).max(limits::GRANULARITY)
    }

    /// What is lost at `now`.
    pub(super) fn verdict(&self, now: Instant, rtt: Duration, largest: Largest) -> Option<Verdict> {
        let overdue = now.checked_sub(self.delay(rtt))?;
        let overtaken = largest.number.0.checked_sub(self.packets);
        let overtaken = overtaken.zip(largest.at.checked_sub(self.span));
        Some(Verdict { largest: largest.number, overdue, overtaken })
    }

    /// A packet declared lost was acknowledged after all; so many packets, and so much time, had been
    /// before it.
    pub(super) fn on_late(&mut self, packets: u64, span: Duration) {
        self.share = (self.share + 2).min(Self::SHARE_MAX);
        self.packets = self.packets.max(packets.saturating_add(1));
        self.span = self.span.max(span.saturating_add(limits::GRANULARITY));
        self.memory = Self::MEMORY;
    }

    /// Losses have begun a recovery period.
    pub(super) const fn on_period(&mut self) {
        match self.memory {
            0 => {}
            1 => *self = Self::new(),
            _ => self.memory -= 1,
        }
    }
}

impl Default for Reordering {
    fn default() -> Self {
        Self::new()
    }
}

impl Verdict {
    /// Whether a packet below the largest is lost, if it was not acknowledged.
    pub(super) fn condemns(&self, number: u64, at: Instant) -> bool {
        let is_overtaken = |(below, by): (u64, Instant)| number <= below && at <= by;
        at <= self.overdue || self.overtaken.is_some_and(is_overtaken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Whether packet 100 is lost at once when packet `largest`, sent `later` than it, is
    /// acknowledged.
    fn loses(reordering: &Reordering, largest: u64, later: Duration) -> bool {
        let at = Instant::now() + ms(1_000);
        let largest = Largest { number: PacketNumber(largest), at: at + later };
        reordering.verdict(at + RTT, RTT, largest).unwrap().condemns(100, at)
    }

    #[test]
    fn three_packets_tell_loss_if_the_last_of_them_left_four_milliseconds_later() {
        let reordering = Reordering::new();
        assert!(loses(&reordering, 103, ms(4)));
        assert!(!loses(&reordering, 102, ms(4)));
        assert!(!loses(&reordering, 5_000, ms(3)), "a receiver that was preempted");
    }

    #[test]
    fn what_overtook_one_packet_may_overtake_the_next() {
        let mut reordering = Reordering::new();
        reordering.on_late(40, ms(9));
        assert!(!loses(&reordering, 140, ms(20)));
        assert!(!loses(&reordering, 200, ms(9)));
        assert!(loses(&reordering, 141, ms(10)));
        assert_eq!(reordering.delay(ms(160)), ms(200), "20 sixteenths");
    }

    #[test]
    fn however_late_packets_come_two_round_trips_are_enough() {
        let mut reordering = Reordering::new();
        for _ in 0..100 {
            reordering.on_late(u64::MAX, Duration::MAX);
        }
        assert_eq!(reordering.delay(RTT), 2 * RTT);
        assert!(!loses(&reordering, u64::MAX, ms(500)));
    }

    #[test]
    fn sixteen_periods_of_plain_loss_end_the_memory() {
        let mut reordering = Reordering::new();
        reordering.on_late(40, ms(9));
        for _ in 0..15 {
            reordering.on_period();
        }
        assert!(!loses(&reordering, 103, ms(4)));
        reordering.on_period();
        assert!(loses(&reordering, 103, ms(4)));
    }

    #[test]
    fn a_timer_resolves_no_less_than_a_millisecond() {
        assert_eq!(Reordering::new().delay(Duration::from_micros(50)), limits::GRANULARITY);
    }
}
