//! One end of a session in the world, as the typed layer uses it.

use core::any::Any;
use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Instant,
};

use biplane_proto::{Content, Event, SendError, SendOptions, TransferError, TransferSide};
use biplane_sim::Side;
use biplane_wire::{ChannelId, TransferId};

use super::state::{PartyNumber, Shared, State};
use crate::{
    SessionId,
    engine::{Answered, IncomingTransfer, OutgoingTransfer, Peer, Question, TransferSource},
};

/// A session, by its place in the world. Once the world is gone it is a session that is over.
pub(super) struct SimPeer {
    shared: Weak<Shared>,
    about: About,
}

/// What never changes.
pub(super) struct About {
    pub(super) side: Side,
    pub(super) party: PartyNumber,
    pub(super) id: SessionId,
    pub(super) remote: SocketAddr,
    pub(super) protocol: usize,
    pub(super) app: Option<Arc<dyn Any + Send + Sync>>,
}

impl SimPeer {
    pub(super) const fn new(shared: Weak<Shared>, about: About) -> Self {
        Self { shared, about }
    }

    pub(super) const fn about(&self) -> &About {
        &self.about
    }

    fn enter<R>(&self, act: impl FnOnce(&mut State, Side) -> R) -> Option<R> {
        Some(self.shared.upgrade()?.enter(|state| act(state, self.about.side)))
    }
}

impl Peer for SimPeer {
    fn id(&self) -> SessionId {
        self.about.id
    }

    fn remote(&self) -> SocketAddr {
        self.about.remote
    }

    fn protocol(&self) -> usize {
        self.about.protocol
    }

    fn with(&self, act: &mut dyn FnMut(Instant, &mut biplane_proto::Session)) {
        self.enter(|state, side| state.world.act(side, |now, core| act(now, core.session_mut())));
    }

    fn send(
        &self,
        channel: ChannelId,
        content: Content<'_>,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let message = &content.into_bytes();
        let sent = self.enter(|state, side| {
            state.world.send_with(side, channel, message.clone(), how)?;
            state.witness.sent(side, channel, message);
            if let Some(token) = how.notice {
                state.witness.noted(side, channel, message, token);
            }
            Ok(())
        });
        sent.unwrap_or(Err(SendError::Closed))
    }

    fn has_event(&self) -> bool {
        let has = |state: &mut State, side| Some(state.world.session(side)?.has_event());
        self.enter(has).flatten().unwrap_or_default()
    }

    fn poll_event(&self) -> Option<Event> {
        self.enter(|state, side| {
            let event = state.world.act(side, |_, core| core.session_mut().poll_event())??;
            if let Event::Noted(token, notice) = event {
                state.witness.told(state.world.elapsed(), side, token, notice);
            }
            Some(event)
        })?
    }

    fn take(&self, channel: ChannelId, most: usize, each: &mut dyn FnMut(Content<'_>)) {
        self.enter(|state, side| {
            let taken = core::iter::from_fn(|| {
                let message = state.world.take(side, channel)?;
                let kind = state.world.channel_kind(side, channel)?;
                state.witness.taken(state.world.elapsed(), (side, channel, kind), &message);
                Some(message)
            });
            taken.take(most).for_each(|message| each(Content::Shared(message)));
        });
    }

    fn request(&self, question: Question, then: Answered) -> Result<(), SendError> {
        let asked = self.enter(|state, side| {
            let Question { kind, bytes, deadline } = question;
            let id = state.world.request(side, kind, bytes, deadline)?;
            state.asks(side, id, then);
            Ok(())
        });
        asked.unwrap_or(Err(SendError::Closed))
    }

    /// There is no attached connection in a world.
    fn transfer(&self, _: &str, _: TransferSource) -> Result<OutgoingTransfer, SendError> {
        Err(SendError::NotOffered)
    }

    fn accept_transfer(&self, id: TransferId, _: u64) -> Option<IncomingTransfer> {
        self.refuse_transfer(id);
        None
    }

    fn refuse_transfer(&self, id: TransferId) {
        let refused = Err(TransferError::Refused);
        self.with(&mut |now, session| {
            session.end_transfer(now, (TransferSide::Peer, id), refused);
        });
    }

    fn readable(&self) -> u64 {
        let readable = self.enter(|state, side| {
            state.world.session(side).map_or(0, biplane_proto::Session::readable)
        });
        readable.unwrap_or(0)
    }

    fn clear_ready(&self) {
        self.enter(|state, side| state.world.clear_ready(side));
    }

    fn on_over(&self, then: Box<dyn FnOnce() + Send>) {
        match self.shared.upgrade() {
            Some(shared) => shared.enter(|state| state.on_over(self.about.side, then)),
            None => then(),
        }
    }

    fn app(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.about.app.as_ref()
    }

    fn queued(&self) {
        self.enter(|state, side| {
            if let Some(party) = state.parties.get_mut(self.about.party) {
                party.dirty.insert(side);
            }
        });
    }

    fn place(&self) -> Option<usize> {
        Some(self.about.side.client())
    }
}
