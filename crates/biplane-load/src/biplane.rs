//! Biplane as one of the systems: its public face, with the defaults of its documentation.
//!
//! Messages are opaque bytes, so that no encoding is measured; a server is driven by
//! [`Server::wait`](biplane::Server::wait) and `drain_bytes`, a client by its events.

mod alone;
mod clients;
mod intake;
mod server;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use biplane::{
    Channel, ClientConfig, EndpointStats, Payload, Protocol, SendError, Session, SessionStats,
    Threading, WorkerStats,
};

use self::{alone::Alone, clients::Clients, server::Server};
use crate::{Class, Means, Served, Side, System, Threads, Worker};

const UNRELIABLE: Channel<Payload> = Channel::unreliable("unreliable");
const RELIABLE: Channel<Payload> = Channel::reliable_ordered("reliable");
const COMMAND: Channel<Payload> = Channel::command("command");

/// What an unreliable channel holds before the oldest message is pushed out: `docs/limits.md`.
const QUEUE_MESSAGES: u64 = 1_024;
/// The same in bytes, each message with 64 beside its own.
const QUEUE_BYTES: u64 = 1 << 20;
const MESSAGE_COST: u64 = 64;
/// How long a client waits for UDP until it counts as joined over TCP alone.
const UDP: Duration = Duration::from_secs(3);

/// Biplane itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Biplane;

impl System for Biplane {
    fn name(&self) -> &'static str {
        "biplane"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn settings(&self, means: &Means) -> String {
        let mut settings = vec![match means.clients {
            1 => "defaults; the client has a socket of its own".to_owned(),
            _ => "defaults; all clients share one endpoint".to_owned(),
        }];
        let threads = [(means.receivers, "receivers"), (means.senders, "senders")];
        let chosen = threads.into_iter().filter(|(count, _)| *count > 0);
        settings.extend(chosen.map(|(count, name)| format!("{count} {name}")));
        settings.extend(means.threads.map(|threads| match threads {
            Threads::Dedicated => "dedicated threads".to_owned(),
            Threads::Shared if means.clients == 1 => "shared threads".to_owned(),
            Threads::Shared => "the server on shared threads".to_owned(),
            Threads::Inline if means.clients == 1 => "inline".to_owned(),
            Threads::Inline => "the server inline".to_owned(),
        }));
        settings.extend(means.keep_alive.map(|quiet| format!("keep-alives after {quiet:?}")));
        settings.push("a client has joined when UDP is up".to_owned());
        settings.join("; ")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        Some(match class {
            Class::Unreliable => 16 * 1024,
            Class::Reliable | Class::Command => 256 * 1024,
        })
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let server = Server::open(means)?;
        Ok(Served { address: server.link(), side: Box::new(server) })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        if means.clients == 1 {
            let threading = means.threads.map(threading).unwrap_or_default();
            let config = client_config(means).threading(threading);
            return Ok(Box::new(Alone::open(address, config)));
        }
        Ok(Box::new(Clients::open(means, address)?))
    }
}

fn client_config(means: &Means) -> ClientConfig {
    let config = ClientConfig::default();
    match means.keep_alive {
        Some(quiet) => config.keep_alive(quiet),
        None => config,
    }
}

const fn threading(threads: Threads) -> Threading {
    match threads {
        Threads::Dedicated => Threading::Dedicated,
        Threads::Shared => Threading::Shared,
        Threads::Inline => Threading::Inline,
    }
}

fn protocol() -> Protocol {
    Protocol::new("biplane-load", 1).channel(UNRELIABLE).channel(RELIABLE).channel(COMMAND)
}

/// How much an unreliable channel surely has room for. A queue that is full drops its oldest
/// message, so whoever wants none dropped asks first; asking for each message would cost. Once full
/// it has room when half of it is free, as a reliable one is writable again.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    messages: u64,
    bytes: u64,
}

impl Room {
    fn beside(stats: &SessionStats) -> Self {
        let messages = QUEUE_MESSAGES.saturating_sub(stats.queued_messages);
        let bytes = QUEUE_BYTES.saturating_sub(stats.queued_bytes);
        let is_half_free = messages >= QUEUE_MESSAGES / 2 && bytes >= QUEUE_BYTES / 2;
        if is_half_free { Self { messages, bytes } } else { Self::default() }
    }

    /// Takes a message's share, if it is there.
    fn take(&mut self, length: usize) -> bool {
        let left = self.bytes.checked_sub(length as u64 + MESSAGE_COST);
        match (self.messages.checked_sub(1), left) {
            (Some(messages), Some(bytes)) => {
                *self = Self { messages, bytes };
                true
            }
            _ => false,
        }
    }
}

/// Queues a message; false if there is no room for it, or the session is over.
fn send(
    session: &Session,
    room: &mut Room,
    class: Class,
    message: &[u8],
    flush: impl FnOnce(),
) -> Result<bool> {
    let channel = match class {
        Class::Unreliable => UNRELIABLE,
        Class::Reliable => RELIABLE,
        Class::Command => COMMAND,
    };
    if class == Class::Unreliable && !room.take(message.len()) {
        flush();
        *room = Room::beside(&session.stats());
        if !room.take(message.len()) {
            return Ok(false);
        }
    }
    match session.send_bytes(channel, message) {
        Ok(()) => Ok(true),
        // What is over is told as such in a turn.
        Err(SendError::QueueFull | SendError::Closed) => Ok(false),
        Err(error) => bail!("{error}"),
    }
}

fn workers(stats: &[WorkerStats]) -> Vec<Worker> {
    let worker = |stats: &WorkerStats| Worker {
        datagrams: stats.datagrams,
        batches: stats.batches,
        wakeups: stats.wakeups,
    };
    stats.iter().map(worker).collect()
}

/// Everything that was dropped here: datagrams by reason, and messages.
fn drops(
    endpoint: &EndpointStats,
    sessions: impl Iterator<Item = SessionStats>,
) -> BTreeMap<String, u64> {
    let datagrams = &endpoint.datagrams;
    let reasons = datagrams.drops.iter().map(|(reason, count)| (reason.name().to_owned(), count));
    let mut drops: BTreeMap<_, _> = reasons.collect();
    drops.insert("kernel".to_owned(), datagrams.kernel_dropped.unwrap_or(0));
    drops.insert("unsent".to_owned(), datagrams.unsent);
    for stats in sessions {
        for (reason, count) in [
            ("messages_overflowed", stats.messages_overflowed),
            ("messages_expired", stats.messages_expired),
            ("messages_untaken", stats.messages_untaken),
            ("messages_unfinished", stats.messages_unfinished),
        ] {
            *drops.entry(reason.to_owned()).or_default() += count;
        }
    }
    drops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_room_for_its_messages_and_for_their_bytes() {
        let mut room = Room::beside(&SessionStats::default());
        assert_eq!((0..2_000).filter(|_| room.take(64)).count(), 1_024);
        let mut room = Room::beside(&SessionStats::default());
        assert_eq!((0..2_000).filter(|_| room.take(16 * 1024)).count(), 63);
        assert!(!Room::default().take(1));
        let mut stats = SessionStats::default();
        for (queued, has_room) in [(512, true), (513, false)] {
            stats.queued_messages = queued;
            assert_eq!(Room::beside(&stats).take(64), has_room, "{queued}");
        }
    }
}
