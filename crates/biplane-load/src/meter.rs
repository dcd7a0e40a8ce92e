//! How time, processor time and memory are taken.

use std::{fs, time::Duration};

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// Time since the machine started: one clock for all its processes.
pub(crate) fn now() -> Duration {
    time_of(clock_gettime(ClockId::Monotonic))
}

/// Processor time of this process, all its threads and the kernel's work for them.
pub(crate) fn processor_time() -> Duration {
    time_of(clock_gettime(ClockId::ProcessCPUTime))
}

/// Memory of this process in bytes, as far as it stands in RAM; `None` where the system does not
/// say as Linux does.
pub(crate) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn time_of(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Duration,
    processor: Duration,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { at: now(), processor: processor_time() }
    }

    /// What has gone by until now.
    pub(crate) fn spent(self) -> Spent {
        let Self { at, processor } = Self::now();
        Spent {
            time: at.saturating_sub(self.at),
            processor: processor.saturating_sub(self.processor),
        }
    }
}

/// Time that went by, and what this process used of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Spent {
    pub(crate) time: Duration,
    pub(crate) processor: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_moment_costs_processor_time_and_memory_is_told_on_linux() {
        let begun = Moment::now();
        while begun.spent().time < Duration::from_millis(20) {}
        let Spent { time, processor } = begun.spent();
        assert!(processor > Duration::from_millis(1), "{processor:?} of {time:?}");
        assert_eq!(resident().is_some_and(|bytes| bytes > 100_000), cfg!(target_os = "linux"));
    }
}
