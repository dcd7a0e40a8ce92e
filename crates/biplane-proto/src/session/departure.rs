//! What goes into the next packet.

use std::time::Instant;

use biplane_wire::{
    AckRange, AckRanges, ChannelId, Frame, Header, SequenceNumber, Taken, limits as wire,
};

use super::{
    Session,
    builder::{Builder, Built},
};
use crate::{
    Ecn, Path, SealJob, Sounding, Timer,
    acks::Eliciting,
    limits,
    peer_clock::stamp,
    recovery::{Milestone, SentFrame, SentPacket},
};

/// A packet to seal and send.
#[derive(Debug)]
#[must_use]
pub struct Transmit {
    /// The right to seal it, once.
    pub job: SealJob,
    /// Where it goes.
    pub path: Path,
    /// How many bytes were appended: header, frames, and room for the tag.
    pub len: usize,
    /// The mark that it shall leave with.
    pub ecn: Option<Ecn>,
}

impl Session {
    /// Appends the next packet to `out`, unsealed, or returns `None` if nothing may leave now. Call
    /// it until `None` after every input.
    pub fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.clock.clamp(now);
        let transmit = self.next_packet(now, out)?;
        self.settle(now);
        Some(transmit)
    }

    /// The same for packets that leave together, which costs less than each by itself: gives them to
    /// `each` until there are `most`, `out` has `bytes` bytes, or nothing may leave now.
    pub fn poll_packets(
        &mut self,
        now: Instant,
        until: (usize, usize),
        out: &mut Vec<u8>,
        each: impl FnMut(Transmit),
    ) {
        let now = self.clock.clamp(now);
        if self.next_packets(now, until, out, each) > 0 {
            self.settle(now);
        }
    }

    /// The same after a [`Session::flush`].
    pub fn flush_packets(
        &mut self,
        now: Instant,
        until: (usize, usize),
        out: &mut Vec<u8>,
        each: impl FnMut(Transmit),
    ) {
        let now = self.clock.clamp(now);
        self.outlook.released = true;
        self.next_packets(now, until, out, each);
        self.settle(now);
    }

    /// How many there were.
    fn next_packets(
        &mut self,
        now: Instant,
        (most, bytes): (usize, usize),
        out: &mut Vec<u8>,
        mut each: impl FnMut(Transmit),
    ) -> usize {
        let mut count = 0;
        while count < most
            && out.len() < bytes
            && let Some(transmit) = self.next_packet(now, out)
        {
            each(transmit);
            count += 1;
        }
        count
    }

    fn next_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.wants_transmit(now) {
            return None;
        }
        if self.asks_elsewhere(now) {
            return self.poll_elsewhere(now, out);
        }
        if let Some(transmit) = self.poll_length_probe(now, out) {
            return Some(transmit);
        }
        let path = self.path.path()?;
        let size = self.packet_size(now);
        let frames = self.recovery.spare_frames();
        let mut builder = Builder::new(out, size, frames);
        let is_full = self.write_frames(now, &mut builder);
        if builder.is_empty() {
            self.recovery.return_frames(builder.discard());
            self.outlook.released = false;
            // What waited may have expired.
            self.tell_notices();
            if self.channels.take_writable() {
                self.outlook.writable();
            }
            return None;
        }
        let least = if is_full { size.min(limits::DATAGRAM_SIZE) } else { wire::PACKET_MIN };
        self.fill(now, builder, path, least)
    }

    /// How long a packet may be. While nothing arrives it is as long as every path takes: the path
    /// may have come to take less than it did.
    fn packet_size(&self, now: Instant) -> usize {
        let size = self.path.allowance();
        let asks = size > limits::DATAGRAM_SIZE && self.recovery.is_stalled(now);
        if asks { limits::DATAGRAM_SIZE } else { size }
    }

    /// Ends a packet of at least `least` bytes for `path`, under the next number.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        builder: Builder<'_>,
        path: Path,
        least: usize,
    ) -> Option<Transmit> {
        if self.recovery.skips_number() && self.keys.skip() {
            self.recovery.on_skipped(now);
        }
        let Some(job) = self.keys.take_job() else {
            builder.discard();
            self.end_by_exhaustion(now);
            return None;
        };
        let header = Header::data(job.phase(), self.keys.peer(), job.number());
        let built = builder.finish(header, least);
        self.on_packet_sent(now, path, &built);
        let length = u16::try_from(built.len).unwrap_or(u16::MAX);
        let Built { len, wants, frames } = built;
        let marked = self.recovery.marks(wants);
        let milestone = Milestone::NONE;
        self.recovery.on_sent(SentPacket {
            at: now,
            size: length,
            wants,
            marked,
            frames,
            milestone,
        });
        Some(Transmit { job, path, len, ecn: marked.then_some(Ecn::Ect0) })
    }

    /// Whether [`Session::poll_packet`] has something to send now.
    #[must_use]
    pub fn wants_transmit(&self, now: Instant) -> bool {
        // By the same time as that will go by.
        let now = now.max(self.clock.latest);
        if self.path.path().is_none() || self.path.allowance() < wire::PACKET_MIN {
            return false;
        }
        if self.is_ended() {
            return self.close_frame_waits();
        }
        let urgent = self.path.due(now) || self.asks_elsewhere(now) || self.liveness.probe_due();
        urgent || (self.liveness.data_open() && self.wants_open_transmit(now))
    }

    fn asks_elsewhere(&self, now: Instant) -> bool {
        !self.is_ended() && self.path.asks_elsewhere(now)
    }

    fn wants_open_transmit(&self, now: Instant) -> bool {
        self.arrivals.acks.due(now)
            || self.outlook.ping
            || self.outlook.probes > 0
            || self.wants_credit(now)
            || self.outlook.taken_due
            || self.length_probe_waits(now)
            || (self.outlook.released
                && self.channels.has_data()
                && self.recovery.may_send(now, self.path.mtu().size()))
    }

    /// Whether a grant must leave now. An ack that is about to leave takes it along.
    pub(super) fn wants_credit(&self, now: Instant) -> bool {
        self.channels.has_credit()
            && !(self.liveness.data_open() && self.arrivals.acks.is_near(now))
    }

    /// Writes frames by their urgency; returns whether the packet shall be as long as it may be, as
    /// one is that asks for the path.
    fn write_frames(&mut self, now: Instant, builder: &mut Builder<'_>) -> bool {
        if self.is_ended() {
            self.write_close_frame(builder);
            return false;
        }
        let is_full = self.write_path_frames(now, builder);
        if self.arrivals.acks.due(now) || (is_full && self.arrivals.acks.waiting()) {
            self.write_ack(now, builder);
        }
        if self.liveness.data_open() {
            self.write_credit(builder);
            self.write_messages(now, builder);
            if self.outlook.taken_due || !builder.is_empty() {
                self.write_taken(builder);
            }
        }
        self.write_pings(builder);
        if !builder.is_empty() && self.arrivals.acks.waiting() {
            self.write_ack(now, builder);
        }
        is_full
    }

    fn write_path_frames(&mut self, now: Instant, builder: &mut Builder<'_>) -> bool {
        if let Some(data) = self.path.take_response() {
            builder.frame(&Frame::PathResponse(data), Eliciting::Nothing, None);
        }
        match self.path.take_challenge(now) {
            Some(data) => builder.frame(&Frame::PathChallenge(data), Eliciting::Nothing, None),
            None => self.write_sounding(now, builder),
        }
    }

    /// One that waits; a packet that asks for the path itself goes before it.
    fn write_sounding(&mut self, now: Instant, builder: &mut Builder<'_>) -> bool {
        let Some((sounding, data)) = self.path.take_sounding(now) else { return false };
        if sounding != Sounding::Plain {
            builder.frame(&Frame::PathChallenge(data), Eliciting::Nothing, None);
        }
        builder.frame(&Frame::Ping, Eliciting::AtOnce, Some(SentFrame::Sounding(sounding)));
        sounding == Sounding::Full
    }

    fn write_ack(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let epoch = self.clock.epoch;
        let acks = &mut self.arrivals.acks;
        let Some((frame, largest)) = acks.frame(now, |at| stamp(epoch, at)) else { return };
        if builder.frame(&frame, Eliciting::Nothing, Some(SentFrame::Ack(largest))) {
            acks.on_sent(now);
        }
    }

    fn write_credit(&mut self, builder: &mut Builder<'_>) {
        const CREDIT: usize = 1 + 1 + 8;
        while builder.room() >= CREDIT
            && let Some((channel, granted)) = self.channels.next_credit()
        {
            let remember = SentFrame::Credit(channel);
            builder.frame(&Frame::Credit { channel, granted }, Eliciting::Reliable, Some(remember));
        }
    }

    /// What the application took: due, or on the way of others.
    fn write_taken(&mut self, builder: &mut Builder<'_>) {
        let mut scratch = Vec::new();
        while let Some(most) = taken_runs(builder.room())
            && let Some((channel, runs)) = self.channels.next_taken(most)
        {
            scratch.clear();
            let frame = taken_frame(channel, runs.clone(), &mut scratch);
            let written = frame.is_some_and(|f| builder.frame(&f, Eliciting::Fresh, None));
            for run in runs {
                let remembered = SentFrame::Taken(channel, run);
                if written {
                    builder.remember(remembered)
                } else {
                    self.channels.on_lost(remembered)
                }
            }
            if !written {
                return;
            }
        }
        if !self.channels.has_taken() {
            self.all_taken_told();
        }
    }

    /// The peer has been told all that the application took.
    pub(super) fn all_taken_told(&mut self) {
        self.outlook.taken_due = false;
        self.timers.disarm(Timer::Taken);
    }

    fn write_messages(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let allowed = self.outlook.probes > 0
            || (self.outlook.released && self.recovery.may_send(now, self.path.mtu().size()));
        if !allowed {
            return;
        }
        self.channels.fill(now, builder);
    }

    /// A ping where an answer is wanted and nothing else asks for one, or not soon enough.
    fn write_pings(&mut self, builder: &mut Builder<'_>) {
        let probes = self.outlook.probes > 0 && !builder.elicits();
        let closing = self.closes_window(builder);
        if self.outlook.ping || self.liveness.probe_due() || probes || closing {
            builder.frame(&Frame::Ping, Eliciting::AtOnce, None);
            self.outlook.ping = false;
            self.outlook.asked |= closing;
        }
    }

    /// Whether more waits than the window has room for after this packet. The peer may hold its ack
    /// for more packets than the window allows, so it is asked for one, once a round trip.
    fn closes_window(&self, builder: &Builder<'_>) -> bool {
        !self.outlook.asked
            && builder.elicits()
            && self.channels.has_data()
            && !self.recovery.window_allows(2 * self.path.mtu().size())
    }

    fn on_packet_sent(&mut self, now: Instant, path: Path, built: &Built) {
        tracing::trace!(len = built.len, frames = built.frames.len(), "packet filled");
        if self.path.on_sent(path, built.len) {
            self.liveness.on_sent(now);
        }
        self.arrivals.bytes_sent += built.len as u64;
        if built.wants != Eliciting::Nothing {
            self.outlook.probes = self.outlook.probes.saturating_sub(1);
        }
        if !self.channels.has_data() {
            self.outlook.released = false;
            self.timers.disarm(Timer::Send);
        } else if self.outlook.released {
            // This packet had no room for it.
            self.path.mtu_mut().want();
        }
    }
}

/// How many runs of taken messages fit, if that is enough for a frame: each takes two numbers of at
/// most four bytes, for no two numbers that are told together are 2³⁰ apart.
fn taken_runs(room: usize) -> Option<usize> {
    const HEAD: usize = 1 + 1 + 3 + 1;
    const RUN: usize = 4 + 4;
    let runs = room.checked_sub(HEAD)? / RUN;
    (runs > 0).then_some(runs.min(wire::TAKEN_RANGES))
}

/// The frame that tells of `runs`, highest first; `scratch` is empty.
pub(super) fn taken_frame(
    channel: ChannelId,
    runs: impl Iterator<Item = AckRange> + Clone,
    scratch: &mut Vec<u8>,
) -> Option<Frame<'_>> {
    let largest = SequenceNumber(runs.clone().next()?.high).truncated();
    AckRanges::encode(scratch, runs, wire::TAKEN_RANGES);
    let ranges = AckRanges::of_encoded(scratch);
    Some(Frame::Taken(Taken { channel, largest, ranges }))
}
