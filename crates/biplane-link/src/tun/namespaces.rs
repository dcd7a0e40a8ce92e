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
use tracing::debug;

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

    /// A TCP socket on the near side; `None` if there is none to be had now.
    ///
    /// # Errors
    ///
    /// If the keeper is gone.
    pub(super) fn tcp(&mut self) -> io::Result<Option<OwnedFd>> {
        let socket = self.socket(Ask::Tcp, |stock| &mut stock.tcp)?;
        socket.iter().try_for_each(|socket| self.control(socket))?;
        Ok(socket)
    }

    /// A UDP socket on the near side; likewise.
    ///
    /// # Errors
    ///
    /// If the keeper is gone.
    pub(super) fn udp(&mut self) -> io::Result<Option<OwnedFd>> {
        self.socket(Ask::Udp, |stock| &mut stock.udp)
    }

    /// Takes in an answer, if there is one. There is when what `as_fd` gives is readable.
    ///
    /// # Errors
    ///
    /// If the keeper is gone.
    pub(super) fn restock(&mut self) -> io::Result<()> {
        self.take_answer(RecvFlags::DONTWAIT).map(|_| ())
    }

    /// One of the sockets of a kind; the stock of them is filled up by asking.
    fn socket(
        &mut self,
        kind: Ask,
        stock: fn(&mut Self) -> &mut Vec<OwnedFd>,
    ) -> io::Result<Option<OwnedFd>> {
        // An answer has no socket in it where there was no descriptor left for one.
        let asked = self.asked.iter().filter(|ask| **ask == kind).count();
        for _ in stock(self).len() + asked..STOCK {
            self.ask(kind)?;
        }
        let mut is_answered = true;
        while stock(self).is_empty() && self.asked.contains(&kind) && is_answered {
            is_answered = self.take_answer(RecvFlags::empty())?;
        }
        Ok(stock(self).pop())
    }

    /// Takes in an answer; whether there was one.
    fn take_answer(&mut self, flags: RecvFlags) -> io::Result<bool> {
        let made = match handoff::next_answer(&self.handoff, flags) {
            Ok(made) => made.unwrap_or_else(|Failure { error, .. }| {
                debug!(%error, "no socket on the near side");
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.asked.pop_front() {
            Some(Ask::Tcp) => self.tcp.extend(made),
            Some(Ask::Udp) => self.udp.extend(made),
            Some(Ask::Namespaces { .. }) | None => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(true)
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_came_without_a_descriptor_is_asked_for_again() {
        let (handoff, theirs) = handoff::pair().unwrap();
        let mut namespaces = Namespaces {
            keeper: Command::new("true").spawn().unwrap(),
            handoff,
            congestion: None,
            asked: VecDeque::new(),
            tcp: Vec::new(),
            udp: Vec::new(),
        };
        let keeper = thread::spawn(move || {
            let mut answered = 0;
            // Until the relay's end is gone.
            while let Ok(Some(ask)) = handoff::next_ask(&theirs) {
                assert_eq!(ask, Ask::Udp);
                // As if there were none left for the first ones.
                let made = (answered >= STOCK).then(|| handoff::pair().unwrap().0);
                drop(handoff::answer(&theirs, &Ok(made.into_iter().collect())));
                answered += 1;
            }
            answered
        });
        assert!(namespaces.udp().unwrap().is_none());
        for _ in 0..2 * STOCK {
            assert!(namespaces.udp().unwrap().is_some());
        }
        drop(namespaces);
        assert!(keeper.join().unwrap() > 2 * STOCK);
    }
}
