//! The match: who holds the crown scores, who touches the holder takes it.
//!
//! Whole numbers alone, so that the same intents make the same match on every machine. A player
//! moves by one step for each of its intents, whenever they are applied; all else happens once a
//! tick. At any rate of ticks a second is as long. Nothing here knows of sessions, channels or clocks.

mod geometry;

use crate::protocol::{Crown, Heading, Intent, Player};

pub(crate) use geometry::{HEIGHT, PILLARS, Point, WIDTH};

/// A player's radius.
pub(crate) const RADIUS: i32 = geometry::px(14);
/// How near a hand must come to the crown on another head.
const REACH: i32 = 2 * RADIUS + geometry::px(4);
/// How far one walks in a second.
const WALK: i32 = geometry::px(180);
/// Points that win a round.
pub(crate) const GOAL: u8 = 20;

/// A match from its first tick.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Arena {
    measures: Measures,
    tick: u32,
    /// In order of seats.
    bodies: Vec<Body>,
    crown: Hold,
}

/// What lasts or goes how far, in ticks and steps of a match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Measures {
    /// Step of an intent.
    walk: i32,
    /// Intents that a dash lasts: a sixth of a second.
    dash_length: u16,
    /// Intents from the start of one dash to the next: two seconds and a half.
    dash_every: u16,
    /// Ticks in which a crown just taken is safe: a second.
    grace: u16,
    /// Ticks with the crown that make a point: a second.
    point: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Body {
    seat: u8,
    at: Point,
    intent: Intent,
    dash_left: u16,
    dash_wait: u16,
    score: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hold {
    Lies(Point),
    Held { by: u8, ticks: u16, grace: u16 },
}

impl Arena {
    /// Nobody there, the crown in the middle, and so many ticks a second.
    pub(crate) fn new(tick_hz: u16) -> Self {
        let (measures, crown) = (Measures::at(tick_hz), Hold::Lies(geometry::MIDDLE));
        Self { measures, tick: 0, bodies: Vec::new(), crown }
    }

    /// Ticks since the start.
    pub(crate) const fn tick(&self) -> u32 {
        self.tick
    }

    /// Puts a player on its seat's place at the edge. A seat that is taken stays as it is.
    pub(crate) fn enter(&mut self, seat: u8) {
        if let Err(place) = self.place_of(seat) {
            let at = geometry::start_of(seat);
            let body =
                Body { seat, at, intent: Intent::REST, dash_left: 0, dash_wait: 0, score: 0 };
            self.bodies.insert(place, body);
        }
    }

    /// Takes a player out; its crown stays where it stood.
    pub(crate) fn leave(&mut self, seat: u8) {
        let Ok(place) = self.place_of(seat) else { return };
        let body = self.bodies.remove(place);
        if self.holder() == Some(seat) {
            self.crown = Hold::Lies(body.at);
        }
    }

    /// Moves a player by one intent.
    pub(crate) fn apply(&mut self, seat: u8, intent: Intent) {
        let mut measures = self.measures;
        if self.holder() == Some(seat) {
            // It is heavy.
            measures.walk = measures.walk * 9 / 10;
        }
        if let Ok(place) = self.place_of(seat)
            && let Some(body) = self.bodies.get_mut(place)
        {
            body.apply(intent, &measures);
        }
    }

    /// Ends the tick: bodies part, the crown changes hands, points are counted. Returns the seat
    /// that won the round, if one did.
    pub(crate) fn step(&mut self) -> Option<u8> {
        self.tick = self.tick.wrapping_add(1);
        self.part();
        self.crown = self.crown_after_contact();
        self.score()
    }

    /// Where the crown is, for a snapshot.
    pub(crate) fn crown(&self) -> Crown {
        match self.crown {
            Hold::Lies(at) => {
                let (x, y) = at.to_sixteenths();
                Crown::Lies { x, y }
            }
            Hold::Held { by, .. } => Crown::Held { by },
        }
    }

    /// Everybody, for a snapshot; `input` knows the last intent of a seat that was applied.
    pub(crate) fn players(&self, input: impl Fn(u8) -> u32) -> Vec<Player> {
        let seen = |body: &Body| {
            let (x, y) = body.at.to_sixteenths();
            let Body { seat, intent, score, .. } = *body;
            Player { seat, x, y, intent, score, input: input(seat) }
        };
        self.bodies.iter().map(seen).collect()
    }

    fn place_of(&self, seat: u8) -> Result<usize, usize> {
        self.bodies.binary_search_by_key(&seat, |body| body.seat)
    }

    const fn holder(&self) -> Option<u8> {
        match self.crown {
            Hold::Lies(_) => None,
            Hold::Held { by, .. } => Some(by),
        }
    }

    /// Pushes apart who stands in one another. All pushes come from the positions before, so the
    /// order of seats has no weight.
    fn part(&mut self) {
        let pushed: Vec<Point> = self.bodies.iter().map(|body| self.pushed(body)).collect();
        for (body, at) in self.bodies.iter_mut().zip(pushed) {
            body.at = at;
        }
    }

    fn pushed(&self, body: &Body) -> Point {
        let others = self.bodies.iter().filter(|other| other.seat != body.seat);
        let pushed = others.fold(body.at, |at, other| {
            // Two in one spot part along their seats' own directions.
            let fallback = Heading::new(body.seat);
            at + geometry::push(body.at, other.at, 2 * RADIUS, fallback)
        });
        pushed.inside(RADIUS)
    }

    fn crown_after_contact(&self) -> Hold {
        let taken_by = |by| Hold::Held { by, ticks: 0, grace: self.measures.grace };
        match self.crown {
            Hold::Lies(at) => match self.nearest(at, RADIUS + RADIUS / 2, None) {
                Some(by) => taken_by(by),
                None => self.crown,
            },
            Hold::Held { by, ticks, grace: 0 } => match self.thief(by) {
                Some(thief) => taken_by(thief),
                None => Hold::Held { by, ticks, grace: 0 },
            },
            Hold::Held { by, ticks, grace } => Hold::Held { by, ticks, grace: grace - 1 },
        }
    }

    fn thief(&self, holder: u8) -> Option<u8> {
        let place = self.place_of(holder).ok()?;
        self.nearest(self.bodies.get(place)?.at, REACH, Some(holder))
    }

    /// Who stands nearest to `at` and within `reach`; the lower seat of two.
    fn nearest(&self, at: Point, reach: i32, except: Option<u8>) -> Option<u8> {
        let others = self.bodies.iter().filter(|body| Some(body.seat) != except);
        let distances = others.map(|body| (body.at.square_to(at), body.seat));
        let (distance, seat) = distances.min()?;
        (distance <= geometry::square(reach)).then_some(seat)
    }

    fn score(&mut self) -> Option<u8> {
        let Hold::Held { by, ticks, grace } = self.crown else { return None };
        let (ticks, point) = (ticks + 1, self.measures.point);
        self.crown = Hold::Held { by, ticks: ticks % point, grace };
        if ticks < point {
            return None;
        }
        let place = self.place_of(by).ok()?;
        let body = self.bodies.get_mut(place)?;
        body.score += 1;
        if body.score < GOAL {
            return None;
        }
        self.start_round();
        Some(by)
    }

    fn start_round(&mut self) {
        self.crown = Hold::Lies(geometry::MIDDLE);
        for body in &mut self.bodies {
            body.score = 0;
        }
    }
}

impl Measures {
    /// Those of a match with so many ticks a second.
    fn at(tick_hz: u16) -> Self {
        Self {
            walk: WALK / i32::from(tick_hz),
            dash_length: tick_hz / 6,
            dash_every: tick_hz * 5 / 2,
            grace: tick_hz,
            point: tick_hz,
        }
    }
}

impl Body {
    fn apply(&mut self, intent: Intent, measures: &Measures) {
        let Measures { walk, dash_length, dash_every, .. } = *measures;
        self.intent = intent;
        self.dash_wait = self.dash_wait.saturating_sub(1);
        if intent.dashes() && intent.heading().is_some() && self.dash_wait == 0 {
            (self.dash_left, self.dash_wait) = (dash_length, dash_every);
        }
        let pace = if self.dash_left > 0 { walk * 5 / 2 } else { walk };
        self.dash_left = self.dash_left.saturating_sub(1);
        if let Some(heading) = intent.heading() {
            self.at = (self.at + Point::along(heading, pace)).inside(RADIUS);
        }
    }
}

#[cfg(test)]
mod tests;
