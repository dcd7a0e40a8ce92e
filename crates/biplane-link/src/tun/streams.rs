//! TCP connections: each is two splices, with a connection of the kernel's own between them.
//!
//! What is accepted at the port is spliced with a connection through the link; what arrives from
//! there on the far side is spliced with a connection to the target. Nothing else ties the two
//! together, so whatever happens on the way, an end or a reset among it, happens as TCP lets it.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use rustix::{io::Errno, net::connect};
use tracing::warn;

use super::{
    keeper::FAR,
    namespaces::Makers,
    poller::Poller,
    splice::{Moved, Next, Splice, prepare_edge, prepare_hop},
    token::Token,
};
use crate::{limits, sockets};

/// Which side of the link a splice is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Near,
    Far,
}

/// All connections of one port.
#[derive(Debug)]
pub(super) struct Streams {
    /// None if only UDP is relayed.
    listener: Option<TcpListener>,
    far: TcpListener,
    target: SocketAddr,
    splices: BTreeMap<u64, (Side, Splice)>,
    /// Those that had more to move than their turn allowed.
    again: Vec<u64>,
    joined: u64,
    pub(super) counts: Counts,
}

/// What connections have come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// Accepted at the port.
    pub(super) connections: u64,
    /// Reset by our own doing.
    pub(super) killed: u64,
    /// Reset because there were too many, or no sockets for more.
    pub(super) refused: u64,
    /// Bytes handed to the target.
    pub(super) up: u64,
    /// Bytes handed to whoever connected.
    pub(super) down: u64,
}

impl Streams {
    /// From the port's `listener` through the `far` one to `target`. Neither waits.
    pub(super) fn new(listener: Option<TcpListener>, far: TcpListener, target: SocketAddr) -> Self {
        let (splices, again) = (BTreeMap::new(), Vec::new());
        Self { listener, far, target, splices, again, joined: 0, counts: Counts::default() }
    }

    /// Takes in who connects to the port.
    ///
    /// # Errors
    ///
    /// If no sockets will ever be had on the near side again.
    pub(super) fn accept(&mut self, makers: &mut Makers<'_>) -> io::Result<()> {
        while let Some(listener) = &self.listener
            && let Some(accepted) = accept(listener, makers.poller)?
        {
            // Each has a splice on both sides.
            let is_full = self.splices.len() >= 2 * limits::CONNECTIONS;
            let near = if is_full { None } else { makers.namespaces.tcp()? };
            let Some(near) = near else {
                self.counts.refused += 1;
                sockets::will_reset(&accepted);
                continue;
            };
            self.counts.connections += 1;
            let near = prepare_edge(&accepted).and_then(|()| cross(near));
            self.join(Side::Near, accepted, near, makers.poller);
        }
        Ok(())
    }

    /// Takes in who arrives on the far side.
    ///
    /// # Errors
    ///
    /// If nobody can be accepted any more.
    pub(super) fn accept_far(&mut self, poller: &Poller) -> io::Result<()> {
        while let Some(accepted) = accept(&self.far, poller)? {
            let target = prepare_hop(&accepted).and_then(|()| reach(self.target));
            self.join(Side::Far, accepted, target, poller);
        }
        Ok(())
    }

    /// Splices two sockets, or resets the one there is.
    fn join(
        &mut self,
        side: Side,
        accepted: TcpStream,
        connected: io::Result<TcpStream>,
        poller: &Poller,
    ) {
        let number = self.joined;
        self.joined += 1;
        let Ok(connected) = connected else {
            sockets::will_reset(&accepted);
            return;
        };
        let splice = Splice::new(accepted, connected);
        let watch = |socket| poller.add_stream(socket, Token::Splice(number));
        let is_watched = splice.sockets().into_iter().try_for_each(watch).is_ok();
        if is_watched {
            self.splices.insert(number, (side, splice));
        } else {
            splice.reset();
        }
    }

    /// Moves what there is to move for the splice of this `number`; `is_over` if the system says that
    /// one of its connections is.
    pub(super) fn pump(&mut self, number: u64, is_over: bool) {
        let Some((side, splice)) = self.splices.get_mut(&number) else { return };
        let mut moved = Moved::default();
        let next =
            if is_over && splice.has_failed() { Next::Broken } else { splice.pump(&mut moved) };
        match side {
            Side::Near => self.counts.down += moved.back,
            Side::Far => self.counts.up += moved.ahead,
        }
        match next {
            Next::Wait => {}
            Next::Again => self.again.push(number),
            Next::Over => drop(self.splices.remove(&number)),
            Next::Broken => self.reset(number),
        }
    }

    /// Goes on with those that had more to move than their turn allowed.
    pub(super) fn pump_again(&mut self) {
        for number in std::mem::take(&mut self.again) {
            self.pump(number, false);
        }
    }

    /// Whether some have more to move without waiting.
    pub(super) const fn is_busy(&self) -> bool {
        !self.again.is_empty()
    }

    /// Resets every connection, at the port and at the target.
    pub(super) fn kill(&mut self) {
        for (side, splice) in std::mem::take(&mut self.splices).into_values() {
            self.counts.killed += u64::from(side == Side::Near);
            splice.reset();
        }
    }

    /// Looks again at the listeners that rest.
    ///
    /// # Errors
    ///
    /// If they must rest for ever.
    pub(super) fn wake(&self, poller: &Poller) -> io::Result<()> {
        if let Some(listener) = &self.listener {
            poller.unmute(listener, Token::Listener)?;
        }
        poller.unmute(&self.far, Token::FarListener)
    }

    fn reset(&mut self, number: u64) {
        if let Some((_, splice)) = self.splices.remove(&number) {
            splice.reset();
        }
    }
}

/// Who is next, if anybody waits. When the system has no more sockets, `listener` rests.
///
/// # Errors
///
/// If it cannot even rest.
fn accept(listener: &TcpListener, poller: &Poller) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => return Ok(Some(stream)),
        Err(error) if sockets::is_out_of_resources(&error) => {
            warn!(%error, "nobody can be accepted for now");
            poller.mute(listener)?;
        }
        // Nobody is left, or one is gone again.
        Err(_) => {}
    }
    Ok(None)
}

/// Begins to connect a near socket to the far side; a failure shows when the stream is used.
fn cross(near: OwnedFd) -> io::Result<TcpStream> {
    match connect(&near, &FAR) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    let near = TcpStream::from(near);
    prepare_hop(&near)?;
    Ok(near)
}

/// Begins to connect to the target, likewise.
fn reach(target: SocketAddr) -> io::Result<TcpStream> {
    let stream = sockets::dial(target)?;
    prepare_edge(&stream)?;
    Ok(stream)
}
