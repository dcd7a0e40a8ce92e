//! How many tunnelled bytes may be unacknowledged: what TCP has swallowed can no longer be
//! superseded or expire, so it swallows little.

use std::time::Instant;

use crate::limits;

/// The bytes of tunnelled messages on their way, and how many there may be.
#[derive(Debug)]
pub(super) struct Tunnel {
    unacked: usize,
    /// Messages, those that were given up included, whose records are not acknowledged.
    records: usize,
    /// What the peer acknowledged lately in [`limits::TUNNEL_SPAN`], at least
    /// [`limits::TUNNEL_BYTES`].
    window: usize,
    /// Acknowledged since `since`.
    acked: usize,
    since: Option<Instant>,
}

impl Tunnel {
    pub(super) const fn new() -> Self {
        Self { unacked: 0, records: 0, window: limits::TUNNEL_BYTES, acked: 0, since: None }
    }

    /// Whether another message may go.
    pub(super) const fn has_room(&self) -> bool {
        self.unacked < self.window && self.records < limits::CONTROL_QUEUE_RECORDS
    }

    /// The records that are not acknowledged, and the bytes of those that were not given up.
    pub(super) const fn depth(&self) -> (usize, usize) {
        (self.records, self.unacked)
    }

    pub(super) fn on_written(&mut self, now: Instant, len: usize) {
        self.since.get_or_insert(now);
        self.unacked += len;
        self.records += 1;
    }

    /// One of so many bytes rode in vain. Its record is there until the peer knows that.
    pub(super) fn on_given_up(&mut self, len: usize) {
        self.unacked = self.unacked.saturating_sub(len);
    }

    /// The peer knows of one that was given up.
    pub(super) const fn on_gone(&mut self) {
        self.records = self.records.saturating_sub(1);
    }

    /// Another connection, of which nothing is known.
    pub(super) const fn restart(&mut self) {
        let records = self.records;
        *self = Self { records, ..Self::new() };
    }

    pub(super) fn on_acked(&mut self, now: Instant, len: usize) {
        self.unacked = self.unacked.saturating_sub(len);
        self.records = self.records.saturating_sub(1);
        self.acked += len;
        let Some(since) = self.since else { return };
        let took = now.saturating_duration_since(since);
        if took >= limits::TUNNEL_SPAN {
            let lately = self.acked as u128 * limits::TUNNEL_SPAN.as_micros() / took.as_micros();
            self.window = usize::try_from(lately).unwrap_or(usize::MAX).max(limits::TUNNEL_BYTES);
            (self.acked, self.since) = (0, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// Fills the tunnel every round trip for a second and empties it at the end of each, at most
    /// `rate` bytes a second; how wide it is then.
    fn width(rtt: Duration, rate: usize) -> usize {
        let mut now = Instant::now();
        let mut tunnel = Tunnel::new();
        let end = now + Duration::from_secs(1);
        while now < end {
            let mut written = 0;
            while tunnel.has_room() {
                tunnel.on_written(now, 1_000);
                written += 1_000;
            }
            now += rtt.max(
                Duration::from_secs(1) * u32::try_from(written / 1_000).unwrap()
                    / u32::try_from(rate / 1_000).unwrap(),
            );
            tunnel.on_acked(now, written);
        }
        tunnel.window
    }

    #[test]
    fn a_fast_connection_carries_what_it_can_in_a_tenth_of_a_second() {
        let window = width(Duration::from_millis(20), 1_000_000);
        assert!((80_000..=125_000).contains(&window), "{window}");
    }

    #[test]
    fn a_slow_or_long_one_carries_a_little_at_a_time() {
        assert_eq!(width(Duration::from_millis(20), 50_000), limits::TUNNEL_BYTES);
        assert_eq!(width(Duration::from_millis(400), 1_000_000), limits::TUNNEL_BYTES);
    }

    #[test]
    fn a_stall_makes_it_narrow_again() {
        let now = Instant::now();
        let mut tunnel = Tunnel { window: 200_000, ..Tunnel::new() };
        tunnel.on_written(now, 100_000);
        tunnel.on_acked(now + Duration::from_secs(3), 100_000);
        assert_eq!(tunnel.window, limits::TUNNEL_BYTES);
    }
}
