//! A client that is alone and inline: the thread that does the work receives and sends, too.

use std::{collections::BTreeMap, fmt, thread, time::Duration};

use anyhow::{Result, bail};
use biplane::{Client, ClientConfig, ConnectError, Event, Pending, Planes, Threading};

use super::{COMMAND, RELIABLE, Room, UNRELIABLE, drops, intake::Intake, protocol};
use crate::{Class, Handed, Heard, Peer, Side};

/// The one client there is.
const ME: Peer = 0;
/// Between two looks whether it has joined.
const STEP: Duration = Duration::from_millis(1);

pub(super) struct Alone {
    joining: Option<Pending<Result<Client, ConnectError>>>,
    client: Option<Client>,
    is_joined: bool,
    room: Room,
    intake: Intake,
    why_not: Option<String>,
}

impl Alone {
    pub(super) fn open(address: &str) -> Self {
        let config = ClientConfig::default().threading(Threading::Inline);
        Self {
            joining: Some(Client::connect_with(address, &protocol(), config)),
            client: None,
            is_joined: false,
            room: Room::default(),
            intake: Intake::of(1),
            why_not: None,
        }
    }

    /// Hands out what is there.
    fn take(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let Some(client) = &self.client else { return Ok(()) };
        if !self.is_joined && client.planes() == Planes::Both {
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

    fn join(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        match self.joining.as_mut().and_then(Pending::try_take) {
            None => thread::sleep(STEP),
            Some(Ok(client)) => (self.client, self.joining) = (Some(client), None),
            Some(Err(error)) => {
                (self.why_not, self.joining) = (Some(error.to_string()), None);
                hear(Heard::Left(ME));
            }
        }
    }
}

impl Side for Alone {
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        let Some(client) = &self.client else {
            self.join(hear);
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

    fn lost_spuriously(&self) -> Option<u64> {
        Some(self.client.as_ref()?.session().stats().path.lost_spuriously)
    }

    fn drops(&self) -> BTreeMap<String, u64> {
        let stats = self.client.as_ref().map(Client::endpoint_stats).unwrap_or_default();
        drops(&stats, self.client.iter().map(|client| client.session().stats()))
    }
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").field("is_joined", &self.is_joined).finish_non_exhaustive()
    }
}
