//! Linux: epoll, eventfd, and what the kernel counts.

use std::{
    io,
    mem::MaybeUninit,
    net::UdpSocket,
    os::fd::{AsRawFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll},
    io::Errno,
};
use socket2::SockRef;

use crate::limits;

/// Waits until a socket can be read, or until it is told to stop.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    stop: OwnedFd,
    bell: OwnedFd,
}

impl Poller {
    /// One that waits on `socket`, which must outlive it.
    pub(crate) fn new(socket: &UdpSocket) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let [stop, bell] = [bell()?, bell()?];
        // Level-triggered: what a worker leaves behind wakes the next.
        epoll::add(&epoll, socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        epoll::add(&epoll, &stop, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
        Ok(Self { epoll, stop, bell })
    }

    /// Waits; an interruption is an end too.
    pub(crate) fn wait(&self, _: &UdpSocket) {
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); 2];
        drop(epoll::wait(&self.epoll, &mut events, None));
    }

    /// The same for so long at the most, or until it is rung. Whether the socket may hold something.
    ///
    /// As exact as the kernel's timers: `epoll_wait` counts milliseconds, which is much of a tick,
    /// and not all kernels that we run on have `epoll_pwait2`.
    pub(crate) fn wait_within(&self, socket: &UdpSocket, most: Duration) -> bool {
        // A time that no clock reaches is none.
        let timeout = Timespec::try_from(most).ok();
        let mut fds = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(&self.bell, PollFlags::IN),
        ];
        let ready = poll(&mut fds, timeout.as_ref());
        let [holds, _, rung] = fds.map(|fd| !fd.revents().is_empty());
        if rung {
            // Another waiter may have heard it first.
            let _silent = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        }
        holds || ready.is_err()
    }

    /// Ends every wait, now and later.
    pub(crate) fn stop(&self) {
        ring(&self.stop);
    }

    /// Ends a [`Poller::wait_within`], that of now or the next.
    pub(crate) fn ring(&self) {
        ring(&self.bell);
    }
}

fn bell() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

fn ring(bell: &OwnedFd) {
    let written = rustix::io::write(bell, &1_u64.to_ne_bytes());
    debug_assert!(written.is_ok(), "the counter is far from full");
}

/// Waits until `socket` takes more; whether it does.
pub(crate) fn wait_writable(socket: &UdpSocket, patience: Duration) -> bool {
    let timeout = Timespec::try_from(patience).ok();
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}

/// Whether segmentation offload may be why a run was refused.
pub(crate) fn may_be_the_offload(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::IO | Errno::MSGSIZE))
}

/// Whether the kernel will do better in a moment.
pub(crate) fn is_out_of_buffers(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOBUFS | Errno::NOMEM))
}

/// Whether accepting failed for want of something that may come back.
pub(crate) fn is_out_of_resources(error: &io::Error) -> bool {
    let wanting = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| wanting.contains(&errno))
}

/// Whether accepting failed for want of a descriptor.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Datagrams the kernel dropped because nobody read them in time, modulo 2^32.
///
/// Asked of the socket: the counter that rides on received datagrams is not there while the socket
/// is quiet, and `/proc/net/udp` costs a line for every socket of the system.
#[expect(unsafe_code, reason = "neither std nor socket2 nor rustix knows SO_MEMINFO")]
pub(crate) fn kernel_drops(socket: &UdpSocket) -> Option<u64> {
    const SO_MEMINFO: libc::c_int = 55;
    const DROPS: usize = 8;
    let mut info = [0_u32; DROPS + 1];
    let mut len = libc::socklen_t::try_from(size_of_val(&info)).ok()?;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed. The kernel writes `len`
    // bytes to `info` at the most, which is as long, and to `len`; both outlive the call.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    let whole = outcome == 0 && len as usize == size_of_val(&info);
    info.get(DROPS).filter(|_| whole).map(|drops| u64::from(*drops))
}

/// Options of a control connection: what is small leaves at once, little waits below us, and
/// silence is noticed.
pub(crate) fn prepare_control(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Where the kernel has neither, we are slower to notice, and no worse.
    drop(socket.set_tcp_notsent_lowat(limits::TCP_UNSENT));
    drop(socket.set_tcp_user_timeout(Some(limits::TCP_SILENCE)));
    Ok(())
}

/// Bytes that `stream` took and that the peer's system has not acknowledged; 0 if the kernel does not
/// say.
#[expect(unsafe_code, reason = "no safe wrapper asks for it")]
pub(crate) fn under_way(stream: &tokio::net::TcpStream) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as `stream` is borrowed. The kernel writes one
    // `c_int` to `bytes`, which outlives the call.
    let outcome = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    usize::try_from(bytes).ok().filter(|_| outcome == 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    #[test]
    fn a_poller_that_was_stopped_does_not_wait() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let poller = Poller::new(&socket).unwrap();
        poller.stop();
        poller.wait(&socket);
        poller.wait(&socket);
    }

    #[test]
    fn a_poller_waits_no_longer_than_it_may_nor_once_it_was_rung() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let poller = Poller::new(&socket).unwrap();
        assert!(!poller.wait_within(&socket, Duration::from_millis(1)));
        poller.ring();
        assert!(!poller.wait_within(&socket, Duration::MAX));
        let (begun, most) = (std::time::Instant::now(), Duration::from_millis(5));
        assert!(!poller.wait_within(&socket, most));
        assert!(begun.elapsed() >= most);
    }

    #[test]
    fn a_poller_sees_what_is_left_on_the_socket() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let poller = Poller::new(&socket).unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        poller.wait(&socket);
        poller.wait(&socket);
        assert!(poller.wait_within(&socket, Duration::MAX));
    }

    #[test]
    fn the_kernel_counts_what_nobody_reads() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(kernel_drops(&socket), Some(0));
        SockRef::from(&socket).set_recv_buffer_size(4_096).unwrap();
        for _ in 0..100 {
            socket.send_to(&[0; 1_000], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let mut left = 0;
        while socket.recv(&mut [0; 1_000]).is_ok() {
            left += 1;
        }
        assert_eq!(kernel_drops(&socket), Some(100 - left));
        assert_eq!(kernel_drops(&socket), proc_drops(&socket));
    }

    /// The same as the system's table tells it.
    fn proc_drops(socket: &UdpSocket) -> Option<u64> {
        const INODE: usize = 9;
        const DROPS: usize = 12;
        let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino();
        let table = fs::read_to_string("/proc/self/net/udp").unwrap();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut rows = rows.filter(|row| row.get(INODE) == Some(&&*inode.to_string()));
        rows.find_map(|row| row[DROPS].parse().ok())
    }

    #[test]
    fn a_socket_with_room_is_writable() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(wait_writable(&socket, Duration::ZERO));
    }
}
