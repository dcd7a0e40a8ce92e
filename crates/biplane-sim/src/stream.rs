//! One direction of a control connection, as the two ends of a TCP connection see it.
//!
//! Guarantees: bytes arrive in order, unaltered, cut anywhere, until the connection ends. The window
//! bounds what is written and not yet acknowledged, as socket buffers do; a writer asks
//! [`Stream::room`] first.
//!
//! Loss shows as delay: TCP repairs a lost segment, and all that follow wait for it. The model:
//!
//! - A segment that is lost arrives one round trip late (fast retransmit, RFC 5681, section 3.2) if
//!   three others set out in the round trip before it, and a round trip and 200 ms late
//!   (retransmission time-out, RFC 6298, with Linux's least margin) if fewer did: whether enough
//!   follows is judged by what went before.
//! - Each repair is lost with the loss's share in the long run; the next then comes after twice the
//!   time-out of the one before, to 8 s at the most.
//! - There is no congestion window: loss slows a stream by what it holds up, and by that alone. The
//!   rate is that of the bottleneck, before which a stream waits for room and loses nothing.

mod repair;

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use crate::{
    Bottleneck, Loss, Rng,
    link::{Jitter, Outage},
};
use repair::Repair;

/// The longest piece in which bytes arrive.
const SEGMENT: usize = 1_448;
/// What a segment of no length takes of a queue: the headers of IPv4 and TCP, in bytes.
const BARE_SEGMENT: usize = 20 + 20;
/// Retransmission begins so long after an outage, at the most.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// What one direction of a control connection does to bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// How long bytes take at least.
    pub latency: Duration,
    /// How much longer some take: from 0 to this, wandering, half of it in the mean.
    pub jitter: Duration,
    /// How long an ack takes back.
    pub ack_latency: Duration,
    /// Which segments are lost, and arrive late for it.
    pub loss: Loss,
    /// The share of segments that stall, 0 to 1, whatever is lost.
    pub stalls: f64,
    /// How long a stall lasts: uniform from 0 to this.
    pub stall: Duration,
    /// Bytes that may be written and unacknowledged.
    pub window: usize,
    /// When nothing comes through, counted from the start of the run. [`Duration::MAX`] is for ever.
    pub outages: Vec<Outage>,
}

impl StreamConfig {
    /// A connection that never stalls, with a window of 64 KiB.
    #[must_use]
    pub const fn clean(latency: Duration) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            ack_latency: latency,
            loss: Loss::Never,
            stalls: 0.0,
            stall: Duration::ZERO,
            window: 64 * 1024,
            outages: Vec::new(),
        }
    }

    /// The same connection once its faults are over.
    #[must_use]
    pub fn calmed(&self) -> Self {
        let Self { latency, ack_latency, window, .. } = *self;
        Self { ack_latency, window, ..Self::clean(latency) }
    }

    /// A round trip in the mean.
    fn rtt(&self) -> Duration {
        self.latency + self.jitter / 2 + self.ack_latency
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
    acks: Acks,
    last_arrival: Instant,
    state: State,
    traffic: Traffic,
    passage: Passage,
}

/// What was done to a stream.
#[derive(Debug)]
struct State {
    /// Bytes may still be written.
    is_open: bool,
    held: bool,
    is_stranded: bool,
    /// It breaks when so many bytes have been taken since the start.
    breaks_after: Option<u64>,
    has_broken: bool,
}

/// Bytes on their way to be acknowledged.
#[derive(Debug, Default)]
struct Acks {
    due: VecDeque<(Instant, usize)>,
    unacked: usize,
}

/// Bytes since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    written: u64,
    taken: u64,
}

/// What decides how long a segment takes, beside the configuration.
#[derive(Debug)]
struct Passage {
    jitter: Jitter,
    repair: Repair,
    bottleneck: Option<Bottleneck>,
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
    pub fn new(start: Instant, config: StreamConfig, rng: Rng) -> Self {
        Self::behind(start, config, rng, None)
    }

    /// A stream that stands behind `bottleneck`, with others perhaps.
    #[must_use]
    pub fn behind(
        start: Instant,
        config: StreamConfig,
        rng: Rng,
        bottleneck: Option<Bottleneck>,
    ) -> Self {
        let passage = Passage {
            jitter: Jitter::new(start, config.jitter, true),
            repair: Repair::new(config.loss),
            bottleneck,
        };
        Self {
            config,
            start,
            rng,
            pieces: VecDeque::new(),
            acks: Acks::default(),
            last_arrival: start,
            state: State {
                is_open: true,
                held: false,
                is_stranded: false,
                breaks_after: None,
                has_broken: false,
            },
            traffic: Traffic::default(),
            passage,
        }
    }

    /// A stream of another connection over the same network.
    pub(crate) fn another(&self, rng: Rng) -> Self {
        Self::behind(self.start, self.config.clone(), rng, self.passage.bottleneck.clone())
    }

    /// What was done to the network of `other` meanwhile was done to this one's too.
    pub(crate) fn stand_as(&mut self, other: &Self) {
        self.state.held = other.state.held;
        if self.config != other.config {
            self.reconfigure(other.config.clone());
        }
    }

    /// How many bytes may be written now.
    pub fn room(&mut self, now: Instant) -> usize {
        self.acks.settle(now);
        if !self.state.is_open {
            return 0;
        }
        let room = self.config.window.saturating_sub(self.acks.unacked);
        let bottleneck = self.passage.bottleneck.as_ref();
        bottleneck.map_or(room, |bottleneck| room.min(bottleneck.stream_room(now)))
    }

    /// When there is more room, if bytes are under way.
    #[must_use]
    pub fn next_room(&self) -> Option<Instant> {
        let acknowledged = self.acks.due.front().map(|(at, _)| *at);
        match &self.passage.bottleneck {
            Some(bottleneck) if self.acks.unacked < self.config.window => {
                Some(bottleneck.stream_room_at())
            }
            _ => acknowledged,
        }
    }

    /// Writes `bytes`. What is written after the end is gone.
    pub fn write(&mut self, now: Instant, bytes: &[u8]) {
        if !self.state.is_open {
            return;
        }
        self.traffic.written += bytes.len() as u64;
        self.acks.unacked += bytes.len();
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
        if self.state.is_open {
            self.state.is_open = false;
            self.enqueue(now, Inflow::End);
        }
    }

    /// Breaks the connection: what is under way is gone, and the reader learns of it one latency
    /// from now, held or not. Of a stranded one it does not.
    pub fn kill(&mut self, now: Instant) {
        self.state.is_open = false;
        if self.state.is_stranded {
            return;
        }
        self.pieces.clear();
        self.acks = Acks::default();
        self.traffic.taken = self.traffic.written;
        self.last_arrival = now + self.config.latency;
        self.pieces.push_back(Piece { arrives: Some(self.last_arrival), inflow: Inflow::End });
    }

    /// Takes the next piece that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Inflow> {
        if self.next_arrival()? > now {
            return None;
        }
        let mut inflow = self.pieces.pop_front()?.inflow;
        if let Inflow::Bytes(bytes) = &mut inflow {
            self.break_if_due(bytes);
            self.traffic.taken += bytes.len() as u64;
        }
        Some(inflow)
    }

    /// Lets the connection break when its reader has so many more `bytes` of this direction; who
    /// drives it asks [`Stream::breaks`].
    pub const fn break_after(&mut self, bytes: u64) {
        self.state.breaks_after = Some(self.traffic.taken + bytes);
    }

    /// Whether the byte that [`Stream::break_after`] named has been taken, told once.
    pub const fn breaks(&mut self) -> bool {
        core::mem::replace(&mut self.state.has_broken, false)
    }

    fn break_if_due(&mut self, bytes: &mut Vec<u8>) {
        let left = self.state.breaks_after.map(|after| after.saturating_sub(self.traffic.taken));
        if let Some(left) = left.and_then(|left| usize::try_from(left).ok())
            && left <= bytes.len()
        {
            bytes.truncate(left);
            self.state.breaks_after = None;
            self.state.has_broken = true;
        }
    }

    /// When the next piece arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.pieces.front()?.arrives
    }

    /// Lets nothing through that is written from now on, until [`Stream::release`].
    pub fn hold(&mut self) {
        self.state.held = true;
    }

    /// Lets everything through again; what waited sets out now.
    pub fn release(&mut self, now: Instant) {
        self.state.held = false;
        for piece in core::mem::take(&mut self.pieces) {
            match piece.arrives {
                Some(_) => self.pieces.push_back(piece),
                None => self.enqueue(now, piece.inflow),
            }
        }
    }

    /// Somebody on the path forgets the connection: what is under way is gone, nothing comes through
    /// ever again, and neither end learns of it.
    pub fn strand(&mut self) {
        self.state.is_stranded = true;
        self.pieces.clear();
        self.acks.due.clear();
        self.traffic.taken = self.traffic.written;
    }

    /// Whether what was written last, or the end, never arrives, unless it is held and released.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.pieces.back().is_some_and(|piece| piece.arrives.is_none())
    }

    /// Whether nothing sets out at `now`, as long as it is held or by the outages of its network.
    #[must_use]
    pub fn is_blocked(&self, now: Instant) -> bool {
        self.state.held || self.outage(now).is_some()
    }

    /// Goes on under another configuration; what is under way stays so.
    pub fn reconfigure(&mut self, config: StreamConfig) {
        self.passage.jitter = Jitter::new(self.start, config.jitter, true);
        self.passage.repair.reconfigure(config.loss);
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
        self.state.is_open
    }

    /// Bytes written and not acknowledged.
    #[must_use]
    pub const fn unacked(&self) -> usize {
        self.acks.unacked
    }

    /// Bytes written since the start.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.traffic.written
    }

    /// Bytes written and not taken out yet.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.traffic.written - self.traffic.taken
    }

    /// How often loss has held up what followed.
    #[must_use]
    pub const fn hold_ups(&self) -> u64 {
        self.passage.repair.count()
    }

    /// When a segment of no length that sets out now arrives, as one that opens a connection: it
    /// stands in the bottleneck's queue like any other. `None` if never.
    pub fn knock(&mut self, now: Instant) -> Option<Instant> {
        self.arrival(now, 0)
    }

    /// Where to cut `len` bytes: after a segment, or anywhere before.
    fn cut(&mut self, len: usize) -> usize {
        let segment = len.min(SEGMENT);
        if segment > 1 && self.rng.chance(0.25) { 1 + self.rng.index(segment - 1) } else { segment }
    }

    fn enqueue(&mut self, now: Instant, inflow: Inflow) {
        let len = if let Inflow::Bytes(bytes) = &inflow { bytes.len() } else { 0 };
        let arrives = if self.state.held { None } else { self.arrival(now, len) };
        if let Some(at) = arrives.filter(|_| len > 0) {
            self.acks.due.push_back((at + self.config.ack_latency, len));
        }
        self.pieces.push_back(Piece { arrives, inflow });
    }

    /// When a segment that sets out now arrives: never before the one ahead of it.
    fn arrival(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let sets_out = self.after_outage(now)?;
        let bottleneck = self.passage.bottleneck.as_ref();
        let takes = if len > 0 { len } else { BARE_SEGMENT };
        let leaves =
            bottleneck.map_or(sets_out, |narrow| narrow.pass_stream(now, takes).max(sets_out));
        let jitter = self.passage.jitter.delay(leaves, &mut self.rng);
        let late = self.passage.repair.delay(now, self.config.rtt(), &mut self.rng);
        let mut at = leaves + self.config.latency + jitter + late;
        if self.rng.chance(self.config.stalls) {
            at += self.rng.duration(self.config.stall);
        }
        self.last_arrival = self.last_arrival.max(at);
        Some(self.last_arrival)
    }

    /// When a segment sets out that was to set out now; `None` if never.
    fn after_outage(&mut self, now: Instant) -> Option<Instant> {
        if self.state.is_stranded {
            return None;
        }
        let Some(outage) = self.outage(now) else { return Some(now) };
        let until = self.start.checked_add(outage.until)?;
        Some(until + self.rng.duration(RETRANSMIT))
    }

    fn outage(&self, now: Instant) -> Option<Outage> {
        let elapsed = now.saturating_duration_since(self.start);
        self.config.outages.iter().find(|outage| outage.covers(elapsed)).copied()
    }
}

impl Acks {
    fn settle(&mut self, now: Instant) {
        while let Some((_, len)) = self.due.front().filter(|(at, _)| *at <= now) {
            self.unacked -= len;
            self.due.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
