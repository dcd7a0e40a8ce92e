//! Whether a path has come to swallow long packets while it carries short ones.
//!
//! A lost packet says little by itself. But where three times in a row, each time of packets sent
//! after the loss before was known, one was lost and none as long, or longer, has arrived since, while
//! shorter ones did (else nothing would count as lost), chance explains it no more. The count is by
//! rounds, as that of congestion is (RFC 9002, section 7.3.2): a burst of losses is one.

use std::time::Instant;

/// What is known of long packets that did not arrive.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Losses in a row, each of packets sent after the one before was known.
    rounds: u32,
    /// The shortest packet that was lost in them.
    shortest: usize,
    /// When the latest of them was sent.
    sent_at: Option<Instant>,
    /// When it was known.
    known_at: Option<Instant>,
    /// The latest long packet that arrived.
    arrived: Option<Witness>,
}

/// A packet, by what matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Witness {
    /// Its datagram's length in bytes.
    pub(crate) len: usize,
    /// When it was sent.
    pub(crate) at: Instant,
}

/// Of the long packets of which one ack or time-out tells: what is said of the path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct LongPackets {
    /// The longest that arrived.
    pub(crate) arrived: Option<Witness>,
    /// The shortest length that was lost, and when the latest that was lost was sent.
    pub(crate) lost: Option<Witness>,
}

impl LongPackets {
    /// Notes one that arrived.
    pub(crate) fn on_arrived(&mut self, packet: Witness) {
        if self.arrived.is_none_or(|longest| packet.len >= longest.len) {
            self.arrived = Some(packet);
        }
    }

    /// Notes one that is lost.
    pub(crate) fn on_lost(&mut self, packet: Witness) {
        let before = self.lost.unwrap_or(packet);
        let lost = Witness { len: before.len.min(packet.len), at: before.at.max(packet.at) };
        self.lost = Some(lost);
    }
}

impl Suspicion {
    /// Weighs what is said of packets, none of them longer than `size` now; whether there is no doubt
    /// left.
    pub(super) fn on_long(&mut self, now: Instant, size: usize, long: LongPackets) -> bool {
        let is_used = |packet: &Witness| packet.len <= size;
        if let Some(arrived) = long.arrived.filter(is_used) {
            self.on_arrived(arrived);
        }
        long.lost.filter(is_used).is_some_and(|lost| self.on_lost(now, lost))
    }

    fn on_arrived(&mut self, packet: Witness) {
        self.arrived = Some(packet);
        if packet.len >= self.shortest && self.sent_at.is_none_or(|at| packet.at >= at) {
            self.rounds = 0;
        }
    }

    fn on_lost(&mut self, now: Instant, lost: Witness) -> bool {
        let is_answered = |seen: Witness| seen.len >= lost.len && seen.at >= lost.at;
        let is_old = self.known_at.is_some_and(|known| lost.at < known);
        if is_old || self.arrived.is_some_and(is_answered) {
            return false;
        }
        self.shortest = if self.rounds == 0 { lost.len } else { self.shortest.min(lost.len) };
        self.rounds += 1;
        self.sent_at = Some(lost.at);
        self.known_at = Some(now);
        self.rounds == crate::limits::MTU_ROUNDS
    }
}
