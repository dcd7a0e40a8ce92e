//! Datagrams with a forged source, for which the system's leave is needed (`CAP_NET_RAW`).

use std::net::{SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

/// A socket that writes its own IPv4 heads.
pub(crate) struct RawSocket(Socket);

/// Where a datagram says it comes from, where it goes, and what it carries.
pub(crate) struct Forged<'a> {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) payload: &'a [u8],
}

impl RawSocket {
    /// `None` where the system does not let us.
    pub(crate) fn open() -> Option<Self> {
        // IPPROTO_RAW: the heads are ours.
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).ok().map(Self)
    }

    pub(crate) fn send(&self, datagram: &Forged<'_>) {
        let to = SocketAddr::V4(datagram.to);
        self.0.send_to(&datagram.encode(), &to.into()).unwrap();
    }
}

impl Forged<'_> {
    /// RFC 791 and RFC 768. The kernel fills in the IPv4 checksum; that of UDP is left out.
    fn encode(&self) -> Vec<u8> {
        let udp_len = u16::try_from(8 + self.payload.len()).unwrap().to_be_bytes();
        let total = u16::try_from(28 + self.payload.len()).unwrap().to_be_bytes();
        let [ttl, udp] = [64, 17];
        let mut bytes = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, ttl, udp, 0, 0];
        bytes.extend(self.from.ip().octets());
        bytes.extend(self.to.ip().octets());
        bytes.extend(self.from.port().to_be_bytes());
        bytes.extend(self.to.port().to_be_bytes());
        bytes.extend(udp_len);
        bytes.extend([0, 0]);
        bytes.extend(self.payload);
        bytes
    }
}
