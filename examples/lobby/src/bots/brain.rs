//! What a bot wants: decided from the snapshot it has, as a player would.

use fastrand::Rng;

use crate::{
    arena::{HEIGHT, PILLARS, WIDTH},
    protocol::{Crown, Heading, Intent, Player, RoomEntry, SEATS_MAX, SEATS_MIN, Snapshot},
};

/// Sixteenths of a pixel in a pixel.
const PX: i32 = 16;
/// A chaser this near is fled from before all else.
const DANGER: i32 = 160 * PX;
/// A bot dashes when it is this near to what it wants or fears.
const DASH_WITHIN: i32 = 110 * PX;
/// Walls and pillars push from this far.
const WALL_FEAR: i32 = 60 * PX;
/// Decisions in which a bot that got stuck goes elsewhere.
const DETOUR: u8 = 8;

const CHATTER: [&str; 8] = [
    "that crown suits me",
    "coming for you",
    "not the corner again",
    "who pushed me?",
    "good round",
    "wait for me",
    "mine, mine, mine",
    "brb, other room",
];

/// A bot's own will. The same seed and snapshots make the same decisions.
#[derive(Debug)]
pub(super) struct Brain {
    random: Rng,
    /// Where it stood at the last decision, if it wanted to move.
    stood: Option<(u16, u16)>,
    detour: u8,
}

/// Where a bot goes after it has left a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Wherever there is a game.
    QuickMatch,
    /// A look at the list first.
    Browse,
    /// A room of its own, where others may come.
    Open,
}

impl Brain {
    /// A brain that has seen nothing.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), stood: None, detour: 0 }
    }

    /// What to do until the next snapshot.
    pub(super) fn decide(&mut self, snapshot: &Snapshot<'_>, seat: u8) -> Intent {
        let Some(me) = snapshot.players.iter().find(|player| player.seat == seat) else {
            return Intent::REST;
        };
        let wanted = match snapshot.crown {
            Crown::Held { by } if by == seat => flee(me, &snapshot.players),
            Crown::Held { by } => chase(me, snapshot.players.iter().find(|one| one.seat == by)),
            Crown::Lies { x, y } => approach(way(me, x, y)),
        };
        self.around_obstacles(me, wanted)
    }

    /// How many seconds to stay in a room: 4 to 12.
    pub(super) fn stay_seconds(&mut self) -> f32 {
        self.random.f32().mul_add(8.0, 4.0)
    }

    /// How many seconds to be silent: 1 to 5.
    pub(super) fn silence_seconds(&mut self) -> f32 {
        self.random.f32().mul_add(4.0, 1.0)
    }

    /// How many seconds to look around before being ready: 0.1 to 0.6.
    pub(super) fn hesitation_seconds(&mut self) -> f32 {
        self.random.f32().mul_add(0.5, 0.1)
    }

    /// Whether to take back what it just said: one time in eight.
    pub(super) fn is_fickle(&mut self) -> bool {
        self.random.u8(..8) == 0
    }

    /// Whether to ask who else sits here: one time in four.
    pub(super) fn is_curious(&mut self) -> bool {
        self.random.u8(..4) == 0
    }

    /// How many seats a room of its own gets.
    pub(super) fn seats(&mut self) -> u8 {
        self.random.u8(SEATS_MIN..=SEATS_MAX)
    }

    /// Something to say.
    pub(super) fn line(&mut self) -> &'static str {
        self.random.choice(CHATTER).unwrap_or_default()
    }

    /// Where to go after a room.
    pub(super) fn next(&mut self) -> Next {
        match self.random.u8(..10) {
            0..6 => Next::QuickMatch,
            6..9 => Next::Browse,
            _ => Next::Open,
        }
    }

    /// One of these rooms, if there are any: of two at random the one where more is going on, as
    /// most people would.
    pub(super) fn pick<'a>(&mut self, from: &'a [RoomEntry]) -> Option<&'a RoomEntry> {
        let (one, other) = (self.random.choice(from)?, self.random.choice(from)?);
        Some(if other.players > one.players { other } else { one })
    }

    /// From 0 up to and without 1.
    pub(super) fn chance(&mut self) -> f32 {
        self.random.f32()
    }

    /// Who wanted to move and did not turns aside for a while.
    fn around_obstacles(&mut self, me: &Player, wanted: Intent) -> Intent {
        let here = (me.x, me.y);
        let is_stuck = self.stood == Some(here);
        self.stood = wanted.heading().is_some().then_some(here);
        if is_stuck {
            self.detour = DETOUR;
        }
        self.detour = self.detour.saturating_sub(1);
        match wanted.heading() {
            Some(heading) if self.detour > 0 => {
                // A quarter turn, to the side its seat prefers: two that block each other part.
                Intent::towards(heading.turned(if me.seat.is_multiple_of(2) { 4 } else { 12 }))
            }
            _ => wanted,
        }
    }
}

fn way(from: &Player, x: u16, y: u16) -> (i32, i32) {
    (i32::from(x) - i32::from(from.x), i32::from(y) - i32::from(from.y))
}

fn is_within((x, y): (i32, i32), reach: i32) -> bool {
    let square = |length: i32| i64::from(length).pow(2);
    square(x) + square(y) <= square(reach)
}

fn approach((x, y): (i32, i32)) -> Intent {
    if (x, y) == (0, 0) { Intent::REST } else { Intent::towards(Heading::along(x, y)) }
}

fn chase(me: &Player, holder: Option<&Player>) -> Intent {
    let Some(holder) = holder else { return Intent::REST };
    let mut way = way(me, holder.x, holder.y);
    let is_near = is_within(way, DASH_WITHIN);
    if let Some(heading) = holder.intent.heading().filter(|_| !is_near) {
        // From afar: to where it will be, not to where it is.
        let (x, y) = heading.unit();
        way = (way.0 + x * 3, way.1 + y * 3);
    }
    let intent = approach(way);
    if is_near { intent.dashing() } else { intent }
}

fn flee(me: &Player, players: &[Player]) -> Intent {
    let chasers = players.iter().filter(|other| other.seat != me.seat);
    let ways: Vec<(i32, i32)> = chasers.map(|other| way(me, other.x, other.y)).collect();
    let near = ways.iter().filter(|way| is_within(**way, DANGER));
    let away = near.fold(fear_of_walls(me), |(x, y), (dx, dy)| {
        // The nearer, the stronger.
        let weight = DANGER - (dx.abs() + dy.abs()) / 2;
        (x - dx.signum() * weight.max(1) / 2, y - dy.signum() * weight.max(1) / 2)
    });
    let intent = approach(away);
    let is_close = ways.iter().any(|way| is_within(*way, DASH_WITHIN));
    if is_close { intent.dashing() } else { intent }
}

/// A push towards the open.
fn fear_of_walls(me: &Player) -> (i32, i32) {
    let (x, y) = (i32::from(me.x), i32::from(me.y));
    let push = |from_low: i32, from_high: i32| {
        (WALL_FEAR - from_low).max(0) - (WALL_FEAR - from_high).max(0)
    };
    // The arena is measured in 1/256, snapshots in 1/16.
    let walls = (push(x, WIDTH / 16 - x) * 4, push(y, HEIGHT / 16 - y) * 4);
    PILLARS.iter().fold(walls, |(px, py), (middle, radius)| {
        let way = (middle.x / 16 - x, middle.y / 16 - y);
        let is_near = is_within(way, radius / 16 + WALL_FEAR);
        if is_near { (px - way.0, py - way.1) } else { (px, py) }
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn player(seat: u8, x: i32, y: i32) -> Player {
        let sixteenths = |pixels: i32| u16::try_from(pixels * PX).unwrap();
        let (x, y) = (sixteenths(x), sixteenths(y));
        Player { seat, x, y, intent: Intent::REST, score: 0, input: 0 }
    }

    fn decided(crown: Crown, players: &[Player], seat: u8) -> Intent {
        let snapshot =
            Snapshot { room: 1, number: 1, tick: 1, crown, players: Cow::Borrowed(players) };
        Brain::new(1).decide(&snapshot, seat)
    }

    const EAST: u8 = 0;
    const WEST: u8 = 8;

    #[test]
    fn a_bot_heads_for_the_crown_on_the_ground() {
        let crown = Crown::Lies { x: 512 * 16, y: 320 * 16 };
        let intent = decided(crown, &[player(0, 100, 320), player(1, 900, 320)], 0);
        assert_eq!(intent, Intent::towards(Heading::new(EAST)));
    }

    #[test]
    fn a_bot_chases_the_holder_and_dashes_when_near() {
        let crown = Crown::Held { by: 1 };
        let far = decided(crown, &[player(0, 900, 100), player(1, 500, 100)], 0);
        assert_eq!(far, Intent::towards(Heading::new(WEST)));
        let near = decided(crown, &[player(0, 600, 100), player(1, 500, 100)], 0);
        assert_eq!(near, Intent::towards(Heading::new(WEST)).dashing());
    }

    #[test]
    fn the_holder_flees_from_the_nearest_and_dashes_when_it_is_close() {
        let crown = Crown::Held { by: 0 };
        let near = decided(crown, &[player(0, 500, 320), player(1, 560, 320)], 0);
        assert_eq!(near, Intent::towards(Heading::new(WEST)).dashing());
        let far = decided(crown, &[player(0, 500, 320), player(1, 900, 320)], 0);
        assert_eq!(far, Intent::REST, "nobody near");
    }

    #[test]
    fn the_holder_does_not_hug_the_wall() {
        let crown = Crown::Held { by: 0 };
        let intent = decided(crown, &[player(0, 20, 320)], 0);
        assert_eq!(intent, Intent::towards(Heading::new(EAST)));
    }

    #[test]
    fn who_is_stuck_turns_aside_and_tries_again() {
        let crown = Crown::Lies { x: 512 * 16, y: 320 * 16 };
        let players = [player(0, 100, 320)];
        let snapshot = Snapshot {
            room: 1,
            number: 1,
            tick: 1,
            crown,
            players: Cow::Borrowed(players.as_slice()),
        };
        let mut brain = Brain::new(1);
        let straight = brain.decide(&snapshot, 0);
        let aside = brain.decide(&snapshot, 0);
        assert_ne!(aside.heading(), straight.heading());
    }

    #[test]
    fn who_is_not_in_the_picture_rests() {
        assert_eq!(decided(Crown::Held { by: 1 }, &[player(1, 9, 9)], 0), Intent::REST);
        assert_eq!(decided(Crown::Held { by: 7 }, &[player(0, 9, 9)], 0), Intent::REST);
    }

    #[test]
    fn a_picture_that_no_arena_has_is_decided_by_as_well() {
        let (corner, opposite) = ((0, 0), (u16::MAX, u16::MAX));
        let player = |seat, (x, y)| {
            let intent = Intent::towards(Heading::new(2));
            Player { seat, x, y, intent, score: u8::MAX, input: u32::MAX }
        };
        for (me, other) in [(corner, opposite), (opposite, corner)] {
            let players = [player(0, me), player(1, other)];
            for crown in [Crown::Held { by: 0 }, Crown::Held { by: 1 }] {
                assert!(decided(crown, &players, 0).heading().is_some());
            }
        }
    }

    #[test]
    fn fuller_rooms_are_picked_more_often_and_none_always() {
        let room = |players: u8| {
            let name = players.to_string();
            RoomEntry { name, players, seats: SEATS_MAX, is_running: true }
        };
        let (rooms, mut brain) = ([room(1), room(9)], Brain::new(1));
        let full = (0..400).filter(|_| brain.pick(&rooms).unwrap().players == 9).count();
        assert!((250..350).contains(&full), "{full}");
        assert_eq!(brain.pick(&[]), None);
    }

    #[test]
    fn the_same_seed_decides_the_same() {
        let life = |seed| {
            let mut brain = Brain::new(seed);
            (0..50)
                .map(|_| (brain.next(), brain.line(), brain.stay_seconds().to_bits()))
                .collect::<Vec<_>>()
        };
        assert_eq!(life(7), life(7));
        assert_ne!(life(7), life(8));
    }

    #[test]
    fn stays_and_silences_keep_to_their_ranges() {
        let mut brain = Brain::new(3);
        for _ in 0..1000 {
            assert!((4.0..=12.0).contains(&brain.stay_seconds()));
            assert!((1.0..=5.0).contains(&brain.silence_seconds()));
            assert!((0.1..=0.6).contains(&brain.hesitation_seconds()));
            assert!((SEATS_MIN..=SEATS_MAX).contains(&brain.seats()));
        }
    }
}
