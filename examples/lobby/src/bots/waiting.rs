//! A bot in a room whose match does not run yet: it says that it is ready, now and then thinks
//! better of it, and waits for the others.

use std::time::{Duration, Instant};

use biplane::{Client, Pending, RequestError};

use super::brain::Brain;
use crate::protocol::{NoSeat, Phase, Ready, Seat};

/// One wait for a match.
#[derive(Debug)]
pub(super) struct Waiting {
    seat: Seat,
    mood: Mood,
    answer: Option<Pending<Result<Result<Phase, NoSeat>, RequestError>>>,
}

/// Whether it said that it is ready, and when it says something else.
#[derive(Clone, Copy, Debug)]
struct Mood {
    is_ready: bool,
    changes_at: Option<Instant>,
}

impl Waiting {
    /// A bot sat down, and will be ready when it has looked around.
    pub(super) fn new(seat: Seat, now: Instant, brain: &mut Brain) -> Self {
        Self { seat, mood: Mood::new(now, brain), answer: None }
    }

    /// Where it sits.
    pub(super) const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Says what there is to say; whether the match runs, as far as the answers tell.
    pub(super) fn step(&mut self, client: &Client, now: Instant, brain: &mut Brain) -> bool {
        let answer = self.answer.as_mut().and_then(Pending::try_take);
        if answer.is_some() {
            self.answer = None;
        }
        if self.answer.is_none()
            && let Some(is_ready) = self.mood.change(now, brain)
        {
            self.answer = Some(client.request(&Ready { is_ready }));
        }
        matches!(answer, Some(Ok(Ok(Phase::Running))))
    }
}

impl Mood {
    fn new(now: Instant, brain: &mut Brain) -> Self {
        Self { is_ready: false, changes_at: Some(now + hesitation(brain)) }
    }

    /// What it has to say now, if anything.
    fn change(&mut self, now: Instant, brain: &mut Brain) -> Option<bool> {
        self.changes_at.filter(|at| now >= *at)?;
        self.is_ready = !self.is_ready;
        let goes_on = !self.is_ready || brain.is_fickle();
        self.changes_at = goes_on.then(|| now + hesitation(brain));
        Some(self.is_ready)
    }
}

fn hesitation(brain: &mut Brain) -> Duration {
    Duration::from_secs_f32(brain.hesitation_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a bot says in ten seconds.
    fn said(seed: u64) -> Vec<bool> {
        let (mut brain, start) = (Brain::new(seed), Instant::now());
        let mut mood = Mood::new(start, &mut brain);
        let ticks = (0..600).map(|tick| start + Duration::from_millis(16) * tick);
        ticks.filter_map(|now| mood.change(now, &mut brain)).collect()
    }

    #[test]
    fn every_bot_is_ready_in_the_end() {
        for seed in 0..200 {
            assert_eq!(said(seed).last(), Some(&true), "{seed}");
        }
    }

    #[test]
    fn a_few_think_better_of_it_first() {
        let fickle = (0..200).filter(|seed| said(*seed).len() > 1).count();
        assert!((5..80).contains(&fickle), "{fickle}");
        assert!((0..200).all(|seed| said(seed).chunks(2).all(|pair| pair[0])), "in turn");
    }

    #[test]
    fn nobody_is_ready_before_it_has_looked_around() {
        let (mut brain, start) = (Brain::new(1), Instant::now());
        assert_eq!(Mood::new(start, &mut brain).change(start, &mut brain), None);
    }
}
