//! Whose message leaves next: by priority, and among equals in turns, by weight.
//!
//! Deficit round robin (Shreedhar and Varghese, 1995). A turn is worth so many bytes, by its
//! channel's weight. It ends with the message that uses them up, and what that took beyond
//! them the channel owes: it passes turns until it has paid. So among channels that always have
//! something to send each gets its weight's share of the bytes, whatever their messages' lengths;
//! what goes again counts as what is new does.

use biplane_wire::ChannelKind;

use super::{Outgoing, single::Channel};
use crate::{ChannelConfig, limits};

/// The channels of the data plane, highest priority first.
#[derive(Debug)]
pub(super) struct Turns(Vec<Level>);

/// The channels of one priority.
#[derive(Debug)]
struct Level {
    priority: u8,
    members: Vec<Member>,
    /// Which of them has its turn.
    current: usize,
}

#[derive(Debug)]
struct Member {
    /// Its place in the list of channels.
    place: usize,
    /// Bytes of a turn.
    turn: i64,
    /// What is left of its turn; below zero, what it owes.
    left: i64,
}

impl Turns {
    pub(super) fn new(list: &[Channel]) -> Self {
        let mut levels: Vec<Level> = Vec::new();
        let of_data = list.iter().enumerate();
        let of_data = of_data.filter(|(_, channel)| channel.config.kind != ChannelKind::Command);
        for (place, Channel { config, .. }) in of_data {
            let priority = config.priority;
            let at = levels.partition_point(|level| level.priority > priority);
            if levels.get(at).is_none_or(|level| level.priority != priority) {
                levels.insert(at, Level { priority, members: Vec::new(), current: 0 });
            }
            let level = levels.get_mut(at);
            level.into_iter().for_each(|level| level.members.push(Member::new(place, config)));
        }
        levels.iter_mut().for_each(Level::shorten);
        Self(levels)
    }

    /// What `take` gets off the first channel that gives something, which pays for it.
    pub(super) fn next(
        &mut self,
        list: &mut [Channel],
        mut take: impl FnMut(&mut Channel) -> Option<Outgoing>,
    ) -> Option<Outgoing> {
        self.0.iter_mut().find_map(|level| level.next(list, &mut take))
    }

    /// The same by priority alone, whosever turn it is.
    pub(super) fn next_out_of_turn(
        &mut self,
        list: &mut [Channel],
        mut take: impl FnMut(&mut Channel) -> Option<Outgoing>,
    ) -> Option<Outgoing> {
        let members = self.0.iter_mut().flat_map(|level| &mut level.members);
        members.into_iter().find_map(|member| member.take(list, &mut take))
    }
}

impl Level {
    /// Makes turns as short as their proportions allow: that of the lightest is one unit.
    fn shorten(&mut self) {
        let lightest = self.members.iter().map(|member| member.turn).min().unwrap_or(1);
        for member in &mut self.members {
            member.turn = member.turn * i64::from(limits::TURN_BYTES) / lightest;
            member.left = member.turn;
        }
    }

    fn next(
        &mut self,
        list: &mut [Channel],
        take: &mut impl FnMut(&mut Channel) -> Option<Outgoing>,
    ) -> Option<Outgoing> {
        // Mostly the turn goes on: to ask first whether there is anything would cost as much again.
        let current = self.members.get_mut(self.current).filter(|member| member.left > 0);
        if let Some(outgoing) = current.and_then(|member| member.take(list, take)) {
            return Some(outgoing);
        }
        if !self.find_turn(list) {
            return None;
        }
        let (before, from) = self.members.split_at_mut_checked(self.current)?;
        // Where its message does not fit, the others have the room that is left, at their expense.
        from.iter_mut().chain(before).find_map(|member| member.take(list, take))
    }

    /// Gives the turn on, unless it is used by whom it is; `false` if nobody has anything to send.
    fn find_turn(&mut self, list: &[Channel]) -> bool {
        if self.members.get(self.current).is_some_and(|member| member.goes_on(list)) {
            return true;
        }
        loop {
            let (mut waiting, mut last) = (0, self.current);
            for _ in 0..self.members.len() {
                match self.pass_on(list) {
                    Some(1..) => return true,
                    Some(_) => (waiting, last) = (waiting + 1, self.current),
                    None => {}
                }
            }
            match waiting {
                0 => return false,
                1 => return self.forgive(last),
                _ => {}
            }
        }
    }

    /// Gives the turn to the next; what there is of it, if that has something to send.
    fn pass_on(&mut self, list: &[Channel]) -> Option<i64> {
        self.current += 1;
        if self.current >= self.members.len() {
            self.current = 0;
        }
        self.members.get_mut(self.current)?.begin(list)
    }

    /// Nobody else waits, to whom this one could owe anything.
    fn forgive(&mut self, alone: usize) -> bool {
        self.current = alone;
        let member = self.members.get_mut(alone);
        member.into_iter().for_each(|member| member.left = member.turn);
        true
    }
}

impl Member {
    fn new(place: usize, config: &ChannelConfig) -> Self {
        Self { place, turn: i64::from(config.weight.get()), left: 0 }
    }

    /// Whether the turn is still its own.
    fn goes_on(&self, list: &[Channel]) -> bool {
        self.left > 0 && list.get(self.place).is_some_and(Channel::has_data)
    }

    /// The turn comes to it: what there is of that, if it has something to send. Nobody saves turns
    /// up.
    fn begin(&mut self, list: &[Channel]) -> Option<i64> {
        let has_data = list.get(self.place).is_some_and(Channel::has_data);
        let left = self.left.min(0) + self.turn;
        self.left = if has_data { left } else { left.min(0) };
        has_data.then_some(left)
    }

    fn take(
        &mut self,
        list: &mut [Channel],
        take: &mut impl FnMut(&mut Channel) -> Option<Outgoing>,
    ) -> Option<Outgoing> {
        let outgoing = take(list.get_mut(self.place)?)?;
        let len = i64::try_from(outgoing.len(true)).unwrap_or(i64::MAX);
        self.left = (self.left.saturating_sub(len)).max(-i64::from(limits::DEBT_BYTES));
        Some(outgoing)
    }
}

#[cfg(test)]
mod tests;
