//! Which rooms there are and who sits where. The rules, without the network.

use std::collections::BTreeMap;

use crate::{
    game::Game,
    protocol::{NoSeat, ROOM_SEATS, RoomEntry, Seat, is_a_name},
};

/// Rooms there may be.
pub(crate) const ROOMS_MAX: usize = 256;
/// A quick match fills rooms up to here, so that friends find a seat beside one.
const QUICK_SEATS: usize = 14;

/// A player, as the lobby numbers them; never used twice in its life.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct PlayerNumber(pub(crate) u32);

/// A room; never used twice in a lobby's life.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RoomNumber(pub(crate) u32);

/// Where a player sits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The room.
    pub(crate) room: RoomNumber,
    /// The seat in it.
    pub(crate) seat: u8,
}

/// Every room that has a player in it; an empty one closes.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomNumber, Room>,
    opened: u32,
}

/// A room and its match.
#[derive(Debug)]
pub(crate) struct Room {
    name: String,
    /// By seat.
    members: BTreeMap<u8, PlayerNumber>,
    /// Runs while somebody sits here.
    pub(crate) game: Game,
}

impl Rooms {
    /// Every room, the oldest first.
    pub(crate) fn list(&self) -> Vec<RoomEntry> {
        self.rooms.values().map(Room::entry).collect()
    }

    /// Seats a player in the room of that name, and opens it if there is none.
    ///
    /// # Errors
    ///
    /// [`NoSeat`] if the room, the lobby or the name does not allow it.
    pub(crate) fn join(&mut self, name: &str, player: PlayerNumber) -> Result<Place, NoSeat> {
        if !is_a_name(name) {
            return Err(NoSeat::BadName);
        }
        let named = self.rooms.iter().find(|(_, room)| room.name == name);
        let number = match named.map(|(number, _)| *number) {
            Some(number) => number,
            None => self.open(name.to_owned())?,
        };
        self.seat(number, player).ok_or(NoSeat::RoomFull)
    }

    /// Seats a player in the fullest room that has a seat to spare, else in a new one, else in any.
    ///
    /// # Errors
    ///
    /// [`NoSeat::LobbyFull`] if every seat of every possible room is taken.
    pub(crate) fn quick_match(&mut self, player: PlayerNumber) -> Result<Place, NoSeat> {
        let number = match self.fullest_below(QUICK_SEATS) {
            Some(number) => number,
            None => match self.open(self.free_name()) {
                Ok(number) => number,
                Err(full) => self.fullest_below(usize::from(ROOM_SEATS)).ok_or(full)?,
            },
        };
        self.seat(number, player).ok_or(NoSeat::LobbyFull)
    }

    /// Frees a seat; the last to leave closes the room.
    pub(crate) fn leave(&mut self, place: Place) {
        let Some(room) = self.rooms.get_mut(&place.room) else { return };
        if room.members.remove(&place.seat).is_some() {
            room.game.leave(place.seat);
        }
        if room.members.is_empty() {
            self.rooms.remove(&place.room);
        }
    }

    /// What the player who sits there is told.
    pub(crate) fn seat_at(&self, place: Place) -> Option<Seat> {
        let room = self.rooms.get(&place.room)?;
        Some(Seat { room: place.room.0, name: room.name.clone(), seat: place.seat })
    }

    /// The match that is played there.
    pub(crate) fn game_mut(&mut self, room: RoomNumber) -> Option<&mut Game> {
        Some(&mut self.rooms.get_mut(&room)?.game)
    }

    /// Who sits there, in order of seats.
    pub(crate) fn members(&self, room: RoomNumber) -> impl Iterator<Item = PlayerNumber> + '_ {
        self.rooms.get(&room).into_iter().flat_map(Room::members)
    }

    /// Every room with its number, the oldest first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (RoomNumber, &mut Room)> {
        self.rooms.iter_mut().map(|(number, room)| (*number, room))
    }

    /// Rooms there are now.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    fn open(&mut self, name: String) -> Result<RoomNumber, NoSeat> {
        if self.rooms.len() >= ROOMS_MAX {
            return Err(NoSeat::LobbyFull);
        }
        self.opened += 1;
        let number = RoomNumber(self.opened);
        let room = Room { name, members: BTreeMap::new(), game: Game::new(number.0) };
        self.rooms.insert(number, room);
        Ok(number)
    }

    fn seat(&mut self, number: RoomNumber, player: PlayerNumber) -> Option<Place> {
        let room = self.rooms.get_mut(&number)?;
        let seat = (0..ROOM_SEATS).find(|seat| !room.members.contains_key(seat))?;
        room.members.insert(seat, player);
        Some(Place { room: number, seat })
    }

    fn fullest_below(&self, seats: usize) -> Option<RoomNumber> {
        let spare = self.rooms.iter().filter(|(_, room)| room.members.len() < seats);
        // The last of equals is the youngest: old rooms may run dry.
        spare.max_by_key(|(_, room)| room.members.len()).map(|(number, _)| *number)
    }

    fn free_name(&self) -> String {
        let taken = |name: &String| self.rooms.values().any(|room| room.name == *name);
        let names = (1..).map(|count: u32| format!("arena {}", self.opened.saturating_add(count)));
        names.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }
}

impl Room {
    /// Who sits here, in order of seats.
    pub(crate) fn members(&self) -> impl Iterator<Item = PlayerNumber> + '_ {
        self.members.values().copied()
    }

    /// Who sits on that seat.
    pub(crate) fn member(&self, seat: u8) -> Option<PlayerNumber> {
        self.members.get(&seat).copied()
    }

    fn entry(&self) -> RoomEntry {
        let players = u8::try_from(self.members.len()).unwrap_or(ROOM_SEATS);
        RoomEntry { name: self.name.clone(), players, seats: ROOM_SEATS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NAME_MAX;

    fn player(number: u32) -> PlayerNumber {
        PlayerNumber(number)
    }

    #[test]
    fn a_room_opens_with_its_first_player_and_closes_with_its_last() {
        let mut rooms = Rooms::default();
        let red = rooms.join("red", player(1)).unwrap();
        assert_eq!(rooms.join("red", player(2)).unwrap(), Place { room: red.room, seat: 1 });
        let entry = RoomEntry { name: "red".to_owned(), players: 2, seats: ROOM_SEATS };
        assert_eq!(rooms.list(), [entry]);
        rooms.leave(red);
        rooms.leave(red);
        assert_eq!(rooms.len(), 1, "leaving twice frees one seat");
        rooms.leave(Place { room: red.room, seat: 1 });
        assert!(rooms.list().is_empty());
        assert_ne!(rooms.join("red", player(1)).unwrap().room, red.room, "another match");
    }

    #[test]
    fn the_lowest_free_seat_is_taken() {
        let mut rooms = Rooms::default();
        let places: Vec<_> = (0..4).map(|n| rooms.join("red", player(n)).unwrap()).collect();
        rooms.leave(places[1]);
        assert_eq!(rooms.join("red", player(9)).unwrap().seat, 1);
        assert_eq!(rooms.members(places[0].room).map(|p| p.0).collect::<Vec<_>>(), [0, 9, 2, 3]);
    }

    #[test]
    fn a_full_room_takes_nobody() {
        let mut rooms = Rooms::default();
        for number in 0..u32::from(ROOM_SEATS) {
            assert!(rooms.join("red", player(number)).is_ok());
        }
        assert_eq!(rooms.join("red", player(99)), Err(NoSeat::RoomFull));
        assert_eq!(rooms.list()[0].players, ROOM_SEATS);
    }

    #[test]
    fn a_bad_name_opens_nothing() {
        let mut rooms = Rooms::default();
        let (longest, longer) = ("x".repeat(NAME_MAX), "x".repeat(NAME_MAX + 1));
        for name in ["", "  ", "a\nb", &longer] {
            assert_eq!(rooms.join(name, player(1)), Err(NoSeat::BadName));
        }
        assert_eq!(rooms.len(), 0);
        assert!(rooms.join(&longest, player(1)).is_ok());
    }

    #[test]
    fn a_quick_match_fills_one_room_after_another() {
        let mut rooms = Rooms::default();
        for number in 0..200 {
            rooms.quick_match(player(number)).unwrap();
        }
        let sizes: Vec<_> = rooms.list().iter().map(|entry| entry.players).collect();
        assert_eq!(sizes.iter().map(|size| u32::from(*size)).sum::<u32>(), 200);
        assert_eq!(sizes.len(), 200_usize.div_ceil(QUICK_SEATS));
        assert!(sizes[..sizes.len() - 1].iter().all(|size| usize::from(*size) == QUICK_SEATS));
    }

    #[test]
    fn a_quick_match_takes_the_fullest_room_that_has_a_seat() {
        let mut rooms = Rooms::default();
        rooms.join("small", player(1)).unwrap();
        let large = rooms.join("large", player(2)).unwrap().room;
        rooms.join("large", player(3)).unwrap();
        assert_eq!(rooms.quick_match(player(4)).unwrap().room, large);
    }

    #[test]
    fn a_quick_match_does_not_take_a_name_that_is_taken() {
        let mut rooms = Rooms::default();
        for number in 0..u32::from(ROOM_SEATS) {
            rooms.join("arena 2", player(number)).unwrap();
        }
        let room = rooms.quick_match(player(99)).unwrap();
        assert_eq!(rooms.seat_at(room).unwrap().name, "arena 3");
    }

    #[test]
    fn there_are_only_so_many_rooms() {
        let mut rooms = Rooms::default();
        for number in 0..u32::try_from(ROOMS_MAX).unwrap() {
            rooms.join(&format!("room {number}"), player(number)).unwrap();
        }
        assert_eq!(rooms.join("one more", player(9999)), Err(NoSeat::LobbyFull));
        assert!(rooms.quick_match(player(9999)).is_ok(), "there are seats in the others");
    }
}
