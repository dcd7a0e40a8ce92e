//! When the next packet may go: a bucket that fills at a little above window per RTT (RFC 9002,
//! section 7.7).

use core::time::Duration;
use std::time::Instant;

use crate::limits;

/// Tokens in bytes; below zero while a burst is being paid off.
#[derive(Debug)]
pub(super) struct Pacer {
    tokens: f64,
    filled_at: Instant,
    /// Bytes per second.
    rate: f64,
}

impl Pacer {
    /// Packets that may leave back to back.
    const BURST_PACKETS: usize = 10;
    /// And at least what the rate gives in this time: timers resolve no finer.
    const BURST_SECONDS: f64 = 0.002;

    pub(super) fn new(now: Instant) -> Self {
        let burst = (Self::BURST_PACKETS * limits::DATAGRAM_SIZE) as f64;
        Self { tokens: burst, filled_at: now, rate: burst * 10.0 }
    }

    /// Bytes per second for a window and RTT: five quarters of it per RTT.
    pub(super) fn rate(window: u64, rtt: Duration) -> f64 {
        1.25 * window as f64 / rtt.as_secs_f64().max(1e-6)
    }

    fn burst(&self) -> f64 {
        let packets = (Self::BURST_PACKETS * limits::DATAGRAM_SIZE) as f64;
        packets.max(self.rate * Self::BURST_SECONDS)
    }

    fn tokens(&self, now: Instant) -> f64 {
        if now <= self.filled_at {
            // Most packets leave in rows, at one time.
            return self.tokens.min(self.burst());
        }
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        (self.tokens + elapsed * self.rate).min(self.burst())
    }

    /// How long `size` bytes must wait; `None` if they may go.
    pub(super) fn delay(&self, now: Instant, size: usize) -> Option<Duration> {
        let missing = size as f64 - self.tokens(now);
        if missing <= 0.0 {
            return None;
        }
        Some(Duration::from_secs_f64((missing / self.rate).min(1.0)).max(limits::GRANULARITY))
    }

    /// Nothing has left for long: no more than the packets of a burst leave at once now, however high
    /// the rate was.
    pub(super) fn on_rest(&mut self, now: Instant) {
        let packets = (Self::BURST_PACKETS * limits::DATAGRAM_SIZE) as f64;
        self.tokens = self.tokens(now).min(packets);
        self.filled_at = self.filled_at.max(now);
    }

    /// Pays for a packet, at the rate that holds from now on.
    pub(super) fn on_sent(&mut self, now: Instant, size: usize, rate: f64) {
        self.tokens = self.tokens(now) - size as f64;
        self.filled_at = self.filled_at.max(now);
        self.rate = rate.max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_and_the_rest_is_spread() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let rate = Pacer::rate(12_000, Duration::from_millis(100));
        for _ in 0..10 {
            assert_eq!(pacer.delay(start, 1_200), None);
            pacer.on_sent(start, 1_200, rate);
        }
        let delay = pacer.delay(start, 1_200).unwrap();
        assert_eq!(delay, Duration::from_millis(8), "1,200 bytes at 150 kB/s");
        assert_eq!(pacer.delay(start + delay, 1_200), None);
    }
}
