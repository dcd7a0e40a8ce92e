//! What the game libraries share: each is driven by steps, on a socket of its own.
//!
//! A server is one node; a process of clients is a node a client, each with a socket of its own, as
//! the players' machines would have.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::{BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use biplane_load::{Class, Heard, Means, Peer, Side, Tuning};
use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, epoll, poll},
    io::Errno,
};

/// Socket buffers asked for when tuned; the kernel may give less.
pub(super) const RECEIVE_BUFFER: usize = 8 << 20;
pub(super) const SEND_BUFFER: usize = 4 << 20;

/// The longest datagram when tuned: 1,500 bytes less the headers of IPv6 and UDP.
pub(super) const LONGEST_DATAGRAM: u16 = 1452;

/// How long a node may go without a step, so that its timers run; and, where there are many, how
/// long one for which nothing came.
pub(super) const TIMERS: Duration = Duration::from_millis(10);
const TIMERS_OF_MANY: Duration = Duration::from_millis(50);

/// How many clients a server can have before it costs too much to go through all of them at each
/// event; with more, tuned work that is paced ticks as a game's server does.
const CLIENTS_FOR_EVENTS: usize = 16;
const TICK: Duration = Duration::from_millis(16);

/// One server or one client of a library.
pub(super) trait Node: fmt::Debug {
    fn socket(&self) -> BorrowedFd<'_>;

    /// Lets time and the network go on once, and hands out what came.
    fn step(&mut self, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()>;

    /// As [`Side::send`]; a client's only peer is 0.
    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool>;

    /// As [`Side::flush`].
    fn flush(&mut self, now: Instant) -> Result<()>;
}

/// When a node takes its steps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// Without sleep: at every turn, or, where there are many nodes, those for which something came.
    Busy,
    /// When something came, and now and then for its timers.
    Events,
    /// This far apart, as in a loop that sleeps. What a node has queued leaves once between two.
    /// Where there are many, those take a step for which something came.
    Ticks(Duration),
}

/// A process's end of a system that is made of nodes.
#[derive(Debug)]
pub(super) struct Nodes<N> {
    nodes: Vec<N>,
    /// Their sockets, by the index of the node.
    sockets: OwnedFd,
    is_server: bool,
    pace: Pace,
    /// When the next tick is due.
    tick: Instant,
    /// When all shall take a step.
    all: Instant,
    queues: Vec<Queue>,
    /// How long after it was opened each client's node began to be made, and so to join.
    begun: Vec<Duration>,
}

/// What a node has queued.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    has_some: bool,
    /// Since the last tick, where there are ticks.
    has_left: bool,
}

impl<N: Node> Nodes<N> {
    pub(super) fn server(node: N, pace: Pace) -> Result<Self> {
        Self::new(vec![node], true, pace)
    }

    /// Clients that are made one after the other, on a side that was opened at `opened`.
    pub(super) fn clients(
        opened: Instant,
        nodes: impl IntoIterator<Item = Result<N>>,
        pace: Pace,
    ) -> Result<Self> {
        let (mut nodes, mut made, mut begun) = (nodes.into_iter(), Vec::new(), Vec::new());
        loop {
            begun.push(opened.elapsed());
            let Some(node) = nodes.next() else { break };
            made.push(node?);
        }
        Ok(Self { begun, ..Self::new(made, false, pace)? })
    }

    fn new(nodes: Vec<N>, is_server: bool, pace: Pace) -> Result<Self> {
        let sockets = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, node) in nodes.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&sockets, node.socket(), data, epoll::EventFlags::IN)?;
        }
        let (now, queues) = (Instant::now(), vec![Queue::default(); nodes.len()]);
        let begun = Vec::new();
        Ok(Self { nodes, sockets, is_server, pace, tick: now, all: now, queues, begun })
    }

    /// Which node has this peer, and as which of its own.
    fn whose(&self, peer: Peer) -> (usize, Peer) {
        if self.is_server { (0, peer) } else { (peer, 0) }
    }

    /// Steps one node; whether anything came.
    fn step(&mut self, index: usize, hear: &mut dyn FnMut(Heard<'_>)) -> Result<bool> {
        let is_server = self.is_server;
        let Some(node) = self.nodes.get_mut(index) else { return Ok(false) };
        let peer = |own: Peer| if is_server { own } else { index };
        let mut came = false;
        node.step(Instant::now(), &mut |heard| {
            came = true;
            hear(match heard {
                Heard::Joined(own) => Heard::Joined(peer(own)),
                Heard::Message(own, message) => Heard::Message(peer(own), message),
                Heard::Left(own) => Heard::Left(peer(own)),
            });
        })?;
        Ok(came)
    }

    fn turn_at_ticks(
        &mut self,
        every: Duration,
        patience: Duration,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<()> {
        let early = self.tick.saturating_duration_since(Instant::now());
        std::thread::sleep(early.min(patience));
        if early > patience {
            return Ok(());
        }
        self.tick = Instant::now() + every;
        let turning = self.turning()?;
        for index in &turning {
            if let Some(queue) = self.queues.get_mut(*index) {
                queue.has_some = true;
            }
        }
        self.flush()?;
        self.queues.iter_mut().for_each(|queue| queue.has_left = false);
        for index in turning {
            self.step(index, hear)?;
        }
        Ok(())
    }

    fn turn_at_events(
        &mut self,
        patience: Duration,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<()> {
        let mut came = false;
        for index in self.turning()? {
            came |= self.step(index, hear)?;
        }
        if came || patience.is_zero() {
            return Ok(());
        }
        self.wait(TIMERS.min(patience))?;
        for index in self.readable()? {
            self.step(index, hear)?;
        }
        Ok(())
    }

    /// Which nodes shall take a step: the only one, or all now and then, or else those for which
    /// something came.
    fn turning(&mut self) -> Result<Vec<usize>> {
        let now = Instant::now();
        if self.nodes.len() > 1 && now < self.all {
            return self.readable();
        }
        self.all = now + TIMERS_OF_MANY;
        Ok((0..self.nodes.len()).collect())
    }

    /// Waits until a socket can be read; to the nanosecond, as epoll itself would not.
    fn wait(&self, patience: Duration) -> Result<()> {
        let mut polled = [PollFd::new(&self.sockets, PollFlags::IN)];
        match poll(&mut polled, Some(&Timespec::try_from(patience)?)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("waiting for a socket"),
        }
    }

    /// The nodes whose sockets can be read.
    fn readable(&self) -> Result<Vec<usize>> {
        let mut events = Vec::with_capacity(self.nodes.len());
        let now = Timespec::default();
        match epoll::wait(&self.sockets, spare_capacity(&mut events), Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("asking which sockets can be read"),
        }
        let index = |event: &epoll::Event| usize::try_from(event.data.u64()).ok();
        Ok(events.iter().filter_map(index).collect())
    }
}

impl<N: Node> Side for Nodes<N> {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let patience = if self.pace == Pace::Busy { Duration::ZERO } else { patience };
        let mut came = false;
        let mut hear = |heard: Heard<'_>| {
            came = true;
            hear(heard);
        };
        match self.pace {
            Pace::Busy | Pace::Events => self.turn_at_events(patience, &mut hear)?,
            Pace::Ticks(every) => self.turn_at_ticks(every, patience, &mut hear)?,
        }
        if !came && patience.is_zero() {
            // The other side may be waiting for this core.
            std::thread::yield_now();
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let (index, own) = self.whose(to);
        let Some(node) = self.nodes.get_mut(index) else { return Ok(false) };
        let queued = node.send(own, class, message)?;
        if let (true, Some(queue)) = (queued, self.queues.get_mut(index)) {
            queue.has_some = true;
        }
        Ok(queued)
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        self.begun.get(peer).copied().unwrap_or_default()
    }

    fn flush(&mut self) -> Result<()> {
        let now = Instant::now();
        let has_ticks = matches!(self.pace, Pace::Ticks(_));
        for (node, queue) in self.nodes.iter_mut().zip(&mut self.queues) {
            if queue.has_some && !queue.has_left {
                *queue = Queue { has_some: false, has_left: has_ticks };
                node.flush(now)?;
            }
        }
        Ok(())
    }
}

/// A socket on a free port of 127.0.0.1, with the buffers of the kernel or, tuned, large ones.
pub(super) fn bind(tuning: Tuning) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    if tuning == Tuning::Tuned {
        let socket = socket2::SockRef::from(&socket);
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
    }
    Ok(socket)
}

/// The paces of the two processes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Paces {
    pub(super) server: Pace,
    pub(super) clients: Pace,
}

/// The paces of work: the documented one, or, tuned, what costs least. Clients have a node each, and
/// the work ticks for them.
pub(super) fn paces(means: &Means, documented: Pace) -> Paces {
    let both = |pace| Paces { server: pace, clients: pace };
    match (means.tuning, means.is_paced) {
        (Tuning::Documented, _) => both(documented),
        (Tuning::Tuned, false) => both(Pace::Busy),
        (Tuning::Tuned, true) if means.clients > CLIENTS_FOR_EVENTS => {
            Paces { server: Pace::Ticks(TICK), clients: Pace::Events }
        }
        (Tuning::Tuned, true) => both(Pace::Events),
    }
}

impl Paces {
    /// In words, how `call`, which is the library's, is driven.
    pub(super) fn drives(self, call: &str) -> String {
        let server = self.server.drives(call);
        if self.server == self.clients {
            return server;
        }
        format!("{server}; clients {}", self.clients.drives(call))
    }
}

impl Pace {
    /// How often a step reads what a library reads at once, while its socket has something: with
    /// ticks until nothing is left, within reason, since one may bring a single client; else the next
    /// turn is near.
    pub(super) fn passes(self) -> usize {
        match self {
            Self::Busy | Self::Events => 1,
            Self::Ticks(_) => 4096,
        }
    }

    fn drives(self, call: &str) -> String {
        match self {
            Self::Busy => format!("{call} without sleep"),
            Self::Events => format!(
                "{call} when the socket has something and every {} ms ({} of many clients)",
                TIMERS.as_millis(),
                TIMERS_OF_MANY.as_millis()
            ),
            Self::Ticks(every) => format!("{call} and a sleep of {} ms", every.as_millis()),
        }
    }
}

/// Whether something waits to be read.
pub(super) fn is_readable(socket: BorrowedFd<'_>) -> Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    match poll(&mut polled, Some(&Timespec::default())) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error).context("asking whether a socket can be read"),
    }
}

pub(super) fn parse(address: &str) -> Result<SocketAddr> {
    address.parse().with_context(|| format!("{address} is no address and port"))
}

/// A server with ticks hears of all clients that wait at its socket in one step, though the library
/// tells of one at a time.
#[cfg(test)]
pub(super) fn is_joined_by_all_at_once<N: Node>(server: &mut N, clients: &mut [N]) {
    let mut joined = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    while joined == 0 {
        assert!(Instant::now() < deadline, "nobody joins");
        for client in &mut *clients {
            client.step(Instant::now(), &mut |_| ()).unwrap();
        }
        let mut hear = |heard: Heard<'_>| joined += usize::from(matches!(heard, Heard::Joined(_)));
        server.step(Instant::now(), &mut hear).unwrap();
    }
    assert_eq!(joined, clients.len());
}
