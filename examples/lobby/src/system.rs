//! What the lobby asks of the operating system and of the process it runs in.

use std::{
    fs, panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use rustix::{
    process::{Resource, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Files a process has open beside its sessions' sockets.
const FILES_BESIDE: u64 = 64;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Memory of this process, in bytes; `None` where the system does not say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: Option<u64>,
    /// Resident at the most so far.
    pub(crate) peak: Option<u64>,
}

/// Counts panics from now on.
pub(crate) fn count_panics() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        told(info);
    }));
}

/// Panics of any thread since the start.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// A flag that SIGINT and SIGTERM raise; the second signal ends the process at once.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first raises, so only the second finds it raised.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| anyhow!("cannot listen to signals: {error}"))?;
    }
    Ok(stop)
}

/// Raises the limit of open files as far as it goes.
///
/// # Errors
///
/// If that is too low for so many sessions.
pub(crate) fn raise_open_files(sessions: usize) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused shows in what is in force.
    setrlimit(Resource::Nofile, limit).ok();
    let granted = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = u64::try_from(sessions).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    if granted < needed {
        bail!("{needed} open files are needed and {granted} allowed: raise `ulimit -n`");
    }
    Ok(())
}

/// Processor time of this process so far, all threads, user and system.
pub(crate) fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// What this process holds.
pub(crate) fn memory() -> Memory {
    fs::read_to_string("/proc/self/status").map_or_else(|_| Memory::default(), |s| memory_in(&s))
}

fn memory_in(status: &str) -> Memory {
    let kibibytes = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let bytes = |name| kibibytes(name).map(|count| count * 1024);
    Memory { resident: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tlobby\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(memory_in(status), Memory { resident: Some(1 << 20), peak: Some(2 << 20) });
        assert_eq!(memory_in("VmRSS: lots"), Memory::default());
    }

    #[test]
    fn more_files_than_any_system_allows_is_said_with_the_figure() {
        let error = raise_open_files(usize::MAX / 2).unwrap_err().to_string();
        assert!(error.contains("open files are needed"), "{error}");
        assert!(raise_open_files(1).is_ok());
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = cpu_time();
        let mut sum = 0_u64;
        while cpu_time() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_time() > before);
    }
}
