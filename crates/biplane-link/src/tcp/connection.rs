//! One connection: two sockets, a half each way, and how it begins and ends.
//!
//! The kernel has accepted the client before we know of it. The rest is as if the handshake had
//! crossed the network: the target is dialled once a SYN would have arrived, and the client is read
//! once the answer would have. FIN passes as half-close. Whatever breaks on one side, a refusal by
//! the target among it, is a reset for the other, one latency later.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use biplane_sim::Direction;

use super::half::{Delivery, Half};
use crate::{
    limits,
    network::Network,
    poller::{Interest, Poller, Token},
    slab::Place,
    sockets,
};

/// A client, the target, and what is under way between them.
#[derive(Debug)]
pub(super) struct Connection {
    client: Side,
    /// `None` until a SYN has arrived.
    target: Option<Side>,
    phase: Phase,
    up: Half,
    down: Half,
    /// One side is gone without a goodbye: the next end is a reset.
    is_broken: bool,
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The SYN arrives then.
    Knocking(Instant),
    /// No SYN ever arrives, and the client gives up then.
    Hopeless(Instant),
    /// The target has been asked.
    Dialling,
    /// The client knows that it is connected from then on, or never.
    Open(Option<Instant>),
}

/// One socket, and what the poller tells of it.
#[derive(Debug)]
struct Side {
    stream: TcpStream,
    token: Token,
    armed: Interest,
    is_readable: bool,
}

/// What a turn works with.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) place: Place,
    pub(super) poller: &'a Poller,
    pub(super) target: SocketAddr,
    /// Whether all connections together may take in more.
    pub(super) has_room: bool,
    pub(super) buffer: &'a mut [u8],
}

/// What connections have done, up and down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes: [u64; 2],
    pub(super) stalls: [u64; 2],
    pub(super) under_way: u64,
}

impl Connection {
    /// One whose client has just been accepted.
    pub(super) fn accepted(
        now: Instant,
        client: TcpStream,
        network: &mut Network,
        place: Place,
        poller: &Poller,
    ) -> io::Result<Self> {
        let client = sockets::prepare(client)?;
        let client = Side::watched(client, Token::Client(place.index), Interest::NONE, poller)?;
        let mut up = Half::new(network.stream(Direction::Up));
        let down = Half::new(network.stream(Direction::Down));
        let (phase, due) = match up.stream.knock(now) {
            Some(arrives) => (Phase::Knocking(arrives), arrives),
            None => (Phase::Hopeless(now + limits::KNOCK), now + limits::KNOCK),
        };
        Ok(Self { client, target: None, phase, up, down, is_broken: false, due: Some(due) })
    }

    /// When it is to be served next, if no socket calls before.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes note that a socket called; it is to be served at once.
    pub(super) fn ready(&mut self, now: Instant, reads: Direction, is_readable: bool) {
        let side = match reads {
            Direction::Up => Some(&mut self.client),
            Direction::Down => self.target.as_mut(),
        };
        if let Some(side) = side {
            side.armed = Interest::NONE;
            side.is_readable |= is_readable;
            self.due = Some(now);
        }
    }

    /// Does what is due. `true` if the connection is over.
    pub(super) fn serve(&mut self, mut turn: Turn<'_>) -> bool {
        self.due = None;
        if matches!(self.phase, Phase::Hopeless(until) if until <= turn.now) {
            self.will_reset();
            return true;
        }
        self.begin(&turn);
        let is_over = self.carry(turn.now, Direction::Up) || self.carry(turn.now, Direction::Down);
        if is_over || self.up.is_over() && self.down.is_over() {
            return true;
        }
        self.fill(&mut turn);
        self.arm(&turn);
        self.due = self.next_moment(&turn);
        false
    }

    /// Has both sockets end with a reset.
    pub(super) fn will_reset(&self) {
        sockets::will_reset(&self.client.stream);
        self.target.iter().for_each(|target| sockets::will_reset(&target.stream));
    }

    /// Takes its sockets out of the poller before they are closed.
    pub(super) fn forget(&self, poller: &Poller) {
        poller.forget(&self.client.stream);
        self.target.iter().for_each(|target| poller.forget(&target.stream));
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            bytes: [self.up.written(), self.down.written()],
            stalls: [self.up.stream.hold_ups(), self.down.stream.hold_ups()],
            under_way: self.up.under_way() + self.down.under_way(),
        }
    }

    /// Goes on with the handshake.
    fn begin(&mut self, turn: &Turn<'_>) {
        match self.phase {
            Phase::Knocking(arrives) if arrives <= turn.now => {
                self.phase = Phase::Dialling;
                match Self::dial(turn) {
                    Ok(target) => self.target = Some(target),
                    Err(_) => self.break_towards(turn.now, Direction::Down),
                }
            }
            Phase::Dialling => match self.answer() {
                Some(true) => self.phase = Phase::Open(self.down.stream.knock(turn.now)),
                Some(false) => self.break_towards(turn.now, Direction::Down),
                None => {}
            },
            Phase::Knocking(_) | Phase::Hopeless(_) | Phase::Open(_) => {}
        }
    }

    fn dial(turn: &Turn<'_>) -> io::Result<Side> {
        let stream = sockets::dial(turn.target)?;
        let wanted = Interest { readable: false, writable: true };
        Side::watched(stream, Token::Target(turn.place.index), wanted, turn.poller)
    }

    /// Whether the target has accepted or refused; `None` while it has not said.
    fn answer(&self) -> Option<bool> {
        let target = self.target.as_ref()?;
        match target.stream.take_error() {
            Ok(None) => target.stream.peer_addr().is_ok().then_some(true),
            Ok(Some(_)) | Err(_) => Some(false),
        }
    }

    /// Writes what has arrived in one direction. `true` if that ends the connection.
    fn carry(&mut self, now: Instant, direction: Direction) -> bool {
        let (half, sink) = match direction {
            Direction::Up => (&mut self.up, self.target.as_ref()),
            Direction::Down => (&mut self.down, Some(&self.client)),
        };
        let Some(sink) = sink.filter(|_| !half.is_over()) else { return false };
        if direction == Direction::Up && !matches!(self.phase, Phase::Open(_)) {
            return false;
        }
        match half.deliver(now, &sink.stream) {
            Delivery::GoesOn => {}
            Delivery::Ended if self.is_broken => {
                self.will_reset();
                return true;
            }
            // A socket that is not connected any more needs no goodbye.
            Delivery::Ended => drop(sink.stream.shutdown(std::net::Shutdown::Write)),
            Delivery::Broken => self.break_towards(now, direction.back()),
        }
        false
    }

    /// Reads both sockets, where they have something and there is room for it.
    fn fill(&mut self, turn: &mut Turn<'_>) {
        if !turn.has_room || self.is_broken {
            return;
        }
        for direction in Direction::ALL {
            let is_open = self.is_readable(turn.now, direction);
            let (half, source) = match direction {
                Direction::Up => (&mut self.up, Some(&mut self.client)),
                Direction::Down => (&mut self.down, self.target.as_mut()),
            };
            let Some(source) = source.filter(|source| is_open && source.is_readable) else {
                continue;
            };
            if half.room(turn.now) == 0 {
                continue;
            }
            source.is_readable = false;
            if !half.fill(turn.now, &source.stream, turn.buffer) {
                self.break_towards(turn.now, direction);
            }
        }
    }

    /// Whether the handshake has come so far that the source of a direction may be read.
    fn is_readable(&self, now: Instant, direction: Direction) -> bool {
        match (self.phase, direction) {
            (Phase::Open(known), Direction::Up) => known.is_some_and(|known| known <= now),
            (Phase::Open(_), Direction::Down) => true,
            (Phase::Knocking(_) | Phase::Hopeless(_) | Phase::Dialling, _) => false,
        }
    }

    /// One side is gone: what was on its way to it is, too, and the other is told by a reset that
    /// goes in `direction`.
    fn break_towards(&mut self, now: Instant, direction: Direction) {
        if self.is_broken {
            return;
        }
        self.is_broken = true;
        let (told, gone) = match direction {
            Direction::Up => (&mut self.up, &mut self.down),
            Direction::Down => (&mut self.down, &mut self.up),
        };
        told.abandon(now);
        gone.abandon(now);
        gone.close();
        // A target that was never reached is not told of anything.
        if direction == Direction::Up && !matches!(self.phase, Phase::Open(_)) {
            told.close();
        }
    }

    /// Asks the poller for what the next turn needs.
    fn arm(&mut self, turn: &Turn<'_>) {
        let reads = [Direction::Up, Direction::Down].map(|direction| self.wants(turn, direction));
        let [up, down] = reads;
        let is_dialling = matches!(self.phase, Phase::Dialling);
        let client = Interest { readable: up, writable: self.down.is_stuck() };
        let target = Interest { readable: down, writable: is_dialling || self.up.is_stuck() };
        self.client.arm(client, turn.poller);
        self.target.iter_mut().for_each(|side| side.arm(target, turn.poller));
    }

    /// Whether the source of a direction is to be waited for.
    fn wants(&mut self, turn: &Turn<'_>, direction: Direction) -> bool {
        if self.is_broken || !turn.has_room || !self.is_readable(turn.now, direction) {
            return false;
        }
        let half = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        half.wants_more() && half.room(turn.now) > 0
    }

    fn next_moment(&self, turn: &Turn<'_>) -> Option<Instant> {
        let begins = match self.phase {
            Phase::Knocking(at) | Phase::Hopeless(at) => Some(at),
            Phase::Open(known) => known.filter(|known| *known > turn.now),
            Phase::Dialling => None,
        };
        let is_open = matches!(self.phase, Phase::Open(_)) || self.is_broken;
        let halves = [&self.up, &self.down].into_iter().filter(|_| is_open);
        let moments = halves.filter_map(|half| half.next_moment(turn.now));
        let retry = (!turn.has_room).then(|| turn.now + limits::RETRY);
        moments.chain(begins).chain(retry).min()
    }
}

impl Side {
    fn watched(
        stream: TcpStream,
        token: Token,
        interest: Interest,
        poller: &Poller,
    ) -> io::Result<Self> {
        poller.watch(&stream, token, interest)?;
        Ok(Self { stream, token, armed: interest, is_readable: false })
    }

    fn arm(&mut self, wanted: Interest, poller: &Poller) {
        // What it has told already is not asked for again.
        let wanted = Interest { readable: wanted.readable && !self.is_readable, ..wanted };
        if !self.armed.covers(wanted) && poller.change(&self.stream, self.token, wanted).is_ok() {
            self.armed = wanted;
        }
    }
}

impl Tally {
    /// Goes from what one connection had done before to what it has done after.
    pub(super) fn change(&mut self, before: Self, after: Self) {
        for (mine, (before, after)) in
            self.bytes.iter_mut().zip(before.bytes.iter().zip(after.bytes))
        {
            *mine += after - before;
        }
        for (mine, (before, after)) in
            self.stalls.iter_mut().zip(before.stalls.iter().zip(after.stalls))
        {
            *mine += after - before;
        }
        self.under_way = self.under_way + after.under_way - before.under_way;
    }
}
