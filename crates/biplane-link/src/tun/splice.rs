//! Two TCP sockets joined: what one says the other repeats, its end and its reset among it.

use std::{io, net::TcpStream};

use socket2::SockRef;

use super::pipe::{Pause, Pipe};
use crate::sockets;

/// Bytes that a socket in the host's namespace holds, each way. Small, so that what is between the
/// namespaces governs; the kernel doubles it.
const EDGE_BUFFER: usize = 64 * 1024;
/// Bytes that a socket of the hop between the namespaces takes before it has sent them.
const UNSENT: u32 = 16 * 1024;

/// Two sockets, of which one has been accepted and the other connects, or has.
#[derive(Debug)]
pub(super) struct Splice {
    accepted: TcpStream,
    connected: TcpStream,
    is_connected: bool,
    ahead: Pipe,
    back: Pipe,
}

/// Bytes that a splice has handed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    /// From who was accepted to who was connected to.
    pub(super) ahead: u64,
    /// The other way.
    pub(super) back: u64,
}

/// What is to become of a splice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Wait for one of its sockets.
    Wait,
    /// Pump again soon: there was more than a turn allows.
    Again,
    /// Forget it: both directions have ended.
    Over,
    /// Reset both: one of them was.
    Broken,
}

impl Splice {
    /// Joins a stream that was accepted with one that connects. Neither waits.
    pub(super) fn new(accepted: TcpStream, connected: TcpStream) -> Self {
        Self { accepted, connected, is_connected: false, ahead: Pipe::new(), back: Pipe::new() }
    }

    /// Its two sockets.
    pub(super) const fn sockets(&self) -> [&TcpStream; 2] {
        [&self.accepted, &self.connected]
    }

    /// Whether the system reports an error of one of them, which its bytes would not tell.
    pub(super) fn has_failed(&self) -> bool {
        self.sockets().into_iter().any(|socket| !matches!(socket.take_error(), Ok(None)))
    }

    /// Moves what can be moved in both directions.
    pub(super) fn pump(&mut self, moved: &mut Moved) -> Next {
        // Not before: to shut down a socket that still connects is to give up.
        if !self.is_connected && self.connected.peer_addr().is_err() {
            return if self.has_failed() { Next::Broken } else { Next::Wait };
        }
        self.is_connected = true;
        let ahead = self.ahead.pump(&self.accepted, &self.connected, &mut moved.ahead);
        let back = self.back.pump(&self.connected, &self.accepted, &mut moved.back);
        match (ahead, back) {
            (Ok(Pause::Done), Ok(Pause::Done)) => Next::Over,
            (Ok(ahead), Ok(back)) if ahead == Pause::Turn || back == Pause::Turn => Next::Again,
            (Ok(_), Ok(_)) => Next::Wait,
            _ => Next::Broken,
        }
    }

    /// Ends both connections with a reset.
    pub(super) fn reset(self) {
        self.sockets().into_iter().for_each(sockets::will_reset);
    }
}

/// Makes ready a socket in the host's namespace.
pub(super) fn prepare_edge(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    sockets::keep_alive(stream);
    let options = SockRef::from(stream);
    options.set_recv_buffer_size(EDGE_BUFFER)?;
    options.set_send_buffer_size(EDGE_BUFFER)
}

/// Makes ready a socket of the hop between the namespaces.
pub(super) fn prepare_hop(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)
}
