//! The packets that were sent, by number, until their fate is known.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{AckRange, PacketNumber};

use super::{
    Fate, SentFrame, SentPacket,
    period::{Period, Share},
    reordering::Verdict,
};
use crate::{acks::Eliciting, limits};

/// Packets `base..base + len`, each with its fate. The first is always in flight.
#[derive(Debug)]
pub(super) struct SentPackets {
    base: u64,
    packets: VecDeque<(State, SentPacket)>,
    in_flight: u64,
    /// Packets declared lost that stood before `base`, so that a late ack is known for what it says;
    /// by number.
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
    /// Wants no ack, and none has come.
    Quiet,
    /// Acknowledged.
    Done,
}

/// A packet that was acknowledged for the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) number: u64,
    pub(super) packet: &'a SentPacket,
    /// It had been declared lost.
    pub(super) is_late: bool,
}

/// Packets just declared lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) newest: Instant,
    /// The longest time between two of them with none acknowledged in between, of those that may
    /// tell of persistent congestion.
    pub(super) span: Duration,
    /// Which recovery periods they are of.
    pub(super) share: Share,
    /// How many were marked.
    pub(super) marked: u64,
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

    /// Nothing below it is in flight.
    pub(super) const fn base(&self) -> PacketNumber {
        PacketNumber(self.base)
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
        let state = if packet.wants == Eliciting::Nothing { State::Quiet } else { State::InFlight };
        if state == State::InFlight {
            self.in_flight += u64::from(packet.size);
            self.latest = Some((packet.at, packet.wants));
        }
        self.packets.push_back((state, packet));
        self.trim();
    }

    /// Marks `range` acknowledged and tells `each` of the packets that were not before.
    pub(super) fn ack(&mut self, range: AckRange, fate: &mut Fate, mut each: impl FnMut(Told<'_>)) {
        self.recall(range, fate, &mut each);
        let low = range.low.max(self.base);
        if low > range.high {
            return;
        }
        let skip = usize::try_from(low - self.base).unwrap_or(usize::MAX);
        for (number, (state, packet)) in (low..=range.high).zip(self.packets.iter_mut().skip(skip))
        {
            match state {
                State::Done => continue,
                State::Quiet | State::Lost => {}
                State::InFlight => self.in_flight -= u64::from(packet.size),
            }
            each(Told { number, packet, is_late: *state == State::Lost });
            *state = State::Done;
            fate.acked.append(&mut packet.frames);
        }
        self.trim();
    }

    /// The same for packets that had been declared lost and let go.
    fn recall(&mut self, range: AckRange, fate: &mut Fate, each: &mut impl FnMut(Told<'_>)) {
        let first = self.remembered.partition_point(|(number, _)| *number < range.low);
        let end = self.remembered.partition_point(|(number, _)| *number <= range.high);
        for (number, mut packet) in self.remembered.drain(first..end.max(first)) {
            each(Told { number, packet: &packet, is_late: true });
            fate.acked.append(&mut packet.frames);
        }
    }

    /// When a packet was sent, if it is not long done.
    pub(super) fn sent_at(&self, number: PacketNumber) -> Option<Instant> {
        let place = usize::try_from(number.0.checked_sub(self.base)?).ok()?;
        self.packets.get(place).map(|(_, packet)| packet.at)
    }

    /// Declares lost what `verdict` says is. Only what was sent after `measured` can tell of
    /// persistent congestion, and `period` is the latest of recovery.
    pub(super) fn lose(
        &mut self,
        verdict: &Verdict,
        measured: Option<Instant>,
        period: &Period,
        fate: &mut Fate,
    ) -> Option<Lost> {
        let below = usize::try_from(verdict.largest.0.saturating_sub(self.base));
        let mut lost: Option<Lost> = None;
        let mut first = None;
        let numbers = self.base..;
        for (number, (state, packet)) in
            numbers.zip(self.packets.iter_mut()).take(below.unwrap_or(usize::MAX))
        {
            // Who was sent later is lost later.
            if !verdict.condemns(number, packet.at) {
                break;
            }
            match state {
                // RFC 9002, section 7.6.2: an acknowledged packet between two lost ones.
                State::Done => first = None,
                State::InFlight => {
                    *state = State::Lost;
                    self.in_flight -= u64::from(packet.size);
                    fate.lose(packet);
                    if packet.is_length_probe() {
                        continue;
                    }
                    let at = packet.at;
                    let may_tell = measured.is_some_and(|since| at > since);
                    let since = if may_tell { *first.get_or_insert(at) } else { at };
                    let lost = lost.get_or_insert_with(|| Lost::none(at));
                    lost.note(packet, since, period);
                    lost.marked += u64::from(packet.marked);
                }
                State::Quiet | State::Lost => {}
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

    /// When the latest packet that wants an ack left, whatever became of it.
    pub(super) fn last_sent_at(&self) -> Option<Instant> {
        self.latest.map(|(at, _)| at)
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

impl Lost {
    fn none(newest: Instant) -> Self {
        let share = Share::default();
        Self { packets: 0, bytes: 0, newest, span: Duration::ZERO, share, marked: 0 }
    }

    /// Counts one, the latest of a row that goes back to `since`.
    fn note(&mut self, packet: &SentPacket, since: Instant, period: &Period) {
        let at = packet.at;
        self.packets += 1;
        self.bytes += u64::from(packet.size);
        self.newest = at;
        self.span = self.span.max(at.saturating_duration_since(since));
        period.count(at, &mut self.share);
    }
}
