//! The narrowest place of a link, and the queue before it.

use core::time::Duration;
use std::time::Instant;

use super::BottleneckConfig;
use crate::rng::nanos;

const SECOND: u64 = 1_000_000_000;

/// When the line behind the queue is free again; the backlog follows from it.
#[derive(Debug)]
pub(super) struct Bottleneck {
    config: BottleneckConfig,
    free: Instant,
}

impl Bottleneck {
    pub(super) const fn new(config: BottleneckConfig, now: Instant) -> Self {
        Self { config, free: now }
    }

    /// When a datagram of `len` bytes has passed; `None` if the queue has no room for it.
    pub(super) fn pass(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let waits = nanos(self.free.saturating_duration_since(now));
        let queued = share(waits, self.config.bytes_per_second, SECOND);
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if queued.saturating_add(len) > self.config.queue_bytes {
            return None;
        }
        let takes = share(len, SECOND, self.config.bytes_per_second.max(1));
        self.free = self.free.max(now) + Duration::from_nanos(takes);
        Some(self.free)
    }
}

/// `amount` × `times` ÷ `of`, without overflow on the way.
fn share(amount: u64, times: u64, of: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(times) / u128::from(of)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_at_the_rate_and_what_the_queue_cannot_hold_is_dropped() {
        let start = Instant::now();
        let config = BottleneckConfig { bytes_per_second: 1_000_000, queue_bytes: 2_500 };
        let mut bottleneck = Bottleneck::new(config, start);
        let ms = Duration::from_millis;
        assert_eq!(bottleneck.pass(start, 1_000), Some(start + ms(1)));
        assert_eq!(bottleneck.pass(start, 1_000), Some(start + ms(2)));
        assert_eq!(bottleneck.pass(start, 1_000), None, "2,000 bytes wait");
        assert_eq!(bottleneck.pass(start + ms(1), 1_000), Some(start + ms(3)));
        assert_eq!(bottleneck.pass(start + ms(10), 1_000), Some(start + ms(11)), "idle since 3 ms");
    }
}
