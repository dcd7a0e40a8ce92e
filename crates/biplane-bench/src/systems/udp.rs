//! What the systems share that put messages into datagrams and leave it at that: no acks, no
//! sessions, nothing sent again.
//!
//! A client is known by its address, so each has a socket of its own. An empty datagram is a join
//! and the answer to it; until it is answered a client asks again.

mod run;
mod socket;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use biplane_load::{Class, Heard, Means, Peer, Side, Tuning};

use super::poller::Poller;
use run::Run;
pub(super) use run::{Clear, Packing, Seal};
use socket::{Batch, Socket};

/// How long a client waits for the answer to its join.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long a full socket is left alone.
const FULL: Duration = Duration::from_millis(1);

/// The longest message, however packed and sealed.
pub(super) const LONGEST: usize = 1400;

/// What is set otherwise than the system's defaults.
pub(super) const fn settings(tuning: Tuning) -> &'static str {
    match tuning {
        Tuning::Documented => "socket buffers of the kernel",
        Tuning::Tuned => "no sleep in flat-out work, socket buffers 8/4 MiB asked",
    }
}

/// One process's end: a server's socket, or one socket for each client.
#[derive(Debug)]
pub(super) struct Datagrams<S> {
    packing: Packing,
    seal: S,
    sockets: Vec<Socket>,
    poller: Poller,
    batch: Batch,
    peers: Peers,
    /// Peers for whom something waits to leave.
    unsent: Vec<Peer>,
    is_full: bool,
    /// It looks again at once where nothing has come.
    is_restless: bool,
    not_understood: u64,
}

/// Who is at the other end.
#[derive(Debug)]
struct Peers {
    all: Vec<Other>,
    /// To a server; to a client its socket says who it is.
    by_address: Option<HashMap<SocketAddr, Peer>>,
    unjoined: usize,
    opened: Instant,
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Other {
    address: SocketAddr,
    /// When a client first asked, after its side was opened.
    begun: Option<Duration>,
    run: Run,
    has_joined: bool,
}

impl Peers {
    fn new(
        all: Vec<Other>,
        by_address: Option<HashMap<SocketAddr, Peer>>,
        opened: Instant,
    ) -> Self {
        Self { unjoined: all.len(), all, by_address, opened, asked: None }
    }

    /// Whose a datagram is that came by a socket of this number.
    fn whose(&self, socket: usize, address: SocketAddr) -> Option<Peer> {
        match &self.by_address {
            Some(peers) => peers.get(&address).copied(),
            None => Some(socket),
        }
    }

    /// A join at a server, or the answer to one at a client; the peer, if that is news.
    fn join(&mut self, socket: usize, address: SocketAddr) -> Option<Peer> {
        let known = self.whose(socket, address);
        let peer = known.unwrap_or(self.all.len());
        if known.is_none() {
            self.all.push(Other::new(address));
            self.unjoined += 1;
            self.by_address.as_mut()?.insert(address, peer);
        }
        let other = self.all.get_mut(peer)?;
        let is_news = !other.has_joined;
        other.has_joined = true;
        self.unjoined -= usize::from(is_news);
        is_news.then_some(peer)
    }
}

impl Other {
    fn new(address: SocketAddr) -> Self {
        Self { address, begun: None, run: Run::default(), has_joined: false }
    }
}

impl<S: Seal> Datagrams<S> {
    pub(super) fn serve(means: &Means, packing: Packing, seal: S) -> Result<(Self, SocketAddr)> {
        let socket = Socket::open(means.tuning)?;
        let address = socket.socket.local_addr()?;
        let peers = Peers::new(Vec::new(), Some(HashMap::new()), Instant::now());
        Ok((Self::new(means, vec![socket], peers, (packing, seal))?, address))
    }

    pub(super) fn join(means: &Means, packing: Packing, seal: S, address: &str) -> Result<Self> {
        let opened = Instant::now();
        let address = address.parse().with_context(|| format!("`{address}` is no address"))?;
        let sockets = (0..means.clients).map(|_| Socket::open(means.tuning));
        let sockets = sockets.collect::<Result<Vec<_>>>()?;
        let all = sockets.iter().map(|_| Other::new(address)).collect();
        let peers = Peers::new(all, None, opened);
        Self::new(means, sockets, peers, (packing, seal))
    }

    fn new(
        means: &Means,
        sockets: Vec<Socket>,
        peers: Peers,
        (packing, seal): (Packing, S),
    ) -> Result<Self> {
        let poller = Poller::new()?;
        for (number, socket) in sockets.iter().enumerate() {
            poller.add(&socket.socket, number)?;
        }
        Ok(Self {
            packing,
            seal,
            sockets,
            poller,
            batch: Batch::new(),
            peers,
            unsent: Vec::new(),
            is_full: false,
            is_restless: means.tuning == Tuning::Tuned && !means.is_paced,
            not_understood: 0,
        })
    }

    /// Asks to join for every client that has no answer yet; how long until it asks again.
    fn ask(&mut self) -> Result<Duration> {
        if self.peers.by_address.is_some() || self.peers.unjoined == 0 {
            return Ok(Duration::MAX);
        }
        let waited = self.peers.asked.map_or(ASK_AGAIN, |asked| asked.elapsed());
        if waited < ASK_AGAIN {
            return Ok(ASK_AGAIN.saturating_sub(waited));
        }
        let Peers { all, opened, .. } = &mut self.peers;
        for (socket, other) in self.sockets.iter().zip(all) {
            if !other.has_joined {
                other.begun.get_or_insert_with(|| opened.elapsed());
                socket.send(other.address, &[], None)?;
            }
        }
        self.peers.asked = Some(Instant::now());
        Ok(ASK_AGAIN)
    }

    /// Adds a message to what waits for a peer; false if there is no room before that has left.
    fn add(&mut self, to: Peer, message: &[u8]) -> Result<bool> {
        let Self { peers, packing, seal, unsent, .. } = self;
        let run = &mut peers.all.get_mut(to).context("no such peer")?.run;
        let was_empty = run.is_empty();
        let is_added = run.add(message, *packing, seal);
        if is_added && was_empty && unsent.last() != Some(&to) {
            unsent.push(to);
        }
        Ok(is_added)
    }

    /// Sends what waits for a peer; false if the socket is full.
    fn transmit(&mut self, to: Peer) -> Result<bool> {
        let Some(other) = self.peers.all.get_mut(to) else { return Ok(true) };
        let socket = if self.peers.by_address.is_some() { 0 } else { to };
        other.run.end_datagram(&mut self.seal);
        let (contents, segment_size) = other.run.sealed();
        let has_left = self.sockets[socket].send(other.address, contents, segment_size)?;
        if has_left {
            other.run.clear();
        }
        self.is_full |= !has_left;
        Ok(has_left)
    }

    /// Hands out one batch of what a socket has; whether it had anything.
    fn receive(&mut self, number: usize, hear: &mut dyn FnMut(Heard<'_>)) -> Result<bool> {
        let Self { batch, sockets, peers, seal, packing, not_understood, .. } = self;
        let socket = &sockets[number];
        let mut came = false;
        for (address, bytes, stride) in batch.receive(socket)? {
            came = true;
            if bytes.is_empty() {
                if let Some(peer) = peers.join(number, address) {
                    hear(Heard::Joined(peer));
                }
                if peers.by_address.is_some() {
                    socket.send(address, &[], None)?;
                }
                continue;
            }
            let peer = peers.whose(number, address);
            for datagram in bytes.chunks_mut(stride.max(1)) {
                let opened = peer.zip(seal.open(datagram));
                let understood = opened.is_some_and(|(peer, messages)| {
                    take(messages, *packing, &mut |message| hear(Heard::Message(peer, message)))
                });
                *not_understood += u64::from(!understood);
            }
        }
        Ok(came)
    }
}

/// Hands out the messages of a datagram; whether that was all that is in it.
fn take(mut messages: &[u8], packing: Packing, hear: &mut dyn FnMut(&[u8])) -> bool {
    if packing != Packing::CoalescedRuns {
        hear(messages);
        return true;
    }
    while let Some((length, rest)) = messages.split_first_chunk() {
        let Some((message, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into())
        else {
            return false;
        };
        hear(message);
        messages = rest;
    }
    messages.is_empty()
}

impl<S: Seal> Side for Datagrams<S> {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let mut patience = patience.min(self.ask()?);
        if self.is_full {
            self.flush()?;
            patience = if self.is_full { patience.min(FULL) } else { patience };
        }
        if self.sockets.len() == 1 {
            if !self.receive(0, hear)? && !patience.is_zero() {
                if self.is_restless {
                    // The other side may be waiting for this core.
                    std::thread::yield_now();
                } else if self.sockets[0].is_readable(patience)? {
                    self.receive(0, hear)?;
                }
            }
            return Ok(());
        }
        let mut ready = Vec::new();
        self.poller.wait(patience, &mut ready)?;
        ready.into_iter().try_for_each(|number| self.receive(number, hear).map(drop))
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        ensure!(class == Class::Unreliable, "datagrams carry no {class:?} messages");
        let fits = (1..=LONGEST).contains(&message.len());
        ensure!(fits, "{} bytes, of 1 to {LONGEST}", message.len());
        let has_room = self.add(to, message)? || (self.transmit(to)? && self.add(to, message)?);
        if has_room && self.packing == Packing::Single {
            self.transmit(to)?;
        }
        Ok(has_room)
    }

    fn flush(&mut self) -> Result<()> {
        self.is_full = false;
        let mut unsent = std::mem::take(&mut self.unsent);
        let mut outcome = Ok(());
        unsent.retain(|&peer| {
            let is_empty = self.peers.all.get(peer).is_none_or(|other| other.run.is_empty());
            if is_empty || outcome.is_err() {
                return false;
            }
            let sent = self.transmit(peer);
            let stays = matches!(sent, Ok(false));
            outcome = sent.map(|_| ());
            stays
        });
        self.unsent = unsent;
        outcome
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        self.peers.all.get(peer).and_then(|other| other.begun).unwrap_or_default()
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("not understood".to_owned(), self.not_understood)])
    }
}
