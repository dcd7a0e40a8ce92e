//! How fast: what is in flight, what is lost, and when the next packet may go.
//!
//! Loss is told by time (RFC 9002, section 6.1.2), never by packet counts: parallel readers on the
//! far side put packets out of order that the network did not. The reordering that is tolerated
//! adapts: a packet declared lost and acknowledged after all widens it.

mod congestion;
mod pacer;
mod rtt;
mod sent;

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{Ack, AckRange, ChannelId, PacketNumber, SequenceNumber};

use self::{
    congestion::{Acked, Controller, controller},
    pacer::Pacer,
    rtt::Rtt,
    sent::SentPackets,
};
use crate::{
    Congestion, SessionConfig, SessionStats, Sounding, Violation, acks::Eliciting, limits,
};

/// Something in a packet whose fate matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SentFrame {
    /// A message of a reliable channel.
    Message(ChannelId, SequenceNumber),
    /// A piece of one: offset and length.
    Piece(ChannelId, SequenceNumber, u32, u32),
    /// A message, or a piece of one, that goes once, and whose fate is asked for.
    Noted(ChannelId, SequenceNumber),
    /// The credit of a channel.
    Credit(ChannelId),
    /// What the application took of a channel.
    Taken(ChannelId, AckRange),
    /// An ack up to this number.
    Ack(PacketNumber),
    /// A question of a diagnosis.
    Sounding(Sounding),
}

impl SentFrame {
    /// The place of its channel, or one that none has.
    pub(crate) const fn channel(self) -> usize {
        match self {
            Self::Message(channel, _)
            | Self::Piece(channel, ..)
            | Self::Noted(channel, _)
            | Self::Credit(channel)
            | Self::Taken(channel, _) => channel.index(),
            Self::Ack(_) | Self::Sounding(_) => usize::MAX,
        }
    }

    /// Whether it goes again when it is lost.
    const fn is_repeated(self) -> bool {
        match self {
            Self::Message(..) | Self::Piece(..) | Self::Credit(_) | Self::Taken(..) => true,
            Self::Noted(..) | Self::Ack(_) | Self::Sounding(_) => false,
        }
    }
}

/// A packet that has been filled.
#[derive(Debug)]
pub(crate) struct SentPacket {
    pub(crate) at: Instant,
    pub(crate) size: u16,
    pub(crate) wants: Eliciting,
    /// What is lost when the packet is lost; empty for most.
    pub(crate) frames: Vec<SentFrame>,
}

/// What became of frames; a buffer that its owner reuses.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) acked: Vec<SentFrame>,
    pub(crate) lost: Vec<SentFrame>,
    /// Whether any packet was acknowledged for the first time.
    pub(crate) progress: bool,
}

/// What the loss timer asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OnTimeout {
    /// Nothing: packets were declared lost, or it was early.
    Nothing,
    /// Send a probe, with data if there is any.
    Probe,
}

/// The sending half of a UDP path.
#[derive(Debug)]
pub(crate) struct Recovery {
    sent: SentPackets,
    rtt: Rtt,
    congestion: Congestion,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    /// Probe time-outs since the last ack.
    probes: u32,
    largest_acked: Option<PacketNumber>,
    /// Sixteenths of an RTT that reordering may take; 18 is 9/8.
    reordering: u32,
    /// The longest that the peer holds an ack, by class of packet.
    ack_delays: (Duration, Duration),
    /// Since when packets go where they go. What was sent before tells nothing of this path.
    path_since: Instant,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    lost: u64,
    spurious: u64,
    sent: u64,
}

impl Recovery {
    const REORDERING_MIN: u32 = 18;
    const REORDERING_MAX: u32 = 32;

    /// A path on which `first` is the first packet; `ack_delays` are the peer's, for packets with
    /// reliable frames and for others.
    pub(crate) fn new(
        now: Instant,
        first: PacketNumber,
        config: &SessionConfig,
        ack_delays: (Duration, Duration),
    ) -> Self {
        Self {
            sent: SentPackets::new(first),
            rtt: Rtt::new(config.initial_rtt),
            congestion: config.congestion,
            controller: controller(config.congestion, limits::DATAGRAM_SIZE as u64),
            pacer: Pacer::new(now),
            probes: 0,
            largest_acked: None,
            reordering: Self::REORDERING_MIN,
            ack_delays,
            path_since: now,
            counts: Counts::default(),
        }
    }

    /// The path was proven, in `rtt` if that is known: the first sample.
    pub(crate) fn on_path_validated(&mut self, rtt: Option<Duration>) {
        if let Some(rtt) = rtt {
            self.rtt.update(rtt, Duration::ZERO);
        }
    }

    /// What the latest round trip took, without the peer's ack delay.
    pub(crate) fn latest_round_trip(&self) -> Option<Duration> {
        self.rtt.adjusted()
    }

    /// Packets go elsewhere from now on, where a round trip took `rtt` if that is known; `far` if
    /// that is another host's address, of whose path nothing else is known (RFC 9000, section 9.4).
    /// What is in flight stays so; the frames that have waited longest for an ack are named for
    /// another copy.
    pub(crate) fn on_moved(
        &mut self,
        now: Instant,
        rtt: Option<Duration>,
        far: bool,
        fate: &mut Fate,
    ) {
        self.path_since = now;
        self.probes = 0;
        if far {
            self.rtt = self.rtt.of_another_path();
            self.controller = controller(self.congestion, limits::DATAGRAM_SIZE as u64);
            self.pacer = Pacer::new(now);
            self.reordering = Self::REORDERING_MIN;
        }
        self.on_path_validated(rtt);
        self.sent.probe(fate);
    }

    /// How long the answer to a path challenge is waited for where nothing is known of the path:
    /// three probe time-outs, of this path or of such a one (RFC 9000, section 8.2.4).
    pub(crate) fn validation_time(&self) -> Duration {
        let unknown = self.rtt.of_another_path().probe_base();
        let known = self.rtt.probe_base();
        (unknown.max(known) + self.ack_delay(Eliciting::Fresh)) * 3
    }

    /// Takes back a list of frames that was not used.
    pub(crate) fn return_frames(&mut self, frames: Vec<SentFrame>) {
        self.sent.reuse(frames);
    }

    /// Whether `size` bytes of data may leave now.
    pub(crate) fn may_send(&self, now: Instant, size: usize) -> bool {
        self.window_allows(size) && self.pacer.delay(now, size).is_none()
    }

    /// Whether `size` bytes more fit into the congestion window.
    pub(crate) fn window_allows(&self, size: usize) -> bool {
        self.sent.in_flight() + size as u64 <= self.controller.window() && self.sent.has_room()
    }

    /// When pacing lets `size` bytes go, if pacing is all that holds them.
    pub(crate) fn pacing_deadline(&self, now: Instant, size: usize) -> Option<Instant> {
        if !self.window_allows(size) {
            return None;
        }
        Some(now + self.pacer.delay(now, size)?)
    }

    /// Notes a packet that was filled; numbers come without gaps.
    pub(crate) fn on_sent(&mut self, packet: SentPacket) {
        self.counts.sent += 1;
        if packet.wants != Eliciting::Nothing {
            let rate = Pacer::rate(self.controller.window(), self.rtt.smoothed());
            self.pacer.on_sent(packet.at, usize::from(packet.size), rate);
        }
        self.sent.push(packet);
    }

    /// Takes in an ack and returns its largest number. `fate` is told what was acknowledged and what
    /// is lost now.
    ///
    /// # Errors
    ///
    /// [`Violation::AckOfUnsent`].
    pub(crate) fn handle_ack(
        &mut self,
        now: Instant,
        ack: &Ack<'_>,
        fate: &mut Fate,
    ) -> Result<PacketNumber, Violation> {
        let next = self.sent.next();
        let (largest, ranges) = ack.numbers(next);
        if largest >= next {
            return Err(Violation::AckOfUnsent);
        }
        let in_flight = self.sent.in_flight();
        let mut newest: Option<(u64, Instant, Eliciting)> = None;
        let mut bytes = 0;
        for range in ranges {
            let range = range.ok_or(Violation::AckOfUnsent)?;
            let since = self.path_since;
            let spurious = self.sent.ack(range, fate, |number, packet| {
                bytes += if packet.at < since { 0 } else { u64::from(packet.size) };
                if newest.is_none_or(|(known, ..)| number > known) {
                    newest = Some((number, packet.at, packet.wants));
                }
            });
            self.on_spurious(spurious);
        }
        self.largest_acked = self.largest_acked.max(Some(largest));
        if let Some((number, at, wants)) = newest {
            fate.progress = true;
            self.probes = 0;
            if at >= self.path_since {
                if number == largest.0 && wants != Eliciting::Nothing {
                    self.sample(now, at, ack.delay, wants);
                }
                let app_limited = in_flight * 2 < self.controller.window();
                self.tell_controller(now, at, bytes, app_limited);
            }
        }
        self.detect_lost(now, fate);
        Ok(largest)
    }

    fn tell_controller(&mut self, now: Instant, sent_at: Instant, bytes: u64, app_limited: bool) {
        let (rtt, queued) = (self.rtt.smoothed(), self.rtt.shows_queue());
        self.controller.on_ack(Acked { now, rtt, bytes, sent_at, app_limited, queued });
    }

    fn sample(&mut self, now: Instant, sent_at: Instant, delay: u32, wants: Eliciting) {
        let held = Duration::from_micros(u64::from(delay)).min(self.ack_delay(wants));
        self.rtt.update(now.saturating_duration_since(sent_at), held);
    }

    fn on_spurious(&mut self, packets: u64) {
        if packets > 0 {
            self.counts.spurious += packets;
            self.reordering = (self.reordering + 2).min(Self::REORDERING_MAX);
        }
    }

    const fn ack_delay(&self, wants: Eliciting) -> Duration {
        match wants {
            Eliciting::AtOnce | Eliciting::Nothing => Duration::ZERO,
            Eliciting::Reliable => self.ack_delays.0,
            Eliciting::Fresh => self.ack_delays.1,
        }
    }

    fn loss_delay(&self) -> Duration {
        let rtt = self.rtt.smoothed().max(self.rtt.latest());
        (rtt * self.reordering / 16).max(limits::GRANULARITY)
    }

    fn detect_lost(&mut self, now: Instant, fate: &mut Fate) {
        let Some(largest) = self.largest_acked else { return };
        let deadline = now.checked_sub(self.loss_delay());
        let since = self.path_since;
        let Some(lost) = deadline.and_then(|at| self.sent.lose_before(at, largest, since, fate))
        else {
            return;
        };
        self.counts.lost += lost.packets;
        if lost.newest < since {
            return;
        }
        let persistent = lost.span > self.persistent_span();
        self.controller.on_congestion(now, lost.newest, persistent);
    }

    /// Three probe time-outs: what is lost over a longer time was no accident (RFC 9002, section
    /// 7.6).
    fn persistent_span(&self) -> Duration {
        self.probe_timeout(Eliciting::Reliable) * 3
    }

    /// Probe time-out for packets of a class, without back-off.
    pub(crate) fn probe_timeout(&self, wants: Eliciting) -> Duration {
        self.rtt.probe_base() + self.ack_delay(wants)
    }

    /// When packets are lost by time, or a probe is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let lost = self.largest_acked.and_then(|largest| self.sent.oldest_below(largest));
        if let Some(sent_at) = lost {
            return Some(sent_at + self.loss_delay());
        }
        let (at, wants) = self.sent.latest_eliciting()?;
        let back_off = 1_u32 << self.probes.min(6);
        let timeout = self.probe_timeout(wants);
        Some(at + (timeout * back_off).min(limits::PTO_MAX.max(timeout)))
    }

    /// Lets the loss timer act.
    pub(crate) fn handle_timeout(&mut self, now: Instant, fate: &mut Fate) -> OnTimeout {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return OnTimeout::Nothing;
        }
        let below = self.largest_acked.and_then(|largest| self.sent.oldest_below(largest));
        if below.is_some() {
            self.detect_lost(now, fate);
            return OnTimeout::Nothing;
        }
        self.probes += 1;
        self.sent.probe(fate);
        OnTimeout::Probe
    }

    /// When the oldest packet that wants an answer, and has none, was sent.
    pub(crate) fn oldest_unanswered(&self) -> Option<Instant> {
        self.sent.oldest_eliciting()
    }

    /// Whether the peer was asked often enough since the oldest packet without an answer: by probes
    /// or, in a flow that never lets a probe time-out pass, by the packets that followed.
    pub(crate) fn is_probed(&self, now: Instant) -> bool {
        let answerable = now.checked_sub(self.probe_timeout(Eliciting::Fresh));
        self.probes >= limits::UDP_DEAD_PROBES
            || answerable.is_some_and(|at| self.sent.has_followed(limits::UDP_DEAD_PROBES, at))
    }

    /// Gives up everything in flight: the direction is dead.
    pub(crate) fn lose_all(&mut self, fate: &mut Fate) {
        self.counts.lost += self.sent.lose_all(fate);
        self.controller = controller(self.congestion, limits::DATAGRAM_SIZE as u64);
        self.probes = 0;
    }

    /// Fills in what it knows.
    pub(crate) fn report(&self, stats: &mut SessionStats) {
        self.rtt.report(stats);
        stats.congestion_window = self.controller.window();
        stats.bytes_in_flight = self.sent.in_flight();
        stats.packets_sent = self.counts.sent;
        stats.packets_lost = self.counts.lost;
        stats.packets_lost_spuriously = self.counts.spurious;
    }

    /// An empty list of frames, with room from an earlier one where there is any.
    pub(crate) fn spare_frames(&mut self) -> Vec<SentFrame> {
        self.sent.spare()
    }
}

#[cfg(test)]
mod tests;
