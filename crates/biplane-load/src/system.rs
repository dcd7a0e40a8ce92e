//! What carries messages, as the work sees it.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::Handed;

/// How a message shall travel.
#[expect(clippy::exhaustive_enums, reason = "every system says of each whether it carries it")]
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Class {
    /// It may be lost, and may come out of order.
    Unreliable,
    /// It arrives, once and in order, beside what is unreliable.
    Reliable,
    /// It arrives, once and in order, and the system's way for commands carries it where there is
    /// one of its own; else as [`Class::Reliable`].
    Command,
}

/// Whose settings a system is driven with.
#[expect(clippy::exhaustive_enums, reason = "every system has both")]
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Tuning {
    /// As its documentation says, with its defaults.
    Documented,
    /// In its favour: caps on its rate lifted, large socket buffers, no sleep between turns.
    Tuned,
}

/// On which threads the system moves datagrams, where it lets one choose.
#[expect(clippy::exhaustive_enums, reason = "what Biplane has")]
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Threads {
    /// One for each receiver and each sender.
    Dedicated,
    /// One for each receiver, which sends too.
    Shared,
    /// Those that do the work. Of clients, where there is one.
    Inline,
}

/// What both sides of a system are opened with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Means {
    /// Whose settings.
    pub tuning: Tuning,
    /// How many clients there will be. 1 to 10,000.
    pub clients: usize,
    /// The longest message of the work, in bytes.
    pub longest: usize,
    /// Whether a side shall rather sleep than look again at once: work at a rate, as a game's.
    /// Otherwise the work is done as fast as it goes.
    pub is_paced: bool,
    /// Threads that receive, where the system lets one choose. 0: its default.
    pub receivers: usize,
    /// Threads that send, where the system lets one choose. 0: its default.
    pub senders: usize,
    /// On which threads that is. None: its default.
    pub threads: Option<Threads>,
    /// After how much quiet a side says that it is there, where the system lets one choose. None: its
    /// default.
    pub keep_alive: Option<Duration>,
}

/// One of a side's peers, numbered from 0. To a server, its clients in the order in which they
/// joined; to a process of clients, the server as seen by each of its clients.
pub type Peer = usize;

/// What a turn brings.
#[expect(clippy::exhaustive_enums, reason = "the work wants to know all that there is")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard<'a> {
    /// A peer can be sent to from now on.
    Joined(Peer),
    /// A message came.
    Message(Peer, &'a [u8]),
    /// A peer is gone, or, if it had not joined, could not be reached.
    Left(Peer),
}

/// What one of a system's threads did.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Worker {
    /// Datagrams it moved.
    pub datagrams: u64,
    /// Calls or batches in which it moved them.
    pub batches: u64,
    /// Times it was woken.
    pub wakeups: u64,
}

/// One end of a system in one process. Dropping it ends its sessions.
pub trait Side: fmt::Debug {
    /// Lets the network go on, and hands out what came. Where nothing has come, it may wait until
    /// something does, `patience` at most; with no patience it does not wait. It returns after a
    /// bounded batch, so that the work has its turn too.
    ///
    /// # Errors
    ///
    /// If the system broke as a whole; what one peer suffers is [`Heard::Left`].
    fn turn(&mut self, patience: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()>;

    /// Queues a message; false if there is no room for it now, and nothing was queued.
    ///
    /// # Errors
    ///
    /// If it can never be sent.
    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool>;

    /// Lets what is queued leave now: the end of a tick.
    ///
    /// # Errors
    ///
    /// If the system broke as a whole.
    fn flush(&mut self) -> Result<()>;

    /// Begins to hand a peer the first `bytes` of a [`crate::Pattern`], beside all messages.
    ///
    /// # Errors
    ///
    /// If it cannot, or the system has no way for bulk.
    fn hand_over(&mut self, to: Peer, bytes: u64) -> Result<()> {
        bail!("{to} cannot be handed {bytes} bytes: there is no way for bulk")
    }

    /// What came of all that this side's peers were handed, once it has ended.
    fn handed(&mut self) -> Option<Handed> {
        None
    }

    /// How long after it was opened this side began to join a peer: no time, where it began with all
    /// of them at once.
    fn begun_after(&self, _peer: Peer) -> Duration {
        Duration::ZERO
    }

    /// Why a peer could not be reached, the first of them, where the system says.
    fn why_not(&self) -> Option<String> {
        None
    }

    /// What each thread that receives has done so far, where the system says.
    fn receivers(&self) -> Vec<Worker> {
        Vec::new()
    }

    /// What each thread that sends has done so far, where the system says.
    fn senders(&self) -> Vec<Worker> {
        Vec::new()
    }

    /// Datagrams that this side held for lost so far and that had come, where the system says.
    fn lost_spuriously(&self) -> Option<u64> {
        None
    }

    /// What this side dropped so far, by reason, where the system says.
    fn drops(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// A server, and where it is.
#[derive(Debug)]
pub struct Served {
    /// The server's side.
    pub side: Box<dyn Side>,
    /// What [`System::join`] is given, in the system's own terms: one line, such as an address, or
    /// an address and a certificate's hash.
    pub address: String,
}

/// Something that carries messages between a server and its clients.
pub trait System: fmt::Debug + Sync {
    /// Its name on the command line and in the tables: lower case, such as `raw_gso`.
    fn name(&self) -> &'static str;

    /// Its version, or that of what it stands on.
    fn version(&self) -> String;

    /// Whether nobody on the way can read or alter the messages.
    fn is_encrypted(&self) -> bool;

    /// In words, what was set otherwise than its defaults, and how it is driven.
    fn settings(&self, means: &Means) -> String;

    /// The longest message of a class in bytes; `None` where it carries none of that class.
    fn longest(&self, class: Class) -> Option<usize>;

    /// Opens a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If the system cannot be had here.
    fn serve(&self, means: &Means) -> Result<Served>;

    /// Opens clients, `means.clients` of them, which begin to join at once, or as
    /// [`Side::begun_after`] says; each is heard as [`Heard::Joined`] in some later turn, or as
    /// [`Heard::Left`].
    ///
    /// # Errors
    ///
    /// If the address makes no sense, or the system cannot be had here.
    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>>;
}
