//! The packets that were sent, by number, until their fate is known.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{AckRange, PacketNumber};

use super::{Fate, SentFrame, SentPacket};
use crate::{acks::Eliciting, limits};

/// Packets `base..base + len`, each with its fate. The first is always in flight.
#[derive(Debug)]
pub(super) struct SentPackets {
    base: u64,
    packets: VecDeque<(State, SentPacket)>,
    in_flight: u64,
    /// Packets declared lost that stood before `base`, so that a late ack is known for what it says.
    remembered: VecDeque<(u64, SentPacket)>,
    /// When the latest packet that wants an ack left, and how much it does.
    latest: Option<(Instant, Eliciting)>,
    spare: Vec<Vec<SentFrame>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Wants an ack that has not come.
    InFlight,
    /// Declared lost.
    Lost,
    /// Acknowledged, or never wanted an ack.
    Done,
}

/// Packets just declared lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) packets: u64,
    pub(super) newest: Instant,
    /// The longest time between two of them with none acknowledged in between, on this path.
    pub(super) span: Duration,
}

impl SentPackets {
    /// Frame lists kept for reuse.
    const SPARE: usize = 64;

    pub(super) const fn new(first: PacketNumber) -> Self {
        Self {
            base: first.0,
            packets: VecDeque::new(),
            in_flight: 0,
            remembered: VecDeque::new(),
            latest: None,
            spare: Vec::new(),
        }
    }

    /// The number that the next packet pushed has.
    pub(super) fn next(&self) -> PacketNumber {
        PacketNumber(self.base + self.packets.len() as u64)
    }

    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    pub(super) fn has_room(&self) -> bool {
        (self.packets.len() as u64) < limits::SENT_PACKETS
    }

    pub(super) fn spare(&mut self) -> Vec<SentFrame> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn push(&mut self, packet: SentPacket) {
        let state = if packet.wants == Eliciting::Nothing { State::Done } else { State::InFlight };
        if state == State::InFlight {
            self.in_flight += u64::from(packet.size);
            self.latest = Some((packet.at, packet.wants));
        }
        self.packets.push_back((state, packet));
        self.trim();
    }

    /// Marks `range` acknowledged and tells `each` of the packets that were not before; returns how
    /// many of them had been declared lost.
    pub(super) fn ack(
        &mut self,
        range: AckRange,
        fate: &mut Fate,
        mut each: impl FnMut(u64, &SentPacket),
    ) -> u64 {
        let mut spurious = self.recall(range, fate, &mut each);
        let low = range.low.max(self.base);
        if low > range.high {
            return spurious;
        }
        let skip = usize::try_from(low - self.base).unwrap_or(usize::MAX);
        for (number, (state, packet)) in (low..=range.high).zip(self.packets.iter_mut().skip(skip))
        {
            match state {
                State::Done => continue,
                State::Lost => spurious += 1,
                State::InFlight => self.in_flight -= u64::from(packet.size),
            }
            *state = State::Done;
            each(number, packet);
            fate.acked.append(&mut packet.frames);
        }
        self.trim();
        spurious
    }

    /// The same for packets that had been declared lost and let go.
    fn recall(
        &mut self,
        range: AckRange,
        fate: &mut Fate,
        each: &mut impl FnMut(u64, &SentPacket),
    ) -> u64 {
        let mut spurious = 0;
        self.remembered.retain_mut(|(number, packet)| {
            let meant = (range.low..=range.high).contains(number);
            if meant {
                spurious += 1;
                each(*number, packet);
                fate.acked.append(&mut packet.frames);
            }
            !meant
        });
        spurious
    }

    /// Declares lost what was sent up to `deadline` below `largest`, the largest acknowledged. This
    /// path is in use from `path_since` on.
    pub(super) fn lose_before(
        &mut self,
        deadline: Instant,
        largest: PacketNumber,
        path_since: Instant,
        fate: &mut Fate,
    ) -> Option<Lost> {
        let below = usize::try_from(largest.0.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let mut lost: Option<Lost> = None;
        let mut first = None;
        for (state, packet) in self.packets.iter_mut().take(below) {
            match state {
                // RFC 9002, section 7.6.2: an acknowledged packet between two lost ones.
                State::Done if packet.wants != Eliciting::Nothing => first = None,
                State::InFlight if packet.at <= deadline => {
                    *state = State::Lost;
                    self.in_flight -= u64::from(packet.size);
                    fate.lose(packet);
                    if packet.is_length_probe() {
                        continue;
                    }
                    let since = (*first.get_or_insert(packet.at)).max(path_since);
                    let span = packet.at.saturating_duration_since(since);
                    let (packets, longest) =
                        lost.map_or((0, span), |lost| (lost.packets, lost.span.max(span)));
                    lost = Some(Lost { packets: packets + 1, newest: packet.at, span: longest });
                }
                State::Done | State::InFlight | State::Lost => {}
            }
        }
        self.trim();
        lost
    }

    /// Declares everything in flight lost; returns how many packets that were.
    pub(super) fn lose_all(&mut self, fate: &mut Fate) -> u64 {
        let mut lost = 0;
        for (state, packet) in &mut self.packets {
            if *state == State::InFlight {
                *state = State::Lost;
                fate.lost.extend_from_slice(&packet.frames);
                lost += 1;
            }
        }
        self.in_flight = 0;
        self.trim();
        lost
    }

    /// Names the frames of the oldest packets in flight for another copy; they stay in flight.
    pub(super) fn probe(&self, fate: &mut Fate) {
        let oldest = self.packets.iter().filter(|(state, packet)| {
            *state == State::InFlight && packet.wants == Eliciting::Reliable
        });
        for (_, packet) in oldest.take(2) {
            fate.lost.extend(packet.frames.iter().filter(|frame| frame.is_repeated()));
        }
    }

    /// When the oldest packet in flight was sent, if its number is below `largest`.
    pub(super) fn oldest_below(&self, largest: PacketNumber) -> Option<Instant> {
        self.oldest_eliciting().filter(|_| self.base < largest.0)
    }

    pub(super) fn oldest_eliciting(&self) -> Option<Instant> {
        self.packets.front().map(|(_, packet)| packet.at)
    }

    /// Whether the oldest packet in flight was followed by `count` more up to `at`.
    pub(super) fn has_followed(&self, count: u32, at: Instant) -> bool {
        let sent = self.packets.iter().take_while(|(_, packet)| packet.at <= at);
        let mut in_flight = sent.filter(|(state, _)| *state == State::InFlight);
        in_flight.nth(count as usize).is_some()
    }

    /// When the latest packet that wants an ack left, and what it wants, while any is in flight.
    pub(super) fn latest_eliciting(&self) -> Option<(Instant, Eliciting)> {
        self.latest.filter(|_| !self.packets.is_empty())
    }

    /// Lets go of what stands at the front and is not in flight.
    fn trim(&mut self) {
        while self.packets.front().is_some_and(|(state, _)| *state != State::InFlight) {
            let Some((state, packet)) = self.packets.pop_front() else { break };
            let number = self.base;
            self.base += 1;
            if state == State::Lost {
                self.remembered.push_back((number, packet));
                let forgotten = self.remembered.len() > limits::LOST_PACKETS;
                let forgotten = if forgotten { self.remembered.pop_front() } else { None };
                forgotten.into_iter().for_each(|(_, packet)| self.reuse(packet.frames));
            } else {
                self.reuse(packet.frames);
            }
        }
    }

    /// Keeps a list of frames for the next packet.
    pub(super) fn reuse(&mut self, mut frames: Vec<SentFrame>) {
        if frames.capacity() > 0 && self.spare.len() < Self::SPARE {
            frames.clear();
            self.spare.push(frames);
        }
    }
}
