//! What differs between operating systems, and the options that sockets are given on all of them.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "compiled and tested on Linux too"))]
mod other;

use std::{io, net::UdpSocket};

use socket2::SockRef;
use tracing::warn;

use crate::limits;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    Poller, is_out_of_buffers, is_out_of_resources, kernel_drops, may_be_the_offload,
    prepare_control, wait_writable,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{
    Poller, is_out_of_buffers, is_out_of_resources, kernel_drops, may_be_the_offload,
    prepare_control, wait_writable,
};

/// Asks for room in the kernel, and says so once where a fourth of it is not granted.
pub(crate) fn ask_for_room(socket: &UdpSocket) {
    let socket = SockRef::from(socket);
    // What is granted counts, not what the call says.
    drop(socket.set_recv_buffer_size(limits::RECEIVE_BUFFER));
    drop(socket.set_send_buffer_size(limits::SEND_BUFFER));
    let receive = socket.recv_buffer_size().unwrap_or(0);
    let send = socket.send_buffer_size().unwrap_or(0);
    if receive < limits::RECEIVE_BUFFER / 4 || send < limits::SEND_BUFFER / 4 {
        warn_once(receive, send);
    }
}

fn warn_once(receive: usize, send: usize) {
    static WARNED: std::sync::Once = std::sync::Once::new();
    WARNED.call_once(|| {
        warn!(
            receive,
            asked_receive = limits::RECEIVE_BUFFER,
            send,
            asked_send = limits::SEND_BUFFER,
            "the system grants small UDP buffers (net.core.rmem_max, wmem_max): bursts may be lost"
        );
    });
}

/// Whether a receive error leaves the socket unusable; every other one passes.
pub(crate) fn is_fatal(error: &io::Error) -> bool {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    matches!(error.raw_os_error(), Some(EBADF | ENOTSOCK))
}
