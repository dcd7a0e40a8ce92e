//! All channels of one session in one direction.

use std::time::Instant;

use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use super::ledger::Ledger;
use crate::{MessageBreach, Protocol};

/// What goes from one side to the other.
#[derive(Debug)]
pub(super) struct Flow {
    ledgers: Vec<Ledger>,
    /// Every command, in the order issued.
    commands: Vec<(ChannelId, u64)>,
    /// How many of them, from the first on, were taken.
    in_order: usize,
    commands_taken: usize,
    /// The command that was last told to be overtaken.
    told: Option<usize>,
    /// A command channel without credit waits alone, which none does where credit is ample.
    may_lack_credit: bool,
}

impl Flow {
    pub(super) fn new(protocol: &Protocol) -> Self {
        Self {
            ledgers: protocol
                .kinds()
                .map(|(id, kind)| Ledger::new(kind, protocol.owes(id)))
                .collect(),
            commands: Vec::new(),
            in_order: 0,
            commands_taken: 0,
            told: None,
            may_lack_credit: false,
        }
    }

    /// From now on its command channels may wait for credit, each alone.
    pub(super) const fn may_lack_credit(&mut self) {
        self.may_lack_credit = true;
    }

    pub(super) fn ledger(&self, channel: ChannelId) -> Option<&Ledger> {
        self.ledgers.get(channel.index())
    }

    /// How many commands were sent.
    pub(super) fn commands(&self) -> usize {
        self.commands.len()
    }

    /// Whether the first `count` commands were taken.
    pub(super) fn has_taken_commands(&mut self, count: usize) -> bool {
        self.advance();
        self.in_order >= count
    }

    fn advance(&mut self) {
        while self
            .commands
            .get(self.in_order)
            .is_some_and(|(channel, index)| self.has_taken(*channel, *index))
        {
            self.in_order += 1;
        }
    }

    /// Whether message `index` of a channel was taken.
    pub(super) fn has_taken(&self, channel: ChannelId, index: u64) -> bool {
        self.ledger(channel).is_some_and(|ledger| ledger.has_taken(index))
    }

    /// Every channel's own ledger.
    pub(super) fn ledgers(&self) -> impl Iterator<Item = (ChannelId, &Ledger)> {
        (0..).filter_map(ChannelId::new).zip(&self.ledgers)
    }

    pub(super) fn ledgers_mut(&mut self) -> impl Iterator<Item = (ChannelId, &mut Ledger)> {
        (0..).filter_map(ChannelId::new).zip(&mut self.ledgers)
    }

    pub(super) fn send(&mut self, now: Instant, channel: ChannelId, bytes: Bytes) {
        let Some(ledger) = self.ledgers.get_mut(channel.index()) else { return };
        if ledger.kind() == ChannelKind::Command {
            self.commands.push((channel, ledger.next_index()));
        }
        ledger.send(now, bytes);
    }

    /// A message was taken: when it was sent, or which promise that breaks.
    pub(super) fn take(
        &mut self,
        channel: ChannelId,
        bytes: &Bytes,
    ) -> Result<Instant, MessageBreach> {
        let ledger = self.ledgers.get_mut(channel.index()).ok_or(MessageBreach::Invented)?;
        let before = ledger.taken();
        let taken = ledger.take(bytes);
        if ledger.kind() == ChannelKind::Command && ledger.taken() > before {
            self.commands_taken += 1;
        }
        taken
    }

    /// Every command channel was drained: a command that was not given while a later one was has
    /// been overtaken.
    pub(super) fn drained(&mut self) -> Option<MessageBreach> {
        self.advance();
        if self.may_lack_credit
            || self.commands_taken == self.in_order
            || self.told == Some(self.in_order)
        {
            return None;
        }
        self.told = Some(self.in_order);
        let (channel, index) = *self.commands.get(self.in_order)?;
        Some(MessageBreach::Overtaken { channel, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, stamp};

    #[test]
    fn commands_keep_their_order_over_channels() {
        let protocol = Protocol::of_every_kind();
        let (chat, orders) =
            (protocol.channel("chat").unwrap(), protocol.channel("orders").unwrap());
        let (mut flow, mut rng, now) = (Flow::new(&protocol), Rng::new(0), Instant::now());
        let issued = [(chat, 0), (orders, 0), (orders, 1), (chat, 1)];
        let messages = issued.map(|(_, index)| stamp(index, 20, &mut rng));
        for ((channel, _), message) in issued.iter().zip(&messages) {
            flow.send(now, *channel, message.clone());
        }
        let mut take = |n: usize| {
            flow.take(issued[n].0, &messages[n]).unwrap();
            flow.drained()
        };
        assert_eq!(take(0), None);
        assert_eq!(take(3), Some(MessageBreach::Overtaken { channel: orders, index: 0 }));
        assert_eq!(take(1), Some(MessageBreach::Overtaken { channel: orders, index: 1 }));
        assert_eq!(take(2), None);
    }

    #[test]
    fn a_command_channel_that_may_lack_credit_waits_alone() {
        let protocol = Protocol::of_every_kind();
        let channels = ["chat", "orders"].map(|name| protocol.channel(name).unwrap());
        let (mut flow, mut rng, now) = (Flow::new(&protocol), Rng::new(0), Instant::now());
        flow.may_lack_credit();
        let messages = channels.map(|_| stamp(0, 20, &mut rng));
        for (channel, message) in channels.into_iter().zip(&messages) {
            flow.send(now, channel, message.clone());
        }
        flow.take(channels[1], &messages[1]).unwrap();
        assert_eq!(flow.drained(), None);
    }
}
