//! How much an unreliable flow may have under way, so that it goes as fast as it can with next to
//! no loss.
//!
//! The same for every system, and outside of it: the server counts in memory that both processes
//! share, and the client sends no more than the window beyond that count.

use std::time::Duration;

use crate::shared::{Shared, Total};

/// Messages under way at the most, however short: what waits for an application is bounded too.
const MESSAGES: u64 = 4_096;
/// The window never shrinks below so many messages a client.
const LEAST: u64 = 4;
/// After so long in which a window was full and nothing came, a little more is sent: what comes of
/// it shows that all before it is lost.
const PATIENCE: Duration = Duration::from_millis(10);
/// So many messages of each client. A server that was merely held up drops no more than these.
const PROBE: u64 = 32;
/// The window is set anew after so long.
const PERIOD: Duration = Duration::from_millis(20);
/// It is halved where more than one message in so many was lost.
const RARE: u64 = 100;
/// It grows by this part of itself where none was.
const STEP: u64 = 16;

/// The window of all clients of a process.
#[derive(Debug)]
pub(crate) struct Window {
    most: u64,
    now: u64,
    clients: u64,
    /// Where nothing came for long, what each client sent before this number is not counted.
    floors: Vec<u64>,
    /// When the count last moved, and what it was then.
    moved: (Duration, u64),
    period: Period,
}

/// What was known when the window was last set.
#[derive(Debug, Default)]
struct Period {
    begun: Duration,
    next: u64,
    arrived: u64,
    was_full: bool,
}

impl Window {
    /// At most `bytes` under way over so many clients, in messages of `size` bytes.
    pub(crate) fn new(bytes: usize, size: usize, clients: usize) -> Self {
        let (bytes, size) = (bytes as u64, size.max(1) as u64);
        let most = (bytes / size).clamp(1, MESSAGES);
        let floors = vec![0; clients];
        let (moved, period) = (Default::default(), Period::default());
        Self { most, now: most, clients: clients.max(1) as u64, floors, moved, period }
    }

    /// How many messages a client may send that has sent so many.
    pub(crate) fn credit(&self, client: usize, sent: u64, shared: Shared) -> u64 {
        let floor = self.floors.get(client).copied().unwrap_or(0);
        let under_way = sent.saturating_sub(shared.next(client).max(floor));
        self.share().saturating_sub(under_way)
    }

    /// What one client may have under way.
    fn share(&self) -> u64 {
        (self.now / self.clients).max(1)
    }

    /// Messages under way at the most, as it is now.
    pub(crate) const fn messages(&self) -> u64 {
        self.now
    }

    /// Looks what came, after a turn in which the window was or was not full; `sent` says how many
    /// each client has sent.
    pub(crate) fn look(
        &mut self,
        now: Duration,
        is_full: bool,
        sent: impl Iterator<Item = u64>,
        shared: Shared,
    ) {
        let arrived = shared.total(Total::Up);
        self.period.was_full |= is_full;
        if arrived != self.moved.1 {
            self.moved = (now, arrived);
        } else if is_full && now.saturating_sub(self.moved.0) >= PATIENCE {
            self.moved.0 = now;
            let counted = self.share().saturating_sub(PROBE);
            let floors = self.floors.iter_mut().zip(sent);
            floors.for_each(|(floor, sent)| *floor = sent.saturating_sub(counted));
        }
        if now.saturating_sub(self.period.begun) >= PERIOD {
            self.set(now, arrived, shared);
        }
    }

    fn set(&mut self, now: Duration, arrived: u64, shared: Shared) {
        let next = (0..self.floors.len()).map(|client| shared.next(client)).sum::<u64>();
        let passed = next.saturating_sub(self.period.next);
        let lost = passed.saturating_sub(arrived.saturating_sub(self.period.arrived));
        if lost * RARE > passed {
            self.now = (self.now / 2).max(LEAST * self.clients).min(self.most);
        } else if lost == 0 && self.period.was_full {
            self.now = (self.now + self.now / STEP + 1).min(self.most);
        }
        self.period = Period { begun: now, next, arrived, was_full: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::SharedFile;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn shared() -> Shared {
        let file = SharedFile::create(2).unwrap();
        Shared::map(file.path()).unwrap()
    }

    #[test]
    fn no_more_is_sent_than_the_window_beyond_what_came() {
        let (window, shared) = (Window::new(1_000, 100, 1), shared());
        assert_eq!(window.credit(0, 0, shared), 10);
        assert_eq!(window.credit(0, 10, shared), 0);
        shared.set_next(0, 4);
        assert_eq!(window.credit(0, 10, shared), 4);
    }

    #[test]
    fn short_messages_are_bounded_by_their_number_and_clients_share() {
        assert_eq!(Window::new(1 << 20, 64, 1).messages(), MESSAGES);
        let (window, shared) = (Window::new(1_000, 100, 2), shared());
        assert_eq!((window.credit(0, 0, shared), window.credit(1, 0, shared)), (5, 5));
        assert_eq!(Window::new(10, 100, 2).credit(1, 0, shared), 1, "one always goes");
    }

    #[test]
    fn where_nothing_comes_for_long_a_little_more_is_sent_and_opens_the_window_if_it_comes() {
        let (mut window, shared) = (Window::new(100_000, 100, 1), shared());
        window.look(ms(0), true, [1_000].into_iter(), shared);
        window.look(ms(9), true, [1_000].into_iter(), shared);
        assert_eq!(window.credit(0, 1_000, shared), 0);
        window.look(ms(10), true, [1_000].into_iter(), shared);
        assert_eq!(window.credit(0, 1_000, shared), PROBE);
        window.look(ms(15), true, [1_032].into_iter(), shared);
        assert_eq!(window.credit(0, 1_032, shared), 0, "once each time");
        shared.set_next(0, 1_032);
        assert_eq!(window.credit(0, 1_032, shared), 1_000);
    }

    #[test]
    fn loss_halves_the_window_and_none_widens_it_again() {
        let (mut window, shared) = (Window::new(100_000, 100, 1), shared());
        shared.set_next(0, 1_000);
        shared.set_total(Total::Up, 980);
        window.look(ms(20), true, [1_000].into_iter(), shared);
        assert_eq!(window.messages(), 500);
        shared.set_next(0, 2_000);
        shared.set_total(Total::Up, 1_980);
        window.look(ms(30), true, [2_000].into_iter(), shared);
        assert_eq!(window.messages(), 500, "not yet");
        window.look(ms(40), true, [2_000].into_iter(), shared);
        assert_eq!(window.messages(), 532);
        for period in 3..50 {
            window.look(ms(20 * period), true, [2_000].into_iter(), shared);
        }
        assert_eq!(window.messages(), 1_000, "no more than at the start");
    }
}
