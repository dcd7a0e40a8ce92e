//! What a link does to datagrams, as figures.

use core::time::Duration;

use super::Trace;

/// One direction of a UDP path: everything that may happen to a datagram on it.
///
/// The default is a perfect link: no latency, no fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkConfig {
    /// How long every datagram takes at least.
    pub latency: Duration,
    /// How much longer some take: uniform from 0 to this in the mean.
    pub jitter: Duration,
    /// Whether jitter keeps datagrams in order: then it wanders from one draw to the next, instead
    /// of being drawn for each. Those that `reordering` picks still fall behind.
    pub keeps_order: bool,
    /// Which datagrams are lost.
    pub loss: Loss,
    /// The share that arrives twice, 0 to 1; the copy has a jitter of its own.
    pub duplication: f64,
    /// The share that falls behind, 0 to 1.
    pub reordering: f64,
    /// How far those fall behind: uniform from 0 to this.
    pub reorder_by: Duration,
    /// The share that arrives with some of its bytes altered, 0 to 1.
    pub corruption: f64,
    /// The narrowest place, if there is one.
    pub bottleneck: Option<BottleneckConfig>,
    /// What the narrowest place lets pass and when, instead of the bottleneck's rate. The queue
    /// before it is the bottleneck's, or 1 MB where there is none.
    pub trace: Option<Trace>,
    /// The longest datagram that passes, in bytes.
    pub mtu: Option<usize>,
    /// When nothing comes through, counted from the start of the run.
    pub outages: Vec<Outage>,
}

impl LinkConfig {
    /// A link without a fault.
    #[must_use]
    pub fn clean(latency: Duration) -> Self {
        Self { latency, keeps_order: true, ..Self::default() }
    }

    /// The same link once its faults are over: latency, bottleneck and MTU stay.
    #[must_use]
    pub fn calmed(&self) -> Self {
        Self {
            bottleneck: self.bottleneck,
            trace: self.trace.clone(),
            mtu: self.mtu,
            ..Self::clean(self.latency)
        }
    }
}

/// Which datagrams are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// None.
    #[default]
    Never,
    /// Each with the same probability, whatever became of the one before.
    Independent {
        /// 0 to 1.
        share: f64,
    },
    /// In bursts: a Gilbert–Elliott model whose bad state loses everything. Every 2 s the state is
    /// drawn afresh, so that datagrams far apart are lost each for itself.
    Bursts {
        /// The share lost in the long run, 0 to below 1.
        share: f64,
        /// How many are lost in a row on average, from 1; more where that is less than the share
        /// takes, `share` ÷ (1 − `share`).
        mean_length: f64,
    },
}

impl Loss {
    /// The share lost in the long run, 0 to 1.
    #[must_use]
    pub const fn share(self) -> f64 {
        match self {
            Self::Never => 0.0,
            Self::Independent { share } | Self::Bursts { share, .. } => share,
        }
    }
}

/// A place that lets so many bytes pass in a second, with a queue before it that drops at its tail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BottleneckConfig {
    /// Bytes a second.
    pub bytes_per_second: u64,
    /// The most that waits, in bytes.
    pub queue_bytes: u64,
}

/// A stretch of time in which nothing comes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outage {
    /// Its first moment, counted from the start of the run.
    pub from: Duration,
    /// The first moment after it.
    pub until: Duration,
}

impl Outage {
    /// Whether `elapsed` since the start of the run lies in it.
    #[must_use]
    pub fn covers(&self, elapsed: Duration) -> bool {
        (self.from..self.until).contains(&elapsed)
    }
}
