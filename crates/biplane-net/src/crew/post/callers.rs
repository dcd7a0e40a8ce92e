//! Whether who waits for the application leads the receivers.
//!
//! Where little comes, always: what comes while it does something else waits until a receiver looks,
//! and fits any socket's buffer. Where much comes, only who keeps up.

use core::{mem, time::Duration};
use std::time::Instant;

use crate::limits;

/// Those who wait for the application, one of whom may lead.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Callers {
    lead: bool,
    /// The one who led has gone, and none has come back since.
    has_gone: bool,
    gauge: Gauge,
    /// They do without the place until then, where much comes.
    rests_until: Option<Instant>,
    /// How long, when one had stayed away last.
    rest: Duration,
}

/// How much comes.
#[derive(Clone, Copy, Debug, Default)]
struct Gauge {
    /// `None` before the first look.
    since: Option<Instant>,
    /// Datagrams before that.
    before: u64,
    is_heavy: bool,
}

impl Callers {
    /// Whether one of them leads.
    pub(super) const fn lead(&self) -> bool {
        self.lead
    }

    /// One would lead, now that so many datagrams have come; whether it does.
    pub(super) fn take_place(&mut self, now: Instant, datagrams: u64) -> bool {
        self.has_gone = false;
        self.keep_place(now, datagrams)
    }

    /// Whether the one who leads goes on.
    pub(super) fn keep_place(&mut self, now: Instant, datagrams: u64) -> bool {
        let keeps_up = self.rests_until.is_none_or(|until| until <= now);
        self.lead = self.gauge.look(now, datagrams) || keeps_up;
        self.lead
    }

    /// The one who leads has something else to do.
    pub(super) const fn leave(&mut self) {
        (self.lead, self.has_gone) = (false, true);
    }

    /// The one who leads is behind.
    pub(super) fn fall_behind(&mut self, now: Instant) {
        self.rest_for(now, limits::CALLER_REST);
    }

    /// A receiver stands in for whoever led. If that has stayed away, the rest is the longer, the
    /// sooner that was after the last.
    pub(super) fn stood_in(&mut self, now: Instant) {
        if !mem::take(&mut self.has_gone) {
            return;
        }
        let is_soon = self.rests_until.is_some_and(|until| now < until + self.rest);
        let longer = (2 * self.rest).clamp(limits::CALLER_REST, limits::CALLER_REST_MAX);
        self.rest = if is_soon { longer } else { limits::CALLER_REST };
        self.rest_for(now, self.rest);
    }

    fn rest_for(&mut self, now: Instant, time: Duration) {
        self.rests_until = self.rests_until.max(Some(now + time));
    }
}

impl Gauge {
    /// Whether little comes, now that so many have.
    fn look(&mut self, now: Instant, datagrams: u64) -> bool {
        let is_heavy = datagrams.saturating_sub(self.before) > limits::CALLER_DATAGRAMS;
        let lasts = |since| now.saturating_duration_since(since) < limits::CALLER_SPAN;
        if is_heavy || !self.since.is_some_and(lasts) {
            *self = Self { since: Some(now), before: datagrams, is_heavy };
        }
        !self.is_heavy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_away_time_and_again_does_without_for_longer_each_time() {
        let (mut callers, mut now, mut datagrams) = (Callers::default(), Instant::now(), 0);
        let mut rest = |pause: Duration| {
            now += pause;
            callers.leave();
            callers.stood_in(now);
            let begun_at = now;
            loop {
                datagrams += limits::CALLER_DATAGRAMS + 1;
                if callers.take_place(now, datagrams) {
                    return now - begun_at;
                }
                now += Duration::from_millis(1);
            }
        };
        let rests: Vec<_> = (0..7).map(|_| rest(Duration::from_millis(5))).collect();
        let twice = |pair: &[Duration]| pair[1] == (2 * pair[0]).min(limits::CALLER_REST_MAX);
        assert!(rests.windows(2).all(twice), "{rests:?}");
        assert_eq!((rests[0], rests[6]), (limits::CALLER_REST, limits::CALLER_REST_MAX));
        assert_eq!(rest(limits::CALLER_REST_MAX), limits::CALLER_REST, "it was back for long");
    }

    #[test]
    fn who_stands_in_for_a_receiver_holds_up_no_caller() {
        let (mut callers, now) = (Callers::default(), Instant::now());
        callers.stood_in(now);
        assert!(callers.take_place(now, limits::CALLER_DATAGRAMS + 1));
    }
}
