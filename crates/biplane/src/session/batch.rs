//! Messages on their way from a session to an application's closure, which may panic: what it did
//! not get goes back.

use core::{
    cell::Cell,
    mem,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    thread,
};

use biplane_proto::{Content, limits};
use biplane_wire::ChannelId;
use bytes::Bytes;

use super::{Session, bit};
use crate::protocol::Entry;

/// So many are taken at a time.
const MOST: usize = 128;
/// Bytes for short messages that a thread keeps between two batches: room for any batch, since more
/// would be given back to the system, and asked for again, each time.
const KEPT: usize = MOST * limits::SHELVED_MESSAGE;

/// Some of what one channel held.
pub(super) struct Batch<'a> {
    session: &'a Session,
    channel: ChannelId,
    taken: Scratch,
    /// Where the next of the short ones begins.
    next: usize,
    /// How many it may still take off the session: all that can have waited when it began, since of
    /// those nobody is told once more, and no more, for those of a peer that sends on and on would
    /// never end.
    left: usize,
}

/// What was taken; its memory is the thread's, for the next batch.
#[derive(Default)]
struct Scratch {
    messages: VecDeque<Taken>,
    /// The short ones, one behind the other.
    bytes: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> =
        const { Cell::new(Scratch { messages: VecDeque::new(), bytes: Vec::new() }) };
}

enum Taken {
    /// So many bytes behind those before.
    Short(usize),
    Long(Bytes),
}

impl<'a> Batch<'a> {
    pub(super) fn new(session: &'a Session, entry: &Entry) -> Self {
        let (channel, left) = (entry.id, entry.most_waiting());
        // Where the thread ends there is none to be had.
        let taken = SCRATCH.try_with(Cell::take).unwrap_or_default();
        Self { session, channel, taken, next: 0, left }
    }

    /// Takes those that are next off the session, unless it has had enough.
    fn fill(&mut self) {
        let Self { session, channel, taken: Scratch { messages, bytes }, next, left } = self;
        bytes.clear();
        *next = 0;
        let mut push = |content: Content<'_>| {
            messages.push_back(match content {
                Content::Borrowed(short) => {
                    bytes.extend_from_slice(short);
                    Taken::Short(short.len())
                }
                Content::Shared(long) => Taken::Long(long),
            });
        };
        let mut room = MOST;
        while room > 0
            && let Some(message) = session.0.returned.take(*channel)
        {
            push(Content::Shared(message));
            room -= 1;
        }
        let (room, before) = (room.min(*left), MOST - room);
        if room > 0 && session.has(*channel) {
            session.0.peer.take(*channel, room, &mut push);
        }
        *left -= messages.len() - before;
    }

    pub(super) fn next(&mut self) -> Option<Content<'_>> {
        if self.taken.messages.is_empty() {
            self.fill();
        }
        self.pop()
    }

    fn pop(&mut self) -> Option<Content<'_>> {
        Some(match self.taken.messages.pop_front()? {
            Taken::Long(bytes) => Content::Shared(bytes),
            Taken::Short(len) => {
                let start = self.next;
                self.next += len;
                Content::Borrowed(self.taken.bytes.get(start..self.next)?)
            }
        })
    }

    pub(super) fn clear(&mut self) {
        self.taken.messages.clear();
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let rest: VecDeque<_> =
            core::iter::from_fn(|| self.pop().map(Content::into_bytes)).collect();
        if !rest.is_empty() {
            self.session.0.returned.put(self.channel, rest);
        }
        if thread::panicking() {
            // Messages may be left, here and in the session, for which no event will come.
            self.session.0.peer.with(&mut |_, session| session.tell_readable());
        }
        let mut taken = mem::take(&mut self.taken);
        taken.bytes.clear();
        taken.bytes.shrink_to(KEPT);
        SCRATCH.try_with(|scratch| scratch.set(taken)).ok();
    }
}

/// Messages that came back, by channel; older than all that the session still holds.
#[derive(Debug, Default)]
pub(super) struct Returned {
    channels: AtomicU64,
    messages: Mutex<BTreeMap<ChannelId, VecDeque<Bytes>>>,
}

impl Returned {
    /// Bit i: some came back to channel i.
    pub(super) fn channels(&self) -> u64 {
        self.channels.load(Ordering::Acquire)
    }

    pub(super) fn take(&self, channel: ChannelId) -> Option<Bytes> {
        if self.channels() & bit(channel) == 0 {
            return None;
        }
        let mut all = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = all.get_mut(&channel)?;
        let message = messages.pop_front();
        if messages.is_empty() {
            self.channels.fetch_and(!bit(channel), Ordering::AcqRel);
        }
        message
    }

    pub(super) fn clear(&self, channel: ChannelId) {
        while self.take(channel).is_some() {}
    }

    fn put(&self, channel: ChannelId, messages: VecDeque<Bytes>) {
        let mut all = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(channel, messages).unwrap_or_default();
        all.entry(channel).or_default().extend(before);
        self.channels.fetch_or(bit(channel), Ordering::AcqRel);
    }
}
