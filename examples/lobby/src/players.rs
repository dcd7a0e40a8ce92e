//! Who plays, and what the lobby has seen of each: it outlives sessions, so that a player who comes
//! back finds its account as it was.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use crate::{
    game::Stay,
    ledger::{Sighting, Sightings},
    protocol::Account,
    rooms::{Place, PlayerNumber},
    talk::{Talk, Verdict},
};

/// Accounts kept of players who went.
const ABSENT_MAX: usize = 4096;

/// Everybody who is here, and the last few thousand who were.
#[derive(Debug, Default)]
pub(crate) struct Players {
    players: BTreeMap<PlayerNumber, Player>,
    by_key: BTreeMap<u64, PlayerNumber>,
    /// Who went, in order; some of them may be back.
    absent: VecDeque<PlayerNumber>,
    introduced: u32,
}

/// One player.
#[derive(Debug)]
pub(crate) struct Player {
    /// What others see.
    pub(crate) name: String,
    /// Where it sits, if anywhere.
    pub(crate) place: Option<Place>,
    key: u64,
    is_here: bool,
    sightings: Sightings,
    talk: Talk,
    inputs: Stay,
}

impl Players {
    /// A player comes, for the first time or again.
    pub(crate) fn introduce(&mut self, name: String, key: u64) -> PlayerNumber {
        let number = *self.by_key.entry(key).or_insert_with(|| {
            self.introduced += 1;
            PlayerNumber(self.introduced)
        });
        let player = self.players.entry(number).or_insert_with(|| Player::new(key));
        (player.name, player.is_here) = (name, true);
        number
    }

    /// A player goes; its account is kept for a while.
    pub(crate) fn depart(&mut self, number: PlayerNumber) {
        let Some(player) = self.players.get_mut(&number) else { return };
        player.is_here = false;
        self.absent.push_back(number);
        if self.absent.len() > ABSENT_MAX {
            self.forget_one();
        }
    }

    /// That player, here or not.
    pub(crate) fn get(&self, number: PlayerNumber) -> Option<&Player> {
        self.players.get(&number)
    }

    /// That player, here or not.
    pub(crate) fn get_mut(&mut self, number: PlayerNumber) -> Option<&mut Player> {
        self.players.get_mut(&number)
    }

    fn forget_one(&mut self) {
        let Some(number) = self.absent.pop_front() else { return };
        let is_gone = self.players.get(&number).is_some_and(|player| !player.is_here);
        if is_gone
            && !self.absent.contains(&number)
            && let Some(player) = self.players.remove(&number)
        {
            self.by_key.remove(&player.key);
        }
    }
}

impl Player {
    const fn new(key: u64) -> Self {
        Self {
            name: String::new(),
            place: None,
            key,
            is_here: true,
            sightings: Sightings::EMPTY,
            talk: Talk::EMPTY,
            inputs: Stay { applied: 0, newest: 0 },
        }
    }

    /// Whether that key is the player's.
    pub(crate) const fn has_key(&self, key: u64) -> bool {
        self.key == key
    }

    /// Takes note of a command.
    pub(crate) fn note_command(&mut self, number: u32) -> Sighting {
        self.sightings.note(number)
    }

    /// Takes note of a line of chat.
    pub(crate) fn say(&mut self, now: Instant) -> Verdict {
        self.talk.say(now)
    }

    /// The highest number of its commands, 0 before the first.
    pub(crate) fn newest_command(&self) -> u32 {
        self.sightings.last()
    }

    /// Adds what a stay in a match came to.
    pub(crate) fn add_stay(&mut self, stay: Stay) {
        self.inputs.applied += stay.applied;
        self.inputs.newest = self.inputs.newest.max(stay.newest);
    }

    /// The number of its last input in any match.
    pub(crate) const fn newest_input(&self) -> u32 {
        self.inputs.newest
    }

    /// What was seen of it, given that it issued so many commands.
    pub(crate) fn account(&self, commands: u32) -> Account {
        Account {
            commands_seen: self.sightings.seen(),
            commands_lost: self.sightings.lost_of(commands),
            commands_duplicated: self.sightings.duplicated(),
            inputs_applied: self.inputs.applied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_finds_the_account_as_it_was() {
        let mut players = Players::default();
        let number = players.introduce("ann".to_owned(), 7);
        let player = players.get_mut(number).unwrap();
        player.note_command(1);
        player.note_command(1);
        player.add_stay(Stay { applied: 10, newest: 12 });
        players.depart(number);

        assert_eq!(players.introduce("anna".to_owned(), 7), number);
        let player = players.get_mut(number).unwrap();
        player.add_stay(Stay { applied: 5, newest: 20 });
        let account = Account {
            commands_seen: 1,
            commands_lost: 2,
            commands_duplicated: 1,
            inputs_applied: 15,
        };
        assert_eq!((player.name.as_str(), player.account(3)), ("anna", account));
        assert_eq!((player.newest_command(), player.newest_input()), (1, 20));
    }

    #[test]
    fn another_key_is_another_player_even_by_the_same_name() {
        let mut players = Players::default();
        let ann = players.introduce("ann".to_owned(), 7);
        assert_ne!(players.introduce("ann".to_owned(), 8), ann);
    }

    #[test]
    fn the_longest_gone_are_forgotten_and_who_is_here_is_not() {
        let mut players = Players::default();
        let stays = players.introduce("stays".to_owned(), 0);
        let returns = players.introduce("returns".to_owned(), 1);
        players.depart(returns);
        players.introduce("returns".to_owned(), 1);
        for key in 2..=u64::try_from(ABSENT_MAX).unwrap() + 10 {
            let number = players.introduce("passes".to_owned(), key);
            players.depart(number);
        }
        assert!(players.get(stays).is_some() && players.get(returns).is_some());
        assert_eq!(players.players.len(), ABSENT_MAX + 2);
        assert_eq!(players.by_key.len(), players.players.len());
    }
}
