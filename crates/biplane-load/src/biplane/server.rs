//! The server's side.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use biplane::{Event, ServerConfig, Session, Verdict};

use super::{COMMAND, RELIABLE, Room, UNRELIABLE, drops, protocol, threading, workers};
use crate::{Class, Heard, Means, Pattern, Peer, Side, Worker};

/// A server, and who joined it.
pub(super) struct Server {
    server: biplane::Server,
    peers: Vec<(Session, Room)>,
}

/// Which of the peers a session is; it stands with the session.
#[derive(Debug, Default)]
struct Place(AtomicUsize);

impl Server {
    pub(super) fn open(means: &Means) -> Result<Self> {
        let mut config = ServerConfig::default()
            .admission(|_| async { Verdict::admit_as(Place::default()) })
            .max_sessions(means.clients.max(2_000));
        if means.receivers > 0 {
            config = config.receivers(means.receivers);
        }
        if means.senders > 0 {
            config = config.senders(means.senders);
        }
        if let Some(threading) = means.threads.map(threading) {
            config = config.threading(threading);
        }
        if let Some(quiet) = means.keep_alive {
            config = config.keep_alive(quiet);
        }
        let server = biplane::Server::bind_with("127.0.0.1:0", &protocol(), config)?;
        Ok(Self { server, peers: Vec::new() })
    }

    pub(super) fn link(&self) -> String {
        self.server.link().to_string()
    }

    /// Hands out what is there.
    fn take(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        for event in self.server.events() {
            if let Event::Joined(session) = event {
                let peer = self.peers.len();
                if let Some(Place(place)) = session.app() {
                    place.store(peer, Ordering::Relaxed);
                }
                self.peers.push((session, Room::default()));
                hear(Heard::Joined(peer));
            } else if let Event::Left(session, _) = event {
                hear(Heard::Left(place(&session)));
            } else if let Event::Fault(fault) = event {
                bail!("the server broke: {fault:?}");
            }
        }
        for channel in [UNRELIABLE, RELIABLE, COMMAND] {
            self.server.drain_bytes(channel, |session, message| {
                hear(Heard::Message(place(session), message));
            });
        }
        Ok(())
    }
}

fn place(session: &Session) -> Peer {
    session.app().map_or(Peer::MAX, |Place(place)| place.load(Ordering::Relaxed))
}

impl Side for Server {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        if patience.is_zero() || self.server.wait(patience) {
            return self.take(hear);
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some((session, room)) = self.peers.get_mut(to) else { return Ok(false) };
        super::send(session, room, class, message, || self.server.flush())
    }

    fn flush(&mut self) -> Result<()> {
        self.server.flush();
        Ok(())
    }

    fn hand_over(&mut self, to: Peer, bytes: u64) -> Result<()> {
        let (session, _) = self.peers.get(to).context("nobody is there to hand bytes to")?;
        // It goes on without its handle; what comes of it is seen where it arrives.
        session.transfer_from("bulk", bytes, Pattern::default())?;
        Ok(())
    }

    fn receivers(&self) -> Vec<Worker> {
        workers(&self.server.stats().receivers)
    }

    fn senders(&self) -> Vec<Worker> {
        workers(&self.server.stats().senders)
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        drops(&self.server.stats(), self.peers.iter().map(|(session, _)| session.stats()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}
