//! A client that is alone: the thread that does the work waits for what comes, and may receive it.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use biplane::{Client, ClientConfig, ConnectError, EndpointStats, Event, Pending, Planes};

use super::{COMMAND, RELIABLE, Room, UDP, UNRELIABLE, drops, intake::Intake, protocol, workers};
use crate::{Class, Handed, Heard, Peer, Side, Worker};

/// The one client there is.
const ME: Peer = 0;
/// Between two looks whether UDP is up.
const STEP: Duration = Duration::from_millis(1);

pub(super) struct Alone {
    joining: Option<Pending<Result<Client, ConnectError>>>,
    client: Option<Client>,
    /// When its session began.
    since: Instant,
    is_joined: bool,
    room: Room,
    intake: Intake,
    why_not: Option<String>,
}

impl Alone {
    pub(super) fn open(address: &str, config: ClientConfig) -> Self {
        Self {
            joining: Some(Client::connect_with(address, &protocol(), config)),
            client: None,
            since: Instant::now(),
            is_joined: false,
            room: Room::default(),
            intake: Intake::of(1),
            why_not: None,
        }
    }

    /// Hands out what is there.
    fn take(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let Some(client) = &self.client else { return Ok(()) };
        let has_landed = || client.planes() == Planes::Both || self.since.elapsed() >= UDP;
        if !self.is_joined && has_landed() {
            self.is_joined = true;
            hear(Heard::Joined(ME));
        }
        let mut is_over = false;
        for event in client.events() {
            if let Event::Left(..) = event {
                is_over = true;
            } else if let Event::Offered(offer) = event {
                self.intake.take(offer);
            } else if let Event::Fault(fault) = event {
                bail!("the client's socket broke: {fault:?}");
            }
        }
        for channel in [UNRELIABLE, RELIABLE, COMMAND] {
            client.drain_bytes(channel, |message| hear(Heard::Message(ME, message)));
        }
        if is_over {
            hear(Heard::Left(ME));
        }
        Ok(())
    }

    /// Waits for its session to begin.
    fn join(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) {
        let Some(joining) = &mut self.joining else { return thread::sleep(patience) };
        let waker = Waker::from(Arc::new(Sleeper(thread::current())));
        match Pin::new(joining).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => thread::park_timeout(patience),
            Poll::Ready(Ok(client)) => {
                (self.client, self.joining) = (Some(client), None);
                self.since = Instant::now();
            }
            Poll::Ready(Err(error)) => {
                (self.why_not, self.joining) = (Some(error.to_string()), None);
                hear(Heard::Left(ME));
            }
        }
    }

    fn stats(&self) -> EndpointStats {
        self.client.as_ref().map(Client::endpoint_stats).unwrap_or_default()
    }
}

impl Side for Alone {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let Some(client) = &self.client else {
            self.join(patience, hear);
            return Ok(());
        };
        let wait = if self.is_joined { patience } else { patience.min(STEP) };
        if wait.is_zero() || client.wait(wait) || !self.is_joined {
            return self.take(hear);
        }
        Ok(())
    }

    fn send(&mut self, _to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(client) = &self.client else { return Ok(false) };
        super::send(client.session(), &mut self.room, class, message, || client.flush())
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(client) = &self.client {
            client.flush();
        }
        Ok(())
    }

    fn handed(&mut self) -> Option<Handed> {
        self.intake.look()
    }

    fn why_not(&self) -> Option<String> {
        self.why_not.clone()
    }

    fn receivers(&self) -> Vec<Worker> {
        workers(&self.stats().receivers)
    }

    fn senders(&self) -> Vec<Worker> {
        workers(&self.stats().senders)
    }

    fn lost_spuriously(&self) -> Option<u64> {
        Some(self.client.as_ref()?.session().stats().path.lost_spuriously)
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        drops(&self.stats(), self.client.iter().map(|client| client.session().stats()))
    }
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").field("is_joined", &self.is_joined).finish_non_exhaustive()
    }
}

/// A thread that sleeps until its client has joined.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
