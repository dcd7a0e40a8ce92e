//! What differs between operating systems, and the options that sockets are given on all of them.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "compiled and tested on Linux too"))]
mod other;

use std::{io, net::UdpSocket, sync::Once};

use socket2::SockRef;
use tracing::warn;

use crate::EndpointConfig;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    Poller, is_out_of_buffers, is_out_of_descriptors, is_out_of_resources, kernel_drops,
    may_be_the_offload, prepare_control, under_way, wait_writable,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{
    Poller, is_out_of_buffers, is_out_of_descriptors, is_out_of_resources, kernel_drops,
    may_be_the_offload, prepare_control, under_way, wait_writable,
};

/// Room in the kernel for datagrams that wait, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Room {
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

/// Bytes that the system says it granted for each that it allowed: Linux doubles what it allows, for
/// its own overhead.
pub(crate) const ACCOUNTED: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Asks for room in the kernel. What is granted counts, not what the calls say: see [`room`].
pub(crate) fn ask_for_room(socket: &UdpSocket, config: &EndpointConfig) {
    let options = SockRef::from(socket);
    drop(options.set_recv_buffer_size(config.receive_buffer));
    drop(options.set_send_buffer_size(config.send_buffer));
}

/// What the system has granted, as it accounts it.
pub(crate) fn room(socket: &UdpSocket) -> Room {
    let socket = SockRef::from(socket);
    Room {
        receive: socket.recv_buffer_size().unwrap_or(0),
        send: socket.send_buffer_size().unwrap_or(0),
    }
}

/// Says once in a process' life where less room is granted than was asked.
pub(crate) fn warn_of_little_room(socket: &UdpSocket, config: &EndpointConfig) {
    static WARNED: Once = Once::new();
    let Room { receive, send } = room(socket);
    let (receive, send) = (receive / ACCOUNTED, send / ACCOUNTED);
    let (asked_receive, asked_send) = (config.receive_buffer, config.send_buffer);
    if receive < asked_receive || send < asked_send {
        WARNED.call_once(|| {
            warn!(
                receive,
                asked_receive,
                send,
                asked_send,
                "the system grants smaller UDP buffers than asked (net.core.rmem_max, wmem_max): \
                 bursts may be lost"
            );
        });
    }
}

/// Whether a receive error leaves the socket unusable; every other one passes.
pub(crate) fn is_fatal(error: &io::Error) -> bool {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    matches!(error.raw_os_error(), Some(EBADF | ENOTSOCK))
}
