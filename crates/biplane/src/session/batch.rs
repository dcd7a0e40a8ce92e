//! Messages on their way from a session to an application's closure, which may panic: what it did
//! not get goes back.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use biplane_wire::ChannelId;
use bytes::Bytes;

use super::{Session, bit};

/// What one channel held.
pub(super) struct Batch<'a> {
    session: &'a Session,
    channel: ChannelId,
    messages: VecDeque<Bytes>,
}

impl<'a> Batch<'a> {
    pub(super) const fn new(session: &'a Session, channel: ChannelId) -> Self {
        Self { session, channel, messages: VecDeque::new() }
    }

    pub(super) fn push(&mut self, message: Bytes) {
        self.messages.push_back(message);
    }

    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.messages.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.messages.is_empty() {
            let messages = core::mem::take(&mut self.messages);
            self.session.0.returned.put(self.channel, messages);
        }
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

    fn put(&self, channel: ChannelId, messages: VecDeque<Bytes>) {
        let mut all = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(channel, messages).unwrap_or_default();
        all.entry(channel).or_default().extend(before);
        self.channels.fetch_or(bit(channel), Ordering::AcqRel);
    }
}
