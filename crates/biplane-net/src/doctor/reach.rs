//! Whether multicast and broadcast reach a socket of this machine over an interface.
//!
//! One datagram to a group, or to everybody, and a look whether the copy comes that a system hands
//! to its own sockets. Nothing is sent to an interface that was not named, loopback apart.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::DoctorError;

/// A group for organisations' own use (RFC 2365, section 6.2).
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 66, 80);
/// A transient group of the link (RFC 4291, section 2.7).
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x6269, 0x706c);
/// Everybody on loopback's network.
const EVERYBODY_ON_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
const PATIENCE: Duration = Duration::from_millis(200);
const WORDS: &[u8; 14] = b"biplane doctor";

/// An interface that may be sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Interface {
    name: String,
    index: u32,
    is_loopback: bool,
}

/// What reaches a socket over one interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reach {
    /// The interface.
    pub name: String,
    /// Whether a datagram to an IPv4 group came.
    pub multicast_v4: Trial,
    /// Whether a datagram to an IPv6 group came.
    pub multicast_v6: Trial,
    /// Whether a datagram to everybody came.
    pub broadcast: Trial,
}

/// Whether a datagram came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trial {
    /// It came.
    Came,
    /// It did not, or the network takes none of its kind.
    DidNotCome,
    /// The system did not let it be tried, which says nothing of the network.
    NotTried {
        /// Why.
        why: io::ErrorKind,
    },
}

impl Trial {
    fn of(arrived: io::Result<bool>) -> Self {
        match arrived.map_err(|error| error.kind()) {
            Ok(true) => Self::Came,
            Err(why @ (io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)) => {
                Self::NotTried { why }
            }
            Ok(false) | Err(_) => Self::DidNotCome,
        }
    }
}

impl Interface {
    /// Loopback, and those that were named.
    pub(super) fn all(names: &[String]) -> Result<Vec<Self>, DoctorError> {
        let mut all = vec![Self {
            name: LOOPBACK.into(),
            index: index_of(LOOPBACK).unwrap_or(1),
            is_loopback: true,
        }];
        for name in names {
            let index = index_of(name)
                .map_err(|source| DoctorError::Interface { name: name.clone(), source })?;
            if all.iter().all(|known| known.index != index) {
                all.push(Self { name: name.clone(), index, is_loopback: false });
            }
        }
        Ok(all)
    }

    /// Tries all three.
    pub(super) fn examine(&self) -> Reach {
        Reach {
            name: self.name.clone(),
            multicast_v4: Trial::of(self.multicast_v4()),
            multicast_v6: Trial::of(self.multicast_v6()),
            broadcast: Trial::of(self.broadcast()),
        }
    }

    fn multicast_v4(&self) -> io::Result<bool> {
        let reader = socket(Domain::IPV4)?;
        reader.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        let interface = socket2::InterfaceIndexOrAddress::Index(self.index);
        reader.join_multicast_v4_n(&GROUP_V4, &interface)?;
        let writer = socket(Domain::IPV4)?;
        self.choose_v4(&writer)?;
        writer.set_multicast_loop_v4(true)?;
        writer.set_multicast_ttl_v4(1)?;
        arrives(&writer, &reader, GROUP_V4.into())
    }

    fn multicast_v6(&self) -> io::Result<bool> {
        let reader = socket(Domain::IPV6)?;
        reader.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
        reader.join_multicast_v6(&GROUP_V6, self.index)?;
        let writer = socket(Domain::IPV6)?;
        writer.set_multicast_if_v6(self.index)?;
        writer.set_multicast_loop_v6(true)?;
        writer.set_multicast_hops_v6(1)?;
        arrives(&writer, &reader, GROUP_V6.into())
    }

    fn broadcast(&self) -> io::Result<bool> {
        let reader = socket(Domain::IPV4)?;
        reader.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        let writer = socket(Domain::IPV4)?;
        writer.set_broadcast(true)?;
        if self.is_loopback {
            return arrives(&writer, &reader, EVERYBODY_ON_LOOPBACK.into());
        }
        self.bind(&writer)?;
        arrives(&writer, &reader, Ipv4Addr::BROADCAST.into())
    }

    /// What `socket` sends to groups leaves by this interface. Unlike [`Interface::bind`] it asks no
    /// permission of anybody.
    #[cfg(target_os = "linux")]
    fn choose_v4(&self, socket: &Socket) -> io::Result<()> {
        use rustix::net::sockopt::set_ip_multicast_if_with_ifindex as choose;
        // Of loopback's address the kernel would not think by itself: it is good on this host alone.
        let from = if self.is_loopback { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        Ok(choose(socket, &GROUP_V4, &from, self.index)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn choose_v4(&self, socket: &Socket) -> io::Result<()> {
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)
    }

    /// Nothing that `socket` sends leaves by another interface.
    #[cfg(target_os = "linux")]
    fn bind(&self, socket: &Socket) -> io::Result<()> {
        socket.bind_device(Some(self.name.as_bytes()))
    }

    #[cfg(not(target_os = "linux"))]
    fn bind(&self, _: &Socket) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
const LOOPBACK: &str = "lo";
#[cfg(not(target_os = "linux"))]
const LOOPBACK: &str = "lo0";

#[cfg(target_os = "linux")]
fn index_of(name: &str) -> io::Result<u32> {
    let any = socket(Domain::IPV4)?;
    Ok(rustix::net::netdevice::name_to_index(&any, name)?)
}

#[cfg(not(target_os = "linux"))]
fn index_of(_: &str) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

fn socket(family: Domain) -> io::Result<Socket> {
    let socket = Socket::new(family, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Whether what `writer` sends to `ip` comes to `reader`.
fn arrives(writer: &Socket, reader: &Socket, ip: IpAddr) -> io::Result<bool> {
    let port = reader.local_addr()?.as_socket().map_or(0, |address| address.port());
    SockRef::from(writer).send_to(WORDS, &SocketAddr::new(ip, port).into())?;
    let mut words = [0; WORDS.len()];
    let len = io::Read::read(&mut &*reader, &mut words)?;
    Ok(len == words.len() && &words == WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn loopback_is_always_there_once_and_first() {
        let all = Interface::all(&["lo".into(), "lo".into()]).unwrap();
        assert_eq!(all.len(), 1);
        assert!(all[0].is_loopback && all[0].index > 0);
        assert_eq!(all[0].examine().name, "lo");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn multicast_is_carried_by_loopback() {
        let all = Interface::all(&[]).unwrap();
        assert_eq!(all[0].examine().multicast_v4, Trial::Came);
    }

    #[test]
    fn what_may_not_be_tried_says_nothing_of_the_network() {
        use io::ErrorKind::{NetworkUnreachable, PermissionDenied, WouldBlock};
        let refused = Trial::of(Err(PermissionDenied.into()));
        assert_eq!(refused, Trial::NotTried { why: PermissionDenied });
        for kind in [NetworkUnreachable, WouldBlock] {
            assert_eq!(Trial::of(Err(kind.into())), Trial::DidNotCome);
        }
        assert_eq!(Trial::of(Ok(true)), Trial::Came);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let told = Interface::all(&["nowhere0".into()]).unwrap_err().to_string();
        assert!(told.starts_with("no interface `nowhere0`: "), "{told}");
    }
}
