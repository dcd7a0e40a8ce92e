//! Connections: each a pair of sockets, with the model between them.

mod connection;
mod half;

use std::{
    collections::BTreeSet,
    io,
    net::{SocketAddr, TcpListener},
    time::Instant,
};

use biplane_sim::Direction;
use tracing::{debug, warn};

use crate::{
    RelayStats, clock, limits,
    network::Network,
    poller::{Interest, Poller, Token},
    slab::{Place, Slab},
    sockets,
};
use connection::{Connection, Tally};

/// The TCP port and all connections.
#[derive(Debug)]
pub(crate) struct Tcp {
    port: TcpListener,
    target: SocketAddr,
    connections: Slab<Connection>,
    /// Who is to be looked at when.
    due: BTreeSet<(Instant, Place)>,
    /// Until when nobody is accepted.
    rests_until: Option<Instant>,
    /// Those of connections that are over, and the same of all that have been counted.
    tally: Tally,
    accepted: u64,
    killed: u64,
    refused: u64,
    read: Vec<u8>,
}

impl Tcp {
    pub(crate) fn new(port: TcpListener, target: SocketAddr, poller: &Poller) -> io::Result<Self> {
        poller.watch(&port, Token::Tcp, Interest::READ)?;
        Ok(Self {
            port,
            target,
            connections: Slab::new(limits::CONNECTIONS),
            due: BTreeSet::new(),
            rests_until: None,
            tally: Tally::default(),
            accepted: 0,
            killed: 0,
            refused: 0,
            read: vec![0; limits::READ],
        })
    }

    /// Takes in who knocks.
    pub(crate) fn accept(&mut self, now: Instant, network: &mut Network, poller: &Poller) {
        for _ in 0..limits::TURN {
            match self.port.accept() {
                Ok((client, _)) if self.connections.is_full() => {
                    self.refused += 1;
                    sockets::will_reset(&client);
                }
                Ok((client, _)) => {
                    let place = self.connections.vacancy();
                    match Connection::accepted(now, client, network, place, poller) {
                        Ok(connection) => {
                            self.due.extend(connection.due().map(|at| (at, place)));
                            self.connections.insert(connection);
                            self.accepted += 1;
                        }
                        Err(why) => debug!(%why, "a connection that is gone already"),
                    }
                }
                Err(error) if sockets::is_out_of_resources(&error) => {
                    warn!(%error, "nobody can be accepted for now");
                    self.rest(now, poller);
                    return;
                }
                // Nobody is left, or one is gone again.
                Err(_) => return,
            }
        }
    }

    /// Remembers that a side of a connection can be read or written.
    pub(crate) fn ready(
        &mut self,
        now: Instant,
        index: usize,
        reads: Direction,
        is_readable: bool,
    ) {
        let Some(place) = self.connections.place(index) else { return };
        let Some(connection) = self.connections.get_mut(place) else { return };
        let old = connection.due();
        connection.ready(now, reads, is_readable);
        let new = connection.due();
        self.reschedule(place, old, new);
    }

    /// Looks at every connection at which something is due.
    pub(crate) fn turn(&mut self, now: Instant, poller: &Poller) {
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            // If it fails nobody is accepted any more, and the next heartbeat tries again.
            if poller.change(&self.port, Token::Tcp, Interest::READ).is_err() {
                self.rests_until = Some(now + limits::BACKOFF);
            }
        }
        // Each at most once: what is due again at once has to wait for the others.
        let mut due: Vec<_> = self.due.iter().take_while(|(at, _)| *at <= now).copied().collect();
        due.retain(|due| self.advance(*due, poller));
        // Behind one rate all find room at the same moment, and the first to be read takes it all. It
        // is not waited for again before everybody else has been read too: while there is no room,
        // `settle` asks for nothing.
        for direction in Direction::ALL {
            for (_, place) in &due {
                self.serve(*place, poller, |connection, turn| connection.fill(turn, direction));
            }
        }
        for (at, place) in due {
            let settled = self.serve(place, poller, |connection, turn| {
                connection.settle(turn);
                connection.due()
            });
            self.reschedule(place, Some(at), settled.flatten());
        }
    }

    /// Resets every connection.
    pub(crate) fn kill(&mut self, poller: &Poller) {
        for place in self.connections.places() {
            let Some(connection) = self.connections.get_mut(place) else { continue };
            connection.will_reset();
            let due = connection.due();
            self.killed += 1;
            self.remove(place, due, poller);
        }
    }

    pub(crate) fn next_moment(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.rests_until].into_iter().flatten().min()
    }

    /// Writes down what there is to say of connections.
    pub(crate) const fn report(&self, stats: &mut RelayStats) {
        let Self { accepted, killed, tally, .. } = self;
        [stats.up.tcp.bytes, stats.down.tcp.bytes] = tally.bytes;
        [stats.up.tcp.stalls, stats.down.tcp.stalls] = tally.stalls;
        stats.up.tcp.connections = *accepted;
        stats.down.tcp.connections = *accepted;
        stats.up.tcp.killed = *killed;
        stats.down.tcp.killed = *killed;
        stats.refused += self.refused;
    }

    /// Has one go on that is due; whether it is still there.
    fn advance(&mut self, (at, place): (Instant, Place), poller: &Poller) -> bool {
        let is_over = self.serve(place, poller, |connection, turn| connection.advance(turn));
        if is_over != Some(false) {
            self.remove(place, Some(at), poller);
        }
        is_over == Some(false)
    }

    /// Gives a turn to the connection at `place`, if there is one.
    fn serve<T>(
        &mut self,
        place: Place,
        poller: &Poller,
        turn: impl FnOnce(&mut Connection, &mut connection::Turn<'_>) -> T,
    ) -> Option<T> {
        let connection = self.connections.get_mut(place)?;
        let before = connection.tally();
        let outcome = turn(
            connection,
            &mut connection::Turn {
                // What is read now must not count from before the others were served.
                now: clock::now(),
                place,
                poller,
                target: self.target,
                has_room: self.tally.under_way < limits::TCP_UNDER_WAY,
                buffer: &mut self.read,
            },
        );
        self.tally.change(before, connection.tally());
        Some(outcome)
    }

    fn reschedule(&mut self, place: Place, old: Option<Instant>, new: Option<Instant>) {
        if old != new {
            old.iter().for_each(|at| {
                self.due.remove(&(*at, place));
            });
        }
        self.due.extend(new.map(|at| (at, place)));
    }

    fn remove(&mut self, place: Place, due: Option<Instant>, poller: &Poller) {
        due.iter().for_each(|at| {
            self.due.remove(&(*at, place));
        });
        if let Some(connection) = self.connections.remove(place) {
            self.tally.under_way -= connection.tally().under_way;
            connection.forget(poller);
        }
    }

    fn rest(&mut self, now: Instant, poller: &Poller) {
        self.rests_until = Some(now + limits::BACKOFF);
        // If it fails we are woken once more for nothing.
        drop(poller.change(&self.port, Token::Tcp, Interest::NONE));
    }
}
