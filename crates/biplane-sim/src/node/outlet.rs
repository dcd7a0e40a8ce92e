//! Where the datagrams of one end leave.

use std::{net::SocketAddr, time::Instant};

use biplane_proto::Ecn;

use crate::{Link, world::Forger};

/// A link, and who hears what goes out on it.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    pub(crate) link: &'a mut Link<SocketAddr>,
    /// What the client's datagrams say of where they come from; the server's say where they go to.
    pub(crate) from: Option<SocketAddr>,
    pub(crate) forger: Option<&'a mut Forger>,
}

impl Outlet<'_> {
    /// Sends a datagram to `to`.
    pub(super) fn send(
        &mut self,
        now: Instant,
        to: SocketAddr,
        ecn: Option<Ecn>,
        datagram: Vec<u8>,
    ) {
        if let Some(forger) = &mut self.forger {
            forger.overhear(now, &datagram);
        }
        self.link.send_marked(now, self.from.unwrap_or(to), ecn, datagram);
    }
}
