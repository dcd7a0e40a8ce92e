//! What stays of a bot from session to session: its name, its mind, and what it has done.

use super::brain::Brain;
use crate::{
    protocol::{Account, Introduce},
    report::{Commands, Inputs},
};

/// One bot as others know it.
#[derive(Debug)]
pub(super) struct Persona {
    name: String,
    /// Bots of two processes must not be taken for each other.
    key: u64,
    pub(super) brain: Brain,
    commands: u32,
    /// Inputs made so far, and the number of the last.
    pub(super) inputs: u32,
    account: Account,
    is_vouched: bool,
}

impl Persona {
    /// The bot with that index and that key; its decisions follow from `seed`.
    pub(super) fn new(index: u32, seed: u64, key: u64) -> Self {
        Self {
            name: format!("bot {}", index + 1),
            key,
            brain: Brain::new(seed ^ u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            commands: 0,
            inputs: 0,
            account: Account::default(),
            is_vouched: false,
        }
    }

    /// Who plays.
    pub(super) fn introduction(&self) -> Introduce {
        Introduce { name: self.name.clone(), key: self.key }
    }

    /// The number of the next command.
    pub(super) const fn next_command(&self) -> u32 {
        self.commands + 1
    }

    /// That command is under way.
    pub(super) const fn count_command(&mut self) {
        self.commands += 1;
        self.is_vouched = false;
    }

    /// How many commands it has given so far.
    pub(super) const fn commands(&self) -> u32 {
        self.commands
    }

    /// The server says what it saw.
    pub(super) const fn vouch(&mut self, account: Account) {
        self.account = account;
        self.is_vouched = true;
    }

    /// Its commands. What nobody vouches for is lost.
    pub(super) fn command_figures(&self) -> Commands {
        let acknowledged = self.account.commands_seen.min(self.commands);
        let unseen = self.commands - acknowledged;
        let lost = if self.is_vouched { self.account.commands_lost } else { unseen };
        Commands {
            sent: self.commands.into(),
            acknowledged: acknowledged.into(),
            lost: lost.into(),
            duplicated: self.account.commands_duplicated.into(),
        }
    }

    /// Its inputs.
    pub(super) fn input_figures(&self) -> Inputs {
        Inputs { sent: self.inputs.into(), applied: self.account.inputs_applied }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_vouches_for_is_lost() {
        let mut bot = Persona::new(0, 1, 7);
        (0..5).for_each(|_| bot.count_command());
        assert_eq!(bot.command_figures().lost, 5);
        bot.vouch(Account { commands_seen: 4, commands_lost: 1, ..Account::default() });
        let figures = Commands { sent: 5, acknowledged: 4, lost: 1, duplicated: 0 };
        assert_eq!(bot.command_figures(), figures);
        bot.count_command();
        assert_eq!(bot.command_figures().lost, 2, "the sixth was not asked for");
    }

    #[test]
    fn bots_differ_by_key_and_by_mind() {
        let (mut one, mut other) = (Persona::new(0, 1, 7), Persona::new(1, 1, 8));
        assert_ne!(one.introduction().key, other.introduction().key);
        let life = |bot: &mut Persona| {
            (0..20).map(|_| bot.brain.stay_seconds().to_bits()).collect::<Vec<_>>()
        };
        assert_ne!(life(&mut one), life(&mut other));
    }
}
