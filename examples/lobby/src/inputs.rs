//! One player's inputs on their way into the match: each used once, in order, however often it
//! came and however unevenly.

use std::collections::VecDeque;

use crate::protocol::{INTENTS_MAX, Inputs, Intent};

/// Inputs that wait at the most: so many seconds of them.
const WAITING_MAX_SECONDS: usize = 2;
/// Up to so many wait for the next ticks; what is beyond is caught up with.
const CUSHION: usize = 3;
/// A player's clock may run a quarter fast and no more: ticks bring five, an input costs four.
const EARNED: u32 = 5;
const PRICE: u32 = 4;
/// What may be saved up: half of this in seconds of inputs, those of one stall.
const SAVINGS_MAX_HALVES: u32 = 5;

/// Inputs that have come and have not been used.
#[derive(Clone, Debug)]
pub(crate) struct InputQueue {
    waiting: VecDeque<Intent>,
    /// Number of the last in `waiting`, or of the last that was.
    newest: u32,
    savings: u32,
    waiting_max: usize,
    savings_max: u32,
}

impl InputQueue {
    /// A queue whose player has used numbers up to `newest` before, in a match of that rate.
    pub(crate) fn after(newest: u32, tick_hz: u16) -> Self {
        let savings_max = u32::from(tick_hz) * SAVINGS_MAX_HALVES / 2 * PRICE;
        Self {
            waiting: VecDeque::new(),
            newest,
            savings: savings_max,
            waiting_max: usize::from(tick_hz) * WAITING_MAX_SECONDS,
            savings_max,
        }
    }

    /// Takes in what is new in a message. A number that was skipped is gone: the channel never goes
    /// backwards.
    pub(crate) fn accept(&mut self, inputs: &Inputs) {
        let intents = inputs.intents.iter().rev().take(INTENTS_MAX).rev();
        let count = u32::try_from(intents.len()).unwrap_or(0);
        let oldest = inputs.newest.saturating_sub(count.saturating_sub(1));
        for (number, intent) in (oldest..=inputs.newest).zip(intents) {
            let is_new = number > self.newest;
            if is_new && self.waiting.len() < self.waiting_max {
                self.newest = number;
                self.waiting.push_back(*intent);
            }
        }
    }

    /// What this tick uses: one, or more while a burst is being caught up with.
    pub(crate) fn due(&mut self) -> impl Iterator<Item = Intent> {
        self.savings = (self.savings + EARNED).min(self.savings_max);
        let wanted = self.waiting.len().div_ceil(CUSHION);
        let affordable = usize::try_from(self.savings / PRICE).unwrap_or(0);
        self.pay(wanted.min(affordable))
    }

    /// Everything that waits: the player leaves after this tick.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = Intent> {
        let affordable = usize::try_from(self.savings / PRICE).unwrap_or(0);
        self.pay(self.waiting.len().min(affordable))
    }

    /// The number of the last input used.
    pub(crate) fn applied(&self) -> u32 {
        self.newest.saturating_sub(u32::try_from(self.waiting.len()).unwrap_or(0))
    }

    fn pay(&mut self, count: usize) -> impl Iterator<Item = Intent> {
        self.savings -= u32::try_from(count).unwrap_or(0) * PRICE;
        self.waiting.drain(..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Heading;

    /// An intent that tells its number, as far as sixteen headings go.
    fn intent(number: u32) -> Intent {
        Intent::towards(Heading::new(u8::try_from(number % 16).unwrap()))
    }

    fn message(oldest: u32, newest: u32) -> Inputs {
        Inputs { newest, intents: (oldest..=newest).map(intent).collect() }
    }

    fn used(queue: &mut InputQueue, ticks: usize) -> Vec<Intent> {
        (0..ticks).flat_map(|_| queue.due().collect::<Vec<_>>()).collect()
    }

    fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<Intent> {
        range.map(intent).collect()
    }

    #[test]
    fn repeated_inputs_are_used_once() {
        let mut queue = InputQueue::after(0, 60);
        for newest in 1..=20_u32 {
            queue.accept(&message(newest.saturating_sub(5).max(1), newest));
            queue.accept(&message(newest, newest));
        }
        assert_eq!(used(&mut queue, 40), numbers(1..=20));
        assert_eq!(queue.applied(), 20);
    }

    #[test]
    fn a_lost_message_loses_no_input() {
        let mut queue = InputQueue::after(0, 60);
        queue.accept(&message(1, 2));
        queue.accept(&message(1, 8));
        assert_eq!(used(&mut queue, 20), numbers(1..=8));
    }

    #[test]
    fn a_gap_wider_than_a_message_is_skipped() {
        let mut queue = InputQueue::after(0, 60);
        queue.accept(&message(1, 2));
        queue.accept(&message(20, 22));
        let mut expected = numbers(1..=2);
        expected.extend(numbers(20..=22));
        assert_eq!(used(&mut queue, 20), expected);
        assert_eq!(queue.applied(), 22);
    }

    #[test]
    fn what_comes_after_a_newer_one_is_not_used() {
        let mut queue = InputQueue::after(0, 60);
        queue.accept(&message(3, 4));
        queue.accept(&message(1, 2));
        assert_eq!(used(&mut queue, 9), numbers(3..=4));
    }

    #[test]
    fn inputs_of_an_earlier_stay_are_not_used_again() {
        let mut queue = InputQueue::after(10, 60);
        queue.accept(&message(8, 11));
        assert_eq!(used(&mut queue, 5), numbers(11..=11));
    }

    #[test]
    fn a_steady_player_waits_for_no_tick_and_a_burst_is_caught_up_with() {
        let mut queue = InputQueue::after(0, 60);
        queue.accept(&message(1, 1));
        assert_eq!(queue.due().count(), 1);
        for newest in (8..=32).step_by(8) {
            queue.accept(&message(newest - 6, newest));
        }
        let ticks = (0..60).take_while(|_| queue.due().count() > 0).count();
        assert!((5..=12).contains(&ticks), "{ticks}");
    }

    #[test]
    fn nobody_runs_faster_than_a_quarter_over_the_clock() {
        let mut queue = InputQueue::after(0, 60);
        let mut count = 0;
        for second in 0..10_u32 {
            for tick in 0..60 {
                let newest = (second * 60 + tick + 1) * 8;
                queue.accept(&message(newest - 7, newest));
                count += queue.due().count();
            }
        }
        assert!(count <= 600 * 5 / 4 + 150, "{count}");
    }

    #[test]
    fn absurd_messages_are_bounded() {
        let mut queue = InputQueue::after(0, 60);
        queue.accept(&Inputs { newest: 3, intents: vec![intent(1); 1000] });
        queue.accept(&Inputs { newest: u32::MAX, intents: vec![intent(1); 8] });
        queue.accept(&Inputs { newest: 0, intents: vec![intent(1); 8] });
        queue.accept(&Inputs::default());
        assert!(queue.waiting.len() <= 16);
        assert_eq!(queue.rest().count(), 11);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_who_leaves_uses_the_rest() {
        let mut queue = InputQueue::after(0, 60);
        for newest in 1..=300 {
            queue.accept(&message(newest, newest));
        }
        assert_eq!(queue.waiting.len(), 120, "two seconds");
        assert_eq!(queue.rest().count(), 120);
        assert_eq!(queue.rest().count(), 0);
        assert_eq!(queue.applied(), 120);
    }
}
