//! What is logged, on standard error; but not before what a script reads there first.

use std::{
    env,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::EnvFilter;

/// Most that is held back.
const HELD: usize = 64 << 10;

/// What is held back; `None` once nothing is any more.
static BACK: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Logs warnings, or what `RUST_LOG` says, once [`flow`] is called.
pub(crate) fn start() {
    *back() = Some(Vec::new());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Writer).init();
}

/// It has started: what was held back is told, and nothing is any more.
pub(crate) fn flow() {
    let held = back().take();
    // Who closed standard error does not want to hear it.
    held.and_then(|held| io::stderr().write_all(&held).ok()).unwrap_or_default();
}

/// It cannot start, and says so in one line; unless more is wanted.
pub(crate) fn stop() {
    if env::var_os(EnvFilter::DEFAULT_ENV).is_some() {
        flow();
    }
}

fn back() -> MutexGuard<'static, Option<Vec<u8>>> {
    BACK.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *back() {
            None => io::stderr().write(bytes),
            Some(held) => {
                let room = HELD.saturating_sub(held.len()).min(bytes.len());
                held.extend_from_slice(bytes.get(..room).unwrap_or_default());
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
