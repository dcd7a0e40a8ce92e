//! Seats, names and capacities, as far as one room does not decide them alone.

use super::*;
use crate::protocol::NAME_MAX;

fn player(number: u32) -> PlayerNumber {
    PlayerNumber(number)
}

fn rooms() -> Rooms {
    Rooms::new(60, 2000)
}

fn entry(name: &str, players: u8, seats: u8) -> RoomEntry {
    RoomEntry { name: name.to_owned(), players, seats, is_running: false }
}

#[test]
fn a_room_opens_with_its_first_player_and_closes_with_its_last() {
    let mut rooms = rooms();
    let red = rooms.create("red", 5, player(1)).unwrap();
    assert_eq!(rooms.join("red", player(2)).unwrap(), Place { room: red.room, seat: 1 });
    assert_eq!(rooms.list(), [entry("red", 2, 5)]);
    rooms.leave(red);
    rooms.leave(red);
    assert_eq!(rooms.len(), 1, "leaving twice frees one seat");
    rooms.leave(Place { room: red.room, seat: 1 });
    assert!(rooms.list().is_empty());
    assert_eq!(rooms.join("red", player(1)), Err(NoSeat::NoRoom));
    assert_ne!(rooms.create("red", 5, player(1)).unwrap().room, red.room, "another match");
}

#[test]
fn a_name_is_taken_once() {
    let mut rooms = rooms();
    rooms.create("red", 2, player(1)).unwrap();
    assert_eq!(rooms.create("red", 2, player(2)), Err(NoSeat::NameTaken));
    assert_eq!(rooms.len(), 1);
}

#[test]
fn the_lowest_free_seat_is_taken() {
    let mut rooms = rooms();
    let first = rooms.create("red", SEATS_MAX, player(0)).unwrap();
    let second = rooms.join("red", player(1)).unwrap();
    rooms.join("red", player(2)).unwrap();
    rooms.leave(second);
    assert_eq!(rooms.join("red", player(9)).unwrap().seat, 1);
    assert_eq!(rooms.players(first.room).map(|p| p.0).collect::<Vec<_>>(), [0, 9, 2]);
}

#[test]
fn a_full_room_takes_nobody() {
    let mut rooms = rooms();
    rooms.create("red", 3, player(0)).unwrap();
    rooms.join("red", player(1)).unwrap();
    rooms.join("red", player(2)).unwrap();
    assert_eq!(rooms.join("red", player(3)), Err(NoSeat::RoomFull));
    assert_eq!(rooms.list(), [entry("red", 3, 3)]);
}

#[test]
fn seats_are_counted_from_the_fewest_to_the_most() {
    let mut rooms = rooms();
    for seats in [0, SEATS_MIN - 1, SEATS_MAX + 1, u8::MAX] {
        assert_eq!(rooms.create("red", seats, player(1)), Err(NoSeat::BadSeats), "{seats}");
    }
    assert_eq!(rooms.len(), 0);
    assert!(rooms.create("few", SEATS_MIN, player(1)).is_ok());
    assert!(rooms.create("many", SEATS_MAX, player(2)).is_ok());
}

#[test]
fn a_bad_name_opens_nothing() {
    let mut rooms = rooms();
    let (longest, longer) = ("x".repeat(NAME_MAX), "x".repeat(NAME_MAX + 1));
    for name in ["", "  ", "a\nb", &longer] {
        assert_eq!(rooms.create(name, 4, player(1)), Err(NoSeat::BadName));
    }
    assert_eq!(rooms.len(), 0);
    assert!(rooms.create(&longest, 4, player(1)).is_ok());
}

#[test]
fn a_quick_match_fills_one_room_after_another() {
    let mut rooms = rooms();
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
    let mut rooms = rooms();
    rooms.create("small", SEATS_MAX, player(1)).unwrap();
    let large = rooms.create("large", SEATS_MAX, player(2)).unwrap().room;
    rooms.join("large", player(3)).unwrap();
    rooms.create("full", 2, player(4)).unwrap();
    rooms.join("full", player(5)).unwrap();
    assert_eq!(rooms.quick_match(player(6)).unwrap().room, large);
}

#[test]
fn a_quick_match_does_not_take_a_name_that_is_taken() {
    let mut rooms = rooms();
    rooms.create("arena 2", 2, player(1)).unwrap();
    rooms.join("arena 2", player(2)).unwrap();
    let room = rooms.quick_match(player(99)).unwrap();
    assert_eq!(rooms.seat_at(room).unwrap().name, "arena 3");
}

#[test]
fn there_are_only_so_many_rooms() {
    let mut rooms = Rooms::new(60, 8);
    for number in 0..4 {
        rooms.create(&format!("room {number}"), 2, player(number)).unwrap();
    }
    assert_eq!(rooms.create("one more", 4, player(9)), Err(NoSeat::LobbyFull));
}

#[test]
fn everybody_finds_a_seat_however_small_the_rooms_are() {
    for players in [1, 2, 7, 2000] {
        let mut rooms = Rooms::new(60, players);
        let mut sits = |number| {
            let player = player(number);
            rooms.create(&format!("room {number}"), SEATS_MIN, player).is_ok()
                || rooms.quick_match(player).is_ok()
        };
        assert!((0..u32::try_from(players).unwrap()).all(&mut sits), "{players}");
    }
}

#[test]
fn a_list_is_bounded() {
    let mut rooms = rooms();
    for number in 0..1000 {
        rooms.create(&format!("room {number}"), 2, player(number)).unwrap();
    }
    assert_eq!((rooms.len(), rooms.list().len()), (1000, LISTED_MAX));
    assert_eq!(rooms.list()[0], entry("room 0", 1, 2), "the oldest first");
}

#[test]
fn a_seat_tells_whether_the_match_runs() {
    let mut rooms = rooms();
    let red = rooms.create("red", 4, player(1)).unwrap();
    let phase = |rooms: &Rooms, place| rooms.seat_at(place).unwrap().phase;
    assert_eq!(phase(&rooms, red), Phase::Waiting { ready: 0, wanted: 1 });
    assert_eq!(rooms.ready(red, true), Ok(Phase::Running));
    let late = rooms.join("red", player(2)).unwrap();
    assert_eq!(phase(&rooms, late), Phase::Running);
    assert!(rooms.list()[0].is_running);
    let nowhere = Place { room: RoomNumber(99), seat: 0 };
    assert_eq!(rooms.ready(nowhere, true), Err(NoSeat::Standing));
}
