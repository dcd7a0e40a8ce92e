//! Room in the sockets inside the namespaces for what comes while the relay does not run.

use std::net::UdpSocket;

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::SockRef;

use crate::limits;

/// Makes as much room as the system allows us, which lets root have more.
pub(super) fn enlarge(socket: &UdpSocket) {
    if set_socket_recv_buffer_size_force(socket, limits::SOCKET_BUFFER_OF_ROOT).is_err() {
        drop(SockRef::from(socket).set_recv_buffer_size(limits::SOCKET_BUFFER));
    }
}
