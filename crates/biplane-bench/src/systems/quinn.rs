//! QUIC by quinn: datagrams (RFC 9221) for what may be lost, and a stream each way for the rest.
//!
//! Its tasks run on a runtime of the thread that does the work, and only while that waits or
//! flushes. So nothing is handed from one thread to another, which is in quinn's favour here, where
//! each process has a core.

mod link;
mod timer;

use std::{
    future::poll_fn,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use biplane_load::{Class, Heard, Means, Peer, Served, Side, System, Tuning};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    task::yield_now,
    time::timeout,
};

use super::{frames, identity};
use link::{Link, Told};
use timer::Timer;

/// The longest datagram: what 1,200 bytes have room for before the path is known to take more.
const LONGEST_DATAGRAM: usize = 1150;
/// What the tasks may have told that was not heard yet, in batches.
const TOLD: usize = 64;
/// Tasks that run before sockets are looked at: enough that a flush runs all that have something.
const EVENT_INTERVAL: u32 = 1024;
/// How often tasks get a chance in a turn that does not wait.
const STAGES: usize = 3;
/// Clients that connect at a time with a socket's default buffer: the first packets of a thousand
/// overflow it, and are repeated for longer than a client waits.
const DIALS: usize = 64;
/// How long the end may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Bytes of messages that go to a stream in one write when tuned; else each message is written.
const WRITE: usize = 64 << 10;
/// Asked for when tuned; the kernel may give less.
const RECEIVE_BUFFER: usize = 8 << 20;
const SEND_BUFFER: usize = 4 << 20;
/// Flow control and buffers when tuned.
const STREAM_WINDOW: u32 = 16 << 20;
const WINDOW: u32 = 64 << 20;
const DATAGRAMS: usize = 8 << 20;
/// 1,500 bytes less the headers of IPv6 and UDP.
const MTU: u16 = 1452;

#[derive(Debug)]
pub(crate) struct Quinn;

impl System for Quinn {
    fn name(&self) -> &'static str {
        "quinn"
    }

    fn version(&self) -> String {
        super::versions::of("quinn").to_owned()
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn settings(&self, means: &Means) -> String {
        let tuned = match means.tuning {
            Tuning::Documented => {
                "its defaults; each message written; 64 clients connect at a time"
            }
            Tuning::Tuned => {
                "AES-128-GCM, MTU 1,452 from the start, windows 16 and 64 MiB, datagram buffers \
                 8 MiB, no fairness among streams, messages in writes of 64 KiB, socket buffers \
                 8/4 MiB asked"
            }
        };
        format!("datagrams and a stream each way; runtime on the thread that works; {tuned}")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        let is_unreliable = class == Class::Unreliable;
        Some(if is_unreliable { LONGEST_DATAGRAM } else { frames::LONGEST })
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (tls, certificate) = identity::server(means.tuning)?;
        let tls = QuicServerConfig::try_from(tls)?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(Arc::new(transport(means.tuning)));
        let side = Connections::open(means, Some(config))?;
        let address = format!("{} {certificate}", side.endpoint.local_addr()?);
        let (endpoint, tell) = (side.endpoint.clone(), side.tell.clone());
        side.runtime.spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(link::accept(incoming, tell.clone()));
            }
        });
        Ok(Served { side: Box::new(side), address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let opened = Instant::now();
        let (address, certificate) =
            address.split_once(' ').context("an address, a certificate")?;
        let address: SocketAddr = address.parse()?;
        let tls = QuicClientConfig::try_from(identity::client(means.tuning, certificate)?)?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(transport(means.tuning)));
        let side = Connections::open(means, None)?;
        let begun = Arc::clone(&side.begun);
        let dials = Dials { endpoint: side.endpoint.clone(), config, address, opened, begun };
        let at_a_time = match means.tuning {
            Tuning::Documented => DIALS,
            Tuning::Tuned => means.clients,
        };
        side.runtime.spawn(dials.make(means.clients, at_a_time, side.tell.clone()));
        Ok(Box::new(side))
    }
}

/// How clients reach the server.
struct Dials {
    endpoint: Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    opened: Instant,
    begun: Begun,
}

/// When each client began to connect, after its side was opened.
type Begun = Arc<Mutex<Vec<Duration>>>;

impl Dials {
    /// Connects as many clients, so many at a time.
    async fn make(self, clients: usize, at_a_time: usize, tell: Sender<Told>) {
        let turns = Arc::new(Semaphore::new(at_a_time));
        for peer in 0..clients {
            let turn = Arc::clone(&turns).acquire_owned().await;
            let (config, tell) = (self.config.clone(), tell.clone());
            self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(self.opened.elapsed());
            match self.endpoint.connect_with(config, self.address, identity::NAME) {
                Ok(connecting) => drop(tokio::spawn(async move {
                    link::connect(peer, connecting, tell).await;
                    drop(turn);
                })),
                Err(_) => drop(tell.send(Told::Left(peer)).await),
            }
        }
    }
}

fn transport(tuning: Tuning) -> TransportConfig {
    let mut transport = TransportConfig::default();
    if tuning == Tuning::Tuned {
        transport
            .initial_mtu(MTU)
            .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
            .receive_window(VarInt::from_u32(WINDOW))
            .send_window(WINDOW.into())
            .datagram_receive_buffer_size(Some(DATAGRAMS))
            .datagram_send_buffer_size(DATAGRAMS)
            .send_fairness(false);
    }
    transport
}

fn bind(tuning: Tuning) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    if tuning == Tuning::Tuned {
        let socket = socket2::SockRef::from(&socket);
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
    }
    Ok(socket)
}

/// One process's end: an endpoint, and every connection it has.
#[derive(Debug)]
struct Connections {
    runtime: Runtime,
    endpoint: Endpoint,
    links: Links,
    told: Receiver<Told>,
    tell: Sender<Told>,
    batch: Vec<Told>,
    timer: Timer,
    begun: Begun,
    /// See [`Link::begin`].
    gathers: usize,
}

#[derive(Debug, Default)]
struct Links {
    /// Those that are gone, or do not stand yet, leave a gap.
    all: Vec<Option<Link>>,
    /// With something that is not written to the stream.
    unwritten: Vec<Peer>,
}

impl Connections {
    fn open(means: &Means, server: Option<ServerConfig>) -> Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().event_interval(EVENT_INTERVAL).build()?;
        let within = runtime.enter();
        let socket = bind(means.tuning)?;
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, server, socket, Arc::new(TokioRuntime))?;
        let timer = Timer::new()?;
        drop(within);
        let (tell, told) = channel(TOLD);
        let (links, batch) = (Links::default(), Vec::new());
        let begun = Begun::default();
        let gathers = match means.tuning {
            Tuning::Documented => 1,
            Tuning::Tuned => WRITE,
        };
        Ok(Self { runtime, endpoint, links, told, tell, batch, timer, begun, gathers })
    }

    /// Hears one thing of the tasks.
    fn hear(&mut self, told: Told, hear: &mut dyn FnMut(Heard<'_>)) {
        let all = &mut self.links.all;
        match told {
            Told::Joined(peer, connection, stream) => {
                let peer = peer.unwrap_or(all.len());
                let within = self.runtime.enter();
                let link = Link::begin(peer, connection, stream, self.gathers, &self.tell);
                drop(within);
                if peer >= all.len() {
                    all.resize_with(peer + 1, || None);
                }
                all[peer] = Some(link);
                hear(Heard::Joined(peer));
            }
            Told::Datagrams(peer, datagrams) => {
                datagrams.iter().for_each(|datagram| hear(Heard::Message(peer, datagram)));
            }
            Told::Piece(peer, piece) => {
                if let Some(Some(link)) = all.get_mut(peer) {
                    link.inbox.take(&piece, &mut |message| hear(Heard::Message(peer, message)));
                }
            }
            Told::Left(peer) => {
                if let Some(link) = all.get_mut(peer) {
                    *link = None;
                }
                hear(Heard::Left(peer));
            }
        }
    }
}

impl Links {
    /// Writes what waits; whether anything that waited is gone.
    fn poll_write(&mut self, context: &mut Context<'_>) -> bool {
        let before = self.unwritten.len();
        let Self { all, unwritten } = self;
        unwritten.retain(|&peer| {
            let link = all.get_mut(peer).and_then(Option::as_mut);
            link.is_some_and(|link| link.poll_write(context).is_pending())
        });
        unwritten.len() < before
    }
}

impl Side for Connections {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let Self { runtime, links, told, batch, timer, .. } = self;
        timer.clear();
        runtime.block_on(async {
            // Sockets are looked at, connections take what came, readers take it from these.
            for _ in 0..STAGES {
                if !patience.is_zero() || !told.is_empty() {
                    break;
                }
                yield_now().await;
            }
            poll_fn(|context| {
                let has_written = links.poll_write(context);
                let heard = told.poll_recv_many(context, batch, TOLD).is_ready();
                if has_written || heard || patience.is_zero() {
                    return Poll::Ready(());
                }
                timer.poll(patience, context)
            })
            .await;
        });
        let mut batch = std::mem::take(&mut self.batch);
        batch.drain(..).for_each(|told| self.hear(told, hear));
        self.batch = batch;
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        ensure!(message.len() <= frames::LONGEST, "{} bytes are too many", message.len());
        let Some(Some(link)) = self.links.all.get_mut(to) else { return Ok(false) };
        if class == Class::Unreliable {
            return link.send_datagram(message);
        }
        let has_room = link.send_on_stream(message);
        if has_room && self.links.unwritten.last() != Some(&to) {
            self.links.unwritten.push(to);
        }
        Ok(has_room)
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.get(peer).copied().unwrap_or_default()
    }

    fn flush(&mut self) -> Result<()> {
        let Links { all, unwritten } = &mut self.links;
        unwritten.retain(|&peer| {
            all.get_mut(peer).and_then(Option::as_mut).is_some_and(|link| !link.write())
        });
        self.runtime.block_on(yield_now());
        Ok(())
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), b"");
        // Whoever does not hear of it in time finds out by itself.
        let farewell = async { timeout(FAREWELL, self.endpoint.wait_idle()).await };
        self.runtime.block_on(farewell).ok();
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&Quinn);
}
