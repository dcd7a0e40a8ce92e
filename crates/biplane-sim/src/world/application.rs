//! What the applications of a simulated world do with their sessions.
//!
//! Everything goes through [`World::act`], which settles the session after, as the shell does.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{Answered, Event, Reply, SendError, SendOptions};
use biplane_wire::{ChannelId, RequestId};
use bytes::Bytes;

use super::World;
use crate::{ContractBreach, Core, Entry, Side};

impl World {
    /// Lets `act` use the session at `side` now; `None` if there is none yet.
    pub fn act<R>(&mut self, side: Side, act: impl FnOnce(Instant, &mut Core) -> R) -> Option<R> {
        let now = self.now;
        let (now, core) = self.node_mut(side)?.touch(now);
        let outcome = act(now, core);
        self.settle(side.client());
        Some(outcome)
    }

    /// Queues a message.
    ///
    /// # Errors
    ///
    /// As the session says; [`SendError::Closed`] if there is none.
    pub fn send(
        &mut self,
        side: Side,
        channel: ChannelId,
        payload: Bytes,
    ) -> Result<(), SendError> {
        self.send_with(side, channel, payload, SendOptions::default())
    }

    /// The same, with what `how` asks beside the channel's promise.
    ///
    /// # Errors
    ///
    /// As the session says; [`SendError::Closed`] if there is none.
    pub fn send_with(
        &mut self,
        side: Side,
        channel: ChannelId,
        payload: Bytes,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let copy = payload.clone();
        let send = |now, core: &mut Core| core.send_with(now, channel, payload, how);
        let sent = self.act(side, send);
        let sent = sent.unwrap_or(Err(SendError::Closed));
        if sent.is_ok() {
            self.watch.note(self.now, side, Entry::Sent(channel, &copy));
        }
        sent
    }

    /// Lets what is queued leave now.
    pub fn flush(&mut self, side: Side) {
        self.act(side, |now, core| core.session_mut().flush(now));
    }

    /// Takes one message off a channel.
    pub fn take(&mut self, side: Side, channel: ChannelId) -> Option<Bytes> {
        let message = self.act(side, |now, core| core.take(now, channel)).flatten()?;
        self.watch.note(self.now, side, Entry::Taken(channel, &message));
        Some(message)
    }

    /// Takes every message off every readable channel, channel by channel.
    pub fn take_all(&mut self, side: Side) -> Vec<(ChannelId, Bytes)> {
        let mut taken = Vec::new();
        // A message may wait for commands that are taken here, so one look is not enough.
        while let Some(readable) = self.readable(side) {
            let channels = (0..64).filter(|bit| readable >> bit & 1 == 1);
            let channels = channels.filter_map(ChannelId::new);
            let more = self.act(side, |now, core| drain(now, core, channels)).unwrap_or_default();
            for (channel, message) in &more {
                self.watch.note(self.now, side, Entry::Taken(*channel, message));
            }
            let nothing = more.is_empty();
            taken.extend(more);
            if nothing {
                break;
            }
        }
        if self.readable(side).is_some() {
            self.watch.breach(self.now, Some(side), ContractBreach::NothingToRead);
        }
        taken
    }

    /// The channels that can be read, if there are any.
    fn readable(&self, side: Side) -> Option<u64> {
        self.session(side).map(biplane_proto::Session::readable).filter(|readable| *readable != 0)
    }

    /// What the session at `side` has to tell.
    pub fn poll_event(&mut self, side: Side) -> Option<Event> {
        let event = self.node_mut(side)?.poll_event()?;
        self.watch.note(self.now, side, Entry::Event(&event));
        Some(event)
    }

    /// Asks the peer of `side`.
    ///
    /// # Errors
    ///
    /// As the session says; [`SendError::Closed`] if there is none.
    pub fn request(
        &mut self,
        side: Side,
        kind: u8,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<RequestId, SendError> {
        let asked =
            self.act(side, |now, core| core.session_mut().request(now, kind, payload, deadline));
        asked.unwrap_or(Err(SendError::Closed))
    }

    /// Answers a call.
    ///
    /// # Errors
    ///
    /// As the session says; [`SendError::Closed`] if there is none.
    pub fn reply(&mut self, side: Side, id: RequestId, reply: Reply) -> Result<(), SendError> {
        let replied = self.act(side, |now, core| core.session_mut().reply(now, id, reply));
        replied.unwrap_or(Err(SendError::Closed))
    }

    /// What became of the requests of `side` since this was called last.
    pub fn take_answers(&mut self, side: Side) -> Vec<Answered> {
        let answers = self.node_mut(side).map(crate::node::Node::take_answers).unwrap_or_default();
        for answered in &answers {
            self.note_answer(side, answered);
        }
        answers
    }

    pub(super) fn note_answer(&mut self, side: Side, answered: &Answered) {
        self.watch.note(self.now, side, Entry::Answered(answered));
    }

    /// Closes the session at `side` with these words.
    pub fn close(&mut self, side: Side, text: &str) {
        self.act(side, |now, core| core.session_mut().close(now, text));
    }

    /// Lets go of the session at `side`.
    pub fn abandon(&mut self, side: Side) {
        self.act(side, |now, core| core.session_mut().abandon(now));
    }
}

fn drain(
    now: Instant,
    core: &mut Core,
    channels: impl Iterator<Item = ChannelId>,
) -> Vec<(ChannelId, Bytes)> {
    let mut taken = Vec::new();
    for channel in channels {
        while let Some(message) = core.take(now, channel) {
            taken.push((channel, message));
        }
    }
    taken
}
