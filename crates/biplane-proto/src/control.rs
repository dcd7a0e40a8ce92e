//! What goes over the control connection, in which order.
//!
//! Output is pulled: a record is written, and numbered, when the socket can take it. Numbered
//! records are kept until the peer has them; the others speak for this connection alone.

mod inbox;
mod outbox;
mod tunnel;

use core::time::Duration;
use std::time::Instant;

use biplane_wire::Record;

pub(crate) use self::{
    inbox::{Inbox, Whole},
    outbox::{Head, Outbox},
};
use crate::{Content, ControlLoss, ControlStats, SendError, limits, transfer::Book};

/// The control connection of a session: both directions and their liveness.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) notes: Notes,
    pub(crate) transfers: Book,
    /// It broke, or was given up; and how.
    pub(crate) loss: Option<ControlLoss>,
    /// Nothing more will be written.
    pub(crate) finished: bool,
    /// It has taken nothing for a while: another shall take its place.
    pub(crate) replace: bool,
    pulse: Pulse,
    bytes_sent: u64,
    bytes_received: u64,
    resumes: u64,
}

/// Unnumbered records that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Numbered records must be acknowledged now.
    pub(crate) acked: bool,
    pub(crate) ping: bool,
    pub(crate) pong: Option<u32>,
    pub(crate) planes: Option<u8>,
    /// An ack of UDP packets that cannot go over UDP.
    pub(crate) packet_ack: bool,
}

/// When the connection was last heard, fed and measured.
#[derive(Debug)]
struct Pulse {
    sent_at: Instant,
    received_at: Instant,
    /// Since when output has been waiting for the socket.
    waiting_since: Option<Instant>,
    pinged: Option<(u32, Instant)>,
    rtt: Duration,
    pings: u32,
}

impl Control {
    pub(crate) fn new(now: Instant, window: usize) -> Self {
        Self {
            outbox: Outbox::new(window),
            inbox: Inbox::default(),
            notes: Notes::default(),
            transfers: Book::default(),
            loss: None,
            finished: false,
            replace: false,
            pulse: Pulse::new(now),
            bytes_sent: 0,
            bytes_received: 0,
            resumes: 0,
        }
    }

    /// Queues a command, request or reply.
    pub(crate) fn queue(&mut self, head: Head, content: Content<'_>) -> Result<(), SendError> {
        self.outbox.push(head, content)
    }

    /// Whether it can carry anything.
    pub(crate) const fn is_open(&self) -> bool {
        self.loss.is_none() && !self.finished
    }

    /// Another connection takes its place: what was said on the last about that one alone is void.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        self.loss = None;
        self.finished = false;
        self.replace = false;
        self.notes = Notes::default();
        self.inbox.partial.clear();
        let Pulse { rtt, pings, .. } = self.pulse;
        self.pulse = Pulse { rtt, pings, ..Pulse::new(now) };
        self.resumes += 1;
    }

    pub(crate) const fn on_received(&mut self, now: Instant, len: usize) {
        self.pulse.received_at = now;
        self.bytes_received += len as u64;
    }

    /// The socket took `len` bytes of output.
    pub(crate) const fn on_written(&mut self, now: Instant, len: usize) {
        self.pulse.sent_at = now;
        self.pulse.waiting_since = None;
        self.replace = false;
        self.bytes_sent += len as u64;
    }

    /// The socket takes what it was given before, if slowly.
    pub(crate) const fn on_progress(&mut self, now: Instant) {
        if let Some(since) = &mut self.pulse.waiting_since {
            *since = now;
        }
        self.replace = false;
    }

    /// Output waits for the socket, or does not.
    pub(crate) fn on_waiting(&mut self, now: Instant, waits: bool) {
        if waits {
            self.pulse.waiting_since.get_or_insert(now);
        } else {
            self.pulse.waiting_since = None;
        }
    }

    /// When a silent connection says that it is there.
    pub(crate) fn keep_alive_at(&self, interval: Duration) -> Instant {
        self.pulse.sent_at + interval
    }

    /// When a silent peer is given up.
    pub(crate) fn idle_at(&self, timeout: Duration) -> Instant {
        self.pulse.received_at + timeout
    }

    /// Whether anything was heard on any connection.
    pub(crate) const fn was_heard(&self) -> bool {
        self.bytes_received > 0
    }

    /// How often a connection took the place of another.
    pub(crate) const fn resumes(&self) -> u64 {
        self.resumes
    }

    /// When a connection that takes nothing is to be replaced, if there is one that can.
    pub(crate) fn replaced_at(&self) -> Option<Instant> {
        self.pulse.waiting_since.map(|since| since + limits::CONTROL_REPLACE)
    }

    /// When a connection that takes nothing is given up.
    pub(crate) fn stalled_at(&self) -> Option<Instant> {
        self.pulse.waiting_since.map(|since| since + limits::WRITE_STALL)
    }

    /// Writes the unnumbered records that wait, but those that speak of channels and packets.
    pub(crate) fn write_notes(&mut self, now: Instant, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.notes.acked) {
            Record::acked(self.inbox.acknowledge()).encode(out);
        }
        if core::mem::take(&mut self.notes.ping) {
            let token = self.pulse.pings;
            self.pulse.pings = token.wrapping_add(1);
            self.pulse.pinged = Some((token, now));
            Record::Ping { token }.encode(out);
        }
        if let Some(token) = self.notes.pong.take() {
            Record::Pong { token }.encode(out);
        }
        if let Some(bits) = self.notes.planes.take() {
            Record::Planes { bits }.encode(out);
        }
    }

    /// The peer answered a ping.
    pub(crate) fn handle_pong(&mut self, now: Instant, token: u32) {
        if let Some((asked, at)) = self.pulse.pinged
            && asked == token
        {
            self.pulse.rtt = now.saturating_duration_since(at);
            self.pulse.pinged = None;
        }
    }

    /// What the latest ping took, once one was answered.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        Some(self.pulse.rtt).filter(|rtt| !rtt.is_zero())
    }

    /// When the ping was written that is not answered yet; `None` too if one is about to be.
    pub(crate) fn pinged_at(&self) -> Option<Instant> {
        self.pulse.pinged.map(|(_, at)| at)
    }

    pub(crate) fn report(&self) -> ControlStats {
        let (records, bytes) = self.outbox.depth();
        ControlStats {
            rtt: self.pulse.rtt,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            queued_records: records as u64,
            queued_bytes: bytes as u64,
            resumes: self.resumes,
        }
    }
}

impl Pulse {
    const fn new(now: Instant) -> Self {
        Self {
            sent_at: now,
            received_at: now,
            waiting_since: None,
            pinged: None,
            rtt: Duration::ZERO,
            pings: 0,
        }
    }
}

impl Notes {
    pub(crate) const fn any(&self) -> bool {
        self.acked || self.ping || self.packet_ack || self.pong.is_some() || self.planes.is_some()
    }
}
