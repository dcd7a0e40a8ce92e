//! A path on which others fill the queue: a CUBIC window, and looks at whether they are gone.

use core::time::Duration;
use std::time::Instant;

use super::super::{Acked, Controller as _, Cubic, Loss};

/// Whether the path is contested, and what is known of that.
#[derive(Debug, Default)]
pub(super) struct Contest {
    now: Option<Box<Contested>>,
    /// Until when a queue is taken for another contest at the first sight, and the window then.
    suspected: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Contested {
    cubic: Cubic,
    /// When to look whether the queue is still theirs, and how long after that again.
    look_at: Instant,
    pause: Duration,
    /// Whether a look has shown that it is.
    is_confirmed: bool,
    /// Since when the queue has been short.
    short_since: Option<Instant>,
}

impl Contest {
    /// Time until the first look. What was no contest does not fill a queue for longer.
    const FIRST_LOOK: Duration = Duration::from_secs(2);
    const LONGEST_PAUSE: Duration = Duration::from_secs(8);
    /// How long an old suspicion lasts.
    const SUSPICION: Duration = Duration::from_secs(5);
    /// Round trips for which a queue must be short to be somebody else's no more.
    const SHORT_ROUNDS: u32 = 3;

    pub(super) const fn is_on(&self) -> bool {
        self.now.is_some()
    }

    /// Whether it was contested a moment ago, without doubt.
    pub(super) fn is_suspected(&self, now: Instant) -> bool {
        self.suspected.is_some_and(|(until, _)| now < until)
    }

    /// The window, while it is contested.
    pub(super) fn window(&self) -> Option<u64> {
        self.now.as_ref().map(|contested| contested.cubic.window())
    }

    /// It is contested, with a window of `window`, or what it was a moment ago.
    pub(super) fn begin(&mut self, now: Instant, datagram: u64, window: u64) {
        let known = self.suspected.filter(|(until, _)| now < *until);
        let window = known.map_or(window, |(_, before)| before.max(window));
        self.now = Some(Box::new(Contested {
            cubic: Cubic::at(datagram, window),
            look_at: now + Self::FIRST_LOOK,
            pause: Self::FIRST_LOOK,
            is_confirmed: known.is_some(),
            short_since: None,
        }));
    }

    /// A look has shown that the queue is theirs.
    pub(super) fn confirm(&mut self, now: Instant) {
        if let Some(contested) = &mut self.now {
            contested.is_confirmed = true;
            contested.pause = (contested.pause * 2).min(Self::LONGEST_PAUSE);
            contested.look_at = now + contested.pause;
        }
    }

    /// The queue is ours.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(contested) = self.now.take() {
            let suspicion = (now + Self::SUSPICION, contested.cubic.window());
            self.suspected = contested.is_confirmed.then_some(suspicion);
        }
    }

    /// Whether the queue has been short for long enough.
    pub(super) fn is_over(&mut self, acked: &Acked, is_long: bool) -> bool {
        let Some(contested) = &mut self.now else { return false };
        if is_long {
            contested.short_since = None;
            return false;
        }
        let since = *contested.short_since.get_or_insert(acked.now);
        acked.now.saturating_duration_since(since) > acked.least_rtt * Self::SHORT_ROUNDS
    }

    /// Lets the window grow; returns it if it is time for a look.
    pub(super) fn on_ack(&mut self, acked: Acked) -> Option<u64> {
        let contested = self.now.as_mut()?;
        contested.cubic.on_ack(acked);
        let is_due = acked.now >= contested.look_at && !acked.app_limited;
        is_due.then(|| contested.cubic.window())
    }

    pub(super) fn on_congestion(&mut self, loss: Loss) {
        if let Some(contested) = &mut self.now {
            contested.cubic.on_congestion(loss);
        }
    }

    pub(super) fn on_mark(&mut self, now: Instant, newest: Instant) {
        if let Some(contested) = &mut self.now {
            contested.cubic.on_mark(now, newest);
        }
    }

    pub(super) fn on_spurious(&mut self, since: Instant) {
        if let Some(contested) = &mut self.now {
            contested.cubic.on_spurious(since);
        }
    }

    pub(super) fn set_datagram(&mut self, bytes: u64) {
        if let Some(contested) = &mut self.now {
            contested.cubic.set_datagram(bytes);
        }
    }
}
