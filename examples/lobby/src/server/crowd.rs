//! Who plays by which session.

use std::collections::BTreeMap;

use biplane::{Session, SessionId};

use crate::rooms::PlayerNumber;

/// Players and their sessions, each of which has one of the other.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    numbers: BTreeMap<SessionId, PlayerNumber>,
    sessions: BTreeMap<PlayerNumber, Session>,
}

impl Crowd {
    /// Players who have a session.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Who plays by that session.
    pub(super) fn number(&self, session: &Session) -> Option<PlayerNumber> {
        self.numbers.get(&session.id()).copied()
    }

    /// The player plays by this session now; returns the one it played by before.
    pub(super) fn replace(&mut self, number: PlayerNumber, session: &Session) -> Option<Session> {
        let other = self.sessions.insert(number, session.clone());
        if let Some(other) = &other {
            self.numbers.remove(&other.id());
        }
        self.numbers.insert(session.id(), number);
        other
    }

    /// The session is gone; returns who played by it.
    pub(super) fn remove(&mut self, session: &Session) -> Option<PlayerNumber> {
        let number = self.numbers.remove(&session.id())?;
        self.sessions.remove(&number);
        Some(number)
    }

    /// The sessions of those players.
    pub(super) fn sessions(
        &self,
        numbers: impl Iterator<Item = PlayerNumber>,
    ) -> impl Iterator<Item = &Session> {
        numbers.filter_map(|number| self.sessions.get(&number))
    }
}
