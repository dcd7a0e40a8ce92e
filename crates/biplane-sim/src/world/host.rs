//! What has an address: the server with all its sessions, or a client with its one.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use biplane_proto::{DropReason, Drops};
use biplane_wire::{Header, PacketKind, ReceiveId};

/// The datagrams of one host. Received = delivered + drops, always.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Taken off the links.
    pub received: u64,
    /// Taken in by a session.
    pub delivered: u64,
    /// Dropped, by reason.
    pub drops: Drops,
}

impl Tally {
    /// Whether every datagram is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.received == self.delivered + self.drops.total()
    }
}

/// One address, and whose packets it takes.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: SocketAddr,
    pub(super) tally: Tally,
    /// The line of the session that a receive id names.
    routes: BTreeMap<ReceiveId, usize>,
}

impl Host {
    pub(super) fn server(number: usize) -> Self {
        let last = u8::try_from(number % 250).unwrap_or(0) + 1;
        Self::at(Ipv4Addr::new(192, 0, 2, last), 7_777)
    }

    pub(super) fn client(client: usize) -> Self {
        let last = u8::try_from(client % 250).unwrap_or(0) + 1;
        let port = 40_000 + u16::try_from(client % 20_000).unwrap_or(0);
        Self::at(Ipv4Addr::new(198, 51, 100, last), port)
    }

    fn at(ip: Ipv4Addr, port: u16) -> Self {
        let address = SocketAddr::new(IpAddr::V4(ip), port);
        Self { address, tally: Tally::default(), routes: BTreeMap::new() }
    }

    /// Where a client is once its NAT has forgotten it: at another port, and at another address
    /// perhaps. The `count`th time.
    pub(super) fn rebound(&self, count: u32, address: bool) -> SocketAddr {
        let turn = u16::try_from(count % 20_000).unwrap_or(0);
        let port = 20_000 + (self.address.port().wrapping_add(turn * 7) % 20_000);
        let ip = if address {
            let [third, last] = [count, u32::from(self.address.port())]
                .map(|number| u8::try_from(number % 250).unwrap_or(0) + 1);
            Ipv4Addr::new(203, 0, third, last).into()
        } else {
            self.address.ip()
        };
        SocketAddr::new(ip, port)
    }

    pub(super) fn knows(&self, id: ReceiveId) -> bool {
        self.routes.contains_key(&id)
    }

    pub(super) fn route(&mut self, id: ReceiveId, line: usize) {
        self.routes.insert(id, line);
    }

    pub(super) fn unroute(&mut self, line: usize) {
        self.routes.retain(|_, routed| *routed != line);
    }

    pub(super) fn ids_of(&self, line: usize) -> usize {
        self.routes.values().filter(|routed| **routed == line).count()
    }

    pub(super) fn free(&mut self, id: ReceiveId) {
        self.routes.remove(&id);
    }

    pub(super) fn forget_all(&mut self) {
        self.routes.clear();
    }

    /// Reads the head of a datagram: which line's session it is for.
    pub(super) fn read(&self, datagram: &[u8]) -> Result<(Header, usize), DropReason> {
        if datagram.is_empty() {
            return Err(DropReason::Empty);
        }
        let (header, _) = Header::decode(datagram).map_err(|_| DropReason::Malformed)?;
        if header.kind != PacketKind::Data {
            return Err(DropReason::Malformed);
        }
        let line = self.routes.get(&header.receive_id).ok_or(DropReason::UnknownSession)?;
        Ok((header, *line))
    }
}
