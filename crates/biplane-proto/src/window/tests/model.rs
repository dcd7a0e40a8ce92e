//! The window beside a set that remembers every number, over as many steps as `BIPLANE_CASES` says.

use core::time::Duration;
use std::{collections::HashSet, env};

use super::super::*;

const CASES: u64 = 200_000;

/// What a window says to a number that comes now, and how many numbers it spans then.
trait Takes {
    fn take(&mut self, now: Instant, number: u64) -> Result<(), DropReason>;
    fn span(&self) -> u64;
}

impl Takes for ReplayWindow {
    fn take(&mut self, now: Instant, number: u64) -> Result<(), DropReason> {
        self.commit(now, PacketNumber(number))
    }

    fn span(&self) -> u64 {
        self.capacity()
    }
}

/// Everything that was taken and is not too old, by the definition alone.
#[derive(Debug)]
struct Naive {
    taken: HashSet<u64>,
    top: u64,
    floor: u64,
}

impl Naive {
    fn new(first: u64) -> Self {
        Self { taken: HashSet::new(), top: first, floor: first }
    }

    fn take(&mut self, number: u64, span: u64) -> Result<(), DropReason> {
        if number < self.floor {
            return Err(DropReason::Late);
        }
        if !self.taken.insert(number) {
            return Err(DropReason::Replayed);
        }
        self.top = self.top.max(number);
        self.floor = self.floor.max((self.top + 1).saturating_sub(span));
        if self.taken.len() as u64 > 4 * span {
            self.taken.retain(|number| *number >= self.floor);
        }
        Ok(())
    }
}

/// xorshift64*.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % below
    }

    /// A number as the network, or somebody who wants to break the window, would pick it.
    fn number(&mut self, naive: &Naive, span: u64) -> u64 {
        let Naive { top, floor, .. } = *naive;
        match self.draw(16) {
            0..8 => top + self.draw(4),
            8 => top + self.draw(2 * span),
            9 => (floor + self.draw(4)).saturating_sub(2),
            10 => top.saturating_sub(span + self.draw(8)) + 4,
            11 => top.saturating_sub(self.draw(4 * span)),
            _ => top.saturating_sub(self.draw(span)),
        }
    }
}

/// The first step, of `cases`, at which `window` differs from the set; `None` if it never does.
fn first_difference(window: &mut impl Takes, first: u64, cases: u64) -> Option<u64> {
    let (mut naive, mut random) = (Naive::new(first), Random(first | 1));
    let (start, mut elapsed) = (Instant::now(), Duration::ZERO);
    let mut pace = 0;
    (0..cases).find(|step| {
        // From a trickle to more than a window a span, so that it grows as far as it can.
        if step % 100_000 == 0 {
            pace = 1 << random.draw(24);
        }
        elapsed += Duration::from_nanos(random.draw(pace));
        let span = window.span();
        let number = random.number(&naive, span);
        window.take(start + elapsed, number) != naive.take(number, span)
    })
}

#[test]
fn agrees_with_a_set_that_remembers_every_number() {
    let cases = env::var("BIPLANE_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = cases.unwrap_or(CASES);
    let mut window = ReplayWindow::new(PacketNumber(7));
    assert_eq!(first_difference(&mut window, 7, cases), None);
    eprintln!("figure cases {cases}, window {}", window.capacity());
}

/// Takes one number in a thousand twice.
struct Forgetful(ReplayWindow);

impl Takes for Forgetful {
    fn take(&mut self, now: Instant, number: u64) -> Result<(), DropReason> {
        match self.0.take(now, number) {
            Err(DropReason::Replayed) if number.is_multiple_of(1_009) => Ok(()),
            said => said,
        }
    }

    fn span(&self) -> u64 {
        self.0.span()
    }
}

/// Spans one number less than it says.
struct Short(ReplayWindow);

impl Takes for Short {
    fn take(&mut self, now: Instant, number: u64) -> Result<(), DropReason> {
        let oldest = self.0.floor > 7 && number == self.0.floor;
        if oldest { Err(DropReason::Late) } else { self.0.take(now, number) }
    }

    fn span(&self) -> u64 {
        self.0.span()
    }
}

#[test]
fn the_comparison_finds_a_window_that_forgets_and_one_that_is_short() {
    let window = || ReplayWindow::new(PacketNumber(7));
    assert!(first_difference(&mut Forgetful(window()), 7, CASES).is_some());
    assert!(first_difference(&mut Short(window()), 7, CASES).is_some());
}

/// A window as wide as it gets, and what it has taken: every number up to its largest, or none.
fn widest() -> ReplayWindow {
    let mut window = ReplayWindow::new(PacketNumber(0));
    window.grow(limits::WINDOW_MAX);
    window
}

#[test]
fn forwards_backwards_and_at_every_edge_each_number_is_taken_once() {
    let (now, span) = (Instant::now(), limits::WINDOW_MAX);
    let mut window = widest();
    for number in 0..3 * span {
        assert_eq!(window.take(now, number), Ok(()), "{number}");
        assert_eq!(window.take(now, number), Err(DropReason::Replayed), "{number}");
        let behind = number.checked_sub(span);
        let late = behind.map(|behind| window.take(now, behind));
        assert!(late.is_none_or(|said| said == Err(DropReason::Late)), "{number}");
    }
    let mut window = widest();
    for number in (0..span).rev() {
        assert_eq!(window.take(now, number), Ok(()), "{number}");
        assert_eq!(window.take(now, span - 1), Err(DropReason::Replayed), "{number}");
    }
    for jump in [span - 1, span, span + 1, 64, 63, 65, 2 * span] {
        let mut window = widest();
        window.take(now, 5 * span).unwrap();
        window.take(now, 5 * span + jump).unwrap();
        let kept = if jump < span { DropReason::Replayed } else { DropReason::Late };
        assert_eq!(window.take(now, 5 * span), Err(kept), "a jump of {jump}");
        let oldest = 5 * span + jump + 1 - span;
        assert_eq!(window.take(now, oldest - 1), Err(DropReason::Late), "a jump of {jump}");
        let first = if jump == span - 1 { Err(DropReason::Replayed) } else { Ok(()) };
        assert_eq!(window.take(now, oldest), first, "a jump of {jump}");
    }
}
