//! Who may join a server in the world.

use core::{
    any::Any,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use biplane_wire::limits;

use super::state::{Deadline, PartyNumber, State};
use crate::config::{Admission, Hello, Ruling, Verdict};

/// What admission gave, and the protocol that is spoken.
type Admitted = (Option<Arc<dyn Any + Send + Sync>>, usize);

/// A server's door.
pub(super) struct Door {
    pub(super) party: PartyNumber,
    pub(super) admission: Admission,
    pub(super) max_sessions: usize,
    /// Nobody joins; when they may try again.
    pub(super) maintenance: Option<Duration>,
    /// Clients that were admitted and have no session yet.
    pub(super) admitted: BTreeMap<usize, Admitted>,
}

/// A client about whom the application was asked.
pub(super) struct Asked {
    pub(super) client: usize,
    protocol: usize,
    deadline: Instant,
    state: Asking,
}

enum Asking {
    Waits(Pin<Box<dyn Future<Output = Verdict> + Send>>),
    Answered(Ruling),
    Panicked,
}

impl Asked {
    /// Asks on, with no lock held.
    pub(super) fn poll(self) -> Self {
        let Asking::Waits(mut verdict) = self.state else { return self };
        // It is asked again at every tick and after every moment at which anything happens, woken or
        // not.
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| verdict.as_mut().poll(&mut context)));
        let state = match polled {
            Ok(Poll::Pending) => Asking::Waits(verdict),
            Ok(Poll::Ready(verdict)) => Asking::Answered(verdict.0),
            Err(_) => Asking::Panicked,
        };
        Self { state, ..self }
    }
}

impl State {
    /// A client knocks: asks the limits, then the application.
    pub(super) fn knocked(
        &mut self,
        client: usize,
        protocol: usize,
        credentials: Vec<u8>,
        remote: SocketAddr,
    ) {
        let door = self.world.server_of(client).and_then(|server| self.doors.get(server));
        let Some(door) = door else { return };
        if let Some((retry_after, text)) = self.shut(door) {
            return self.refuse(client, (503, retry_after), text);
        }
        let verdict = (door.admission)(Hello { credentials, remote });
        let deadline = self.expect_within(limits::ADMISSION_DEADLINE, Deadline::Admission(client));
        self.asked.push(Asked { client, protocol, deadline, state: Asking::Waits(verdict) });
    }

    /// Why nobody may join now, if nobody may, and when one may try again.
    fn shut(&self, door: &Door) -> Option<(Option<Duration>, &'static str)> {
        let party = self.parties.get(door.party);
        let count = party.map_or(0, |party| party.members.len()) + door.admitted.len();
        if let Some(after) = door.maintenance {
            Some((Some(after), "the server is under maintenance"))
        } else if party.is_none_or(|party| party.is_closing) {
            Some((None, "the server is closing"))
        } else {
            (count >= door.max_sessions).then_some((None, "the server is full"))
        }
    }

    /// Does what was said of a client, or waits on.
    pub(super) fn conclude(&mut self, asked: Asked) {
        let Asked { client, protocol, deadline, state } = asked;
        if !matches!(state, Asking::Waits(_)) {
            self.forget_deadline(deadline, Deadline::Admission(client));
        }
        match state {
            Asking::Waits(_) => {
                self.asked.push(Asked { client, protocol, deadline, state });
            }
            Asking::Answered(Ruling::Admit(app)) => self.admit(client, (app, protocol)),
            Asking::Answered(Ruling::Refuse { code, text, retry_after }) => {
                self.refuse(client, (code, retry_after), &text);
            }
            Asking::Panicked => self.refuse(client, (500, None), "the server's admission failed"),
        }
    }

    fn admit(&mut self, client: usize, admitted: Admitted) {
        let Some(server) = self.world.server_of(client) else { return };
        // Again: the application may have taken its time.
        if let Some((retry_after, text)) = self.doors.get(server).and_then(|door| self.shut(door)) {
            self.let_go(admitted);
            return self.refuse(client, (503, retry_after), text);
        }
        if let Some(door) = self.doors.get_mut(server) {
            door.admitted.insert(client, admitted);
        }
        self.world.admit(client);
    }

    pub(super) fn refuse(
        &mut self,
        client: usize,
        (code, retry_after): (u16, Option<Duration>),
        text: &str,
    ) {
        let door = self.world.server_of(client).and_then(|server| self.doors.get(server));
        if let Some(party) = door.and_then(|door| self.parties.get_mut(door.party)) {
            party.counts.refused += 1;
        }
        self.world.refuse(client, code, retry_after, text);
    }
}
