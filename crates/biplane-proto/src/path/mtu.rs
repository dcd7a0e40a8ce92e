//! How long a datagram may be on this path (RFC 8899).
//!
//! Every path carries 1,200 bytes: the join has shown it. What is longer is asked by a length probe, a
//! ping padded to the length in question, which carries nothing that could be lost with it; the ack of
//! one shows that the path takes such datagrams, three in a row without an ack that it does not. The
//! longest that both sides allow is asked first, then halves of what lies between, down to 4 bytes.
//! Nothing is asked before messages have filled a packet, and one probe is in flight at a time: a
//! session that has no use for longer datagrams pays nothing.
//!
//! A path may come to carry less, and its routers may not say so, or lie: their word is not heard
//! (section 4.6.1). That long packets have ceased to arrive is seen by their acks: see [`Suspicion`].
//! Then datagrams have 1,200 bytes again, and the search begins anew.

mod suspicion;

use std::time::Instant;

use self::suspicion::Suspicion;
pub(crate) use self::suspicion::{LongPackets, Witness};
use crate::limits;

/// What every path carries, and the least that is ever used.
const BASE: usize = limits::DATAGRAM_SIZE;

/// The lengths of datagrams on one path, in bytes: what is used, and what is asked.
#[derive(Debug)]
pub(crate) struct Mtu {
    /// The longest that is known to arrive.
    size: usize,
    /// The longest that both sides allow.
    ceiling: usize,
    /// The longest that may arrive, as far as this search knows.
    highest: usize,
    /// What is asked next, or was asked and has no answer; none where nothing longer may be sent.
    asked: Option<usize>,
    in_flight: bool,
    /// Probes of this length in a row that were lost.
    lost: u32,
    /// When the next may leave.
    due: Instant,
    /// Messages have filled a packet since the last search.
    wanted: bool,
    /// What was asked before it changed last says nothing any more.
    era: u8,
    suspicion: Suspicion,
    /// When the path came to carry less, the last time.
    fell_at: Option<Instant>,
    falls: u64,
}

/// A question to the path, in flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LengthProbe {
    size: usize,
    era: u8,
}

impl LengthProbe {
    /// The length of its datagram in bytes.
    pub(crate) const fn size(self) -> usize {
        self.size
    }
}

impl Mtu {
    /// That of a path on which nobody sends longer datagrams than `ceiling`.
    pub(crate) fn new(now: Instant, ceiling: usize) -> Self {
        let ceiling = ceiling.max(BASE);
        Self {
            size: BASE,
            ceiling,
            highest: ceiling,
            asked: (ceiling > BASE).then_some(ceiling),
            in_flight: false,
            lost: 0,
            due: now,
            wanted: false,
            era: 0,
            suspicion: Suspicion::default(),
            fell_at: None,
            falls: 0,
        }
    }

    /// The longest datagram for now.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The longest datagram that both sides allow.
    pub(crate) const fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// How often the path came to carry less.
    pub(crate) const fn falls(&self) -> u64 {
        self.falls
    }

    /// Longer datagrams would be of use.
    pub(crate) const fn want(&mut self) {
        self.wanted = true;
    }

    /// The length to ask for now, if there is one.
    pub(crate) fn due(&self, now: Instant) -> Option<usize> {
        self.asked.filter(|_| self.wanted && !self.in_flight && self.due <= now)
    }

    /// Takes the question that is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<LengthProbe> {
        let size = self.due(now)?;
        self.in_flight = true;
        Some(LengthProbe { size, era: self.era })
    }

    /// A probe has arrived.
    pub(crate) fn on_acked(&mut self, now: Instant, probe: LengthProbe) {
        if probe.era != self.era {
            return;
        }
        if self.asked == Some(probe.size) {
            self.in_flight = false;
        }
        if probe.size > self.size {
            tracing::debug!(size = probe.size, "the path carries longer datagrams");
            self.size = probe.size;
            // It may have been taken for lost.
            self.highest = self.highest.max(probe.size);
            self.seek(now);
        }
    }

    /// A probe is lost.
    pub(crate) fn on_lost(&mut self, now: Instant, probe: LengthProbe) {
        let is_open = self.in_flight && self.asked == Some(probe.size);
        if probe.era != self.era || !is_open {
            return;
        }
        self.in_flight = false;
        self.lost += 1;
        if self.lost == limits::MTU_PROBES {
            self.highest = probe.size - 1;
            self.seek(now);
        }
    }

    /// Packets longer than every path carries have arrived or are lost.
    pub(crate) fn on_long(&mut self, now: Instant, long: LongPackets) {
        if self.size > BASE && self.suspicion.on_long(now, self.size, long) {
            tracing::debug!(size = self.size, "long datagrams do not arrive any more");
            self.fall(now);
        }
    }

    /// The system does not send datagrams of `len` bytes: its interface carries less.
    pub(crate) fn on_too_big(&mut self, now: Instant, len: usize) {
        if len <= BASE {
            // No path that this is made for.
            return;
        }
        if len <= self.size {
            self.fall(now);
        }
        self.highest = self.highest.min(len - 1);
        if self.asked.is_some_and(|asked| asked >= len) {
            self.seek(now);
        }
    }

    /// Packets go to another host, or nothing arrives: nothing is known any more.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.fell_at = None;
        self.begin(now);
    }

    /// The path carries less than it did. Where it has twice within a minute, it is not asked again
    /// before that is over.
    fn fall(&mut self, now: Instant) {
        let is_again =
            self.fell_at.is_some_and(|at| now.saturating_duration_since(at) < limits::MTU_COOLDOWN);
        self.falls += 1;
        self.fell_at = Some(now);
        // They were of use.
        self.wanted = true;
        self.begin(if is_again { now + limits::MTU_COOLDOWN } else { now });
    }

    /// Nothing is known; the search begins at `due`.
    fn begin(&mut self, due: Instant) {
        self.size = BASE;
        self.highest = self.ceiling;
        self.era = self.era.wrapping_add(1);
        self.suspicion = Suspicion::default();
        self.due = due;
        self.ask((self.ceiling > BASE).then_some(self.ceiling));
    }

    /// Decides what is asked next: if nothing is left, the longest once more in ten minutes.
    fn seek(&mut self, now: Instant) {
        let gap = self.highest.saturating_sub(self.size);
        if self.highest == self.ceiling && gap > 0 {
            self.ask(Some(self.ceiling));
        } else if gap >= limits::MTU_STEP {
            self.ask(Some(self.size + gap.div_ceil(2)));
        } else {
            self.wanted = false;
            self.due = now + limits::MTU_RAISE;
            self.highest = self.ceiling;
            self.ask((self.ceiling > self.size).then_some(self.ceiling));
        }
    }

    const fn ask(&mut self, size: Option<usize>) {
        self.asked = size;
        self.in_flight = false;
        self.lost = 0;
    }
}

#[cfg(test)]
mod tests;
