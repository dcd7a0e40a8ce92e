//! An endpoint in the world, as the typed layer uses it.

use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::{net::SocketAddr, sync::Arc};

use biplane_sim::ClientConfig;

use super::state::{PartyNumber, Shared, State};
use crate::{
    ConnectError, DialError, EndpointStats, Link,
    engine::{Connected, DialConfig, Engine, Signal, Signals},
    waiting::BoxFuture,
};

/// A server or an endpoint of clients. Dropping it closes its sessions at once.
pub(super) struct SimEngine {
    shared: Arc<Shared>,
    party: PartyNumber,
    address: SocketAddr,
    /// What lies between its clients and their servers.
    clients: ClientConfig,
}

impl SimEngine {
    pub(super) fn new(
        shared: &Arc<Shared>,
        party: PartyNumber,
        address: SocketAddr,
        clients: ClientConfig,
    ) -> Self {
        Self { shared: Arc::clone(shared), party, address, clients }
    }
}

impl Engine for SimEngine {
    fn signals(&self) -> Arc<dyn Signals> {
        Arc::new(SimSignals { shared: Arc::clone(&self.shared), party: self.party })
    }

    fn flush(&self) {
        self.shared.enter(|state| {
            let dirty =
                state.parties.get_mut(self.party).map(|party| core::mem::take(&mut party.dirty));
            for side in dirty.into_iter().flatten() {
                state.world.flush(side);
            }
        });
    }

    fn connect(&self, dial: DialConfig, done: Connected) {
        let config = self.clients.clone();
        self.shared.enter(|state| state.dial(self.party, dial, config, done));
    }

    fn close(&self, text: &str, done: Box<dyn FnOnce() + Send>) {
        self.shared.enter(|state| state.close(self.party, Some(text), done));
    }

    fn abandon(&self) {
        self.shared.enter(|state| state.close(self.party, None, Box::new(|| ())));
    }

    fn set_maintenance(&self, retry_after: Option<Duration>) {
        self.shared.enter(|state| {
            for door in state.doors.iter_mut().filter(|door| door.party == self.party) {
                door.maintenance = retry_after;
            }
        });
    }

    fn stats(&self) -> EndpointStats {
        self.shared.enter(|state| state.stats(self.party))
    }

    fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SimEngine {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl State {
    fn dial(
        &mut self,
        party: PartyNumber,
        dial: DialConfig,
        config: ClientConfig,
        done: Connected,
    ) {
        let outcome = self.server_at(party, &dial.link);
        match outcome {
            Ok(server) => {
                let DialConfig { protocol, credentials, .. } = dial;
                let mut config = config;
                let session = &mut config.session;
                session.grace = dial.grace.unwrap_or(session.grace);
                session.planes = dial.planes;
                session.max_datagram = dial.max_datagram.unwrap_or(session.max_datagram);
                session.keep_alive = dial.keep_alive.unwrap_or(session.keep_alive);
                let protocol = super::speaking(protocol);
                let client = self.world.dial(server, protocol, credentials, config);
                self.dialed(party, client, done);
            }
            Err(error) => self.calls.push(Box::new(move || done(Err(error)))),
        }
    }

    fn server_at(&self, party: PartyNumber, link: &Link) -> Result<usize, ConnectError> {
        if self.parties.get(party).is_none_or(|party| party.is_closing) {
            return Err(ConnectError::Closed);
        }
        let at = |server: usize| self.world.server_address(server);
        let is_there = |address: SocketAddr| {
            address.port() == link.port && address.ip().to_string() == link.host
        };
        let found = (0..self.doors.len()).find(|server| at(*server).is_some_and(is_there));
        let Some((server, door)) = found.and_then(|server| Some((server, self.doors.get(server)?)))
        else {
            let source = std::io::Error::other("no server of this world is there");
            return Err(DialError::Unresolved { host: link.host.as_str().into(), source }.into());
        };
        let is_gone = self.parties.get(door.party).is_none_or(|party| party.is_closing);
        if let Some(address) = at(server).filter(|_| is_gone) {
            let source = std::io::ErrorKind::ConnectionRefused.into();
            return Err(DialError::Unreachable { address, source }.into());
        }
        let (expected, got) = (link.pin, super::pin(server));
        if expected != got {
            return Err(ConnectError::WrongPin { expected, got });
        }
        Ok(server)
    }

    fn stats(&self, number: PartyNumber) -> EndpointStats {
        let mut stats = EndpointStats::default();
        let Some(party) = self.parties.get(number) else { return stats };
        stats.sessions = party.counts.clone();
        let datagrams = &mut stats.datagrams;
        for side in &party.ever {
            let Some(session) = self.world.session(*side) else { continue };
            let session = session.stats();
            datagrams.sent += session.packets_sent;
            datagrams.bytes_sent += session.bytes_sent;
            datagrams.bytes_received += session.bytes_received;
        }
        let server = self.doors.iter().position(|door| door.party == number);
        let tallies: Vec<_> = match server {
            Some(server) => vec![self.world.tally_of(server)],
            None => party.ever.iter().map(|side| self.world.client_tally(side.client())).collect(),
        };
        for tally in tallies {
            datagrams.received += tally.received;
            datagrams.delivered += tally.delivered;
            datagrams.drops.add(&tally.drops);
        }
        stats
    }
}

/// Announcements of one party.
struct SimSignals {
    shared: Arc<Shared>,
    party: PartyNumber,
}

impl Signals for SimSignals {
    fn try_signal(&self) -> Option<Signal> {
        let ready = |state: &mut State| state.parties.get_mut(self.party)?.ready.pop_front();
        self.shared.enter(ready).map(Signal::Session)
    }

    fn signal(&self) -> BoxFuture<'_, Option<Signal>> {
        Box::pin(Announced(self))
    }
}

struct Announced<'a>(&'a SimSignals);

impl Future for Announced<'_> {
    type Output = Option<Signal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        let SimSignals { shared, party } = self.0;
        let ready = shared.enter(|state| {
            let party = state.parties.get_mut(*party)?;
            let ready = party.ready.pop_front();
            if ready.is_none() {
                party.wakers.push(context.waker().clone());
            }
            ready
        });
        ready.map_or(Poll::Pending, |peer| Poll::Ready(Some(Signal::Session(peer))))
    }
}
