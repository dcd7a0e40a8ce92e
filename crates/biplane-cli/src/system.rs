//! What the command asks of the operating system.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, anyhow, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use tracing_subscriber::EnvFilter;

/// Raised by the first SIGINT or SIGTERM; the second ends the process at once.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first raises, so only the second finds it raised.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
                .and_then(|_| flag::register(signal, Arc::clone(&stop)))
                .map_err(|error| anyhow!("cannot listen to signals: {error}"))?;
        }
        Ok(Self(stop))
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Logs on standard error, warnings alone unless `RUST_LOG` says otherwise.
pub(crate) fn start_telling() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // What cannot be logged is no reason to end, and to say so there would be one.
    let telling = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    telling.log_internal_errors(false).init();
}

/// Raises the limit of open files as far as it goes.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What cannot be raised shows once a connection has to be refused.
    setrlimit(Resource::Nofile, limit).ok();
}

/// Raises that limit, if that is as far as `needed`.
pub(crate) fn need_open_files(needed: usize) -> Result<()> {
    raise_open_files();
    let granted = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let is_enough = u64::try_from(needed).is_ok_and(|needed| needed <= granted);
    ensure!(is_enough, "{needed} open files are needed and {granted} allowed: raise `ulimit -n`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_more_open_files_than_allowed_is_told_both_figures() {
        assert!(need_open_files(64).is_ok());
        let Some(granted) = getrlimit(Resource::Nofile).current else { return };
        let granted = usize::try_from(granted).unwrap();
        assert!(need_open_files(granted).is_ok());
        let error = need_open_files(granted + 1).unwrap_err().to_string();
        assert!(error.contains(&granted.to_string()), "{error}");
        assert!(error.contains(&(granted + 1).to_string()), "{error}");
    }
}
