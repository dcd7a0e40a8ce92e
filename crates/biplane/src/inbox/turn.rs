//! Whose event is next, and which sessions the application knows of.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    Event, Session, SessionId,
    engine::{Peer, Signal},
    protocol::Tables,
};

#[derive(Default)]
pub(super) struct Turn {
    members: BTreeMap<SessionId, Member>,
    queue: VecDeque<Entry>,
    /// What `sessions` gave, until it changes.
    listed: Option<Arc<[Session]>>,
    departed: Vec<Session>,
    /// It is a client's: over with its one session.
    single: bool,
}

/// A session that began, and whose end was not told yet.
struct Member {
    session: Session,
    /// It stands in the queue.
    is_queued: bool,
    /// The application was told that it began.
    joined: bool,
}

/// Who has something to tell. What that is, is taken when its turn has come: a call that nobody was
/// told of must not count as taken.
enum Entry {
    Of(SessionId),
    Alone(Event),
}

impl Turn {
    /// That of a client with this session.
    pub(super) fn of(session: &Session) -> Self {
        let mut turn = Self { single: true, ..Self::default() };
        turn.join(session.clone());
        turn
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Nothing more will come.
    pub(super) fn is_spent(&self) -> bool {
        self.single && self.members.is_empty()
    }

    /// Takes an announcement in: the session stands here if it has an event.
    pub(super) fn admit(&mut self, signal: Signal, tables: &Tables) {
        let peer = match signal {
            Signal::Session(peer) => peer,
            Signal::Fault(fault) => {
                return self.queue.push_back(Entry::Alone(Event::Fault(fault)));
            }
        };
        // Before the look, so that what comes after it is announced again.
        peer.clear_ready();
        let id = peer.id();
        match self.members.get_mut(&id) {
            Some(member) => member.stand(id, &mut self.queue),
            None => self.greet(peer, tables),
        }
    }

    /// The event whose turn it is.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let id = match self.queue.pop_front()? {
                Entry::Alone(event) => return Some(event),
                Entry::Of(id) => id,
            };
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_queued = false;
            let event = if member.joined {
                member.session.poll_event()
            } else {
                member.joined = true;
                self.listed = None;
                Some(Event::Joined(member.session.clone()))
            };
            member.stand(id, &mut self.queue);
            if let Some(Event::Left(..)) = &event {
                self.told_left(id);
            }
            if event.is_some() {
                return event;
            }
        }
    }

    pub(super) fn sessions(&mut self) -> Arc<[Session]> {
        let members = &self.members;
        let list = || {
            let joined = members.values().filter(|member| member.joined);
            joined.map(|member| member.session.clone()).collect()
        };
        Arc::clone(self.listed.get_or_insert_with(list))
    }

    pub(super) fn departed(&self) -> Vec<Session> {
        self.departed.clone()
    }

    pub(super) fn forget_departed(&mut self) -> Vec<Session> {
        core::mem::take(&mut self.departed)
    }

    /// A session that is not known began, or its end was told and it was announced once more.
    fn greet(&mut self, peer: Arc<dyn Peer>, tables: &Tables) {
        let table = tables.get(peer.protocol());
        let session = Session::new(peer, table);
        if session.has_event() || !session.is_closed() {
            self.join(session);
        }
    }

    fn join(&mut self, session: Session) {
        let id = session.id();
        let member = Member { session, is_queued: false, joined: false };
        self.members.entry(id).or_insert(member).stand(id, &mut self.queue);
    }

    fn told_left(&mut self, id: SessionId) {
        if let Some(member) = self.members.remove(&id) {
            self.departed.push(member.session);
            self.listed = None;
        }
    }
}

impl Member {
    /// Puts it into the queue, if it has something to tell and does not stand there.
    fn stand(&mut self, id: SessionId, queue: &mut VecDeque<Entry>) {
        if !self.is_queued && (!self.joined || self.session.has_event()) {
            self.is_queued = true;
            queue.push_back(Entry::Of(id));
        }
    }
}
