//! Socket buffers that outlast a moment in which the relay does not run.

use std::net::UdpSocket;

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::SockRef;

use crate::limits::SOCKET_BUFFER;

/// Makes room for what comes while nobody reads: as much as the system allows us.
pub(super) fn enlarge(socket: &UdpSocket) {
    if set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER).is_err() {
        // For everybody but the administrator `net.core.rmem_max` is the most.
        drop(SockRef::from(socket).set_recv_buffer_size(SOCKET_BUFFER));
    }
}
