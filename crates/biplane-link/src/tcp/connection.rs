//! One connection: two sockets, a half each way, and how it begins and ends.
//!
//! The kernel has accepted the client before we know of it. The rest is as if the handshake had
//! crossed the network: the target is dialled once a SYN would have arrived, and the client is read
//! once the answer would have. FIN passes as half-close. Whatever breaks on one side, a refusal by
//! the target among it, is a reset for the other, behind all that was sent before it. What never
//! arrives, because the network is blocked for good, ends as long after as a kernel gives up.

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
    /// Until when it is waited for what never arrives.
    gives_up: Option<Instant>,
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The SYN arrives then.
    Knocking(Instant),
    /// No SYN ever arrives, or no answer to it.
    Hopeless,
    /// The target has been asked.
    Dialling,
    /// The client knows that it is connected from then on.
    Open(Instant),
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
        let (phase, gives_up) = match up.stream.knock(now) {
            Some(arrives) => (Phase::Knocking(arrives), None),
            None => (Phase::Hopeless, Some(now + limits::KNOCK)),
        };
        Ok(Self { client, target: None, phase, up, down, gives_up, due: Some(now) })
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

    /// Goes on with the handshake and hands over what has arrived. `true` if the connection is over.
    pub(super) fn advance(&mut self, turn: &Turn<'_>) -> bool {
        self.due = None;
        if self.gives_up.is_some_and(|until| until <= turn.now) {
            self.will_reset();
            return true;
        }
        self.begin(turn);
        let is_over = self.carry(turn.now, Direction::Up) || self.carry(turn.now, Direction::Down);
        is_over || self.up.is_over() && self.down.is_over()
    }

    /// Asks for what it needs next, once it has been filled.
    pub(super) fn settle(&mut self, turn: &Turn<'_>) {
        if self.up.is_cut_off() || self.down.is_cut_off() {
            self.gives_up.get_or_insert(turn.now + limits::SILENCE);
        }
        let is_ready = self.arm(turn);
        self.due = if is_ready { Some(turn.now) } else { self.next_moment(turn) };
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
                    Err(_) => self.refuse(turn.now),
                }
            }
            Phase::Dialling => match self.answer() {
                Some(true) => match self.down.stream.knock(turn.now) {
                    Some(known) => self.phase = Phase::Open(known),
                    None => {
                        self.phase = Phase::Hopeless;
                        self.gives_up = Some(turn.now + limits::KNOCK);
                    }
                },
                Some(false) => self.refuse(turn.now),
                None => {}
            },
            Phase::Knocking(_) | Phase::Hopeless | Phase::Open(_) => {}
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
            Delivery::Reset => {
                self.will_reset();
                return true;
            }
            // A socket that is not connected any more needs no goodbye.
            Delivery::Ended => drop(sink.stream.shutdown(std::net::Shutdown::Write)),
            Delivery::Broken => {
                half.close(now);
                match direction {
                    Direction::Up => self.down.will_reset(),
                    Direction::Down => self.up.will_reset(),
                }
            }
        }
        false
    }

    /// The target is not to be had, of which the client learns by a reset.
    fn refuse(&mut self, now: Instant) {
        self.up.close(now);
        self.down.reset(now);
    }

    /// Reads the source of a direction, if it has something and there is room for it.
    pub(super) fn fill(&mut self, turn: &mut Turn<'_>, direction: Direction) {
        let is_open = self.is_readable(turn.now, direction);
        let (half, back, source) = match direction {
            Direction::Up => (&mut self.up, &mut self.down, Some(&mut self.client)),
            Direction::Down => (&mut self.down, &mut self.up, self.target.as_mut()),
        };
        let Some(source) = source.filter(|_| is_open && turn.has_room) else { return };
        if half.is_drying_up() {
            half.drain(turn.now, &source.stream, turn.buffer);
        }
        if !source.is_readable || half.room(turn.now) == 0 {
            return;
        }
        source.is_readable = false;
        if !half.fill(turn.now, &source.stream, turn.buffer) {
            // What was on its way to who is gone is, too.
            back.close(turn.now);
        }
    }

    /// Whether the handshake has come so far that the source of a direction may be read.
    fn is_readable(&self, now: Instant, direction: Direction) -> bool {
        match (self.phase, direction) {
            (Phase::Open(known), Direction::Up) => known <= now,
            (Phase::Open(_), Direction::Down) => true,
            (Phase::Knocking(_) | Phase::Hopeless | Phase::Dialling, _) => false,
        }
    }

    /// Asks the poller for what the next turn needs. `true` if that is there already: there was no
    /// room for it a moment ago.
    fn arm(&mut self, turn: &Turn<'_>) -> bool {
        let reads = [Direction::Up, Direction::Down].map(|direction| self.wants(turn, direction));
        let [up, down] = reads;
        let is_dialling = matches!(self.phase, Phase::Dialling);
        let client = Interest { readable: up, writable: self.down.is_stuck() };
        let target = Interest { readable: down, writable: is_dialling || self.up.is_stuck() };
        self.client.arm(client, turn.poller);
        self.target.iter_mut().for_each(|side| side.arm(target, turn.poller));
        up && self.client.is_readable || down && self.target.iter().any(|side| side.is_readable)
    }

    /// Whether the source of a direction is to be waited for.
    fn wants(&mut self, turn: &Turn<'_>, direction: Direction) -> bool {
        if !turn.has_room || !self.is_readable(turn.now, direction) {
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
            Phase::Knocking(at) => Some(at),
            Phase::Open(known) => Some(known).filter(|known| *known > turn.now),
            Phase::Hopeless | Phase::Dialling => None,
        };
        let halves = [(&self.up, Direction::Up), (&self.down, Direction::Down)].into_iter();
        let moments = halves.filter_map(|(half, direction)| {
            half.next_moment(turn.now, self.is_readable(turn.now, direction))
        });
        let retry = (!turn.has_room).then(|| turn.now + limits::RETRY);
        moments.chain(begins).chain(retry).chain(self.gives_up).min()
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        time::Duration,
    };

    use super::*;
    use crate::slab::Slab;

    /// A connection through a network, its ends, and a time that is not the clock's.
    struct Scene {
        connection: Connection,
        client: TcpStream,
        target: TcpListener,
        poller: Poller,
        now: Instant,
    }

    impl Scene {
        fn through(profile: &str) -> Self {
            let now = Instant::now();
            let (port, target) = (listener(), listener());
            let client = TcpStream::connect(port.local_addr().unwrap()).unwrap();
            let mut network = Network::new(now, &profile.parse().unwrap(), 1);
            let (poller, place) = (Poller::new().unwrap(), Slab::<()>::new(1).vacancy());
            let (accepted, _) = port.accept().unwrap();
            let connection = Connection::accepted(now, accepted, &mut network, place, &poller);
            Self { connection: connection.unwrap(), client, target, poller, now }
        }

        /// Serves it when it is next due or, where nothing is, as if a socket had called. `true` if
        /// it is over.
        fn serve(&mut self) -> bool {
            self.connection.due.iter().for_each(|due| self.now = self.now.max(*due));
            for direction in Direction::ALL {
                self.connection.ready(self.now, direction, true);
            }
            let mut turn = Turn {
                now: self.now,
                place: Slab::<()>::new(1).vacancy(),
                poller: &self.poller,
                target: self.target.local_addr().unwrap(),
                has_room: true,
                buffer: &mut [0; 1_000],
            };
            let is_over = self.connection.advance(&turn);
            if !is_over {
                for direction in Direction::ALL {
                    self.connection.fill(&mut turn, direction);
                }
                self.connection.settle(&turn);
            }
            is_over
        }

        /// How long it lasts from now on.
        fn lasts(&mut self) -> Duration {
            let start = self.now;
            (0..1_000).find(|_| self.serve()).unwrap();
            self.now - start
        }
    }

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn a_handshake_that_is_blocked_for_good_is_given_up_as_by_a_kernel() {
        for blocked in ["up", "down", "both"] {
            let mut scene = Scene::through(&format!("delay=10ms,block-tcp={blocked}"));
            let lasts = scene.lasts();
            let longest = limits::KNOCK + Duration::from_secs(1);
            assert!((limits::KNOCK..longest).contains(&lasts), "{blocked}: {lasts:?}");
        }
    }

    #[test]
    fn an_end_that_never_arrives_is_given_up_some_day() {
        let mut scene = Scene::through("delay=10ms,block-tcp=up,after=1s");
        while !matches!(scene.connection.phase, Phase::Open(known) if known <= scene.now) {
            assert!(!scene.serve());
        }
        let (mut server, _) = scene.target.accept().unwrap();
        scene.now += Duration::from_secs(2);
        scene.client.write_all(b"never").unwrap();
        drop(scene.client.shutdown(std::net::Shutdown::Write));
        let lasts = scene.lasts();
        let longest = limits::SILENCE + Duration::from_secs(1);
        assert!((limits::SILENCE..longest).contains(&lasts), "{lasts:?}");
        drop(scene.connection);
        assert!(server.read(&mut [0]).is_err(), "a reset, and no byte");
    }
}
