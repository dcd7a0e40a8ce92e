//! The default controller on a path that is told in figures: what waits follows from what is in
//! flight, and from what somebody else puts into the queue.

use super::{super::Passage, *};

const RTT: Duration = Duration::from_millis(40);
const STEP: Duration = Duration::from_millis(10);

/// A path, its queue, and a sender that fills its window.
struct Path {
    now: Instant,
    controller: DelayAware,
    /// Bytes per second.
    rate: u64,
    /// What waits of others, whatever we send.
    foreign: Duration,
    app_limited: bool,
    wait: Duration,
}

impl Path {
    fn new(rate: u64) -> Self {
        let (now, controller) = (Instant::now(), DelayAware::new(1_200));
        let foreign = Duration::ZERO;
        Self { now, controller, rate, foreign, app_limited: false, wait: foreign }
    }

    /// Goes on for so many seconds; how long packets waited at the most in the second half.
    fn run(&mut self, seconds: u32) -> Duration {
        let mut longest = Duration::ZERO;
        for step in 0..seconds * 100 {
            self.step();
            if step >= seconds * 50 {
                longest = longest.max(self.wait);
            }
        }
        longest
    }

    /// Packets tell of the queue that left since it is so.
    fn step(&mut self) {
        self.step_told_by(Duration::ZERO);
    }

    /// The same where packets tell that left so long ago.
    fn step_told_by(&mut self, ago: Duration) {
        self.now += STEP;
        let window = self.controller.window();
        // The queue follows the window within a round trip.
        let holds = bytes_in(RTT + self.foreign, self.rate);
        let own = time_for(window.saturating_sub(holds), self.rate);
        self.wait = self.foreign + own;
        // Beside others we have what our part of the queue is.
        let rate = window.saturating_mul(1_000_000)
            / u64::try_from((RTT + self.wait).as_micros()).unwrap();
        let delay = i32::try_from((RTT / 2 + self.wait).as_micros()).unwrap();
        let rate = rate.min(self.rate);
        self.controller.on_ack(Acked {
            now: self.now,
            rtt: RTT + self.wait,
            latest_rtt: RTT + self.wait,
            least_rtt: RTT,
            bytes: bytes_in(STEP, rate),
            sent_at: self.now - ago,
            in_flight: window,
            app_limited: self.app_limited,
            queued: !self.wait.is_zero(),
            passage: Some(Passage { delay, rate: Some(rate) }),
        });
    }

    fn lose(&mut self, bytes: u64) {
        let loss = Loss { now: self.now, newest: self.now, bytes, persistent: false };
        self.controller.on_congestion(loss);
    }
}

#[test]
fn it_fills_the_path_and_keeps_the_queue_short() {
    for rate in [125_000, 1_250_000, 12_500_000] {
        let mut path = Path::new(rate);
        let longest = path.run(20);
        assert!(longest < Duration::from_millis(80), "{longest:?} at {rate}");
        let content = bytes_in(RTT, rate);
        let window = path.controller.window();
        assert!(window >= content * 9 / 10, "{window} of {content} bytes");
        assert!(!path.controller.contest.is_on(), "nobody else is there");
    }
}

#[test]
fn a_path_that_carries_less_all_at_once_is_followed() {
    let mut path = Path::new(1_250_000);
    path.run(10);
    path.rate = 125_000;
    let longest = path.run(10);
    assert!(longest < Duration::from_millis(100), "{longest:?}");
}

#[test]
fn beside_others_who_fill_the_queue_it_holds_its_own_until_they_are_gone() {
    let mut path = Path::new(1_250_000);
    path.run(10);
    path.foreign = Duration::from_millis(200);
    path.run(10);
    assert!(path.controller.contest.is_on());
    let before = path.controller.contest.window().unwrap();
    path.run(10);
    let grown = path.controller.contest.window();
    assert!(grown.is_some_and(|grown| grown > before), "from {before} to {grown:?}");
    path.foreign = Duration::ZERO;
    let longest = path.run(20);
    assert!(!path.controller.contest.is_on());
    assert!(longest < Duration::from_millis(80), "{longest:?}");
}

#[test]
fn a_wait_that_was_over_before_anything_was_held_back_costs_nothing() {
    let after = |ago| {
        let mut path = Path::new(1_250_000);
        path.run(10);
        path.foreign = Duration::from_millis(60);
        while path.controller.hold.is_none() {
            path.step();
        }
        let before = path.controller.bytes;
        path.foreign = Duration::ZERO;
        path.step_told_by(ago);
        assert!(path.controller.hold.is_none());
        (before, path.controller.window())
    };
    let (before, window) = after(RTT);
    assert_eq!(window, before);
    let (before, window) = after(Duration::ZERO);
    assert!(window < before, "{window} of {before} bytes");
}

#[test]
fn who_does_not_fill_the_window_does_not_give_way_to_a_queue_of_others() {
    let mut path = Path::new(1_250_000);
    path.run(10);
    let before = path.controller.window();
    path.app_limited = true;
    path.foreign = Duration::from_millis(200);
    path.run(10);
    assert!(path.controller.window() >= before);
}

#[test]
fn a_loss_now_and_then_is_nothing_and_many_at_once_are() {
    let mut path = Path::new(12_500_000);
    path.run(5);
    let before = path.controller.window();
    path.lose(1_200);
    assert_eq!(path.controller.window(), before);
    path.lose(before / 5);
    assert_eq!(path.controller.window(), before * 7 / 10);
    path.lose(before / 5);
    assert_eq!(path.controller.window(), before * 7 / 10, "once a round trip");
    path.controller.on_spurious(path.now);
    assert_eq!(path.controller.window(), before);
}

#[test]
fn a_mark_shrinks_the_window_once_a_round_trip() {
    let mut path = Path::new(12_500_000);
    path.run(5);
    let before = path.controller.window();
    path.controller.on_mark(path.now, path.now);
    path.controller.on_mark(path.now, path.now);
    assert_eq!(path.controller.window(), before * 7 / 10);
    path.controller.on_spurious(path.now);
    assert_eq!(path.controller.window(), before * 7 / 10, "it is not taken back");
}
