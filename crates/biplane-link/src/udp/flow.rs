//! One flow: a source, and a socket towards the target that is its alone.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Instant,
};

use biplane_sim::Direction;
use quinn_udp::{Transmit, UdpSocketState};

use crate::{
    poller::{Interest, Poller, Token},
    slab::Place,
    sockets,
};

/// Who sends to the port.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Source {
    pub(crate) address: SocketAddr,
    /// The address it sends to, from which it is answered.
    pub(crate) local: Option<IpAddr>,
}

/// The datagrams of one source and the answers to them.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) source: Source,
    pub(super) socket: UdpSocket,
    pub(super) state: UdpSocketState,
    pub(super) last_used: Instant,
    /// After the highest numbers that went up and down.
    expected: [u64; 2],
}

impl Flow {
    /// One that begins now.
    pub(super) fn open(
        now: Instant,
        source: Source,
        target: SocketAddr,
        place: Place,
        poller: &Poller,
    ) -> io::Result<Self> {
        let (socket, state) = open(target, None, place, poller)?;
        Ok(Self { source, socket, state, last_used: now, expected: [0; 2] })
    }

    /// Goes on from another port, and from another address if one is named.
    pub(super) fn rebind(
        &mut self,
        target: SocketAddr,
        from: Option<Ipv4Addr>,
        place: Place,
        poller: &Poller,
    ) -> io::Result<()> {
        let (socket, state) = open(target, from, place, poller)?;
        poller.forget(&self.socket);
        (self.socket, self.state) = (socket, state);
        Ok(())
    }

    /// Sends to the target: one datagram, or several of `segment` bytes.
    pub(super) fn send(
        &self,
        target: SocketAddr,
        contents: &[u8],
        segment: Option<usize>,
    ) -> io::Result<()> {
        if segment.is_none() {
            // A connected socket takes no address on every system.
            return self.socket.send(contents).map(|_| ());
        }
        let transmit = Transmit {
            destination: target,
            ecn: None,
            contents,
            segment_size: segment,
            src_ip: None,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }

    /// Counts a datagram; 1 if one that came in later was sent on before it.
    pub(super) fn is_overtaken(&mut self, direction: Direction, number: u64) -> u64 {
        let [up, down] = &mut self.expected;
        let expected = match direction {
            Direction::Up => up,
            Direction::Down => down,
        };
        let is_overtaken = number + 1 < *expected;
        *expected = (*expected).max(number + 1);
        u64::from(is_overtaken)
    }
}

fn open(
    target: SocketAddr,
    from: Option<Ipv4Addr>,
    place: Place,
    poller: &Poller,
) -> io::Result<(UdpSocket, UdpSocketState)> {
    let socket = sockets::flow(target, from)?;
    let state = UdpSocketState::new((&socket).into())?;
    poller.watch(&socket, Token::Flow(place.index), Interest::READ)?;
    Ok((socket, state))
}
