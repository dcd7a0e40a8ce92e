//! A timer wheel of one millisecond a slot.
//!
//! It knows ticks, not clocks, and does not move what stands in it: an entry whose owner now wants
//! another tick fires all the same, and the owner looks again. So an entry beyond the horizon may
//! stand at the horizon. After [`Wheel::expire`] an owner's entry is gone.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

/// Milliseconds since the endpoint opened.
pub(crate) type Tick = u64;

/// When an endpoint's ticks began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(pub(crate) Instant);

impl Epoch {
    /// The tick that has come by `now`.
    pub(crate) fn reached(self, now: Instant) -> Tick {
        let since = now.saturating_duration_since(self.0);
        Tick::try_from(since.as_millis()).unwrap_or(Tick::MAX)
    }

    /// The first tick that is not before `deadline`.
    pub(crate) fn not_before(self, deadline: Instant) -> Tick {
        let since = deadline.saturating_duration_since(self.0);
        Tick::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(Tick::MAX)
    }

    /// When `tick` comes.
    pub(crate) fn instant(self, tick: Tick) -> Instant {
        self.0 + Duration::from_millis(tick)
    }
}

/// Slots; a power of two. What is later than this fires early and is put in again.
const SLOTS: u64 = 4_096;
const WORDS: usize = (SLOTS / 64) as usize;

/// Entries by the tick at which they fire.
///
/// All slots draw on one store of entries: a slot that once held hundreds keeps no room for them,
/// or thousands of slots would, sooner or later.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    slots: Vec<Chain>,
    entries: Vec<Entry<T>>,
    /// The first entry that holds nothing.
    free: Option<usize>,
    /// Which slots hold anything.
    occupied: [u64; WORDS],
    /// Everything before this tick has fired.
    current: Tick,
}

/// The entries of a slot, in the order in which they came.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    first: Option<usize>,
    last: Option<usize>,
}

/// An entry and the one behind it in its chain.
#[derive(Debug)]
struct Entry<T> {
    held: Option<(Tick, T)>,
    next: Option<usize>,
}

impl<T> Wheel<T> {
    /// A wheel that stands at tick 0.
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Chain::default()).collect();
        Self { slots, entries: Vec::new(), free: None, occupied: [0; WORDS], current: 0 }
    }

    /// Puts in an entry for `tick`; returns the tick at which it fires: not before the current one,
    /// and not beyond the horizon.
    pub(crate) fn insert(&mut self, tick: Tick, entry: T) -> Tick {
        let fires = tick.clamp(self.current, self.current + SLOTS - 1);
        let index = place(fires);
        self.append(index, (tick, entry));
        if let Some(word) = self.occupied.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
        fires
    }

    /// Moves to `now`; appends what fires, with the tick it was put in for, earliest slot first,
    /// `most` at the most. Whether more would have: the wheel stands before that then.
    pub(crate) fn expire(
        &mut self,
        now: Tick,
        most: usize,
        fired: &mut VecDeque<(Tick, T)>,
    ) -> bool {
        let until = fired.len() + most;
        while let Some(next) = self.next().filter(|next| *next <= now) {
            self.current = next;
            let index = place(next);
            if !self.take(index, until, fired) {
                return true;
            }
            if let Some(word) = self.occupied.get_mut(index / 64) {
                *word &= !(1 << (index % 64));
            }
        }
        self.current = self.current.max(now);
        false
    }

    /// The tick at which something fires next.
    pub(crate) fn next(&self) -> Option<Tick> {
        let start = place(self.current);
        let ahead = self.first_occupied(start..WORDS * 64).map(|index| index - start);
        let wrapped = || self.first_occupied(0..start).map(|index| index + WORDS * 64 - start);
        let distance = ahead.or_else(wrapped)?;
        Some(self.current + distance as u64)
    }

    fn append(&mut self, slot: usize, held: (Tick, T)) {
        let at = self.store(held);
        let Some(chain) = self.slots.get_mut(slot) else { return };
        let before = chain.last.replace(at);
        match before.and_then(|before| self.entries.get_mut(before)) {
            Some(before) => before.next = Some(at),
            None => chain.first = Some(at),
        }
    }

    fn store(&mut self, held: (Tick, T)) -> usize {
        let entry = Entry { held: Some(held), next: None };
        if let Some(at) = self.free
            && let Some(place) = self.entries.get_mut(at)
        {
            self.free = place.next;
            *place = entry;
            return at;
        }
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Takes the entries of `slot` until there are so many in `fired`; whether those were all.
    fn take(&mut self, slot: usize, until: usize, fired: &mut VecDeque<(Tick, T)>) -> bool {
        let Some(chain) = self.slots.get_mut(slot) else { return true };
        while let Some(at) = chain.first
            && let Some(entry) = self.entries.get_mut(at)
        {
            if fired.len() >= until {
                return false;
            }
            fired.extend(entry.held.take());
            chain.first = core::mem::replace(&mut entry.next, self.free);
            self.free = Some(at);
        }
        *chain = Chain::default();
        true
    }

    fn first_occupied(&self, range: core::ops::Range<usize>) -> Option<usize> {
        let mut index = range.start;
        while index < range.end {
            let word = self.occupied.get(index / 64)? >> (index % 64);
            if word != 0 {
                let found = index + word.trailing_zeros() as usize;
                return (found < range.end).then_some(found);
            }
            index = (index / 64 + 1) * 64;
        }
        None
    }
}

const fn place(tick: Tick) -> usize {
    (tick % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(wheel: &mut Wheel<u32>, now: Tick) -> Vec<u32> {
        let mut out = VecDeque::new();
        assert!(!wheel.expire(now, usize::MAX / 2, &mut out));
        out.into_iter().map(|(_, entry)| entry).collect()
    }

    #[test]
    fn entries_fire_at_their_tick_in_order() {
        let mut wheel = Wheel::new();
        for tick in [30, 10, 20] {
            assert_eq!(wheel.insert(tick, u32::try_from(tick).unwrap()), tick);
        }
        assert_eq!(wheel.next(), Some(10));
        assert_eq!(fired(&mut wheel, 9), []);
        assert_eq!(fired(&mut wheel, 20), [10, 20]);
        assert_eq!(wheel.next(), Some(30));
        assert_eq!(fired(&mut wheel, 30), [30]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn ticks_never_come_before_their_deadline() {
        let epoch = Epoch(Instant::now());
        let deadline = epoch.0 + Duration::from_micros(2_001);
        assert_eq!(epoch.not_before(deadline), 3);
        assert_eq!(epoch.reached(deadline), 2);
        assert_eq!(epoch.instant(3), epoch.0 + Duration::from_millis(3));
        assert_eq!(epoch.reached(epoch.0 - Duration::from_secs(1)), 0);
    }

    #[test]
    fn what_is_overdue_fires_now() {
        let mut wheel = Wheel::new();
        assert_eq!(fired(&mut wheel, 500), []);
        assert_eq!(wheel.insert(3, 1), 500);
        assert_eq!(fired(&mut wheel, 500), [1]);
    }

    #[test]
    fn what_is_beyond_the_horizon_fires_early_with_its_own_tick() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.insert(1_000_000, 7), SLOTS - 1);
        let mut out = VecDeque::new();
        wheel.expire(SLOTS - 1, 1, &mut out);
        assert_eq!(out, [(1_000_000, 7)]);
    }

    #[test]
    fn what_is_too_much_at_a_time_stays_in_the_wheel_and_is_due() {
        let mut wheel = Wheel::new();
        for entry in 0..10 {
            wheel.insert(20 + u64::from(entry) / 6, entry);
        }
        let mut out = VecDeque::new();
        assert!(wheel.expire(100, 4, &mut out));
        assert_eq!((out.len(), wheel.next()), (4, Some(20)), "in the middle of a slot");
        assert_eq!(wheel.insert(5, 10), 20, "what comes meanwhile, behind them");
        assert!(wheel.expire(100, 4, &mut out));
        assert_eq!((out.len(), wheel.next()), (8, Some(21)));
        assert!(!wheel.expire(100, 4, &mut out));
        assert_eq!(wheel.next(), None);
        let entries: Vec<u32> = out.into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(entries, [0, 1, 2, 3, 4, 5, 10, 6, 7, 8, 9]);
        assert_eq!(wheel.insert(50, 11), 100, "it has moved on");
    }

    #[test]
    fn a_late_look_fires_everything_once() {
        let mut wheel = Wheel::new();
        for tick in 0..SLOTS {
            wheel.insert(tick, u32::try_from(tick).unwrap());
        }
        let all = fired(&mut wheel, 10 * SLOTS);
        assert_eq!(all.len() as u64, SLOTS);
        assert!(all.is_sorted());
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_wheel_agrees_with_a_list_over_many_turns() {
        let mut wheel = Wheel::new();
        let mut list: Vec<(Tick, u32)> = Vec::new();
        let mut state = 0x9e37_79b9_u64;
        let mut now = 0;
        for entry in 0..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let tick = now + (state >> 33) % (SLOTS - 1);
            wheel.insert(tick, entry);
            list.push((tick, entry));
            now += (state >> 60) % 3;
            let mut expected: Vec<u32> =
                list.extract_if(.., |(tick, _)| *tick <= now).map(|(_, entry)| entry).collect();
            let mut got = fired(&mut wheel, now);
            got.sort_unstable();
            expected.sort_unstable();
            assert_eq!(got, expected, "at {now}");
            assert_eq!(wheel.next(), list.iter().map(|(tick, _)| *tick).min(), "at {now}");
        }
    }
}
