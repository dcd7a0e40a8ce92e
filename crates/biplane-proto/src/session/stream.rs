//! What control records mean, and which go next.

use std::time::Instant;

use biplane_wire::{ChannelId, Fragment, Frame, Message, Record, limits as wire};

use super::{Session, departure::taken_frame};
use crate::{
    Event, Planes, Reply, Timer, Violation, channel::Space, control::Whole, limits,
    peer_clock::stamp,
};

impl Session {
    /// Takes in bytes of the control connection after hello and welcome, cut anywhere.
    pub fn handle_control(&mut self, now: Instant, bytes: &[u8]) {
        let now = self.clock.clamp(now);
        if self.control.loss.is_some() {
            return;
        }
        self.control.on_received(now, bytes.len());
        self.keys.on_control_heard();
        let mut partial = core::mem::take(&mut self.control.inbox.partial);
        let mut rest = bytes;
        while !partial.is_empty() && !rest.is_empty() {
            let (more, behind) = rest.split_at(Record::missing(&partial).min(rest.len()));
            partial.extend_from_slice(more);
            rest = behind;
            if self.handle_records(now, &partial).is_empty() {
                partial = Vec::new();
            }
        }
        partial.extend_from_slice(self.handle_records(now, rest));
        self.control.inbox.partial = partial;
        self.settle(now);
    }

    /// Takes in the records at the front of `bytes`, and gives what is left: the beginning of one,
    /// if anything.
    fn handle_records<'a>(&mut self, now: Instant, mut bytes: &'a [u8]) -> &'a [u8] {
        while !self.is_ended() {
            match Record::decode(bytes) {
                Ok(Some((record, len))) => {
                    bytes = bytes.get(len..).unwrap_or_default();
                    if let Err(violation) = self.handle_record(now, &record, len) {
                        self.end_by_violation(now, violation);
                    }
                }
                Ok(None) => return bytes,
                Err(error) => self.end_by_violation(now, error.into()),
            }
        }
        &[]
    }

    fn handle_record(
        &mut self,
        now: Instant,
        record: &Record<'_>,
        len: usize,
    ) -> Result<(), Violation> {
        if let Some(number) = record.number() {
            self.control.inbox.count(number, len)?;
        }
        match *record {
            Record::Frame(frame) => self.handle_shared_frame(now, frame).map(drop),
            Record::Acked { next } => self.handle_acked(now, next),
            Record::Ping { token } => {
                self.control.notes.pong = Some(token);
                if self.recovery.is_quiet(now) && !self.channels.is_busy() {
                    // The peer's keep-alive, which the answer to it keeps this side from sending.
                    self.channels.rest();
                    self.control.outbox.rest();
                }
                Ok(())
            }
            Record::Pong { token } => {
                self.control.handle_pong(now, token);
                Ok(())
            }
            Record::Planes { bits } => {
                self.liveness.handle_report(Planes::of(bits & 1 != 0, bits & 2 != 0));
                self.tell_planes();
                Ok(())
            }
            Record::ReceiveId { .. } => Err(Violation::Reserved("another receive id")),
            Record::GivenUp { next } => self.control.inbox.give_up(next),
            Record::Command { .. }
            | Record::Request { .. }
            | Record::Reply { .. }
            | Record::Tunnelled { .. } => self.handle_numbered(now, record),
            Record::Transfer { step, .. } => self.handle_transfer_step(&step),
        }
    }

    fn handle_numbered(&mut self, now: Instant, record: &Record<'_>) -> Result<(), Violation> {
        if let Record::Tunnelled { frame, .. } = record {
            return self.handle_tunnelled(now, *frame);
        }
        match self.control.inbox.assemble(record)? {
            Some(whole) => self.handle_whole(whole),
            None => Ok(()),
        }
    }

    fn handle_whole(&mut self, whole: Whole<'_>) -> Result<(), Violation> {
        let place = self.channels.causality.arrive();
        match whole {
            Whole::Command(channel, payload) => {
                self.check_command(channel, payload.as_slice().len())?;
                if !self.is_closed() {
                    self.channels.handle_command(channel, payload, place)?;
                    self.outlook.readable();
                }
            }
            Whole::Request(id, kind, payload) if !self.is_closed() => {
                match self.requests.handle_call(id, kind, payload, place)? {
                    Some(call) => self.outlook.push(Event::Called(call)),
                    None => {
                        self.on_place_taken(Some(place));
                        self.refuse_busy(id);
                    }
                }
            }
            Whole::Request(..) => {}
            Whole::Reply(id, outcome, payload) => {
                if !self.requests.handle_reply(id, outcome, payload, place) {
                    self.on_place_taken(Some(place));
                }
            }
        }
        Ok(())
    }

    /// A message of a data channel. One that took longer than its channel's messages live is
    /// nothing any more.
    fn handle_tunnelled(&mut self, now: Instant, mut frame: Frame<'_>) -> Result<(), Violation> {
        self.arrivals.tunnelled += 1;
        if let Some((channel, clock)) = take_stamp(&mut frame) {
            let own = stamp(self.clock.epoch, now);
            self.clock.peer.on_stamp(now, own, clock);
            if self.channels.is_outlived(channel, self.clock.peer.delay(own, clock))? {
                self.channels.on_outlived(&frame);
                return Ok(());
            }
        }
        self.handle_shared_frame(now, frame).map(drop)
    }

    fn check_command(&self, channel: ChannelId, len: usize) -> Result<(), Violation> {
        let config = self.channels.config(channel).ok_or(Violation::UnknownChannel(channel))?;
        if len > config.max_message as usize {
            return Err(Violation::MessageTooLong(channel));
        }
        Ok(())
    }

    /// Too many calls wait for the application. If even the refusal finds no room, the request
    /// runs into its deadline.
    fn refuse_busy(&mut self, id: biplane_wire::RequestId) {
        let refused = self.queue_reply(id, Reply::Refuse("too many requests wait".into()));
        if refused.is_err() {
            tracing::debug!("a request was dropped: too many wait");
        }
    }

    pub(super) fn handle_acked(&mut self, now: Instant, next: u32) -> Result<(), Violation> {
        let Self { control, channels, .. } = self;
        control.outbox.handle_acked(now, next, |frame| channels.on_ack(now, frame))
    }

    /// Appends records to `out`, 16 KiB and one record at the most; `false` if there is nothing to write
    /// now. Call it when the socket can take more.
    pub fn poll_control(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let now = self.clock.clamp(now);
        let start = out.len();
        if self.control.is_open() {
            self.write_records(now, out);
        }
        let len = out.len() - start;
        if len > 0 {
            self.control.on_written(now, len);
        }
        self.settle(now);
        len > 0
    }

    /// The socket takes what [`Session::poll_control`] gave before, and is not done with it yet: what
    /// waits behind it waits for a slow connection, not for a dead one.
    pub fn handle_control_progress(&mut self, now: Instant) {
        let now = self.clock.clamp(now);
        self.control.on_progress(now);
        self.settle(now);
    }

    fn write_records(&mut self, now: Instant, out: &mut Vec<u8>) {
        let end = out.len() + limits::CONTROL_PULL;
        if self.is_ended() {
            self.write_close_record(out);
            return;
        }
        if self.control.inbox.owes_ack() {
            self.control.notes.acked = true;
        }
        self.control.write_notes(now, out);
        if core::mem::take(&mut self.control.notes.packet_ack) {
            self.write_packet_ack(now, out);
        }
        if !self.liveness.data_open() {
            while let Some((channel, granted)) = self.channels.next_credit() {
                Record::Frame(Frame::Credit { channel, granted }).encode(out);
            }
            self.write_taken_records(out);
        }
        while out.len() < end && self.control.outbox.write_next(&mut self.channels, out) {}
        self.write_escalated(now, end, out);
        self.write_tunnelled(now, end, out);
        self.close_when_drained(now, out);
    }

    /// What the application took. Another connection carries it again, if this one breaks.
    pub(super) fn write_taken_records(&mut self, out: &mut Vec<u8>) {
        let mut scratch = Vec::new();
        while let Some((channel, runs)) = self.channels.next_taken(wire::TAKEN_RANGES) {
            scratch.clear();
            let frame = taken_frame(channel, runs.clone(), &mut scratch);
            self.channels.on_told(channel, runs);
            frame.into_iter().for_each(|frame| Record::Frame(frame).encode(out));
        }
        self.all_taken_told();
    }

    fn write_packet_ack(&mut self, now: Instant, out: &mut Vec<u8>) {
        let epoch = self.clock.epoch;
        let acks = &mut self.arrivals.acks;
        if let Some((frame, _)) = acks.frame(now, |at| stamp(epoch, at)) {
            Record::Frame(frame).encode(out);
            acks.on_sent(now);
        }
    }

    /// Messages that waited too long for an ack over UDP, before what rides here anyway.
    fn write_escalated(&mut self, now: Instant, end: usize, out: &mut Vec<u8>) {
        if !self.channels.has_overdue() {
            return;
        }
        while out.len() < end && self.control.outbox.has_tunnel_room() {
            let space = Space::in_record(limits::TUNNEL_PIECE);
            let Some(message) = self.channels.next_escalated(now, space) else { break };
            let bytes = self.channels.bytes(&message);
            self.control.outbox.write_tunnelled(now, (&message, bytes), None, out);
        }
    }

    /// Messages of data channels ride here while there is no UDP path that works.
    fn write_tunnelled(&mut self, now: Instant, end: usize, out: &mut Vec<u8>) {
        if !self.tunnel_waits() {
            return;
        }
        while out.len() < end && self.control.outbox.has_tunnel_room() {
            let space = Space::in_record(limits::TUNNEL_PIECE);
            let Some(message) = self.channels.next_message(now, space) else { break };
            let clock = message.sent_at.map(|at| stamp(self.clock.epoch, at));
            let bytes = self.channels.bytes(&message);
            self.control.outbox.write_tunnelled(now, (&message, bytes), clock, out);
        }
        if !self.channels.has_data() {
            self.outlook.released = false;
            self.timers.disarm(Timer::Send);
        }
    }

    pub(super) fn tunnel_waits(&self) -> bool {
        !self.liveness.data_open() && self.outlook.released && self.channels.has_data()
    }

    /// Whether [`Session::poll_control`] has something to write.
    #[must_use]
    pub const fn wants_control(&self) -> bool {
        self.outlook.wants_control
    }

    /// Works out whether the control connection has something to write.
    pub(super) fn control_waits(&mut self) -> bool {
        if !self.control.is_open() {
            return false;
        }
        if self.is_ended() {
            return true;
        }
        self.control.notes.any()
            || (!self.liveness.data_open()
                && (self.channels.has_credit() || self.outlook.taken_due))
            || self.control.outbox.has_next(&mut self.channels)
            || ((self.tunnel_waits() || self.channels.has_overdue())
                && self.control.outbox.has_tunnel_room())
            || self.is_drained()
    }

    /// Whether the caller must end the connection once it has written what it has.
    #[must_use]
    pub fn control_is_finished(&self) -> bool {
        self.control.finished
    }

    /// Whether an ack of UDP packets must leave that cannot go over UDP.
    pub(super) fn owes_packet_ack(&self, now: Instant) -> bool {
        !self.liveness.data_open() && self.arrivals.acks.due(now) && !self.path.due(now)
    }
}

/// Takes the stamp off a message or piece, so that it is as one that came over UDP.
fn take_stamp(frame: &mut Frame<'_>) -> Option<(ChannelId, u32)> {
    if let Frame::Message(Message { channel, clock, .. })
    | Frame::Fragment(Fragment { channel, clock, .. }) = frame
    {
        return clock.take().map(|clock| (*channel, clock));
    }
    None
}
