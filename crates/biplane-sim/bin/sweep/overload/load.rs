//! What an application offers that wants ten times what its link carries, and what comes of it.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{ChannelStats, SendError};
use biplane_sim::{Rng, Side, World, index_of, stamp};
use biplane_wire::ChannelId;

pub(super) const CLIENT: Side = Side::Client(0);
pub(super) const SERVER: Side = Side::Server(0);

/// One channel of the application, and every message that it took.
#[derive(Debug)]
pub(super) struct Lane {
    channel: ChannelId,
    /// Bytes of a message.
    size: usize,
    /// Messages a second.
    rate: f64,
    /// When each message was sent.
    sent: Vec<Instant>,
    /// Messages that were due, sent or refused.
    offered: u64,
    /// Sends that were refused because the queue was full.
    pub(super) refused: u64,
    /// Each that came, and how long it took, in the order of arrival.
    pub(super) came: Vec<(u64, Duration)>,
}

impl Lane {
    pub(super) const fn new(channel: ChannelId, size: usize, rate: f64) -> Self {
        Self { channel, size, rate, sent: Vec::new(), offered: 0, refused: 0, came: Vec::new() }
    }

    /// How many messages it took.
    pub(super) const fn sent(&self) -> u64 {
        self.sent.len() as u64
    }

    /// Offers what is due after so much time of sending; whether anything was refused otherwise than
    /// for a full queue.
    pub(super) fn offer(
        &mut self,
        world: &mut World,
        rng: &mut Rng,
        time: Duration,
    ) -> Result<(), SendError> {
        while (self.offered as f64) < self.rate * time.as_secs_f64() {
            self.offered += 1;
            let message = stamp(self.sent(), self.size, rng);
            match world.send(CLIENT, self.channel, message) {
                Ok(()) => self.sent.push(world.now()),
                Err(SendError::QueueFull) => self.refused += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Counts what is due from here on.
    pub(super) const fn begin(&mut self) {
        self.offered = 0;
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, world: &mut World) {
        while let Some(message) = world.take(SERVER, self.channel) {
            let index = index_of(&message).unwrap_or(u64::MAX);
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            let took = self.sent.get(place).map(|at| world.now().saturating_duration_since(*at));
            // What was never sent took longer than anything may.
            self.came.push((index, took.unwrap_or(Duration::MAX)));
        }
    }

    pub(super) fn stats(&self, world: &mut World) -> ChannelStats {
        let stats =
            world.act(CLIENT, |now, core| core.session_mut().channel_stats(now, self.channel));
        stats.flatten().unwrap_or_default()
    }

    /// How long those took that came from `first` on, in the order of arrival, shortest first.
    pub(super) fn latencies(&self, first: usize) -> Vec<Duration> {
        let mut all: Vec<_> = self.came.iter().skip(first).map(|(_, took)| *took).collect();
        all.sort_unstable();
        all
    }
}

/// What a share of them does not exceed; zero of none.
pub(super) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let place = (sorted.len().saturating_sub(1)) as f64 * share;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let place = place.round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_them() {
        let all: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let of = |share| quantile(&all, share).as_millis();
        assert_eq!((of(0.0), of(0.5), of(0.95), of(1.0)), (1, 51, 95, 100));
        assert_eq!(quantile(&[], 0.95), Duration::ZERO);
    }
}
