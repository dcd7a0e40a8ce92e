//! The process inside: it makes the two network namespaces, and sockets on the near side.
//!
//! A process with several threads cannot enter a user namespace, and a thread in another network
//! namespace cannot make sockets in the host's: hence a process of its own, the same executable
//! run again. It makes what it is asked for, passes it out, and keeps nothing. Namespaces live for
//! as long as a process or a descriptor is in them; the keeper ends when its other end does,
//! whatever ended that.

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, OwnedFd},
    process::{Command, ExitCode},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::{
    device,
    handoff::{self, Ask, Failure, Step},
    netlink::{self, Interface},
};

/// Where the near side's sockets are.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Where the far side listens, over TCP and UDP. The port means nothing; nobody else is there.
pub(super) const FAR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 2), 7_777);
/// How many packets an interface holds until we read them; the kernel drops what comes on top, which
/// no link did. 400 ms at 50,000 a second.
const QUEUE: u32 = 20_000;
/// How many connections may wait to be accepted on the far side.
const BACKLOG: i32 = 1_024;

/// The first argument of an executable that is to be the keeper.
pub const KEEPER_ARGUMENT: &str = "tun-keeper";

/// Runs this executable again, as the keeper.
pub(super) fn keeper_command() -> Command {
    // Whatever has become of the file since.
    let mut command = Command::new("/proc/self/exe");
    command.arg(KEEPER_ARGUMENT);
    command
}

/// Is the keeper, if this process was started as such: to be called first in `main`, before there
/// is another thread, whose result it then is.
///
/// `None` in every other process.
#[must_use]
pub fn keeper_main() -> Option<ExitCode> {
    let argument = env::args_os().nth(1)?;
    if argument != KEEPER_ARGUMENT {
        return None;
    }
    // Who would be told why has gone.
    Some(serve(io::stdin()).map_or_else(|_| ExitCode::from(2), |()| ExitCode::SUCCESS))
}

/// Answers what comes in on `relay` until its other end is gone.
///
/// # Errors
///
/// If the other end is no relay, or cannot be answered.
fn serve(relay: impl AsFd) -> io::Result<()> {
    while let Some(ask) = handoff::next_ask(&relay)? {
        handoff::answer(&relay, &make(ask))?;
    }
    Ok(())
}

/// Makes what was asked for.
fn make(ask: Ask) -> Result<Vec<OwnedFd>, Failure> {
    match ask {
        Ask::Namespaces { mtus } => namespaces(mtus),
        Ask::Tcp => Ok(vec![socket(SocketType::STREAM)?]),
        Ask::Udp => Ok(vec![socket(SocketType::DGRAM)?]),
    }
}

/// Makes both namespaces and stays in the near one: near device, far device, far TCP and UDP.
fn namespaces([near_mtu, far_mtu]: [u16; 2]) -> Result<Vec<OwnedFd>, Failure> {
    enter_namespace().map_err(|errno| Step::Namespace.failed(errno))?;
    let far = device("far", *FAR.ip(), far_mtu)?;
    let tcp = far_socket(SocketType::STREAM)?;
    listen(&tcp, BACKLOG).map_err(|errno| Step::Socket.failed(errno))?;
    let udp = far_socket(SocketType::DGRAM)?;
    enter_namespace().map_err(|errno| Step::Namespace.failed(errno))?;
    Ok(vec![device("near", NEAR, near_mtu)?, far, tcp, udp])
}

fn device(name: &str, address: Ipv4Addr, mtu: u16) -> Result<OwnedFd, Failure> {
    let device = device::open(name).map_err(|error| Step::Device.failed(error))?;
    let interface = Interface { address, mtu, queue: QUEUE };
    netlink::bring_up(name, &interface).map_err(|error| Step::Interface.failed(error))?;
    Ok(device.into())
}

fn far_socket(kind: SocketType) -> Result<OwnedFd, Failure> {
    let socket = socket(kind)?;
    bind(&socket, &FAR).map_err(|errno| Step::Socket.failed(errno))?;
    Ok(socket)
}

fn socket(kind: SocketType) -> Result<OwnedFd, Failure> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::INET, kind, flags, None).map_err(|errno| Step::Socket.failed(errno))
}

/// Moves into a new network namespace; into a new user namespace first if that takes one.
#[expect(unsafe_code, reason = "rustix has no safe form of `unshare`")]
fn enter_namespace() -> Result<(), Errno> {
    // SAFETY: what is unsound about `unshare` is a file table of a thread's own. Neither flag below
    // gives one.
    let unshare = |flags| unsafe { unshare_unsafe(flags) };
    match unshare(UnshareFlags::NEWNET) {
        Err(Errno::PERM) => unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET),
        outcome => outcome,
    }
}
