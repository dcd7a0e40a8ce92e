//! What messages come after: which were to wait, and for what.

use std::collections::BTreeMap;

use biplane_wire::ChannelId;

use super::{flow::Flow, requests::Requests};
use crate::MessageBreach;

/// The messages of one side that are to wait for what it issued before.
#[derive(Debug, Default)]
pub(super) struct Causes {
    before: BTreeMap<(ChannelId, u64), Before>,
    /// One came too early: more tell nothing new.
    told: bool,
}

/// How much was issued before a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) commands: usize,
    pub(super) requests: u64,
    pub(super) replies: usize,
}

impl Causes {
    pub(super) fn put(&mut self, channel: ChannelId, index: u64, before: Before) {
        self.before.insert((channel, index), before);
    }

    /// A message was taken: whether that was too early. `asked` are its sender's requests,
    /// `answered` those that its sender replies to.
    pub(super) fn check(
        &mut self,
        (channel, index): (ChannelId, u64),
        flow: &mut Flow,
        asked: &Requests,
        answered: &mut Requests,
    ) -> Option<MessageBreach> {
        let Before { commands, requests, replies } = self.before.remove(&(channel, index))?;
        let in_time = flow.has_taken_commands(commands)
            && asked.has_called(requests)
            && answered.has_heard(replies);
        if in_time || core::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(MessageBreach::TooEarly { index })
    }
}
