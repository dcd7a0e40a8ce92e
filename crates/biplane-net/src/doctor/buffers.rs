//! Room for datagrams that wait: what is asked, what is granted, what the system would grant; and
//! whether the kernel's count of dropped datagrams is there and right.

use std::{fs, io, net::UdpSocket};

use socket2::SockRef;

use super::wires::loopback;
use crate::{EndpointConfig, os, socket::UdpDatagrams};

/// Datagrams that are sent to a socket that has no room for them.
const BURST: u64 = 200;
const BURST_SIZE: usize = 1_000;

/// One buffer of a socket, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Buffer {
    /// What an endpoint asks for by default.
    pub asked: usize,
    /// What the system grants, as it accounts it: Linux counts its own overhead, and doubles what
    /// it allows.
    pub granted: usize,
    /// The most that it allows anybody to ask for (`net.core.rmem_max`, `wmem_max`), where it tells.
    pub ceiling: Option<usize>,
}

/// The kernel's count of datagrams that it dropped for want of room, tried out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DropCounter {
    /// Datagrams that were dropped.
    pub dropped: u64,
    /// How many the kernel says it dropped; `None` where it does not tell.
    pub counted: Option<u64>,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Buffers {
    /// For datagrams that wait to be read.
    pub receive: Buffer,
    /// For datagrams that wait to be sent.
    pub send: Buffer,
    /// The count of what did not fit.
    pub drop_counter: DropCounter,
}

impl Buffer {
    /// What the system allowed of what was asked for: what it grants, without its own overhead.
    #[must_use]
    pub const fn allowed(&self) -> usize {
        self.granted / os::ACCOUNTED
    }

    /// Whether less is allowed than was asked for.
    #[must_use]
    pub const fn is_small(&self) -> bool {
        self.allowed() < self.asked
    }
}

impl DropCounter {
    /// Whether it is there and says what happened.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.counted == Some(self.dropped)
    }
}

/// Asks as an endpoint asks, and provokes drops.
pub(super) fn examine() -> io::Result<Buffers> {
    let config = EndpointConfig::single();
    let socket = UdpDatagrams::new(UdpSocket::bind(loopback(0))?, &config)?;
    let granted = os::room(socket.socket());
    let buffer = |asked, granted, name| Buffer { asked, granted, ceiling: ceiling(name) };
    Ok(Buffers {
        receive: buffer(config.receive_buffer, granted.receive, "rmem_max"),
        send: buffer(config.send_buffer, granted.send, "wmem_max"),
        drop_counter: overrun()?,
    })
}

fn ceiling(name: &str) -> Option<usize> {
    let text = fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
    text.trim().parse().ok()
}

/// Sends more than fits a small buffer, and counts what is left of it.
fn overrun() -> io::Result<DropCounter> {
    let (reader, writer) = (UdpSocket::bind(loopback(0))?, UdpSocket::bind(loopback(0))?);
    reader.set_nonblocking(true)?;
    SockRef::from(&reader).set_recv_buffer_size(crate::limits::SOCKET_BUFFER_MIN)?;
    let to = reader.local_addr()?;
    let mut sent = 0;
    for _ in 0..BURST {
        sent += u64::from(writer.send_to(&[0; BURST_SIZE], to).is_ok());
    }
    let mut left = 0;
    while reader.recv(&mut [0; BURST_SIZE]).is_ok() {
        left += 1;
    }
    Ok(DropCounter { dropped: sent.saturating_sub(left), counted: os::kernel_drops(&reader) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_what_an_endpoint_has() {
        let found = examine().unwrap();
        assert_eq!(found.receive.asked, crate::limits::RECEIVE_BUFFER);
        assert!(found.receive.granted > 0 && found.send.granted > 0, "{found:?}");
        assert!(found.drop_counter.dropped > 0, "{found:?}");
    }

    #[test]
    fn less_than_was_asked_for_is_small_however_it_is_accounted() {
        let asked = 8_388_608;
        for (allowed, is_small) in
            [(212_992, true), (asked / 2, true), (asked - 1, true), (asked, false)]
        {
            let buffer = Buffer { asked, granted: allowed * os::ACCOUNTED, ceiling: None };
            assert_eq!((buffer.allowed(), buffer.is_small()), (allowed, is_small));
        }
        let socket = UdpSocket::bind(loopback(0)).unwrap();
        SockRef::from(&socket).set_recv_buffer_size(20_000).unwrap();
        assert_eq!(os::room(&socket).receive, 20_000 * os::ACCOUNTED);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_counts_what_it_drops() {
        assert!(examine().unwrap().drop_counter.is_right());
        assert!(ceiling("rmem_max").is_some());
    }
}
