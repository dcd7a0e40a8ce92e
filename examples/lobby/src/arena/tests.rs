//! One rule of the match per test.

use super::*;

/// Step of an intent in these tests' matches.
const STEP: i32 = geometry::px(3);

fn arena(seats: u8) -> Arena {
    let mut arena = Arena::new(60);
    (0..seats).for_each(|seat| arena.enter(seat));
    arena
}

fn put(arena: &mut Arena, seat: u8, x: i32, y: i32) {
    let place = arena.place_of(seat).unwrap();
    arena.bodies[place].at = Point { x: geometry::px(x), y: geometry::px(y) };
}

fn at(arena: &Arena, seat: u8) -> Point {
    arena.bodies[arena.place_of(seat).unwrap()].at
}

fn crown(arena: &mut Arena, by: u8, grace: u16) {
    arena.crown = Hold::Held { by, ticks: 0, grace };
}

#[test]
fn an_intent_moves_by_a_step_and_only_its_own_player() {
    let mut arena = arena(2);
    put(&mut arena, 0, 500, 100);
    let other = at(&arena, 1);
    arena.apply(0, Intent::towards(Heading::new(0)));
    assert_eq!(at(&arena, 0), Point { x: geometry::px(503), y: geometry::px(100) });
    assert_eq!(at(&arena, 1), other);
    arena.apply(0, Intent::REST);
    assert_eq!(at(&arena, 0).x, geometry::px(503));
}

#[test]
fn an_intent_of_nobody_is_harmless() {
    let mut arena = arena(1);
    let before = arena.clone();
    arena.apply(9, Intent::towards(Heading::new(0)));
    arena.leave(9);
    assert_eq!(arena, before);
}

#[test]
fn a_dash_is_faster_and_has_to_rest() {
    let mut arena = arena(1);
    put(&mut arena, 0, 100, 100);
    let dash = Intent::towards(Heading::new(0)).dashing();
    let mut steps = Vec::new();
    for _ in 0..150 {
        let before = at(&arena, 0).x;
        arena.apply(0, dash);
        steps.push(at(&arena, 0).x - before);
    }
    assert!(steps[..10].iter().all(|step| *step == STEP * 5 / 2));
    assert!(steps[10..].iter().all(|step| *step == STEP));
    let before = at(&arena, 0).x;
    arena.apply(0, dash);
    assert_eq!(at(&arena, 0).x - before, STEP * 5 / 2);
}

#[test]
fn who_first_touches_the_crown_on_the_ground_has_it() {
    let mut arena = arena(2);
    put(&mut arena, 1, 512, 330);
    arena.step();
    assert_eq!(arena.crown(), Crown::Held { by: 1 });
}

#[test]
fn a_touch_takes_the_crown_once_it_is_no_longer_safe() {
    let mut arena = arena(2);
    put(&mut arena, 0, 500, 80);
    put(&mut arena, 1, 500, 110);
    crown(&mut arena, 0, 2);
    arena.step();
    arena.step();
    assert_eq!(arena.holder(), Some(0), "safe for two ticks");
    arena.step();
    assert_eq!(arena.holder(), Some(1));
    arena.step();
    assert_eq!(arena.holder(), Some(1), "safe in turn");
}

#[test]
fn the_holder_is_slower() {
    let mut arena = arena(1);
    put(&mut arena, 0, 500, 80);
    crown(&mut arena, 0, 0);
    arena.apply(0, Intent::towards(Heading::new(0)));
    assert_eq!(at(&arena, 0).x - geometry::px(500), STEP * 9 / 10);
}

#[test]
fn who_leaves_with_the_crown_leaves_it_there() {
    let mut arena = arena(2);
    put(&mut arena, 0, 500, 80);
    crown(&mut arena, 0, 0);
    arena.leave(0);
    assert_eq!(arena.crown(), Crown::Lies { x: 500 * 16, y: 80 * 16 });
    assert_eq!(arena.players(|_| 0).len(), 1);
}

#[test]
fn a_second_with_the_crown_is_a_point_and_enough_points_win_the_round() {
    let mut arena = arena(1);
    put(&mut arena, 0, 500, 80);
    crown(&mut arena, 0, 0);
    let ticks = 60 * u32::from(GOAL);
    let winners: Vec<_> = (1..ticks).filter_map(|_| arena.step()).collect();
    assert!(winners.is_empty());
    assert_eq!(arena.players(|_| 0)[0].score, GOAL - 1);
    assert_eq!(arena.step(), Some(0));
    assert_eq!(arena.players(|_| 0)[0].score, 0);
    assert_eq!(arena.holder(), None);
}

#[test]
fn a_second_is_as_long_at_any_rate() {
    for tick_hz in [20, 30, 60, 120, 240] {
        let mut arena = Arena::new(tick_hz);
        arena.enter(0);
        put(&mut arena, 0, 100, 80);
        let dash = Intent::towards(Heading::new(0)).dashing();
        (0..tick_hz).for_each(|_| arena.apply(0, dash));
        let went = at(&arena, 0).x - geometry::px(100);
        // A dash in it, of a sixth of a second, makes it a quarter more.
        assert!((went - geometry::px(225)).abs() <= geometry::px(5), "{tick_hz}: {went}");

        crown(&mut arena, 0, 0);
        (1..tick_hz).for_each(|_| assert_eq!(arena.step(), None));
        assert_eq!(arena.players(|_| 0)[0].score, 0, "{tick_hz}");
        arena.step();
        assert_eq!(arena.players(|_| 0)[0].score, 1, "{tick_hz}");
    }
}

#[test]
fn bodies_part_whatever_their_number() {
    let mut arena = arena(16);
    (0..16).for_each(|seat| put(&mut arena, seat, 512, 320));
    for _ in 0..200 {
        arena.step();
    }
    for (one, other) in (0..16).flat_map(|one| (one + 1..16).map(move |other| (one, other))) {
        let distance = at(&arena, one).square_to(at(&arena, other)).isqrt();
        assert!(distance >= i64::from(2 * RADIUS - 64), "{one} and {other}: {distance}");
    }
}

#[test]
fn the_same_intents_make_the_same_match() {
    let play = || {
        let mut arena = arena(16);
        let mut random = fastrand::Rng::with_seed(7);
        for tick in 0..2000 {
            for seat in 0..16 {
                arena.apply(seat, Intent::towards(Heading::new(random.u8(..))));
            }
            if tick == 700 {
                arena.leave(3);
            }
            arena.step();
        }
        arena
    };
    assert_eq!(play(), play());
}

#[test]
fn everybody_is_in_the_picture_with_the_last_input() {
    let arena = arena(16);
    let players = arena.players(|seat| u32::from(seat) * 10);
    assert_eq!(players.len(), 16);
    assert!(players.iter().all(|player| player.input == u32::from(player.seat) * 10));
    assert!(players.iter().all(|player| player.x < 1 << 14 && player.y < 1 << 14), "two bytes");
}

#[test]
fn every_heading_is_along_its_own_unit() {
    for number in 0..16 {
        let heading = Heading::new(number);
        let (x, y) = heading.unit();
        assert_eq!(Heading::along(x, y), heading);
        assert_eq!(Heading::along(x * 1000, y * 1000), heading);
    }
    assert_eq!(Heading::along(0, 0), Heading::new(0));
}

#[test]
fn an_intent_tells_what_it_was_made_of() {
    let intent = Intent::towards(Heading::new(7)).dashing();
    assert_eq!((intent.heading(), intent.dashes()), (Some(Heading::new(7)), true));
    assert!(!intent.walking().dashes());
    assert_eq!(Intent::REST.heading(), None);
}
