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
        let id = peer.id();
        match self.members.get_mut(&id) {
            Some(member) if member.queued > 0 => {}
            Some(member) => member.poll(id, &mut self.queue),
            None => self.greet(peer, tables),
        }
    }

    /// The event whose turn it is.
    pub(super) fn next(&mut self) -> Option<Event> {
        let (id, event) = match self.queue.pop_front()? {
            Entry::Alone(event) => return Some(event),
            Entry::Of(id, event) => (id, event),
        };
        if let Event::Left(..) = &event {
            self.told_left(id);
        } else if let Some(member) = self.members.get_mut(&id) {
            if let Event::Joined(_) = &event {
                member.joined = true;
                self.listed = None;
            }
            member.queued -= 1;
            if member.queued == 0 {
                member.poll(id, &mut self.queue);
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
        if let (Some(event), Some(member)) = (first, self.members.get_mut(&id)) {
            member.push(id, event, &mut self.queue);
        }
    }

    fn join(&mut self, session: Session) -> SessionId {
        let id = session.id();
        let joined = Event::Joined(session.clone());
        let member = self.members.entry(id);
        let member = member.or_insert(Member { session, queued: 0, joined: false });
        member.push(id, joined, &mut self.queue);
        id
    }

    fn told_left(&mut self, id: SessionId) {
        if let Some(member) = self.members.remove(&id) {
            self.departed.push(member.session);
            self.listed = None;
        }
    }
}

impl Member {
    /// Its next event, if it has one.
    fn poll(&mut self, id: SessionId, queue: &mut VecDeque<Entry>) {
        if let Some(event) = self.session.poll_event() {
            self.push(id, event, queue);
        }
    }

    fn push(&mut self, id: SessionId, event: Event, queue: &mut VecDeque<Entry>) {
        self.queued += 1;
        queue.push_back(Entry::Of(id, event));
    }
}
