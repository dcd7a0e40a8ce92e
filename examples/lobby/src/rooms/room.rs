//! One room: its seats, who of those on them is ready, and the match that starts when enough are.

use std::collections::BTreeMap;

use super::{PlayerNumber, RoomNumber};
use crate::{
    game::Game,
    protocol::{News, Phase, RoomEntry},
};

/// A room and its match.
#[derive(Debug)]
pub(crate) struct Room {
    number: RoomNumber,
    name: String,
    seats: u8,
    sitters: BTreeMap<u8, Sitter>,
    is_running: bool,
    game: Game,
    /// How it stood when its players last heard of it.
    told: Option<Phase>,
}

#[derive(Clone, Copy, Debug)]
struct Sitter {
    player: PlayerNumber,
    is_ready: bool,
}

impl Room {
    /// An empty room; its match will run at that rate.
    pub(super) fn new(number: RoomNumber, name: String, seats: u8, tick_hz: u16) -> Self {
        let game = Game::new(number.0, tick_hz);
        Self { number, name, seats, sitters: BTreeMap::new(), is_running: false, game, told: None }
    }

    /// What one joins it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Seats there are.
    pub(super) const fn seats(&self) -> u8 {
        self.seats
    }

    /// Seats taken.
    pub(super) fn len(&self) -> usize {
        self.sitters.len()
    }

    /// Whether nobody sits here.
    pub(super) fn is_empty(&self) -> bool {
        self.sitters.is_empty()
    }

    /// Seats a player on the lowest free seat, if there is one.
    pub(super) fn seat(&mut self, player: PlayerNumber) -> Option<u8> {
        let seat = (0..self.seats).find(|seat| !self.sitters.contains_key(seat))?;
        self.sitters.insert(seat, Sitter { player, is_ready: false });
        Some(seat)
    }

    /// Frees a seat. Those who stay may be enough for the match.
    pub(super) fn leave(&mut self, seat: u8) {
        if self.sitters.remove(&seat).is_some() {
            self.game.leave(seat);
            self.start_if_enough_are_ready();
        }
    }

    /// Who sits there is ready, or not any more. A match that runs goes on.
    pub(super) fn ready(&mut self, seat: u8, is_ready: bool) {
        if let Some(sitter) = self.sitters.get_mut(&seat) {
            sitter.is_ready = is_ready;
            self.start_if_enough_are_ready();
        }
    }

    /// How it stands.
    pub(crate) fn phase(&self) -> Phase {
        if self.is_running {
            return Phase::Running;
        }
        let count = |count| u8::try_from(count).unwrap_or(u8::MAX);
        Phase::Waiting { ready: count(self.ready_players()), wanted: count(self.wanted()) }
    }

    /// How it stands, if its players have not heard of that yet.
    pub(crate) fn take_news(&mut self) -> Option<News> {
        let phase = self.phase();
        let is_new = self.told.replace(phase) != Some(phase);
        is_new.then_some(News { room: self.number.0, phase })
    }

    /// Who sits here, in order of seats.
    pub(crate) fn players(&self) -> impl Iterator<Item = PlayerNumber> + '_ {
        self.sitters.values().map(|sitter| sitter.player)
    }

    /// Who sits here with its seat and whether it is ready, in order of seats.
    pub(crate) fn sitters(&self) -> impl Iterator<Item = (u8, PlayerNumber, bool)> + '_ {
        self.sitters.iter().map(|(seat, sitter)| (*seat, sitter.player, sitter.is_ready))
    }

    /// Who sits on that seat.
    pub(crate) fn player_on(&self, seat: u8) -> Option<PlayerNumber> {
        self.sitters.get(&seat).map(|sitter| sitter.player)
    }

    /// The match, whether it runs or not: for who comes and who goes.
    pub(crate) const fn game_mut(&mut self) -> &mut Game {
        &mut self.game
    }

    /// The match, if it runs.
    pub(crate) fn running_mut(&mut self) -> Option<&mut Game> {
        self.is_running.then_some(&mut self.game)
    }

    /// Its line in the list.
    pub(super) fn entry(&self) -> RoomEntry {
        RoomEntry {
            name: self.name.clone(),
            players: u8::try_from(self.len()).unwrap_or(self.seats),
            seats: self.seats,
            is_running: self.is_running,
        }
    }

    fn ready_players(&self) -> usize {
        self.sitters.values().filter(|sitter| sitter.is_ready).count()
    }

    /// More than half: nobody holds up the others, and who is alone waits for nobody.
    fn wanted(&self) -> usize {
        self.len() / 2 + 1
    }

    fn start_if_enough_are_ready(&mut self) {
        self.is_running |= self.ready_players() >= self.wanted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(players: u32) -> Room {
        let mut room = Room::new(RoomNumber(7), "red".to_owned(), 4, 60);
        for number in 0..players {
            room.seat(PlayerNumber(number)).unwrap();
        }
        room
    }

    fn waiting(ready: u8, wanted: u8) -> Phase {
        Phase::Waiting { ready, wanted }
    }

    #[test]
    fn a_match_starts_when_more_than_half_are_ready() {
        let mut room = room(3);
        assert_eq!(room.phase(), waiting(0, 2));
        room.ready(0, true);
        room.ready(0, true);
        assert_eq!(room.phase(), waiting(1, 2));
        assert!(room.running_mut().is_none());
        room.ready(2, true);
        assert_eq!(room.phase(), Phase::Running);
        assert!(room.running_mut().is_some());
    }

    #[test]
    fn who_is_alone_waits_for_nobody() {
        let mut room = room(1);
        room.ready(0, true);
        assert_eq!(room.phase(), Phase::Running);
    }

    #[test]
    fn ready_may_be_taken_back_until_the_match_runs() {
        let mut room = room(2);
        room.ready(0, true);
        room.ready(0, false);
        room.ready(1, true);
        assert_eq!(room.phase(), waiting(1, 2));
        room.ready(0, true);
        room.ready(0, false);
        assert_eq!(room.phase(), Phase::Running);
    }

    #[test]
    fn those_who_stay_may_be_enough_and_nobody_is_not() {
        let mut crowd = room(3);
        crowd.ready(0, true);
        crowd.leave(2);
        assert_eq!(crowd.phase(), waiting(1, 2));
        crowd.leave(1);
        assert_eq!(crowd.phase(), Phase::Running);
        let mut last = room(1);
        last.leave(0);
        assert_eq!(last.phase(), waiting(0, 1));
    }

    #[test]
    fn who_comes_late_is_in_the_match_and_need_not_be_ready() {
        let mut room = room(1);
        room.ready(0, true);
        assert_eq!(room.seat(PlayerNumber(9)), Some(1));
        assert_eq!(room.phase(), Phase::Running);
    }

    #[test]
    fn news_is_told_once_and_only_when_it_is_news() {
        let mut room = room(2);
        assert_eq!(room.take_news(), Some(News { room: 7, phase: waiting(0, 2) }));
        assert_eq!(room.take_news(), None);
        room.ready(0, true);
        room.ready(1, true);
        assert_eq!(room.take_news(), Some(News { room: 7, phase: Phase::Running }));
        room.seat(PlayerNumber(9)).unwrap();
        assert_eq!(room.take_news(), None);
    }

    #[test]
    fn nobody_sits_on_a_seat_that_is_not_there() {
        let mut room = room(4);
        assert_eq!(room.seat(PlayerNumber(9)), None);
        room.ready(8, true);
        room.leave(8);
        assert_eq!((room.len(), room.phase()), (4, waiting(0, 3)));
    }
}
