//! The blows of a run, and how its sessions come through them.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::{CloseReason, Planes, Session};

use super::{
    Trial,
    narrow::Narrows,
    pauses::{Pause, Pauses},
};
use crate::{Questions, SessionBreach, Side, World, sweep::Blow};

/// A session is on another control connection so long after that is possible and its client knows
/// that it has none.
pub(super) const RESUME: Duration = Duration::from_secs(5);
/// It flies again, on whichever plane, so long after the network has healed.
pub(super) const HEAL: Duration = Duration::from_secs(2);
/// A grace that is over ends a session so soon.
const END: Duration = Duration::from_secs(1);

/// How far the blows have come, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Ordeal {
    began: Option<Instant>,
    struck: usize,
    courses: BTreeMap<Side, Course>,
    pub(super) pauses: Pauses,
    pub(super) figures: OrdealFigures,
}

/// What the sessions of a run went through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct OrdealFigures {
    /// How often a session went on over another control connection.
    pub resumes: u64,
    /// The longest from when that was possible and the client knew that it had none.
    pub slowest_resume: Duration,
    /// How often a network healed.
    pub heals: u64,
    /// The longest from then until a session flew again, on whichever plane.
    pub slowest_heal: Duration,
    /// Ends of sessions that outlived their grace, as they must.
    pub ended: u64,
    /// The longest that one lived without a control connection beyond its grace.
    pub beyond_grace: Duration,
    /// The longest that one end was over and the other was not, where nothing could survive.
    pub half_open: Duration,
    /// How often a client came to be elsewhere.
    pub moves: u64,
    /// How often a server followed one.
    pub followed: u64,
    /// What servers asked of addresses that were not proven.
    pub questions: Questions,
    /// The pause of a steady stream that took most of what it may.
    pub pause: Pause,
    /// What became of those whose path carries no long datagrams.
    pub narrows: Narrows,
}

impl OrdealFigures {
    /// Adds what others went through.
    pub fn add(&mut self, other: &Self) {
        self.resumes += other.resumes;
        self.heals += other.heals;
        self.ended += other.ended;
        self.moves += other.moves;
        self.followed += other.followed;
        self.narrows.add(&other.narrows);
        self.questions.add(&other.questions);
        self.pause = self.pause.longer(other.pause);
        self.slowest_resume = self.slowest_resume.max(other.slowest_resume);
        self.slowest_heal = self.slowest_heal.max(other.slowest_heal);
        self.beyond_grace = self.beyond_grace.max(other.beyond_grace);
        self.half_open = self.half_open.max(other.half_open);
    }
}

/// One end of a session through the blows.
#[derive(Debug, Default)]
struct Course {
    /// Since when it has no control connection.
    without: Option<Instant>,
    /// Since when its network lets TCP through.
    possible: Option<Instant>,
    /// Since when its network has healed, and it does not fly yet.
    healed: Option<Instant>,
    /// Since when it is over.
    over: Option<Instant>,
    /// It had UDP once.
    flew: bool,
    /// It had none although nothing is done to UDP: told once.
    is_lame: bool,
}

impl Trial {
    /// The blows begin to count from now.
    pub(super) fn begin_ordeal(&mut self) {
        self.ordeal.began = Some(self.world.now());
    }

    /// When the next blow falls.
    pub(super) fn next_strike(&self) -> Option<Instant> {
        let strike = self.conditions.strikes.get(self.ordeal.struck)?;
        Some(self.ordeal.began? + strike.after)
    }

    /// Lets the blows fall that are due.
    pub(super) fn strike(&mut self) {
        let now = self.world.now();
        while self.next_strike().is_some_and(|at| at <= now) {
            let Some(strike) = self.conditions.strikes.get(self.ordeal.struck).copied() else {
                return;
            };
            self.ordeal.struck += 1;
            strike.blow.strike(&mut self.world, strike.client);
            for side in [Side::Client(strike.client), Side::Server(strike.client)] {
                let course = self.ordeal.courses.entry(side).or_default();
                if strike.blow == Blow::Heal {
                    course.healed = Some(now);
                    course.possible = Some(now);
                } else if strike.blow.is_felt_by_tcp() {
                    course.possible = Some(now);
                    course.healed = None;
                }
            }
            self.ordeal.figures.heals += u64::from(strike.blow == Blow::Heal);
            self.ordeal.figures.moves += u64::from(strike.blow.is_move());
            self.may_end_after(strike.client);
        }
    }

    /// Where the last blow is one that nothing survives, both ends may leave from then on.
    fn may_end_after(&mut self, client: usize) {
        if self.is_doomed() && self.ordeal.struck == self.conditions.strikes.len() {
            self.oracle.may_leave(Side::Client(client));
            self.oracle.may_leave(Side::Server(client));
        }
    }

    /// Whether the last blow is one that nothing survives.
    pub(super) fn is_doomed(&self) -> bool {
        self.conditions.is_doomed()
    }

    /// Looks how every end comes through. For every moment at which anything happens.
    pub(super) fn watch_ordeal(&mut self) {
        if self.conditions.strikes.is_empty() {
            return;
        }
        for side in self.world.sides() {
            self.watch_course(side);
        }
    }

    fn watch_course(&mut self, side: Side) {
        let now = self.world.now();
        let Some(session) = self.world.session(side) else { return };
        let (is_without, flies) = (session.control_is_lost(), session.planes() != Planes::Lost);
        let (is_closed, is_over) = (session.is_closed(), session.is_over());
        if is_closed {
            return self.watch_end(side, is_over);
        }
        let course = self.ordeal.courses.entry(side).or_default();
        let figures = &mut self.ordeal.figures;
        let has_udp = matches!(session.planes(), Planes::Both | Planes::DataOnly);
        course.flew |= has_udp;
        let is_lame = course.flew && !has_udp && !course.is_lame && self.conditions.spares_udp();
        course.is_lame |= is_lame;
        let planes = session.planes();
        if let Some(healed) = course.healed.filter(|_| flies) {
            figures.slowest_heal = figures.slowest_heal.max(now - healed);
            course.healed = None;
        }
        match (course.without, is_without) {
            (None, true) => course.without = Some(now),
            (Some(since), false) => {
                course.without = None;
                if matches!(side, Side::Client(_)) {
                    let possible = course.possible.map_or(since, |possible| possible.max(since));
                    figures.resumes += 1;
                    figures.slowest_resume = figures.slowest_resume.max(now - possible);
                }
            }
            _ => {}
        }
        if is_lame {
            self.oracle.session_breach(now, side, SessionBreach::Lame(planes));
        }
    }

    /// Looks how an end comes to its end.
    fn watch_end(&mut self, side: Side, is_over: bool) {
        let (now, grace, is_doomed) = (self.world.now(), self.grace(), self.is_doomed());
        let peer = self.ordeal.courses.get(&side.peer()).and_then(|course| course.over);
        let course = self.ordeal.courses.entry(side).or_default();
        let figures = &mut self.ordeal.figures;
        if !is_over || course.over.is_some() {
            return;
        }
        course.over = Some(now);
        if let Some(since) = course.without {
            figures.ended += 1;
            figures.beyond_grace = figures.beyond_grace.max((now - since).saturating_sub(grace));
        }
        if let Some(peer) = peer.filter(|_| is_doomed) {
            figures.half_open = figures.half_open.max(now - peer);
        }
    }

    /// Waits for the end of every session that cannot survive, and looks whether it is one.
    pub(super) fn perish(&mut self) {
        // Silence is noticed after ten seconds.
        let deadline = self.world.now() + Duration::from_secs(15) + self.grace();
        let sides: Vec<_> = self.world.sides().collect();
        let is_over = |world: &World, side| world.session(side).is_none_or(Session::is_over);
        while self.world.now() < deadline && !sides.iter().all(|side| is_over(&self.world, *side)) {
            self.go_on(self.world.now() + Duration::from_millis(10));
        }
        self.go_on(self.world.now() + Duration::from_secs(2));
        for side in sides {
            self.judge_end(side);
        }
    }

    fn judge_end(&mut self, side: Side) {
        let breach = match self.left.get(&side) {
            None => SessionBreach::NeverLeft,
            Some(CloseReason::TimedOut | CloseReason::TooSlow | CloseReason::ConnectionLost)
                if self.is_gone(side) =>
            {
                return;
            }
            Some(_) if !self.is_gone(side) => SessionBreach::NeverOver,
            Some(reason) => SessionBreach::LeftOtherwise(reason.clone()),
        };
        self.oracle.session_breach(self.world.now(), side, breach);
    }

    /// Whether an end is over and its host knows nothing of it any more.
    fn is_gone(&self, side: Side) -> bool {
        self.is_over(side) && self.world.receive_ids(side) == 0
    }

    /// How long the sessions live without a control connection.
    fn grace(&self) -> Duration {
        let graces = self.conditions.clients.iter().map(|client| client.session.grace);
        graces.max().unwrap_or_default()
    }

    /// Says what was too slow.
    pub(super) fn judge_ordeal(&mut self) {
        let (figures, side) = (self.ordeal.figures, Side::Client(0));
        let limits = [
            (figures.slowest_resume, RESUME, SessionBreach::SlowToResume(figures.slowest_resume)),
            (figures.slowest_heal, HEAL, SessionBreach::SlowToHeal(figures.slowest_heal)),
            (figures.beyond_grace, END, SessionBreach::Outlived(figures.beyond_grace)),
            (figures.half_open, self.grace() * 2, SessionBreach::HalfOpen(figures.half_open)),
        ];
        for (took, most, breach) in limits {
            if took > most && self.conditions.is_timed {
                self.oracle.session_breach(self.world.now(), side, breach);
            }
        }
    }
}
