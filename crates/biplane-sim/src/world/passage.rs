//! How time goes on: from one moment at which anything happens to the next.
//!
//! Only the lines that have something to do are looked at, so a thousand clients cost what they do,
//! not what they are.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::ReceiveId;

use super::{World, line::Line, news::News};
use crate::{ContractBreach, Side, node::Node};

/// So many steps without a nanosecond passing are a session that spins.
const STEPS_AT_ONCE: u32 = 10_000;

impl World {
    /// Goes on to the next moment at which anything happens, and lets it happen. `false` if that is
    /// after `limit`, or if a session spins, which halts the world: then it is `limit`.
    pub fn step(&mut self, limit: Instant) -> bool {
        let next = self.next_moment().filter(|next| *next <= limit && !self.standstill.is_final);
        if !next.is_some_and(|next| self.advance(next)) {
            self.now = self.now.max(limit);
            return false;
        }
        let due = self.agenda.take_due(self.now);
        for client in &due {
            self.arrive(*client);
            self.wake(*client);
            self.settle(*client);
        }
        self.agenda.give_back(due);
        true
    }

    /// Goes on for `time`.
    pub fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
    }

    /// Goes on until `done`, for `time` at the most. Whether it is done.
    pub fn run_until(&mut self, time: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let limit = self.now + time;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(limit) {
                return done(self);
            }
        }
    }

    /// Moves time to `next`; `false` if it has stood still for too long.
    fn advance(&mut self, next: Instant) -> bool {
        if next > self.now {
            self.now = next;
            self.standstill.steps = 0;
            return true;
        }
        self.standstill.steps += 1;
        if self.standstill.steps == STEPS_AT_ONCE {
            self.standstill.is_final = true;
            let spinner = self.sides().find(|side| {
                self.node(*side).and_then(Node::wakes).is_some_and(|at| at <= self.now)
            });
            let timer = spinner.and_then(|side| self.session(side)?.poll_timeout());
            let what = ContractBreach::Spins(timer.map(|(_, timer)| timer));
            self.watch.breach(self.now, spinner, what);
        }
        !self.standstill.is_final
    }

    /// When anything happens next, as far as is known now.
    pub(super) fn next_moment(&mut self) -> Option<Instant> {
        while let Some(client) = self.agenda.pop_touched() {
            self.plan(client);
        }
        self.agenda.next()
    }

    fn plan(&mut self, client: usize) {
        self.agenda.put(client, self.lines.get(client).and_then(Line::next_moment));
    }

    fn wake(&mut self, client: usize) {
        let now = self.now;
        for node in self.lines.get_mut(client).into_iter().flat_map(Line::nodes) {
            if node.wakes().is_some_and(|at| at <= now) {
                node.handle_timeout(now);
            }
        }
    }

    /// Drains the outputs of a client's two sessions, where they had an input, or their stream has
    /// room again.
    pub(super) fn settle(&mut self, client: usize) {
        loop {
            let Some(line) = self.lines.get_mut(client) else { return };
            line.settle(self.now, &mut self.watch);
            if !self.redial(client) {
                break;
            }
        }
        for side in [Side::Client(client), Side::Server(client)] {
            self.report(side);
        }
        self.plan(client);
    }

    /// Tells what is new of a session, and forgets the routes of one that is over.
    fn report(&mut self, side: Side) {
        let is_heard = self.desk.is_heard;
        let Some(node) = self.node_mut(side) else { return };
        let freed = node.take_freed();
        let (is_ready, is_over) = (is_heard && node.begins_to_be_ready(), node.begins_to_be_over());
        let answers = if is_heard { node.take_answers() } else { Vec::new() };
        freed.into_iter().for_each(|id| self.free(side, id));
        for answered in answers {
            self.note_answer(side, &answered);
            self.desk.tell(News::Answered(side, answered));
        }
        if is_ready {
            self.desk.tell(News::Ready(side));
        }
        if is_over {
            self.unroute(side);
            self.desk.tell(News::Over(side));
        }
    }

    /// Nothing comes under a receive id any more.
    fn free(&mut self, side: Side, id: ReceiveId) {
        let Some(line) = self.lines.get_mut(side.client()) else { return };
        match side {
            Side::Client(_) => line.host.free(id),
            Side::Server(_) => {
                if let Some(house) = self.houses.get_mut(line.house) {
                    house.host.free(id);
                }
            }
        }
    }

    fn unroute(&mut self, side: Side) {
        let client = side.client();
        let Some(line) = self.lines.get_mut(client) else { return };
        match side {
            Side::Client(_) => line.host.unroute(client),
            Side::Server(_) => {
                if let Some(house) = self.houses.get_mut(line.house) {
                    house.host.unroute(client);
                    house.sessions.retain(|_, line| *line != client);
                }
            }
        }
    }
}
