//! A control connection that is being opened: TCP, then TLS 1.3, a round trip each.
//!
//! The client writes the first byte of its own when both are done. A segment that meets a network
//! which lets nothing through is sent again after a second, and after twice as long each time
//! (RFC 6298, section 2.1 and 5.5); what is lost otherwise, the stream's own repair shows as delay.

use core::time::Duration;
use std::time::Instant;

use crate::Stream;

/// SYN, SYN-ACK, the client's TLS hello, the server's.
const SEGMENTS: u8 = 4;
/// The first wait for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection that does not carry bytes yet.
#[derive(Debug)]
pub(crate) struct Opening {
    up: Stream,
    down: Stream,
    /// Segments that have set out.
    sent: u8,
    due: Instant,
    patience: Duration,
    has_failed: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    Waits,
    Open,
    Failed,
}

impl Opening {
    pub(crate) const fn new(now: Instant, up: Stream, down: Stream) -> Self {
        Self { up, down, sent: 0, due: now, patience: PATIENCE, has_failed: false }
    }

    /// When it has something to do.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Somebody resets it; the client learns of it at `at`.
    pub(crate) fn fail(&mut self, at: Instant) {
        self.has_failed = true;
        self.due = at;
    }

    /// What was due happens; `blocked` says whether nothing comes through upward, and downward.
    pub(crate) fn go_on(&mut self, now: Instant, blocked: [bool; 2]) -> Progress {
        if now < self.due {
            return Progress::Waits;
        }
        if self.has_failed {
            return Progress::Failed;
        }
        if self.sent == SEGMENTS {
            return Progress::Open;
        }
        let [blocked_up, blocked_down] = blocked;
        let (stream, is_blocked) = if self.sent.is_multiple_of(2) {
            (&mut self.up, blocked_up)
        } else {
            (&mut self.down, blocked_down)
        };
        match if is_blocked { None } else { stream.knock(now) } {
            Some(arrives) => {
                self.sent += 1;
                self.due = arrives;
                self.patience = PATIENCE;
            }
            None => {
                self.due = now + self.patience;
                self.patience *= 2;
            }
        }
        Progress::Waits
    }

    pub(crate) fn into_streams(self) -> (Stream, Stream) {
        (self.up, self.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, StreamConfig};

    const LATENCY: Duration = Duration::from_millis(20);

    fn opening(start: Instant) -> Opening {
        let [up, down] =
            [1, 2].map(|seed| Stream::new(start, StreamConfig::clean(LATENCY), Rng::new(seed)));
        Opening::new(start, up, down)
    }

    /// How long it takes to open, where nothing comes through upward until so long after the start.
    fn took(blocked: Duration) -> Duration {
        let start = Instant::now();
        let mut opening = opening(start);
        loop {
            let now = opening.due();
            if opening.go_on(now, [now < start + blocked, false]) == Progress::Open {
                return now - start;
            }
        }
    }

    #[test]
    fn tcp_and_tls_take_two_round_trips() {
        assert_eq!(took(Duration::ZERO), 4 * LATENCY);
    }

    #[test]
    fn a_blocked_network_is_tried_again_after_a_second_and_three() {
        assert_eq!(took(Duration::from_millis(10)), Duration::from_secs(1) + 4 * LATENCY);
        assert_eq!(took(Duration::from_millis(1_001)), Duration::from_secs(3) + 4 * LATENCY);
    }

    #[test]
    fn a_reset_is_learnt_of_when_it_comes() {
        let start = Instant::now();
        let mut opening = opening(start);
        assert_eq!(opening.go_on(start, [false; 2]), Progress::Waits);
        opening.fail(start + LATENCY);
        assert_eq!(opening.go_on(start + LATENCY / 2, [false; 2]), Progress::Waits);
        assert_eq!(opening.go_on(start + LATENCY, [false; 2]), Progress::Failed);
    }
}
