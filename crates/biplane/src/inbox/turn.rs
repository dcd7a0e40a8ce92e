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
    /// How many of its events stand in the queue.
    queued: usize,
    /// The application was told that it began.
    joined: bool,
}

enum Entry {
    Of(SessionId, Event),
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

    /// Takes an announcement in: the session's next event, unless one of it stands here already.
    pub(super) fn admit(&mut self, signal: Signal, tables: &Tables) {
        let peer = match signal {
            Signal::Session(peer) => peer,
            Signal::Fault(fault) => {
                return self.queue.push_back(Entry::Alone(Event::Fault(fault)));
            }
        };
        // Before the look, so that what comes after it is announced again.
        peer.clear_ready();
        match self.members.get(&peer.id()) {
            Some(member) if member.queued > 0 => {}
            Some(_) => self.poll(peer.id()),
            None => self.greet(peer, tables),
        }
    }

    /// The event whose turn it is.
    pub(super) fn next(&mut self) -> Option<Event> {
        let (id, event) = match self.queue.pop_front()? {
            Entry::Alone(event) => return Some(event),
            Entry::Of(id, event) => (id, event),
        };
        if let Event::Joined(_) = &event {
            self.told_joined(id);
        } else if let Event::Left(..) = &event {
            self.told_left(id);
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.queued -= 1;
            if member.queued == 0 {
                self.poll(id);
            }
        }
        Some(event)
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
        let first = session.poll_event();
        if first.is_none() && session.is_closed() {
            return;
        }
        let id = self.join(session);
        if let Some(event) = first {
            self.push(id, event);
        }
    }

    fn join(&mut self, session: Session) -> SessionId {
        let id = session.id();
        let joined = Event::Joined(session.clone());
        self.members.insert(id, Member { session, queued: 0, joined: false });
        self.push(id, joined);
        id
    }

    fn poll(&mut self, id: SessionId) {
        let Some(member) = self.members.get(&id) else { return };
        if let Some(event) = member.session.poll_event() {
            self.push(id, event);
        }
    }

    fn push(&mut self, id: SessionId, event: Event) {
        if let Some(member) = self.members.get_mut(&id) {
            member.queued += 1;
            self.queue.push_back(Entry::Of(id, event));
        }
    }

    fn told_joined(&mut self, id: SessionId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.joined = true;
            self.listed = None;
        }
    }

    fn told_left(&mut self, id: SessionId) {
        if let Some(member) = self.members.remove(&id) {
            self.departed.push(member.session);
            self.listed = None;
        }
    }
}
