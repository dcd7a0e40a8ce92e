//! The namespaces as the host sees them: what came out of the keeper, and a stock of near sockets.
//!
//! Sockets are asked for ahead of need, because the keeper may take milliseconds to answer on a
//! busy machine, and packets under way would have to wait for as long.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::net::{
    RecvFlags,
    sockopt::{Timeout, set_socket_timeout, set_tcp_congestion},
};

use super::{
    TunConfig, TunError,
    handoff::{self, Ask, Failure, Step},
    poller::Poller,
};

/// How many sockets of each kind lie ready.
const STOCK: usize = 8;
/// How long the keeper may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A near and a far network namespace. They end with this, and with the process, however it ends.
#[derive(Debug)]
pub(super) struct Namespaces {
    keeper: Child,
    handoff: OwnedFd,
    /// TCP's congestion control, if it is not the system's.
    congestion: Option<String>,
    /// What the keeper has not answered yet, oldest first.
    asked: VecDeque<Ask>,
    tcp: Vec<OwnedFd>,
    udp: Vec<OwnedFd>,
}

/// What the host has of the two namespaces from the start. None of it waits.
#[derive(Debug)]
pub(super) struct Ends {
    /// The near side's TUN device.
    pub(super) near: File,
    /// The far side's.
    pub(super) far: File,
    /// Listens on the far side.
    pub(super) far_listener: TcpListener,
    /// Receives on the far side.
    pub(super) far_socket: UdpSocket,
}

/// Who makes and who watches new sockets.
#[derive(Debug)]
pub(super) struct Makers<'a> {
    /// Makes them, on the near side.
    pub(super) namespaces: &'a mut Namespaces,
    /// Watches them.
    pub(super) poller: &'a Poller,
}

impl Namespaces {
    /// Makes the two. `mtus` are those of the near side and of the far one.
    pub(super) fn new(config: TunConfig, mtus: [u16; 2]) -> Result<(Self, Ends), TunError> {
        let TunConfig { keeper, congestion } = config;
        let (handoff, theirs) = handoff::pair().map_err(TunError::Keeper)?;
        let keeper = spawn(keeper, theirs).map_err(TunError::Keeper)?;
        let (asked, tcp, udp) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut namespaces = Self { keeper, handoff, congestion, asked, tcp, udp };
        let ends = namespaces.open(mtus)?;
        // Who is accepted inherits it.
        if let Err(why) = namespaces.control(&ends.far_listener) {
            let name = namespaces.congestion.take().unwrap_or_default();
            return Err(TunError::Congestion { name, why });
        }
        namespaces.stock_up().map_err(TunError::Keeper)?;
        Ok((namespaces, ends))
    }

    /// A TCP socket on the near side.
    pub(super) fn tcp(&mut self) -> io::Result<OwnedFd> {
        while self.tcp.is_empty() {
            self.take_answer(RecvFlags::empty())?;
        }
        self.ask(Ask::Tcp)?;
        let socket = self.tcp.pop().ok_or(io::ErrorKind::NotFound)?;
        self.control(&socket)?;
        Ok(socket)
    }

    /// A UDP socket on the near side.
    pub(super) fn udp(&mut self) -> io::Result<OwnedFd> {
        while self.udp.is_empty() {
            self.take_answer(RecvFlags::empty())?;
        }
        self.ask(Ask::Udp)?;
        Ok(self.udp.pop().ok_or(io::ErrorKind::NotFound)?)
    }

    /// Takes in an answer, if there is one. There is when what `as_fd` gives is readable.
    ///
    /// # Errors
    ///
    /// If the keeper is gone, or can make no more sockets.
    pub(super) fn restock(&mut self) -> io::Result<()> {
        match self.take_answer(RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            outcome => outcome,
        }
    }

    fn take_answer(&mut self, flags: RecvFlags) -> io::Result<()> {
        let made = handoff::next_answer(&self.handoff, flags)?.map_err(|failure| failure.error)?;
        match self.asked.pop_front() {
            Some(Ask::Tcp) => self.tcp.extend(made),
            Some(Ask::Udp) => self.udp.extend(made),
            Some(Ask::Namespaces { .. }) | None => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }

    fn open(&self, mtus: [u16; 2]) -> Result<Ends, TunError> {
        set_socket_timeout(&self.handoff, Timeout::Recv, Some(PATIENCE))
            .map_err(|errno| TunError::Keeper(errno.into()))?;
        handoff::ask(&self.handoff, Ask::Namespaces { mtus }).map_err(TunError::Keeper)?;
        let made =
            handoff::next_answer(&self.handoff, RecvFlags::empty()).map_err(TunError::Keeper)??;
        let Ok([near, far, listener, socket]) = <[OwnedFd; 4]>::try_from(made) else {
            return Err(TunError::Keeper(io::ErrorKind::InvalidData.into()));
        };
        Ok(Ends {
            near: near.into(),
            far: far.into(),
            far_listener: listener.into(),
            far_socket: socket.into(),
        })
    }

    fn control(&self, socket: impl AsFd) -> io::Result<()> {
        let congestion = self.congestion.as_deref();
        Ok(congestion.map_or(Ok(()), |name| set_tcp_congestion(socket, name))?)
    }

    fn stock_up(&mut self) -> io::Result<()> {
        (0..STOCK).try_for_each(|_| {
            self.ask(Ask::Tcp)?;
            self.ask(Ask::Udp)
        })
    }

    fn ask(&mut self, ask: Ask) -> io::Result<()> {
        handoff::ask(&self.handoff, ask)?;
        self.asked.push_back(ask);
        Ok(())
    }
}

impl AsFd for Namespaces {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handoff.as_fd()
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // It would end by itself, but this way it has ended, and has left no zombie. It may be gone
        // already.
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

impl From<Failure> for TunError {
    fn from(Failure { step, error }: Failure) -> Self {
        match step {
            Step::Namespace => Self::Namespace(error),
            Step::Device => Self::Device(error),
            Step::Interface => Self::Interface(error),
            Step::Socket => Self::Socket(error),
        }
    }
}

/// Starts the keeper, out of reach of the terminal's Ctrl-C: it is for us to end it. The command is
/// consumed because it would keep the keeper's end open.
fn spawn(mut command: Command, handoff: OwnedFd) -> io::Result<Child> {
    command.process_group(0).stdin(Stdio::from(handoff)).stdout(Stdio::null()).spawn()
}
