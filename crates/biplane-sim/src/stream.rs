//! One direction of a control connection, as the two ends of a TCP connection see it.
//!
//! Guarantees: bytes arrive in order, unaltered, cut anywhere, until the connection ends. Loss shows
//! as delay: a segment that stalls holds up all that follows. The window bounds what is written and
//! not yet acknowledged, as socket buffers do; a writer asks [`Stream::room`] first.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use crate::{Rng, link::Outage};

/// The longest piece in which bytes arrive.
const SEGMENT: usize = 1_448;
/// Retransmission begins so long after an outage, at the most.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// What one direction of a control connection does to bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// How long bytes take at least.
    pub latency: Duration,
    /// The share of segments that stall, 0 to 1.
    pub stalls: f64,
    /// How long a stall lasts: uniform from 0 to this.
    pub stall: Duration,
    /// Bytes that may be written and unacknowledged.
    pub window: usize,
    /// When nothing comes through, counted from the start of the run.
    pub outages: Vec<Outage>,
}

impl StreamConfig {
    /// A connection that never stalls, with a window of 64 KiB.
    #[must_use]
    pub const fn clean(latency: Duration) -> Self {
        Self { latency, stalls: 0.0, stall: Duration::ZERO, window: 64 * 1024, outages: Vec::new() }
    }

    /// The same connection once its faults are over.
    #[must_use]
    pub fn calmed(&self) -> Self {
        Self { window: self.window, ..Self::clean(self.latency) }
    }
}

/// What comes out of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Inflow {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// FIN or RST: nothing comes any more.
    End,
}

/// One direction of a control connection on which bytes are under way.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    start: Instant,
    rng: Rng,
    pieces: VecDeque<Piece>,
    acks: VecDeque<(Instant, usize)>,
    unacked: usize,
    last_arrival: Instant,
    is_open: bool,
    held: bool,
    written: u64,
}

#[derive(Debug)]
struct Piece {
    /// `None` while the stream is held.
    arrives: Option<Instant>,
    inflow: Inflow,
}

impl Stream {
    /// A stream of a run that begins at `start`.
    #[must_use]
    pub const fn new(start: Instant, config: StreamConfig, rng: Rng) -> Self {
        Self {
            config,
            start,
            rng,
            pieces: VecDeque::new(),
            acks: VecDeque::new(),
            unacked: 0,
            last_arrival: start,
            is_open: true,
            held: false,
            written: 0,
        }
    }

    /// How many bytes may be written now.
    pub fn room(&mut self, now: Instant) -> usize {
        while self.acks.front().is_some_and(|(at, _)| *at <= now) {
            self.unacked -= self.acks.pop_front().map_or(0, |(_, len)| len);
        }
        if self.is_open { self.config.window.saturating_sub(self.unacked) } else { 0 }
    }

    /// When there is more room, if bytes are under way.
    #[must_use]
    pub fn next_room(&self) -> Option<Instant> {
        self.acks.front().map(|(at, _)| *at)
    }

    /// Writes `bytes`. What is written after the end is gone.
    pub fn write(&mut self, now: Instant, bytes: &[u8]) {
        if !self.is_open {
            return;
        }
        self.written += bytes.len() as u64;
        self.unacked += bytes.len();
        let mut rest = bytes;
        while let Some((piece, more)) = rest.split_at_checked(self.cut(rest.len())) {
            if piece.is_empty() {
                break;
            }
            self.enqueue(now, Inflow::Bytes(piece.to_vec()));
            rest = more;
        }
    }

    /// Ends the stream after what was written.
    pub fn finish(&mut self, now: Instant) {
        if self.is_open {
            self.is_open = false;
            self.enqueue(now, Inflow::End);
        }
    }

    /// Breaks the connection: what is under way is gone, and the reader learns of it one latency
    /// from now.
    pub fn kill(&mut self, now: Instant) {
        self.is_open = false;
        self.held = false;
        self.pieces.clear();
        self.acks.clear();
        self.unacked = 0;
        self.last_arrival = now + self.config.latency;
        self.pieces.push_back(Piece { arrives: Some(self.last_arrival), inflow: Inflow::End });
    }

    /// Takes the next piece that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Inflow> {
        if self.next_arrival()? > now {
            return None;
        }
        self.pieces.pop_front().map(|piece| piece.inflow)
    }

    /// When the next piece arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.pieces.front()?.arrives
    }

    /// Lets nothing through that is written from now on, until [`Stream::release`].
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Lets everything through again; what waited sets out now.
    pub fn release(&mut self, now: Instant) {
        self.held = false;
        for piece in core::mem::take(&mut self.pieces) {
            match piece.arrives {
                Some(_) => self.pieces.push_back(piece),
                None => self.enqueue(now, piece.inflow),
            }
        }
    }

    /// Goes on under another configuration; what is under way stays so.
    pub fn reconfigure(&mut self, config: StreamConfig) {
        self.config = config;
    }

    /// What it does to bytes.
    #[must_use]
    pub const fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// Whether bytes may still be written.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Bytes written and not acknowledged.
    #[must_use]
    pub const fn unacked(&self) -> usize {
        self.unacked
    }

    /// Bytes written since the start.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Where to cut `len` bytes: after a segment, or anywhere before.
    fn cut(&mut self, len: usize) -> usize {
        let segment = len.min(SEGMENT);
        if segment > 1 && self.rng.chance(0.25) { 1 + self.rng.index(segment - 1) } else { segment }
    }

    fn enqueue(&mut self, now: Instant, inflow: Inflow) {
        let arrives = if self.held { None } else { Some(self.arrival(now)) };
        if let (Some(at), Inflow::Bytes(bytes)) = (arrives, &inflow) {
            self.acks.push_back((at + self.config.latency, bytes.len()));
        }
        self.pieces.push_back(Piece { arrives, inflow });
    }

    /// When a segment that sets out now arrives: never before the one ahead of it.
    fn arrival(&mut self, now: Instant) -> Instant {
        let mut at = self.after_outage(now) + self.config.latency;
        if self.rng.chance(self.config.stalls) {
            at += self.rng.duration(self.config.stall);
        }
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }

    fn after_outage(&mut self, now: Instant) -> Instant {
        let elapsed = now.saturating_duration_since(self.start);
        let outage = self.config.outages.iter().find(|outage| outage.covers(elapsed));
        match outage.map(|outage| outage.until) {
            Some(until) => self.start + until + self.rng.duration(RETRANSMIT),
            None => now,
        }
    }
}

#[cfg(test)]
mod tests;
