//! How fast the bytes of transfers may go, so that nothing else waits for them.
//!
//! In the way of LEDBAT (RFC 6817): what round trips take beyond the shortest is taken for queues,
//! and while those are short the rate grows, towards a queueing delay of [`limits::YIELD_DELAY`].
//! Beyond, it falls below what arrives, so far that the queue goes, but to no less than
//! [`limits::YIELD_LEAST`]; near what last was too much it grows slowly. TCP below keeps its own
//! window; this keeps it from filling the path, and bounds what may be under way in whatever
//! buffers there are.

use core::time::Duration;
use std::time::Instant;

use crate::limits;

/// What round trips of a session take now, as [`Session::round_trip`](crate::Session::round_trip)
/// tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RoundTrip {
    /// The latest, or what one that is under way has taken so far.
    pub time: Duration,
    /// Whether it went over UDP; else over the control connection.
    pub over_data: bool,
}

/// The rate of one session's transfers.
#[derive(Clone, Copy, Debug)]
pub struct Yielding {
    rate: u64,
    /// The first queue has not been seen yet.
    is_first: bool,
    base: Base,
    /// Of those since the last decision.
    least: Option<Duration>,
    decided: Option<Instant>,
    /// Bytes written since then.
    written: u64,
    delivery: Delivery,
    /// What arrived when the queue last was too long.
    ceiling: Option<u64>,
    over_data: bool,
}

/// What the peer said that it has, since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Delivery {
    first: Option<Instant>,
    last: Option<Instant>,
    /// Those of the first time not counted.
    bytes: u64,
}

impl Delivery {
    fn add(&mut self, now: Instant, bytes: u64) {
        if self.first.is_some() {
            self.bytes += bytes;
        }
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Bytes per second; `None` if that is too little to tell.
    fn rate(&self) -> Option<u64> {
        let span = self.last?.saturating_duration_since(self.first?);
        let is_enough = self.bytes > 0 && span >= limits::YIELD_INTERVAL / 2;
        is_enough.then(|| share(self.bytes, Duration::from_secs(1), span))
    }
}

/// The shortest round trip of late.
#[derive(Clone, Copy, Debug, Default)]
struct Base {
    current: Option<Duration>,
    before: Option<Duration>,
    since: Option<Instant>,
}

impl Base {
    fn update(&mut self, now: Instant, time: Duration) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= limits::YIELD_WINDOW {
            *self = Self { current: None, before: self.current, since: Some(now) };
        }
        self.current = Some(self.current.map_or(time, |least| least.min(time)));
    }

    fn least(&self) -> Option<Duration> {
        self.current.into_iter().chain(self.before).min()
    }
}

impl Default for Yielding {
    fn default() -> Self {
        Self {
            rate: limits::YIELD_FIRST,
            is_first: true,
            base: Base::default(),
            least: None,
            decided: None,
            written: 0,
            delivery: Delivery::default(),
            ceiling: None,
            over_data: true,
        }
    }
}

impl Yielding {
    /// Bytes per second that may be written.
    #[must_use]
    pub const fn rate(&self) -> u64 {
        self.rate
    }

    /// Bytes were written.
    pub const fn on_written(&mut self, bytes: u64) {
        self.written += bytes;
    }

    /// The peer said that it has so many more.
    pub fn on_delivered(&mut self, now: Instant, bytes: u64) {
        self.delivery.add(now, bytes);
    }

    /// Bytes that may be under way: those of a round trip, and of a tenth of a second for what is held up
    /// and for how rarely it is told.
    #[must_use]
    pub fn window(&self) -> u64 {
        let time = self.base.least().unwrap_or(Self::SLACK) + Self::SLACK;
        share(self.rate, time, Duration::from_secs(1)).max(4 * limits::TRANSFER_TOLD)
    }

    const SLACK: Duration = Duration::from_millis(100);
    /// A queue that is too long shall be gone after as long.
    const DRAINED: Duration = Duration::from_millis(300);

    /// Takes in what round trips take; to be told every [`limits::YIELD_INTERVAL`] while there is
    /// something to write.
    pub fn handle_round_trip(&mut self, now: Instant, trip: RoundTrip) {
        if trip.over_data != self.over_data {
            self.over_data = trip.over_data;
            (self.base, self.least) = (Base::default(), None);
        }
        self.base.update(now, trip.time);
        let least = self.least.map_or(trip.time, |least| least.min(trip.time));
        self.least = Some(least);
        let Some(base) = self.base.least() else { return };
        // What was decided shows after a round trip; before, the next decision knows nothing new.
        let span = (2 * limits::YIELD_INTERVAL).max(least);
        let since = now.saturating_duration_since(*self.decided.get_or_insert(now));
        if since >= span {
            self.decide(least.saturating_sub(base), since);
            (self.decided, self.least, self.written) = (Some(now), None, 0);
            self.delivery = Delivery::default();
        }
    }

    fn decide(&mut self, queue: Duration, since: Duration) {
        let target = limits::YIELD_DELAY;
        let bearable = if self.is_first { target / 2 } else { target };
        if queue > bearable {
            self.is_first = false;
            // TCP may have held back what it lost; that tells nothing of the path.
            let told = self.delivery.rate().unwrap_or(self.rate);
            let arrives = told.clamp(self.rate / 2, self.rate);
            self.ceiling = Some(arrives);
            let left = Self::DRAINED.saturating_sub(queue.saturating_sub(target / 2));
            let kept = share(arrives, left, Self::DRAINED);
            self.rate = kept.clamp(arrives / 2, arrives / 10 * 9);
        } else if self.is_used(since) {
            let room = target.saturating_sub(queue);
            self.rate += share(self.step(), room, target);
        }
        self.rate = self.rate.max(limits::YIELD_LEAST);
    }

    /// By how much it grows at the most.
    fn step(&self) -> u64 {
        let is_near = self.ceiling.is_some_and(|ceiling| {
            let span = ceiling / 100 * 85..=ceiling / 100 * 130;
            span.contains(&self.rate)
        });
        match (self.is_first, is_near) {
            (true, _) => self.rate / 2,
            (false, true) => self.rate / 50,
            (false, false) => self.rate / 8,
        }
    }

    /// Whether as much was written as might have been: else more would say nothing.
    fn is_used(&self, since: Duration) -> bool {
        let might = share(self.rate, since, Duration::from_secs(1));
        self.written >= might / 4 * 3
    }
}

/// `amount` × `part` / `whole`.
fn share(amount: u64, part: Duration, whole: Duration) -> u64 {
    let whole = whole.as_micros().max(1);
    u64::try_from(u128::from(amount) * part.as_micros() / whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(50);

    /// A link of `capacity` bytes per second with a queue, which others fill at `others`.
    struct Link {
        now: Instant,
        yielding: Yielding,
        capacity: u64,
        queued: u64,
        sent: u64,
        worst: Duration,
    }

    impl Link {
        fn new(capacity: u64) -> Self {
            let (now, yielding) = (Instant::now(), Yielding::default());
            Self { now, yielding, capacity, queued: 0, sent: 0, worst: Duration::ZERO }
        }

        fn delay(&self) -> Duration {
            Duration::from_micros(self.queued * 1_000_000 / self.capacity)
        }

        fn run(&mut self, span: Duration, others: u64) {
            (self.sent, self.worst) = (0, Duration::ZERO);
            for _ in 0..span.as_millis() / limits::YIELD_INTERVAL.as_millis() {
                self.now += limits::YIELD_INTERVAL;
                let each = |rate: u64| share(rate, limits::YIELD_INTERVAL, Duration::from_secs(1));
                let written = each(self.yielding.rate());
                self.yielding.on_written(written);
                self.sent += written;
                self.queued += written + each(others);
                let carried = self.queued.min(each(self.capacity));
                self.queued -= carried;
                let own = share(
                    carried,
                    Duration::from_micros(written),
                    Duration::from_micros(written + each(others)),
                );
                self.yielding.on_delivered(self.now, own);
                self.worst = self.worst.max(self.delay());
                let trip = RoundTrip { time: BASE + self.delay(), over_data: true };
                self.yielding.handle_round_trip(self.now, trip);
            }
        }
    }

    #[test]
    fn a_link_of_its_own_is_filled_and_its_queue_stays_short() {
        for capacity in [125_000, 2_500_000, 100_000_000] {
            let mut link = Link::new(capacity);
            link.run(Duration::from_secs(10), 0);
            link.run(Duration::from_secs(20), 0);
            let share = link.sent * 100 / (20 * capacity);
            assert!(share >= 85, "{capacity}: {share} %");
            assert!(link.worst <= 2 * limits::YIELD_DELAY, "{capacity}: {:?}", link.worst);
        }
    }

    #[test]
    fn it_makes_way_for_others_and_takes_what_they_leave() {
        let mut link = Link::new(2_500_000);
        link.run(Duration::from_secs(10), 0);
        link.run(Duration::from_secs(5), 1_500_000);
        link.run(Duration::from_secs(10), 1_500_000);
        assert!(link.worst <= 2 * limits::YIELD_DELAY, "{:?}", link.worst);
        assert!(link.sent >= 10 * 800_000, "{} bytes", link.sent);
        link.run(Duration::from_secs(10), 0);
        assert!(link.sent >= 10 * 1_800_000, "{} bytes", link.sent);
    }

    #[test]
    fn it_ends_even_where_a_queue_never_goes() {
        let mut link = Link::new(2_500_000);
        link.run(Duration::from_secs(5), 0);
        link.run(Duration::from_secs(30), 2_600_000);
        assert_eq!(link.yielding.rate(), limits::YIELD_LEAST);
    }

    #[test]
    fn a_rate_that_nobody_uses_does_not_grow() {
        let (mut now, mut yielding) = (Instant::now(), Yielding::default());
        for _ in 0..1_000 {
            now += limits::YIELD_INTERVAL;
            yielding.handle_round_trip(now, RoundTrip { time: BASE, over_data: true });
        }
        assert_eq!(yielding.rate(), limits::YIELD_FIRST);
    }

    #[test]
    fn another_plane_and_a_longer_way_have_a_shortest_of_their_own() {
        let (mut now, mut yielding) = (Instant::now(), Yielding::default());
        let mut tell = |yielding: &mut Yielding, time: Duration, over_data, spans: u32| {
            for _ in 0..spans {
                now += limits::YIELD_INTERVAL;
                yielding.on_written(1 << 30);
                yielding.handle_round_trip(now, RoundTrip { time, over_data });
            }
        };
        tell(&mut yielding, BASE, true, 10);
        let before = yielding.rate();
        tell(&mut yielding, 2 * BASE, false, 10);
        assert!(yielding.rate() > before, "TCP's round trip is not UDP's with a queue");
        let windows = 2 * limits::YIELD_WINDOW.as_millis() / limits::YIELD_INTERVAL.as_millis();
        tell(&mut yielding, 4 * BASE, false, u32::try_from(windows).unwrap());
        let least = yielding.rate();
        tell(&mut yielding, 4 * BASE, false, 40);
        assert!(yielding.rate() > least, "the way has become longer for good");
    }
}
