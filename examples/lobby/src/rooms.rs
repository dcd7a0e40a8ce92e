//! Which rooms there are and who sits where. The rules, without the network.

mod room;

use std::collections::BTreeMap;

use crate::protocol::{NoSeat, Phase, RoomEntry, SEATS_MAX, SEATS_MIN, Seat, is_a_name};

pub(crate) use self::room::Room;

/// Rooms in a list.
const LISTED_MAX: usize = 256;
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
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomNumber, Room>,
    rooms_max: usize,
    opened: u32,
    tick_hz: u16,
}

impl Rooms {
    /// No rooms yet, and seats for so many players at the least, however small the rooms are that
    /// they open. Matches run at that rate.
    pub(crate) fn new(tick_hz: u16, players: usize) -> Self {
        let rooms_max = players.div_ceil(usize::from(SEATS_MIN));
        Self { rooms: BTreeMap::new(), rooms_max, opened: 0, tick_hz }
    }

    /// The oldest rooms, the oldest first.
    pub(crate) fn list(&self) -> Vec<RoomEntry> {
        self.rooms.values().take(LISTED_MAX).map(Room::entry).collect()
    }

    /// Opens a room of that name and seats a player in it.
    ///
    /// # Errors
    ///
    /// [`NoSeat`] if the name, the number of seats or the lobby does not allow it.
    pub(crate) fn create(
        &mut self,
        name: &str,
        seats: u8,
        player: PlayerNumber,
    ) -> Result<Place, NoSeat> {
        if !is_a_name(name) {
            return Err(NoSeat::BadName);
        }
        if !(SEATS_MIN..=SEATS_MAX).contains(&seats) {
            return Err(NoSeat::BadSeats);
        }
        if self.named(name).is_some() {
            return Err(NoSeat::NameTaken);
        }
        let number = self.open(name.to_owned(), seats)?;
        self.seat(number, player).ok_or(NoSeat::RoomFull)
    }

    /// Seats a player in the room of that name.
    ///
    /// # Errors
    ///
    /// [`NoSeat`] if there is no such room or no seat in it.
    pub(crate) fn join(&mut self, name: &str, player: PlayerNumber) -> Result<Place, NoSeat> {
        let number = self.named(name).ok_or(NoSeat::NoRoom)?;
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
            None => match self.open(self.free_name(), SEATS_MAX) {
                Ok(number) => number,
                Err(full) => self.fullest_below(usize::from(SEATS_MAX)).ok_or(full)?,
            },
        };
        self.seat(number, player).ok_or(NoSeat::LobbyFull)
    }

    /// A player is ready for the match, or not any more; says how its room stands then.
    ///
    /// # Errors
    ///
    /// [`NoSeat::Standing`] if nobody sits there.
    pub(crate) fn ready(&mut self, place: Place, is_ready: bool) -> Result<Phase, NoSeat> {
        let room = self.rooms.get_mut(&place.room).ok_or(NoSeat::Standing)?;
        room.ready(place.seat, is_ready);
        Ok(room.phase())
    }

    /// Frees a seat; the last to leave closes the room.
    pub(crate) fn leave(&mut self, place: Place) {
        let Some(room) = self.rooms.get_mut(&place.room) else { return };
        room.leave(place.seat);
        if room.is_empty() {
            self.rooms.remove(&place.room);
        }
    }

    /// What the player who sits there is told.
    pub(crate) fn seat_at(&self, place: Place) -> Option<Seat> {
        let room = self.rooms.get(&place.room)?;
        let (name, phase) = (room.name().to_owned(), room.phase());
        Some(Seat { room: place.room.0, name, seat: place.seat, phase })
    }

    /// That room.
    pub(crate) fn get(&self, room: RoomNumber) -> Option<&Room> {
        self.rooms.get(&room)
    }

    /// That room.
    pub(crate) fn get_mut(&mut self, room: RoomNumber) -> Option<&mut Room> {
        self.rooms.get_mut(&room)
    }

    /// Who sits there, in order of seats.
    pub(crate) fn players(&self, room: RoomNumber) -> impl Iterator<Item = PlayerNumber> + '_ {
        self.rooms.get(&room).into_iter().flat_map(Room::players)
    }

    /// Every room with its number, the oldest first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (RoomNumber, &mut Room)> {
        self.rooms.iter_mut().map(|(number, room)| (*number, room))
    }

    /// Rooms there are now.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    fn named(&self, name: &str) -> Option<RoomNumber> {
        let named = self.rooms.iter().find(|(_, room)| room.name() == name);
        named.map(|(number, _)| *number)
    }

    fn open(&mut self, name: String, seats: u8) -> Result<RoomNumber, NoSeat> {
        if self.rooms.len() >= self.rooms_max {
            return Err(NoSeat::LobbyFull);
        }
        self.opened += 1;
        let number = RoomNumber(self.opened);
        self.rooms.insert(number, Room::new(number, name, seats, self.tick_hz));
        Ok(number)
    }

    fn seat(&mut self, number: RoomNumber, player: PlayerNumber) -> Option<Place> {
        let seat = self.rooms.get_mut(&number)?.seat(player)?;
        Some(Place { room: number, seat })
    }

    fn fullest_below(&self, players: usize) -> Option<RoomNumber> {
        let spare =
            self.rooms.iter().filter(|(_, room)| room.len() < players.min(room.seats().into()));
        // The last of equals is the youngest: old rooms may run dry.
        spare.max_by_key(|(_, room)| room.len()).map(|(number, _)| *number)
    }

    fn free_name(&self) -> String {
        let names = (1..).map(|count: u32| format!("arena {}", self.opened.saturating_add(count)));
        names.into_iter().find(|name| self.named(name).is_none()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
