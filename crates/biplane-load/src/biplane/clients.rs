//! The clients' side: each client is a future, polled when something has come for it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Wake, Waker},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use biplane::{Client, ClientConfig, ConnectError, Endpoint, Event, Pending, Planes};

use super::{
    COMMAND, RELIABLE, Room, UDP, UNRELIABLE, client_config, drops, intake::Intake, protocol,
    workers,
};
use crate::{Class, Handed, Heard, Means, Peer, Side, Worker};

/// Clients that join at a time: each has 10 s for it, also where thousands want to.
const JOINING: usize = 512;

/// All clients of a process.
pub(super) struct Clients {
    address: String,
    clients: usize,
    config: ClientConfig,
    /// What they share.
    endpoint: Endpoint,
    opened: Instant,
    seats: Vec<Seat>,
    feed: Feed,
    woken: Arc<Woken>,
    /// Those that have a session and no UDP yet, since when.
    landing: VecDeque<(Peer, Instant)>,
    intake: Intake,
    why_not: Option<String>,
}

/// A client's place.
struct Seat {
    begun_after: Duration,
    life: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Waker,
    client: Option<Arc<Client>>,
    room: Room,
    is_joined: bool,
}

/// What the futures tell.
type Feed = Rc<RefCell<VecDeque<(Peer, Told)>>>;

enum Told {
    Arrived(Arc<Client>),
    Failed(ConnectError),
    Event(Event),
    Over,
}

impl Clients {
    pub(super) fn open(means: &Means, address: &str) -> Result<Self> {
        let opened = Instant::now();
        let mut clients = Self {
            address: address.to_owned(),
            clients: means.clients,
            config: client_config(means),
            endpoint: Endpoint::bind("127.0.0.1:0")?,
            opened,
            seats: Vec::new(),
            feed: Feed::default(),
            woken: Arc::default(),
            landing: VecDeque::new(),
            intake: Intake::of(means.clients),
            why_not: None,
        };
        (0..means.clients.min(JOINING)).for_each(|_| clients.dial());
        Ok(clients)
    }

    /// Lets one more client begin to join, if there is one.
    fn dial(&mut self) {
        let peer = self.seats.len();
        if peer >= self.clients {
            return;
        }
        let begun_after = self.opened.elapsed();
        let config = self.config.clone();
        let pending = self.endpoint.connect_with(&self.address, &protocol(), config);
        let waker = Waker::from(Arc::new(Call { peer, woken: Arc::clone(&self.woken) }));
        waker.wake_by_ref();
        let life: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(live(peer, pending, Rc::clone(&self.feed)));
        let life = Some(life);
        self.seats.push(Seat {
            begun_after,
            life,
            waker,
            client: None,
            room: Room::default(),
            is_joined: false,
        });
    }

    /// Polls those for which something came, and hands out what it was; whether that was anything.
    fn take(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> Result<bool> {
        for peer in self.woken.take() {
            let Some(seat) = self.seats.get_mut(peer) else { continue };
            let Some(life) = &mut seat.life else { continue };
            if life.as_mut().poll(&mut Context::from_waker(&seat.waker)).is_ready() {
                seat.life = None;
            }
        }
        let mut is_heard = false;
        loop {
            let told = self.feed.borrow_mut().pop_front();
            let Some((peer, told)) = told else { break };
            is_heard |= self.handle(peer, told, hear)?;
        }
        while self.landing.front().is_some_and(|(_, since)| since.elapsed() >= UDP) {
            if let Some((peer, _)) = self.landing.pop_front() {
                is_heard |= self.join(peer, hear);
            }
        }
        Ok(is_heard)
    }

    fn handle(&mut self, peer: Peer, told: Told, hear: &mut dyn FnMut(Heard<'_>)) -> Result<bool> {
        match told {
            Told::Arrived(client) => {
                let is_up = client.planes() == Planes::Both;
                if let Some(seat) = self.seats.get_mut(peer) {
                    seat.client = Some(client);
                }
                self.dial();
                if is_up {
                    return Ok(self.join(peer, hear));
                }
                self.landing.push_back((peer, Instant::now()));
                Ok(false)
            }
            Told::Failed(error) => {
                self.why_not.get_or_insert_with(|| error.to_string());
                self.dial();
                hear(Heard::Left(peer));
                Ok(true)
            }
            Told::Event(Event::Planes(_, Planes::Both)) => Ok(self.join(peer, hear)),
            Told::Event(Event::Readable(_)) => Ok(self.read(peer, hear)),
            Told::Event(Event::Offered(offer)) => {
                self.intake.take(offer);
                Ok(false)
            }
            Told::Event(Event::Fault(fault)) => bail!("the clients' socket broke: {fault:?}"),
            Told::Event(_) => Ok(false),
            Told::Over => {
                // What had come before its end is read first.
                self.read(peer, hear);
                self.landing.retain(|(landing, _)| *landing != peer);
                hear(Heard::Left(peer));
                Ok(true)
            }
        }
    }

    /// Counts a client as joined, once.
    fn join(&mut self, peer: Peer, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        let Some(seat) = self.seats.get_mut(peer).filter(|seat| !seat.is_joined) else {
            return false;
        };
        seat.is_joined = true;
        hear(Heard::Joined(peer));
        true
    }

    fn read(&self, peer: Peer, hear: &mut dyn FnMut(Heard<'_>)) -> bool {
        let client = self.seats.get(peer).and_then(|seat| seat.client.as_ref());
        let Some(client) = client else { return false };
        let mut is_heard = false;
        for channel in [UNRELIABLE, RELIABLE, COMMAND] {
            client.drain_bytes(channel, |message| {
                is_heard = true;
                hear(Heard::Message(peer, message));
            });
        }
        is_heard
    }
}

/// A client from its first packet to its end.
async fn live(peer: Peer, joining: Pending<Result<Client, ConnectError>>, feed: Feed) {
    let tell = |told| feed.borrow_mut().push_back((peer, told));
    let client = match joining.await {
        Ok(client) => Arc::new(client),
        Err(error) => return tell(Told::Failed(error)),
    };
    tell(Told::Arrived(Arc::clone(&client)));
    while let Some(event) = client.next().await {
        tell(Told::Event(event));
    }
    tell(Told::Over);
}

impl Side for Clients {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        if !self.take(hear)? && !patience.is_zero() && self.woken.wait(patience) {
            self.take(hear)?;
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(seat) = self.seats.get_mut(to) else { return Ok(false) };
        let Some(client) = &seat.client else { return Ok(false) };
        let flush = || self.endpoint.flush();
        super::send(client.session(), &mut seat.room, class, message, flush)
    }

    fn flush(&mut self) -> Result<()> {
        self.endpoint.flush();
        Ok(())
    }

    fn handed(&mut self) -> Option<Handed> {
        self.intake.look()
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        self.seats.get(peer).map_or(Duration::ZERO, |seat| seat.begun_after)
    }

    fn why_not(&self) -> Option<String> {
        self.why_not.clone()
    }

    fn receivers(&self) -> Vec<Worker> {
        workers(&self.endpoint.stats().receivers)
    }

    fn senders(&self) -> Vec<Worker> {
        workers(&self.endpoint.stats().senders)
    }

    fn lost_spuriously(&self) -> Option<u64> {
        let clients = self.seats.iter().filter_map(|seat| seat.client.as_ref());
        Some(clients.map(|client| client.session().stats().path.lost_spuriously).sum())
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        let clients = self.seats.iter().filter_map(|seat| seat.client.as_ref());
        drops(&self.endpoint.stats(), clients.map(|client| client.session().stats()))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shape = f.debug_struct("Clients");
        shape.field("clients", &self.clients).finish_non_exhaustive()
    }
}

/// The clients for which something came.
#[derive(Default)]
struct Woken {
    peers: Mutex<Vec<Peer>>,
    bell: Condvar,
}

impl Woken {
    fn take(&self) -> Vec<Peer> {
        std::mem::take(&mut *self.peers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is one; whether there is.
    fn wait(&self, patience: Duration) -> bool {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(peers, patience, |peers| peers.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_empty()
    }
}

/// Wakes one client's future.
struct Call {
    peer: Peer,
    woken: Arc<Woken>,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.peers.lock().unwrap_or_else(PoisonError::into_inner).push(self.peer);
        self.woken.bell.notify_one();
    }
}
