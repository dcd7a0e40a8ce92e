//! One direction of a network.

use core::time::Duration;

use crate::{BottleneckConfig, LinkConfig, Loss, StreamConfig, Trace, rng::nanos};

/// What IPv4 and UDP put around a datagram, in bytes.
const HEADERS: usize = 20 + 8;
/// The queue before a rate where nobody says how long it is.
const QUEUE: Duration = Duration::from_millis(100);
/// The shortest queue: four full packets, so that the quarter that TCP leaves to datagrams is one.
const SHORTEST_QUEUE: u64 = 6_000;
/// How far those fall behind that are reordered, at the most.
const REORDER_BY: Duration = Duration::from_millis(50);
/// What may be under way of a TCP connection, in bytes.
const WINDOW: (u64, u64) = (64 << 10, 8 << 20);
/// The same where there is no rate to reckon with.
const WINDOW_UNLIMITED: usize = 1 << 20;

/// Everything that one direction of a network does to what crosses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// One way, in the mean where `jitter` is not more.
    pub delay: Duration,
    /// How far the delay strays: uniform from `delay` − `jitter`, but at least 0, to `delay` +
    /// `jitter`. It keeps datagrams in order and wanders from one draw to the next, 4 × `jitter`
    /// apart in time, unless `jitter_reorders`.
    pub jitter: Duration,
    /// Whether each datagram draws its own delay, so that they overtake each other.
    pub jitter_reorders: bool,
    /// The share of datagrams lost and of TCP segments delayed by a repair, 0 to 1.
    pub loss: f64,
    /// How many are lost in a row on average, from 1, which is each for itself.
    pub burst: f64,
    /// The share of datagrams that arrives twice, 0 to 1.
    pub duplicate: f64,
    /// The share of datagrams that falls behind, 0 to 1.
    pub reorder: f64,
    /// How far those fall behind: uniform from 0 to this; 50 ms unless told.
    pub reorder_by: Duration,
    /// The share of datagrams that arrives with altered bytes, 0 to 1.
    pub corrupt: f64,
    /// What it carries.
    pub capacity: Capacity,
    /// What waits at the most before the narrowest place, 6,000 bytes or more; unless told 100 ms at
    /// its rate, or 1 MB before a trace.
    pub queue: Option<Queue>,
    /// The longest IP packet, in bytes; a datagram is 28 shorter. Not felt by TCP.
    pub mtu: Option<usize>,
}

/// What a direction carries.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Capacity {
    /// Whatever comes.
    #[default]
    Unlimited,
    /// So many bits a second.
    Rate(u64),
    /// What a trace says.
    Trace(Trace),
}

/// How much waits at the most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Queue {
    /// So many bytes.
    Bytes(u64),
    /// What crosses in that time.
    Time(Duration),
}

impl Default for Way {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            jitter_reorders: false,
            loss: 0.0,
            burst: 1.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: REORDER_BY,
            corrupt: 0.0,
            capacity: Capacity::Unlimited,
            queue: None,
            mtu: None,
        }
    }
}

impl Way {
    /// What it does to datagrams.
    #[must_use]
    pub fn link(&self) -> LinkConfig {
        LinkConfig { mtu: self.mtu.map(|mtu| mtu.saturating_sub(HEADERS)), ..self.packets() }
    }

    /// What it does to whole IP packets: `mtu` counts as it stands.
    #[must_use]
    pub fn packets(&self) -> LinkConfig {
        LinkConfig {
            latency: self.least(),
            jitter: self.range(),
            keeps_order: !self.jitter_reorders,
            loss: self.losing(),
            duplication: self.duplicate,
            reordering: self.reorder,
            reorder_by: self.reorder_by,
            corruption: self.corrupt,
            bottleneck: self.bottleneck(),
            trace: self.trace().cloned(),
            mtu: self.mtu,
            outages: Vec::new(),
        }
    }

    /// What it does to the bytes of a TCP connection whose acks come back by `back`.
    ///
    /// The window is what fills path and queue, from 64 KiB to 8 MiB; 1 MiB where nothing limits.
    #[must_use]
    pub fn stream(&self, back: &Self) -> StreamConfig {
        StreamConfig {
            jitter: self.range(),
            ack_latency: back.least() + back.range() / 2,
            loss: self.losing(),
            window: self.window(back),
            ..StreamConfig::clean(self.least())
        }
    }

    /// The least delay.
    const fn least(&self) -> Duration {
        self.delay.saturating_sub(self.jitter)
    }

    /// How much more it is at the most.
    fn range(&self) -> Duration {
        self.delay.saturating_add(self.jitter).saturating_sub(self.least())
    }

    fn losing(&self) -> Loss {
        match self.loss {
            share if share <= 0.0 => Loss::Never,
            // Bursts that lose everything have no end to speak of.
            share if self.burst <= 1.0 || share >= 1.0 => Loss::Independent { share },
            share => Loss::Bursts { share, mean_length: self.burst },
        }
    }

    fn bottleneck(&self) -> Option<BottleneckConfig> {
        let (bytes_per_second, otherwise) = match &self.capacity {
            Capacity::Unlimited => return None,
            Capacity::Rate(bits) => ((bits / 8).max(1), Some(Queue::Time(QUEUE))),
            Capacity::Trace(trace) => (trace.bytes_per_second(), None),
        };
        let queue_bytes = self.queue.or(otherwise)?.bytes(bytes_per_second);
        Some(BottleneckConfig { bytes_per_second, queue_bytes })
    }

    const fn trace(&self) -> Option<&Trace> {
        match &self.capacity {
            Capacity::Trace(trace) => Some(trace),
            Capacity::Unlimited | Capacity::Rate(_) => None,
        }
    }

    fn window(&self, back: &Self) -> usize {
        let Some(narrow) = self.bottleneck() else {
            return if self.trace().is_some() { 1 << 21 } else { WINDOW_UNLIMITED };
        };
        let rtt = self.delay + self.jitter + back.delay + back.jitter;
        let fills = crossing(rtt, narrow.bytes_per_second).saturating_add(narrow.queue_bytes);
        usize::try_from(fills.clamp(WINDOW.0, WINDOW.1)).unwrap_or(WINDOW_UNLIMITED)
    }
}

impl Queue {
    /// In bytes, before so many a second.
    fn bytes(self, bytes_per_second: u64) -> u64 {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Time(time) => crossing(time, bytes_per_second),
        };
        bytes.max(SHORTEST_QUEUE)
    }
}

/// How many bytes cross in that time.
fn crossing(time: Duration, bytes_per_second: u64) -> u64 {
    let product = u128::from(nanos(time)) * u128::from(bytes_per_second);
    u64::try_from(product / 1_000_000_000).unwrap_or(u64::MAX)
}
