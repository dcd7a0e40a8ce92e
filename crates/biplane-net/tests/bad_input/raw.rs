//! Datagrams with a forged source, and what leaves in answer. Both need the system's leave
//! (`CAP_NET_RAW`).

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use rustix::net::{RecvFlags, netdevice::name_to_index};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use crate::rig::Scene;

/// IPv4, as a link names it.
const ETH_P_IP: u16 = 0x0800;
/// Whatever a link carries, in either direction.
const ETH_P_ALL: u16 = 0x0003;

/// A socket that writes its own IPv4 heads.
pub(crate) struct RawSocket(Socket);

/// Where a datagram says it comes from, where it goes, and what it carries.
pub(crate) struct Forged<'a> {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) payload: &'a [u8],
}

/// A router's word that a datagram between these two was too long for a path that carries `mtu`
/// bytes. No such datagram need have been sent.
pub(crate) struct TooLong {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) mtu: u16,
}

/// A socket below IP, on loopback: what it writes comes in as from a wire, unchecked.
pub(crate) struct Wire(Socket);

/// Sees everything that crosses a link.
pub(crate) struct Tap(Socket);

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

    /// Tells the sender of the datagram.
    pub(crate) fn tell(&self, word: &TooLong) {
        let to = SocketAddr::V4(word.from);
        self.0.send_to(&word.encode(), &to.into()).unwrap();
    }
}

impl Wire {
    pub(crate) fn open() -> Self {
        Self(link_socket(ETH_P_IP))
    }

    pub(crate) fn send(&self, datagram: &Forged<'_>) {
        self.0.send_to(&datagram.encode(), &loopback(&self.0)).unwrap();
    }
}

impl Tap {
    pub(crate) fn open() -> Self {
        let socket = link_socket(ETH_P_ALL);
        socket.set_nonblocking(true).unwrap();
        socket.set_recv_buffer_size(8 << 20).unwrap();
        Self(socket)
    }

    /// Where datagrams of UDP port `from` have gone since this was last asked.
    pub(crate) fn destinations(&self, from: u16) -> BTreeSet<SocketAddrV4> {
        let mut buffer = vec![0; 1 << 16];
        let mut seen = BTreeSet::new();
        while let Ok((len, _)) = rustix::net::recv(&self.0, &mut buffer, RecvFlags::empty()) {
            seen.extend(destination(&buffer[..len], from));
        }
        seen
    }
}

/// Where the honest peer of a scene is.
pub(crate) fn home(scene: &Scene) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, scene.home.local_addr().port()))
}

/// Where an IPv4 packet goes, if it is UDP from port `from`.
fn destination(packet: &[u8], from: u16) -> Option<SocketAddrV4> {
    let head = usize::from(packet.first()? & 0x0f) * 4;
    let [a, b, c, d] = *packet.get(16..20)?.first_chunk()?;
    let [e, f, g, h] = *packet.get(head..head + 4)?.first_chunk()?;
    let is_ours = packet[0] >> 4 == 4 && packet[9] == UDP && u16::from_be_bytes([e, f]) == from;
    is_ours.then(|| SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([g, h])))
}

fn link_socket(protocol: u16) -> Socket {
    let protocol = Protocol::from(i32::from(protocol.to_be()));
    Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap()
}

/// The link-level address of loopback, which has no hardware's.
#[expect(unsafe_code, reason = "std has no link-level addresses")]
fn loopback(socket: &Socket) -> SockAddr {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET.try_into().unwrap(),
        sll_protocol: ETH_P_IP.to_be(),
        sll_ifindex: name_to_index(socket, "lo").unwrap().try_into().unwrap(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0; 8],
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: the storage has room for the address of any family, and this one's is filled in.
    unsafe {
        *storage.view_as::<libc::sockaddr_ll>() = address;
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>().try_into().unwrap())
    }
}

const UDP: u8 = 17;
const ICMP: u8 = 1;
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;

impl Forged<'_> {
    /// RFC 791 and RFC 768. The checksum of UDP is left out.
    fn encode(&self) -> Vec<u8> {
        let udp_len = u16::try_from(8 + self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = ip_head(UDP, [*self.from.ip(), *self.to.ip()], 8 + self.payload.len());
        bytes.extend(self.from.port().to_be_bytes());
        bytes.extend(self.to.port().to_be_bytes());
        bytes.extend(udp_len);
        bytes.extend([0, 0]);
        bytes.extend(self.payload);
        bytes
    }
}

impl TooLong {
    /// RFC 792 and RFC 1191: with the head and the first 8 bytes of a datagram of 1,200.
    fn encode(&self) -> Vec<u8> {
        let long = Forged { from: self.from, to: self.to, payload: &[0; 1_200] }.encode();
        let [high, low] = self.mtu.to_be_bytes();
        let mut said = vec![UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, 0, 0, high, low];
        said.extend(&long[..28]);
        let [high, low] = checksum(&said).to_be_bytes();
        (said[2], said[3]) = (high, low);
        let mut bytes = ip_head(ICMP, [*self.to.ip(), *self.from.ip()], said.len());
        bytes.extend(said);
        bytes
    }
}

/// The head of a packet from one to the other that carries `len` bytes: RFC 791.
fn ip_head(protocol: u8, [from, to]: [Ipv4Addr; 2], len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + len).unwrap().to_be_bytes();
    let ttl = 64;
    let mut head = vec![0x45, 0, high, low, 0, 0, 0, 0, ttl, protocol, 0, 0];
    head.extend(from.octets());
    head.extend(to.octets());
    let [high, low] = checksum(&head).to_be_bytes();
    (head[10], head[11]) = (high, low);
    head
}

/// RFC 1071, of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    !words.fold(0, |sum: u16, word| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}
