//! How time goes on: from one moment at which anything happens to the next.

use core::time::Duration;
use std::time::Instant;

use super::{World, line::Line};
use crate::{ContractBreach, node::Node};

/// So many steps without a nanosecond passing are a session that spins.
const STEPS_AT_ONCE: u32 = 10_000;

impl World {
    /// Goes on to the next moment at which anything happens, and lets it happen. `false` if that is
    /// after `limit`, or if a session spins, which halts the world: then it is `limit`.
    pub fn step(&mut self, limit: Instant) -> bool {
        let next = self.next_moment().filter(|next| *next <= limit && !self.has_halted);
        if !next.is_some_and(|next| self.advance(next)) {
            self.now = self.now.max(limit);
            return false;
        }
        for client in 0..self.lines.len() {
            self.arrive(client);
        }
        self.wake();
        self.settle();
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
            self.steps_at_once = 0;
            return true;
        }
        self.steps_at_once += 1;
        if self.steps_at_once == STEPS_AT_ONCE {
            self.has_halted = true;
            let spinner = self.sides().find(|side| {
                self.node(*side).and_then(Node::wakes).is_some_and(|at| at <= self.now)
            });
            let timer = spinner.and_then(|side| self.session(side)?.poll_timeout());
            let what = ContractBreach::Spins(timer.map(|(_, timer)| timer));
            self.watch.breach(self.now, spinner, what);
        }
        !self.has_halted
    }

    fn next_moment(&self) -> Option<Instant> {
        self.lines.iter().filter_map(Line::next_moment).min()
    }

    fn wake(&mut self) {
        let now = self.now;
        for node in self.lines.iter_mut().flat_map(Line::nodes) {
            if node.wakes().is_some_and(|at| at <= now) {
                node.handle_timeout(now);
            }
        }
    }

    /// Drains the outputs of every session that had an input, or whose stream has room again.
    pub(super) fn settle(&mut self) {
        for client in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(client) else { continue };
            line.settle(self.now, &mut self.watch);
            if line.client.is_over() {
                line.host.unroute(client);
            }
            if line.server.is_over() {
                self.server.unroute(client);
            }
        }
    }
}
