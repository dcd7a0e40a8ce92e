//! The narrowest place of a direction, and the queue before it.

use core::time::Duration;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{LinkConfig, trace::Cursor};
use crate::rng::nanos;

const SECOND: u64 = 1_000_000_000;
/// What the queue before a trace holds where nobody says, in bytes.
const TRACE_QUEUE: u64 = 1_000_000;
/// The least that a stream may put into the queue: two full segments.
const STREAM_QUEUE: u64 = 3_000;
/// A stream waits until a full segment is free, or this share of its part of the queue.
const STREAM_PIECE: (u64, u64) = (1_500, 16);

/// A place that everything of one direction must pass, one byte after the other, with a queue before
/// it that drops at its tail.
///
/// A handle: clones are the same place, so several links and streams can stand behind one. Datagrams
/// that find the queue full are dropped. Streams never lose anything here: they write what the queue
/// has room for, and leave its last quarter to datagrams.
#[derive(Clone, Debug)]
pub struct Bottleneck(Arc<Mutex<Narrow>>);

/// When the line behind the queue is free again; the backlog follows from it.
#[derive(Debug)]
struct Narrow {
    line: Line,
    queue_bytes: u64,
    free: Instant,
    /// When datagrams came, and how long they waited, if that is wanted.
    waits: Option<Vec<(Instant, Duration)>>,
}

#[derive(Debug)]
enum Line {
    Steady {
        bytes_per_second: u64,
    },
    Traced {
        cursor: Cursor,
        /// When what waits has crossed, and how many bytes it is.
        waiting: VecDeque<(Instant, u64)>,
        queued: u64,
    },
}

impl PartialEq for Bottleneck {
    /// Whether they are the same place.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Bottleneck {
    /// The one that `config` describes, of a run that begins at `start`; `None` if it has none.
    #[must_use]
    pub fn of(start: Instant, config: &LinkConfig) -> Option<Self> {
        Some(Self(Arc::new(Mutex::new(Narrow::of(start, config)?))))
    }

    /// From now on notes how long datagrams wait.
    pub fn watch(&self) {
        self.lock().waits.get_or_insert_default();
    }

    /// When datagrams came, and how long they waited before they began to cross, since this was
    /// asked last.
    #[must_use]
    pub fn take_waits(&self) -> Vec<(Instant, Duration)> {
        self.lock().waits.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// When a datagram of `len` bytes has passed; `None` if the queue has no room for it.
    pub(crate) fn pass(&self, now: Instant, len: usize) -> Option<Instant> {
        let mut narrow = self.lock();
        let queued = narrow.queued(now);
        // However long it is, where nothing waits it crosses.
        if queued > 0 && queued.saturating_add(bytes(len)) > narrow.queue_bytes {
            return None;
        }
        let wait = narrow.free.saturating_duration_since(now);
        narrow.waits.iter_mut().for_each(|waits| waits.push((now, wait)));
        Some(narrow.push(now, bytes(len)))
    }

    /// How many bytes wait or are crossing.
    pub(super) fn queued(&self, now: Instant) -> u64 {
        self.lock().queued(now)
    }

    /// When `len` bytes of a stream have passed; its writer has asked for room.
    pub(crate) fn pass_stream(&self, now: Instant, len: usize) -> Instant {
        self.lock().push(now, bytes(len))
    }

    /// How many bytes a stream may put into the queue now.
    pub(crate) fn stream_room(&self, now: Instant) -> usize {
        let mut narrow = self.lock();
        let room = narrow.stream_queue().saturating_sub(narrow.queued(now));
        if room < narrow.stream_piece() { 0 } else { usize::try_from(room).unwrap_or(usize::MAX) }
    }

    /// From when on a stream has room, if nothing else comes.
    pub(crate) fn stream_room_at(&self) -> Instant {
        let narrow = self.lock();
        narrow.falls_to(narrow.stream_queue() - narrow.stream_piece())
    }

    /// Becomes another place at `now`, for all who stand behind it.
    pub(super) fn reconfigure(&self, now: Instant, config: &LinkConfig) {
        if let Some(narrow) = Narrow::of(now, config) {
            *self.lock() = narrow;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Narrow> {
        // Nothing below panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Narrow {
    fn of(start: Instant, config: &LinkConfig) -> Option<Self> {
        let queue_bytes = config.bottleneck.map_or(TRACE_QUEUE, |narrow| narrow.queue_bytes);
        let line = match (&config.trace, config.bottleneck) {
            (Some(trace), _) => Line::Traced {
                cursor: Cursor::new(trace.clone(), start),
                waiting: VecDeque::new(),
                queued: 0,
            },
            (None, Some(narrow)) => {
                Line::Steady { bytes_per_second: narrow.bytes_per_second.max(1) }
            }
            (None, None) => return None,
        };
        Some(Self { line, queue_bytes, free: start, waits: None })
    }

    /// Bytes that wait or are crossing.
    fn queued(&mut self, now: Instant) -> u64 {
        match &mut self.line {
            Line::Steady { bytes_per_second } => {
                let waits = nanos(self.free.saturating_duration_since(now));
                share(waits, *bytes_per_second, SECOND)
            }
            Line::Traced { waiting, queued, .. } => {
                while let Some((_, len)) = waiting.front().filter(|(at, _)| *at <= now) {
                    *queued -= len;
                    waiting.pop_front();
                }
                *queued
            }
        }
    }

    /// Lets `len` bytes in; returns when they have crossed.
    fn push(&mut self, now: Instant, len: u64) -> Instant {
        match &mut self.line {
            Line::Steady { bytes_per_second } => {
                let takes = share(len, SECOND, *bytes_per_second);
                self.free = self.free.max(now) + Duration::from_nanos(takes);
            }
            Line::Traced { cursor, waiting, queued } => {
                self.free = cursor.pass(now, u32::try_from(len).unwrap_or(u32::MAX));
                waiting.push_back((self.free, len));
                *queued += len;
            }
        }
        self.free
    }

    /// When no more than `limit` bytes are queued, if nothing else comes.
    fn falls_to(&self, limit: u64) -> Instant {
        match &self.line {
            Line::Steady { bytes_per_second } => {
                let takes = Duration::from_nanos(share(limit, SECOND, *bytes_per_second));
                self.free.checked_sub(takes).unwrap_or(self.free)
            }
            Line::Traced { waiting, queued, .. } => {
                let mut left = *queued;
                let below = waiting.iter().find(|(_, len)| {
                    left -= len;
                    left <= limit
                });
                below.map_or(self.free, |(at, _)| *at)
            }
        }
    }

    /// What streams may fill of the queue.
    fn stream_queue(&self) -> u64 {
        (self.queue_bytes / 4 * 3).max(STREAM_QUEUE)
    }

    /// What must be free before a stream goes on: in smaller pieces nobody would be faster.
    fn stream_piece(&self) -> u64 {
        (self.stream_queue() / STREAM_PIECE.1).max(STREAM_PIECE.0)
    }
}

/// What a datagram takes of the queue: an empty one too is something.
fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX).max(1)
}

/// `amount` × `times` ÷ `of`, without overflow on the way.
fn share(amount: u64, times: u64, of: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(times) / u128::from(of)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BottleneckConfig, Trace};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn bottleneck(start: Instant, bytes_per_second: u64, queue_bytes: u64) -> Bottleneck {
        let narrow = BottleneckConfig { bytes_per_second, queue_bytes };
        let config = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::default() };
        Bottleneck::of(start, &config).unwrap()
    }

    #[test]
    fn bytes_pass_at_the_rate_and_what_the_queue_cannot_hold_is_dropped() {
        let start = Instant::now();
        let bottleneck = bottleneck(start, 1_000_000, 2_500);
        assert_eq!(bottleneck.pass(start, 1_000), Some(start + ms(1)));
        assert_eq!(bottleneck.pass(start, 1_000), Some(start + ms(2)));
        assert_eq!(bottleneck.pass(start, 1_000), None, "2,000 bytes wait");
        assert_eq!(bottleneck.pass(start + ms(1), 1_000), Some(start + ms(3)));
        assert_eq!(bottleneck.pass(start + ms(10), 1_000), Some(start + ms(11)), "idle since 3 ms");
    }

    #[test]
    fn what_is_longer_than_the_queue_crosses_where_nothing_waits() {
        let start = Instant::now();
        let bottleneck = bottleneck(start, 1_000_000, 2_500);
        assert_eq!(bottleneck.pass(start, 16_000), Some(start + ms(16)));
        assert_eq!(bottleneck.pass(start + ms(15), 16_000), None, "1,000 bytes are crossing");
        assert_eq!(bottleneck.pass(start + ms(16), 16_000), Some(start + ms(32)));
    }

    #[test]
    fn a_traced_queue_empties_as_the_trace_says() {
        let start = Instant::now();
        let config = LinkConfig {
            trace: Some(Trace::parse("x", "10\n20\n30\n").unwrap()),
            bottleneck: Some(BottleneckConfig { bytes_per_second: 1, queue_bytes: 3_000 }),
            ..LinkConfig::default()
        };
        let bottleneck = Bottleneck::of(start, &config).unwrap();
        assert_eq!(bottleneck.pass(start, 1_500), Some(start + ms(10)));
        assert_eq!(bottleneck.pass(start, 1_500), Some(start + ms(20)));
        assert_eq!(bottleneck.pass(start, 1), None);
        assert_eq!(bottleneck.stream_room(start), 0);
        assert_eq!(bottleneck.stream_room_at(), start + ms(10));
        assert_eq!(bottleneck.stream_room(start + ms(10)), 1_500);
        assert_eq!(bottleneck.pass(start + ms(10), 1_500), Some(start + ms(30)));
    }

    #[test]
    fn clones_are_one_place_and_streams_leave_a_quarter_to_datagrams() {
        let start = Instant::now();
        let bottleneck = bottleneck(start, 1_000_000, 40_000);
        let stream = bottleneck.clone();
        assert_eq!(stream.stream_room(start), 30_000);
        assert_eq!(stream.pass_stream(start, 30_000), start + ms(30));
        assert_eq!(stream.stream_room(start), 0);
        assert_eq!(bottleneck.pass(start, 1_000), Some(start + ms(31)));
        let room_at = stream.stream_room_at();
        assert_eq!(room_at, start + Duration::from_micros(2_875));
        assert_eq!(stream.stream_room(room_at - Duration::from_micros(1)), 0);
        assert_eq!(stream.stream_room(room_at), 1_875);
    }
}
