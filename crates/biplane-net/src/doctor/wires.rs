//! The sockets of one run, on loopback, prepared as those of an endpoint are.
//!
//! Plain: one socket, which sends to itself, so that all sending and all receiving of a run meet on
//! it. With `SO_REUSEPORT`: a socket for each reader at one port, and beside them the sources, for
//! the kernel chooses the reader by who sends.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, atomic::AtomicU64},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::shim::{Shim, Trick};
use crate::{
    EndpointConfig,
    os::{self, Poller},
    socket::{DatagramSocket, UdpDatagrams},
};

/// Sources of a run over `SO_REUSEPORT`: enough that chance gives every reader some.
const SOURCES: usize = 16;

/// A fault to play, and how many datagrams passed it so far.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) trick: Trick,
    pub(super) tally: Arc<AtomicU64>,
}

/// A socket that is read, and how one waits for it.
#[derive(Debug)]
pub(super) struct Mouth {
    pub(super) socket: Arc<UdpDatagrams>,
    pub(super) poller: Poller,
}

/// All sockets of a run.
#[derive(Debug)]
pub(super) struct Wires {
    /// What is read: one, or one for each reader.
    pub(super) mouths: Vec<Mouth>,
    /// What is sent on.
    pub(super) sources: Vec<Arc<dyn DatagramSocket>>,
    /// Their addresses. What comes from elsewhere is not ours.
    pub(super) from: Vec<SocketAddr>,
    /// Where all of it goes.
    pub(super) to: SocketAddr,
}

impl Wires {
    /// One socket for everything.
    pub(super) fn plain(fault: Option<&Fault>) -> io::Result<Self> {
        let socket = prepared(UdpSocket::bind(loopback(0))?)?;
        let to = socket.socket().local_addr()?;
        let sources = vec![with(fault, Arc::clone(&socket))];
        Ok(Self { mouths: vec![Mouth::new(socket)?], sources, from: vec![to], to })
    }

    /// A socket for each of `readers`, at one port.
    pub(super) fn reuseport(readers: usize, fault: Option<&Fault>) -> io::Result<Self> {
        let first = at_shared_port(0)?;
        let to = first.local_addr()?;
        let mut mouths = vec![Mouth::new(prepared(first)?)?];
        for _ in 1..readers {
            mouths.push(Mouth::new(prepared(at_shared_port(to.port())?)?)?);
        }
        let (mut sources, mut from) = (Vec::new(), Vec::new());
        for _ in 0..SOURCES {
            let socket = prepared(UdpSocket::bind(loopback(0))?)?;
            from.push(socket.socket().local_addr()?);
            sources.push(with(fault, socket));
        }
        Ok(Self { mouths, sources, from, to })
    }

    /// What reader `index` reads.
    pub(super) fn mouth(&self, index: usize) -> io::Result<&Mouth> {
        self.mouths.iter().cycle().nth(index).ok_or_else(|| io::Error::other("no socket"))
    }

    /// Those of the sources that sender `index` of `senders` uses, by turns.
    pub(super) fn sources_of(&self, index: usize, senders: usize) -> Vec<&dyn DatagramSocket> {
        let shares = self.sources.len() >= senders;
        let (skip, step) = if shares { (index, senders) } else { (0, 1) };
        self.sources.iter().skip(skip).step_by(step).map(AsRef::as_ref).collect()
    }

    /// Bytes of datagrams that may wait to be read, as the kernel accounts them.
    pub(super) fn room(&self) -> usize {
        let rooms = self.mouths.iter().map(|mouth| os::room(mouth.socket.socket()).receive);
        rooms.min().unwrap_or(0)
    }

    /// Datagrams that the kernel dropped, where it tells.
    pub(super) fn kernel_drops(&self) -> Option<u64> {
        self.mouths.iter().map(|mouth| os::kernel_drops(mouth.socket.socket())).sum()
    }

    /// Ends every wait to read.
    pub(super) fn stop(&self) {
        self.mouths.iter().for_each(|mouth| mouth.poller.stop());
    }
}

impl Mouth {
    fn new(socket: Arc<UdpDatagrams>) -> io::Result<Self> {
        let poller = Poller::new(socket.socket())?;
        Ok(Self { socket, poller })
    }
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// As an endpoint prepares its socket.
pub(super) fn prepared(socket: UdpSocket) -> io::Result<Arc<UdpDatagrams>> {
    UdpDatagrams::new(socket, &EndpointConfig::single()).map(Arc::new)
}

fn with(fault: Option<&Fault>, socket: Arc<UdpDatagrams>) -> Arc<dyn DatagramSocket> {
    match fault {
        Some(fault) => Arc::new(Shim::new(socket, fault.trick, &fault.tally)),
        None => socket,
    }
}

#[cfg(unix)]
fn at_shared_port(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.bind(&loopback(port).into())?;
    Ok(socket.into())
}

#[cfg(not(unix))]
fn at_shared_port(_: u16) -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}
