//! Gives an interface its address, MTU and queue, and takes it into service: rtnetlink(7).
//!
//! Two requests, written by hand in the host's byte order; what an interface needs is less than
//! what a crate for all of netlink brings. The `ioctl` calls for the same would do but for the
//! queue, which they give to the machine's administrator alone.

use std::{io, net::Ipv4Addr, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice::name_to_index,
        recv, send, socket_with,
    },
};

// linux/netlink.h
const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
const NLMSG_ERROR: u16 = 2;
// linux/rtnetlink.h
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
// linux/if_link.h, linux/if_addr.h, linux/if.h
const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFF_UP: u32 = 1;
const AF_INET: u8 = 2;

/// What an interface is to be.
#[derive(Debug)]
pub(super) struct Interface {
    /// Its address; everybody with the same first 24 bits is reached through it.
    pub(super) address: Ipv4Addr,
    /// The longest IP packet, in bytes.
    pub(super) mtu: u16,
    /// How many packets wait in it before the kernel drops what comes on top.
    pub(super) queue: u32,
}

/// Makes the interface `name` of this network namespace what `interface` says.
pub(super) fn bring_up(name: &str, interface: &Interface) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    let index = name_to_index(&socket, name)?;
    request(&socket, new_address(index, interface.address))?;
    request(&socket, set_link(index, interface))
}

fn new_address(index: u32, address: Ipv4Addr) -> Message {
    let mut message = Message::new(RTM_NEWADDR);
    // struct ifaddrmsg: family, length of the prefix, flags, scope, index
    message.0.extend([AF_INET, 24, 0, 0]);
    message.0.extend(index.to_ne_bytes());
    message.attribute(IFA_LOCAL, address.octets());
    message.attribute(IFA_ADDRESS, address.octets());
    message
}

fn set_link(index: u32, interface: &Interface) -> Message {
    let mut message = Message::new(RTM_NEWLINK);
    // struct ifinfomsg: family and type (any), index, flags, which flags change
    message.0.extend([0; 4]);
    message.0.extend(index.to_ne_bytes());
    message.0.extend(IFF_UP.to_ne_bytes());
    message.0.extend(IFF_UP.to_ne_bytes());
    message.attribute(IFLA_MTU, u32::from(interface.mtu).to_ne_bytes());
    message.attribute(IFLA_TXQLEN, interface.queue.to_ne_bytes());
    message
}

/// A request that is being written: `struct nlmsghdr`, what its type wants, attributes.
#[derive(Debug)]
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16) -> Self {
        let mut bytes = vec![0; 4]; // the length, once it is known
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        bytes.extend([0; 8]); // sequence number and port: one request at a time
        Self(bytes)
    }

    /// Appends a `struct rtattr`. Four bytes keep the next one aligned.
    fn attribute(&mut self, kind: u16, value: [u8; 4]) {
        const LEN: u16 = 8;
        self.0.extend(LEN.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
    }

    /// The whole of it.
    fn finish(mut self) -> Vec<u8> {
        let len = u32::try_from(self.0.len()).unwrap_or_default();
        self.0.splice(..4, len.to_ne_bytes());
        self.0
    }
}

/// Sends one request and waits for what the kernel says, which it does at once.
fn request(netlink: &OwnedFd, message: Message) -> io::Result<()> {
    send(netlink, &message.finish(), SendFlags::empty())?;
    let mut reply = [0; 64];
    let (len, _) = recv(netlink, &mut reply, RecvFlags::TRUNC)?;
    outcome(reply.get(..len).unwrap_or(&reply))
}

/// What a reply says: `struct nlmsghdr`, then `struct nlmsgerr`, whose first field is 0 for success
/// or an error's number, negative.
fn outcome(reply: &[u8]) -> io::Result<()> {
    let kind = reply.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let error = reply.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, error) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(error)) => Err(Errno::from_raw_os_error(-error).into()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_how_long_it_is() {
        let message = new_address(7, Ipv4Addr::new(10, 77, 0, 1)).finish();
        assert_eq!(message.len(), 16 + 8 + 2 * 8);
        assert_eq!(message[..4], 40_u32.to_ne_bytes());
        assert_eq!(message[28..32], [10, 77, 0, 1]);
    }

    #[test]
    fn a_refusal_is_an_error_and_silence_is_none_of_the_two() {
        let mut reply = [0; 36];
        reply[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        outcome(&reply).unwrap();
        reply[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(outcome(&reply).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(outcome(&reply[..6]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
