//! The packets that were sent, by number, until their fate is known.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{AckRange, PacketNumber};

use super::{Fate, SentFrame, SentPacket};
use crate::{acks::Eliciting, limits};

/// Packets `base..base + len`, each with its fate.
#[derive(Debug)]
pub(super) struct SentPackets {
    base: u64,
    packets: VecDeque<(State, SentPacket)>,
    in_flight: u64,
    spare: Vec<Vec<SentFrame>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Wants an ack that has not come.
    InFlight,
    /// Declared lost; remembered so that a late ack is known for what it says.
    Lost,
    /// Acknowledged, or never wanted an ack.
    Done,
}

/// Packets just declared lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) packets: u64,
    pub(super) newest: Instant,
    /// Between the sending of the oldest and of the newest.
    pub(super) span: Duration,
}

impl SentPackets {
    /// Frame lists kept for reuse.
    const SPARE: usize = 64;

    pub(super) const fn new(first: PacketNumber) -> Self {
        Self { base: first.0, packets: VecDeque::new(), in_flight: 0, spare: Vec::new() }
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
        let low = range.low.max(self.base);
        if low > range.high {
            return 0;
        }
        let mut spurious = 0;
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

    /// Declares lost what was sent up to `deadline` below `largest`, the largest acknowledged.
    pub(super) fn lose_before(
        &mut self,
        deadline: Instant,
        largest: PacketNumber,
        fate: &mut Fate,
    ) -> Option<Lost> {
        let below = usize::try_from(largest.0.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let mut lost: Option<Lost> = None;
        let mut oldest = None;
        for (state, packet) in self.packets.iter_mut().take(below) {
            if *state != State::InFlight || packet.at > deadline {
                continue;
            }
            *state = State::Lost;
            self.in_flight -= u64::from(packet.size);
            fate.lost.extend_from_slice(&packet.frames);
            let first = *oldest.get_or_insert(packet.at);
            let packets = lost.map_or(0, |lost| lost.packets) + 1;
            let span = packet.at.saturating_duration_since(first);
            lost = Some(Lost { packets, newest: packet.at, span });
        }
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
        lost
    }

    /// Names the frames of the oldest packets in flight for another copy; they stay in flight.
    pub(super) fn probe(&self, fate: &mut Fate) {
        let oldest = self.packets.iter().filter(|(state, packet)| {
            *state == State::InFlight && packet.wants == Eliciting::Reliable
        });
        for (_, packet) in oldest.take(2) {
            fate.lost.extend_from_slice(&packet.frames);
        }
    }

    /// When the oldest packet in flight below `largest` was sent.
    pub(super) fn oldest_below(&self, largest: PacketNumber) -> Option<Instant> {
        let below = usize::try_from(largest.0.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.packets.iter().take(below).find_map(in_flight_at)
    }

    pub(super) fn oldest_eliciting(&self) -> Option<Instant> {
        self.packets.iter().find_map(in_flight_at)
    }

    /// When the latest packet in flight was sent, and what it wants.
    pub(super) fn latest_eliciting(&self) -> Option<(Instant, Eliciting)> {
        let latest = self.packets.iter().rev().find(|(state, _)| *state == State::InFlight);
        latest.map(|(_, packet)| (packet.at, packet.wants))
    }

    /// Forgets what stands at the front and is of no more interest. Lost packets stay until a few
    /// hundred are remembered.
    fn trim(&mut self) {
        const REMEMBERED: usize = 512;
        while let Some((state, _)) = self.packets.front() {
            let forget = match state {
                State::Done => true,
                State::Lost => self.packets.len() > REMEMBERED,
                State::InFlight => false,
            };
            if !forget {
                break;
            }
            let frames = self.packets.pop_front().map(|(_, packet)| packet.frames);
            self.base += 1;
            if let Some(mut frames) = frames
                && frames.capacity() > 0
                && self.spare.len() < Self::SPARE
            {
                frames.clear();
                self.spare.push(frames);
            }
        }
    }
}

fn in_flight_at((state, packet): &(State, SentPacket)) -> Option<Instant> {
    (*state == State::InFlight).then_some(packet.at)
}
