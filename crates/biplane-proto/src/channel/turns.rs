//! Whose message leaves next: by priority, and among equals in turns, by weight.
//!
//! Deficit round robin (Shreedhar and Varghese, 1995). A turn is worth so many bytes, by its
//! channel's weight. It ends with the message that uses them up, and what that took beyond
//! them the channel owes: it passes turns until it has paid. So among channels that always have
//! something to send each gets its weight's share of the bytes, whatever their messages' lengths;
//! what goes again counts as what is new does.

use biplane_wire::ChannelKind;

use super::{list::List, single::Channel};
use crate::{ChannelConfig, limits};

/// Takes something that leaves off a channel, for so many bytes of its turn; what it takes, and how
/// many bytes that is.
pub(super) trait Take<T>: FnMut(&mut Channel, usize) -> Option<(T, usize)> {}

impl<T, F: FnMut(&mut Channel, usize) -> Option<(T, usize)>> Take<T> for F {}

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
        // For good: no channel comes later.
        levels.iter_mut().for_each(|level| level.members.shrink_to_fit());
        levels.shrink_to_fit();
        Self(levels)
    }

    /// What `take` gets off the first channel that gives something: a message, or a row of them
    /// until so many bytes are used up that its turn is over. The channel pays for them.
    pub(super) fn next<T>(&mut self, list: &mut List, take: &mut impl Take<T>) -> Option<T> {
        self.0.iter_mut().find_map(|level| level.next(list, take))
    }

    /// The same by priority alone, whosever turn it is.
    pub(super) fn next_out_of_turn<T>(
        &mut self,
        list: &mut List,
        take: &mut impl Take<T>,
    ) -> Option<T> {
        let members = self.0.iter_mut().flat_map(|level| &mut level.members);
        members.into_iter().find_map(|member| member.take(list, take))
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

    fn next<T>(&mut self, list: &mut List, take: &mut impl Take<T>) -> Option<T> {
        let mut waiting = self.members.iter().enumerate().filter(|(_, member)| member.waits(list));
        let (first, _) = waiting.next()?;
        if waiting.next().is_none() {
            return self.take_alone(first, list, take);
        }
        while !self.members.get(self.current).is_some_and(|member| member.goes_on(list)) {
            self.pass_on(list);
        }
        let (before, from) = self.members.split_at_mut_checked(self.current)?;
        // Where its message does not fit, the others have the room that is left, at their expense.
        from.iter_mut().chain(before).find_map(|member| member.take(list, take))
    }

    /// Nobody else waits, to whom this one could owe anything: it has every turn, and the others
    /// pay with those that pass them by.
    fn take_alone<T>(
        &mut self,
        alone: usize,
        list: &mut List,
        take: &mut impl Take<T>,
    ) -> Option<T> {
        self.current = alone;
        let member = self.members.get_mut(alone)?;
        member.left = member.turn;
        let (taken, len) = take(list.get_mut(member.place)?, usize::MAX)?;
        let (len, turn) = (bytes(len), member.turn);
        for member in self.members.iter_mut().filter(|member| member.left < 0) {
            member.left = (member.left + len * member.turn / turn).min(0);
        }
        Some(taken)
    }

    /// Gives the turn to the next.
    fn pass_on(&mut self, list: &List) {
        self.current += 1;
        if self.current >= self.members.len() {
            self.current = 0;
        }
        self.members.get_mut(self.current).into_iter().for_each(|member| member.begin(list));
    }
}

impl Member {
    fn new(place: usize, config: &ChannelConfig) -> Self {
        Self { place, turn: i64::from(config.weight.get()), left: 0 }
    }

    /// Whether it has something to send.
    fn waits(&self, list: &List) -> bool {
        list.waits(self.place)
    }

    /// Whether the turn is still its own.
    fn goes_on(&self, list: &List) -> bool {
        self.left > 0 && self.waits(list)
    }

    /// The turn comes to it. Nobody saves turns up.
    fn begin(&mut self, list: &List) {
        let left = self.left.min(0) + self.turn;
        self.left = if self.waits(list) { left } else { left.min(0) };
    }

    /// One message at the least, whatever is left of its turn.
    fn take<T>(&mut self, list: &mut List, take: &mut impl Take<T>) -> Option<T> {
        let turn = usize::try_from(self.left.max(1)).unwrap_or(usize::MAX);
        let (taken, len) = take(list.get_mut(self.place)?, turn)?;
        self.left = self.left.saturating_sub(bytes(len)).max(-i64::from(limits::DEBT_BYTES));
        Some(taken)
    }
}

fn bytes(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
