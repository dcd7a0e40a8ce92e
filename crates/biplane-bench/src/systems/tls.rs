//! What a program has that uses TCP with TLS 1.3 and nothing else: rustls on non-blocking sockets,
//! and messages behind their lengths.

mod stream;

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use biplane_load::{Class, Heard, Means, Peer, Served, Side, System, Tuning};
use rustls::{ClientConnection, ServerConfig, ServerConnection, pki_types::ServerName};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    frames, identity,
    poller::{Interest, Poller},
};
use stream::Stream;

/// The listener's number; the streams count from 0.
const LISTENER: usize = usize::MAX;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

#[derive(Debug)]
pub(crate) struct Tls;

impl System for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn version(&self) -> String {
        format!("rustls {}", super::versions::of("rustls"))
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn settings(&self, means: &Means) -> String {
        let suite = match means.tuning {
            Tuning::Documented => "AES-256-GCM",
            Tuning::Tuned => "AES-128-GCM",
        };
        format!("TCP with TLS 1.3, {suite}, NODELAY; reads and writes of up to 64 KiB; epoll")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class != Class::Unreliable).then_some(frames::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let (config, certificate) = identity::server(means.tuning)?;
        let listener = listen()?;
        let address = format!("{} {certificate}", listener.local_addr()?);
        let mut side = Streams::new(Some(Door { listener, config: Arc::new(config) }))?;
        side.open_door()?;
        Ok(Served { side: Box::new(side), address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let opened = Instant::now();
        let (address, certificate) =
            address.split_once(' ').context("an address, a certificate")?;
        let address: SocketAddr = address.parse()?;
        let config = Arc::new(identity::client(means.tuning, certificate)?);
        let mut side = Streams::new(None)?;
        for peer in 0..means.clients {
            side.begun.push(opened.elapsed());
            let name = ServerName::try_from(identity::NAME)?;
            let tls = ClientConnection::new(Arc::clone(&config), name)?;
            side.add(Stream::new(connect(address)?, tls)?)?;
            side.streams_of_peers.push(peer);
        }
        Ok(Box::new(side))
    }
}

fn listen() -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Begins to connect; what is written before that is done waits.
fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error).with_context(|| format!("connecting to {address}"))
        }
        _ => Ok(socket.into()),
    }
}

/// Where clients come in.
#[derive(Debug)]
struct Door {
    listener: TcpListener,
    config: Arc<ServerConfig>,
}

/// One process's end: every connection it has.
#[derive(Debug)]
struct Streams {
    door: Option<Door>,
    poller: Poller,
    /// Those that are gone leave a gap.
    streams: Vec<Option<Numbered>>,
    /// To a server, peers count as they joined, which may be another order.
    streams_of_peers: Vec<usize>,
    unsent: Vec<usize>,
    /// When each client began to join, after its side was opened.
    begun: Vec<Duration>,
}

#[derive(Debug)]
struct Numbered {
    stream: Stream,
    peer: Option<Peer>,
    interest: Interest,
}

impl Streams {
    fn new(door: Option<Door>) -> Result<Self> {
        Ok(Self {
            door,
            poller: Poller::new()?,
            streams: Vec::new(),
            streams_of_peers: Vec::new(),
            unsent: Vec::new(),
            begun: Vec::new(),
        })
    }

    fn open_door(&mut self) -> Result<()> {
        self.door.iter().try_for_each(|door| self.poller.add(&door.listener, LISTENER))
    }

    fn add(&mut self, stream: Stream) -> Result<()> {
        let number = self.streams.len();
        self.poller.add(stream.tcp(), number)?;
        self.streams.push(Some(Numbered { stream, peer: None, interest: Interest::Read }));
        self.write(number)
    }

    fn accept(&mut self) -> Result<()> {
        while let Some(door) = &self.door {
            let tcp = match door.listener.accept() {
                Ok((tcp, _)) => tcp,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("accepting"),
            };
            tcp.set_nonblocking(true)?;
            let tls = ServerConnection::new(Arc::clone(&door.config))?;
            self.add(Stream::new(tcp, tls)?)?;
        }
        Ok(())
    }

    /// Writes what a stream has, and waits for room where there is too little.
    fn write(&mut self, number: usize) -> Result<()> {
        let Some(Some(numbered)) = self.streams.get_mut(number) else { return Ok(()) };
        // What is broken is told when it is read from.
        let is_done = numbered.stream.write().unwrap_or(true);
        let interest = if is_done { Interest::Read } else { Interest::ReadAndWrite };
        if interest != numbered.interest {
            numbered.interest = interest;
            self.poller.change(numbered.stream.tcp(), number, interest)?;
        }
        Ok(())
    }

    /// Lets one stream go on, and hands out what came.
    fn go_on(&mut self, number: usize, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let is_server = self.door.is_some();
        let Some(slot) = self.streams.get_mut(number) else { return Ok(()) };
        let Some(numbered) = slot else { return Ok(()) };
        let had_joined = numbered.peer.is_some();
        let peer = match numbered.peer {
            Some(peer) => peer,
            None if is_server => self.streams_of_peers.len(),
            None => number,
        };
        let mut told = had_joined;
        let read = numbered.stream.read(&mut |message| {
            if !std::mem::replace(&mut told, true) {
                hear(Heard::Joined(peer));
            }
            hear(Heard::Message(peer, message));
        });
        if !had_joined && (told || numbered.stream.has_joined()) {
            numbered.peer = Some(peer);
            if !told {
                hear(Heard::Joined(peer));
            }
            if is_server {
                self.streams_of_peers.push(number);
            }
        }
        if read.is_err() {
            if numbered.peer.is_some() || !is_server {
                hear(Heard::Left(peer));
            }
            *slot = None;
        }
        self.write(number)
    }
}

impl Side for Streams {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let mut ready = Vec::new();
        self.poller.wait(patience, &mut ready)?;
        for number in ready {
            if number == LISTENER {
                self.accept()?;
            } else {
                self.go_on(number, hear)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        ensure!(class != Class::Unreliable, "a stream loses nothing");
        ensure!(message.len() <= frames::LONGEST, "{} bytes are too many", message.len());
        let number = *self.streams_of_peers.get(to).context("no such peer")?;
        let Some(Some(numbered)) = self.streams.get_mut(number) else { return Ok(false) };
        // What is broken is told when it is read from.
        let has_room = numbered.stream.send(message).unwrap_or(false);
        if has_room && self.unsent.last() != Some(&number) {
            self.unsent.push(number);
        }
        if !has_room {
            self.write(number)?;
        }
        Ok(has_room)
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        self.begun.get(peer).copied().unwrap_or_default()
    }

    fn flush(&mut self) -> Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        unsent.into_iter().try_for_each(|number| self.write(number))
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&Tls);
}
