//! A bot in a match: turns snapshots into intents, and intents into messages that repeat the last
//! few.

use std::time::Instant;

use super::{
    brain::Brain,
    watch::{Received, Watch},
};
use crate::protocol::{INTENTS_MAX, Inputs, Intent, Seat, Snapshot};

/// Ticks in which a leaving bot repeats its last inputs, so that they arrive whatever is lost.
const SETTLING_TICKS: u8 = 12;

/// One stay in a match.
#[derive(Debug)]
pub(super) struct Pilot {
    seat: u8,
    watch: Watch,
    intent: Intent,
    /// Ticks of repeating that are left, once the bot is about to leave.
    settling: Option<u8>,
    /// The last few intents.
    recent: Inputs,
}

impl Pilot {
    /// A stay begins; `made` is how many inputs the bot has made in its life.
    pub(super) fn new(seat: &Seat, made: u32) -> Self {
        Self {
            watch: Watch::new(seat.room),
            seat: seat.seat,
            intent: Intent::REST,
            settling: None,
            recent: Inputs { newest: made, intents: Vec::with_capacity(INTENTS_MAX) },
        }
    }

    /// Counts a snapshot and decides by it.
    pub(super) fn see(
        &mut self,
        now: Instant,
        snapshot: &Snapshot<'_>,
        brain: &mut Brain,
        all: &mut Received,
    ) {
        if self.watch.note(now, snapshot, all) {
            self.intent = brain.decide(snapshot, self.seat);
        }
    }

    /// Makes no more inputs: what was made gets time to arrive.
    pub(super) fn settle(&mut self) {
        self.settling.get_or_insert(SETTLING_TICKS);
    }

    /// The message of this tick; `None` when the bot may leave.
    pub(super) fn tick(&mut self) -> Option<&Inputs> {
        match &mut self.settling {
            None => self.make_input(),
            Some(0) => return None,
            Some(left) => *left -= 1,
        }
        Some(&self.recent)
    }

    /// How many inputs the bot has made in its life.
    pub(super) const fn made(&self) -> u32 {
        self.recent.newest
    }

    fn make_input(&mut self) {
        if self.recent.intents.len() == INTENTS_MAX {
            self.recent.intents.remove(0);
        }
        self.recent.intents.push(self.intent);
        self.recent.newest += 1;
        // A dash is asked for once.
        self.intent = self.intent.walking();
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{
        game::{Game, Stay},
        protocol::{Crown, Phase, Player},
    };

    fn seat(seat: u8) -> Seat {
        Seat { room: 1, name: "red".to_owned(), seat, phase: Phase::Running }
    }

    fn pilot(made: u32) -> Pilot {
        Pilot::new(&seat(0), made)
    }

    #[test]
    fn each_message_repeats_the_last_few_intents() {
        let mut pilot = pilot(40);
        for tick in 1..=20_u32 {
            let inputs = pilot.tick().unwrap();
            assert_eq!(inputs.newest, 40 + tick);
            assert_eq!(inputs.intents.len(), INTENTS_MAX.min(tick as usize));
        }
        assert_eq!(pilot.made(), 60);
    }

    #[test]
    fn who_is_about_to_leave_repeats_and_makes_none() {
        let mut pilot = pilot(0);
        pilot.tick();
        pilot.settle();
        let newest: Vec<u32> =
            std::iter::from_fn(|| pilot.tick().map(|inputs| inputs.newest)).collect();
        assert_eq!(newest, [1; SETTLING_TICKS as usize]);
        pilot.settle();
        assert!(pilot.tick().is_none(), "settled for good");
    }

    #[test]
    fn a_dash_is_asked_for_once() {
        let mut pilot = pilot(0);
        let near = |seat, x| {
            let intent = Intent::REST;
            Player { seat, x, y: 1600, intent, score: 0, input: 0 }
        };
        let players = Cow::Owned(vec![near(0, 8000), near(1, 8800)]);
        let crown = Crown::Held { by: 1 };
        let snapshot = Snapshot { room: 1, number: 1, tick: 1, crown, players };
        let (mut brain, mut all) = (Brain::new(1), Received::default());
        pilot.see(Instant::now(), &snapshot, &mut brain, &mut all);
        let dashes: Vec<bool> =
            (0..3).filter_map(|_| pilot.tick()?.intents.last().map(|last| last.dashes())).collect();
        assert_eq!(dashes, [true, false, false]);
    }

    #[test]
    fn whatever_single_messages_are_lost_every_input_is_applied() {
        let (mut game, mut pilot) = (Game::new(1, 60), pilot(0));
        game.enter(0, 0);
        let mut random = fastrand::Rng::with_seed(5);
        for tick in 0..600 {
            if tick == 500 {
                pilot.settle();
            }
            let arrives = random.u8(..) > 76;
            if let Some(inputs) = pilot.tick().filter(|_| arrives) {
                game.accept(0, inputs);
            }
            game.tick();
        }
        assert_eq!(game.settle(0), Stay { applied: 500, newest: 500 });
        assert_eq!(pilot.made(), 500);
    }

    #[test]
    fn bots_make_a_game_of_it() {
        let (mut game, mut all) = (Game::new(1, 60), Received::default());
        let mut bots: Vec<(Pilot, Brain)> = Vec::new();
        for number in 0..8 {
            game.enter(number, 0);
            bots.push((Pilot::new(&seat(number), 0), Brain::new(number.into())));
        }
        let (mut holders, mut best) = (Vec::new(), 0);
        for _ in 0..60 * 60 {
            for (seat, (pilot, _)) in (0..).zip(&mut bots) {
                game.accept(seat, pilot.tick().unwrap());
            }
            game.tick();
            let Some(snapshot) = game.snapshot_if_due() else { continue };
            if let Crown::Held { by } = snapshot.crown {
                holders.push(by);
            }
            best = best.max(snapshot.players.iter().map(|player| player.score).max().unwrap());
            for (pilot, brain) in &mut bots {
                pilot.see(Instant::now(), &snapshot, brain, &mut all);
            }
        }
        holders.dedup();
        assert!((6..240).contains(&holders.len()), "{} changes in a minute", holders.len());
        assert!(best >= 3, "somebody keeps it for a while: {best}");
        holders.sort_unstable();
        holders.dedup();
        assert!(holders.len() >= 5, "everybody has a chance: {holders:?}");
    }
}
