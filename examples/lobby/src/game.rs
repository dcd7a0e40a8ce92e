//! A room's match with its players' inputs: what goes in each tick and what is shown of it.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    arena::Arena,
    inputs::InputQueue,
    protocol::{Inputs, Snapshot},
};

/// Snapshots a second.
const SNAPSHOT_HZ: u64 = 20;

/// A match that is being played.
#[derive(Debug)]
pub(crate) struct Game {
    room: u32,
    tick_hz: u16,
    arena: Arena,
    /// By seat.
    queues: BTreeMap<u8, Queue>,
    snapshots: u32,
}

#[derive(Debug)]
struct Queue {
    inputs: InputQueue,
    applied: u64,
}

/// What became of a player's inputs in one stay.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Stay {
    /// Inputs used in any tick.
    pub(crate) applied: u64,
    /// The number of the last.
    pub(crate) newest: u32,
}

impl Game {
    /// An empty arena whose match runs at that rate; `room` stands in its snapshots.
    pub(crate) fn new(room: u32, tick_hz: u16) -> Self {
        let arena = Arena::new(tick_hz);
        Self { room, tick_hz, arena, queues: BTreeMap::new(), snapshots: 0 }
    }

    /// A player comes in; `newest` is the number of its last input in earlier stays.
    pub(crate) fn enter(&mut self, seat: u8, newest: u32) {
        self.arena.enter(seat);
        let inputs = InputQueue::after(newest, self.tick_hz);
        self.queues.insert(seat, Queue { inputs, applied: 0 });
    }

    /// A player goes, and what was left of its inputs with it; see [`Game::settle`].
    pub(crate) fn leave(&mut self, seat: u8) {
        self.arena.leave(seat);
        self.queues.remove(&seat);
    }

    /// Takes in a message of inputs.
    pub(crate) fn accept(&mut self, seat: u8, inputs: &Inputs) {
        if let Some(queue) = self.queues.get_mut(&seat) {
            queue.inputs.accept(inputs);
        }
    }

    /// Uses what waits of a player's inputs in this tick and says what its stay came to.
    pub(crate) fn settle(&mut self, seat: u8) -> Stay {
        let Some(queue) = self.queues.get_mut(&seat) else { return Stay::default() };
        for intent in queue.inputs.rest() {
            queue.applied += 1;
            self.arena.apply(seat, intent);
        }
        Stay { applied: queue.applied, newest: queue.inputs.applied() }
    }

    /// One tick; returns the seat that won the round, if one did.
    pub(crate) fn tick(&mut self) -> Option<u8> {
        for (seat, queue) in &mut self.queues {
            for intent in queue.inputs.due() {
                queue.applied += 1;
                self.arena.apply(*seat, intent);
            }
        }
        self.arena.step()
    }

    /// The picture of this tick, if it is one of the twenty of this second. Rooms take turns, so that
    /// not all of them send in one tick.
    pub(crate) fn snapshot_if_due(&mut self) -> Option<Snapshot<'static>> {
        let twentieths = u64::from(self.arena.tick().wrapping_add(self.room)) * SNAPSHOT_HZ;
        if twentieths % u64::from(self.tick_hz) >= SNAPSHOT_HZ {
            return None;
        }
        self.snapshots += 1;
        let input = |seat| self.queues.get(&seat).map_or(0, |queue| queue.inputs.applied());
        Some(Snapshot {
            room: self.room,
            number: self.snapshots,
            tick: self.arena.tick(),
            crown: self.arena.crown(),
            players: Cow::Owned(self.arena.players(input)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Heading, Intent};

    fn inputs(oldest: u32, newest: u32) -> Inputs {
        let intents = (oldest..=newest).map(|_| Intent::towards(Heading::new(0))).collect();
        Inputs { newest, intents }
    }

    #[test]
    fn an_input_counts_once_however_often_it_comes() {
        let mut game = Game::new(1, 60);
        game.enter(0, 0);
        for newest in 1..=60_u32 {
            game.accept(0, &inputs(newest.saturating_sub(5).max(1), newest));
            game.tick();
        }
        game.accept(0, &inputs(55, 60));
        assert_eq!(game.settle(0), Stay { applied: 60, newest: 60 });
        assert_eq!(game.settle(0), Stay { applied: 60, newest: 60 });
    }

    #[test]
    fn what_still_waits_is_used_when_its_player_leaves() {
        let mut game = Game::new(1, 60);
        game.enter(0, 0);
        game.accept(0, &inputs(1, 8));
        assert_eq!(game.settle(0), Stay { applied: 8, newest: 8 });
        game.leave(0);
        assert_eq!(game.settle(0), Stay::default());
    }

    #[test]
    fn a_picture_is_due_every_third_tick_and_rooms_take_turns() {
        let due = |room| {
            let mut game = Game::new(room, 60);
            (0..9_u32)
                .filter(|_| {
                    game.tick();
                    game.snapshot_if_due().is_some()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(due(0), [2, 5, 8]);
        assert_eq!(due(1), [1, 4, 7]);
        assert_eq!(due(2), [0, 3, 6]);
    }

    #[test]
    fn twenty_pictures_are_due_in_a_second_at_any_rate() {
        for tick_hz in [20, 25, 30, 50, 60, 64, 144, 240] {
            let mut game = Game::new(7, tick_hz);
            let is_due = |_| {
                game.tick();
                game.snapshot_if_due().is_some()
            };
            let shown = (0..u32::from(tick_hz) * 10).map(is_due).filter(|is_due| *is_due).count();
            assert_eq!(shown, 200, "{tick_hz}");
        }
    }

    #[test]
    fn pictures_are_numbered_and_tell_the_last_input() {
        let mut game = Game::new(3, 20);
        game.enter(5, 40);
        game.accept(5, &inputs(41, 41));
        game.tick();
        let first = game.snapshot_if_due().unwrap();
        assert_eq!((first.room, first.number), (3, 1));
        assert_eq!((first.players[0].seat, first.players[0].input), (5, 41));
        game.tick();
        assert_eq!(game.snapshot_if_due().unwrap().number, 2);
    }
}
