//! A part's words with its parent.

use std::{
    io::{BufRead, Write, stdin, stdout},
    process,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::line::{Order, Settings, Told};

/// What a part ends with when its parent is gone.
const ORPHAN: i32 = 3;

/// How far the parent has led this part.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Waiting,
    Working,
    Stopping,
    Ended,
}

/// The phase, kept up to date by a thread that hears the orders.
#[derive(Debug)]
pub(super) struct Orders(Arc<AtomicU8>);

impl Orders {
    pub(super) fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Waiting,
            1 => Phase::Working,
            2 => Phase::Stopping,
            _ => Phase::Ended,
        }
    }

    /// Waits while there is nothing to do at all.
    pub(super) fn wait_to_go(&self) {
        while self.phase() == Phase::Waiting {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Reads the settings, and listens to orders from then on.
pub(super) fn listen() -> Result<(Settings, Orders)> {
    let mut line = String::new();
    stdin().read_line(&mut line).context("settings")?;
    let settings = serde_json::from_str(&line).context("settings")?;
    let phase = Arc::<AtomicU8>::default();
    let orders = Orders(Arc::clone(&phase));
    thread::Builder::new().name("load-orders".to_owned()).spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else { continue };
            let next = match order {
                Order::Go => Phase::Working,
                Order::Stop => Phase::Stopping,
                Order::End => Phase::Ended,
            };
            phase.store(next as u8, Ordering::Relaxed);
        }
        // Nobody is left to work for.
        process::exit(ORPHAN);
    })?;
    Ok((settings, orders))
}

/// Says a line to the parent.
pub(super) fn tell(told: &Told) {
    let mut stdout = stdout().lock();
    // A parent that is gone ends this process anyway.
    if let Ok(line) = serde_json::to_string(told) {
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).ok();
    }
}
