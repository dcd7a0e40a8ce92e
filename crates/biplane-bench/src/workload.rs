//! What is done, and which figure of it is compared.

use std::{thread, time::Duration};

use biplane_load::{Class, Game, Measured, Plan, Tuning, Work};
use clap::ValueEnum;
use serde::Serialize;

/// Threads that receive in `receivers`; the last only on machines with as many processors.
const RECEIVERS: [usize; 3] = [1, 2, 4];

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    #[value(name = "unreliable-64")]
    #[serde(rename = "unreliable-64")]
    Unreliable64,
    #[value(name = "unreliable-1100")]
    #[serde(rename = "unreliable-1100")]
    Unreliable1100,
    #[value(name = "reliable-64")]
    #[serde(rename = "reliable-64")]
    Reliable64,
    #[value(name = "reliable-16k")]
    #[serde(rename = "reliable-16k")]
    Reliable16k,
    #[value(name = "command-16k")]
    #[serde(rename = "command-16k")]
    Command16k,
    Echo,
    Game,
    Connect,
    Idle,
    Receivers,
}

/// In what a figure is counted, and whether more of it is better.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "messages/s")]
    MessagesPerSecond,
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
    #[serde(rename = "µs")]
    Micros,
    #[serde(rename = "µs/message")]
    MicrosPerMessage,
    #[serde(rename = "sessions/s")]
    SessionsPerSecond,
    #[serde(rename = "KiB/session")]
    KibibytesPerSession,
}

impl Unit {
    pub(crate) const fn is_more_better(self) -> bool {
        match self {
            Self::MessagesPerSecond | Self::MegabytesPerSecond | Self::SessionsPerSecond => true,
            Self::Micros | Self::MicrosPerMessage | Self::KibibytesPerSession => false,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MessagesPerSecond => "messages/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Micros => "µs",
            Self::MicrosPerMessage => "µs/message",
            Self::SessionsPerSecond => "sessions/s",
            Self::KibibytesPerSession => "KiB/session",
        }
    }

    /// Decimals that say something.
    pub(crate) const fn decimals(self) -> usize {
        match self {
            Self::MessagesPerSecond | Self::SessionsPerSecond => 0,
            Self::MegabytesPerSecond | Self::Micros | Self::KibibytesPerSession => 1,
            Self::MicrosPerMessage => 2,
        }
    }
}

impl Workload {
    pub(crate) fn name(&self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// In words, for people.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Unreliable64 => "unreliable messages of 64 bytes, as fast as they go",
            Self::Unreliable1100 => "unreliable messages of 1,100 bytes, as fast as they go",
            Self::Reliable64 => "reliable ordered messages of 64 bytes, as fast as they go",
            Self::Reliable16k => "reliable ordered messages of 16 KiB, as fast as they go",
            Self::Command16k => "commands of 16 KiB, as fast as they go",
            Self::Echo => "64 bytes there and back a thousand times a second: the median",
            Self::Game => {
                "a match: 64 bytes up at 60 Hz, 600 bytes down at 20 Hz: processor time of the \
                 server for each message"
            }
            Self::Connect => "all clients join at once",
            Self::Idle => "clients that join and say nothing: memory of the server",
            Self::Receivers => "one flow of unreliable messages of 64 bytes, by receiving threads",
        }
    }

    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::Unreliable64 | Self::Reliable64 | Self::Receivers => Unit::MessagesPerSecond,
            Self::Unreliable1100 | Self::Reliable16k | Self::Command16k => Unit::MegabytesPerSecond,
            Self::Echo => Unit::Micros,
            Self::Game => Unit::MicrosPerMessage,
            Self::Connect => Unit::SessionsPerSecond,
            Self::Idle => Unit::KibibytesPerSession,
        }
    }

    /// Whether the busier of the two processes is expected to have no time left.
    pub(crate) const fn is_as_fast_as_it_goes(self) -> bool {
        matches!(self.unit(), Unit::MessagesPerSecond | Unit::MegabytesPerSecond)
    }

    /// How its messages travel, and their length; `None` where there are none.
    pub(crate) const fn messages(self) -> Option<(Class, usize)> {
        match self {
            Self::Unreliable64 | Self::Echo | Self::Receivers => Some((Class::Unreliable, 64)),
            Self::Unreliable1100 => Some((Class::Unreliable, 1100)),
            Self::Reliable64 => Some((Class::Reliable, 64)),
            Self::Reliable16k => Some((Class::Reliable, 16 * 1024)),
            Self::Command16k => Some((Class::Command, 16 * 1024)),
            Self::Game => Some((Class::Unreliable, 600)),
            Self::Connect | Self::Idle => None,
        }
    }

    pub(crate) fn plan(self, tuning: Tuning, time: Duration, is_quick: bool) -> Plan {
        let flow = |class, size| Work::Flow { class, size, rate: None };
        let (work, clients) = match (self, self.messages()) {
            (Self::Echo, _) => (Work::Echo { size: 64, rate: 1000.0 }, [1, 1]),
            (Self::Game, _) => (Work::Game(Game::default()), [1000, 200]),
            (Self::Connect, _) => (Work::Connect, [500, 200]),
            (_, Some((class, size))) => (flow(class, size), [1, 1]),
            (_, None) => (Work::Idle, [1000, 200]),
        };
        let [full, quick] = clients;
        Plan { clients: if is_quick { quick } else { full }, time, tuning, ..Plan::new(work) }
    }

    /// Numbers of receiving threads that are compared; none where the system shall choose.
    pub(crate) fn receivers(self) -> Vec<usize> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let most = if self == Self::Receivers { processors.max(2) } else { 0 };
        RECEIVERS.into_iter().filter(|count| *count <= most).collect()
    }

    /// Whether Biplane has a row too in which its applications' threads move datagrams: where they
    /// wait for each other more than they work.
    pub(crate) const fn has_inline(self) -> bool {
        matches!(self, Self::Echo | Self::Game)
    }

    /// The figure that is compared, in the workload's unit.
    pub(crate) fn figure(self, measured: &Measured) -> Option<f64> {
        match self.unit() {
            Unit::MessagesPerSecond => measured.rates.map(|rates| rates.messages_per_second),
            Unit::MegabytesPerSecond => measured.rates.map(|rates| rates.bytes_per_second / 1e6),
            Unit::Micros => measured.latency.as_ref().map(|latency| latency.p50),
            Unit::MicrosPerMessage => measured.cpu_ns_per_message.map(|cpu| cpu.server / 1e3),
            Unit::SessionsPerSecond => measured.connects.map(|connects| connects.per_second),
            Unit::KibibytesPerSession => measured.rss_bytes_per_client.map(|bytes| bytes / 1024.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_the_name_that_the_documents_give_it() {
        let names: Vec<_> = Workload::value_variants().iter().map(Workload::name).collect();
        let wanted = "unreliable-64 unreliable-1100 reliable-64 reliable-16k command-16k echo game \
                      connect idle receivers";
        assert_eq!(names, wanted.split_whitespace().collect::<Vec<_>>());
        for workload in Workload::value_variants() {
            assert_eq!(serde_json::to_value(workload).unwrap(), workload.name());
            assert_eq!(serde_json::to_value(workload.unit()).unwrap(), workload.unit().name());
        }
    }

    #[test]
    fn receivers_compares_one_thread_with_two_at_least() {
        let counts = Workload::Receivers.receivers();
        assert!(counts.starts_with(&[1, 2]), "{counts:?}");
        assert!(Workload::Game.receivers().is_empty());
    }
}
