//! Transfers as an application holds them: what it hands over, and what it takes.

use core::{
    convert::Infallible,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{
    io::Read,
    sync::{Arc, OnceLock},
};

use biplane_proto::{TransferError, TransferSide};
use biplane_wire::TransferId;
use bytes::Bytes;

use crate::Slot;

/// What a transfer's bytes come from.
#[derive(Default)]
pub struct TransferSource {
    /// How many bytes there are in all.
    pub(crate) length: u64,
    /// Those that are here.
    pub(crate) bytes: Bytes,
    /// Where the others come from, on a thread that may wait for them.
    pub(crate) reader: Option<Box<dyn Read + Send>>,
}

/// How far a transfer has come, and how it ended.
#[derive(Debug)]
pub(crate) struct Course {
    length: u64,
    done: AtomicU64,
    end: OnceLock<Result<(), TransferError>>,
    over: flume::Receiver<Infallible>,
}

/// A transfer that this side offered. Dropping it does nothing.
#[derive(Clone)]
pub struct OutgoingTransfer {
    pub(crate) slot: Arc<Slot>,
    pub(crate) id: TransferId,
    pub(crate) course: Arc<Course>,
}

/// A transfer that this side accepted. Dropping it does nothing.
#[derive(Clone)]
pub struct IncomingTransfer {
    pub(crate) slot: Arc<Slot>,
    pub(crate) id: TransferId,
    pub(crate) course: Arc<Course>,
    pub(crate) bytes: flume::Receiver<Bytes>,
}

impl TransferSource {
    /// Bytes that are here.
    #[must_use]
    pub const fn of(bytes: Bytes) -> Self {
        Self { length: bytes.len() as u64, bytes, reader: None }
    }

    /// The first `length` bytes that `reader` gives. It is read as they are needed, and may block;
    /// one that gives fewer ends its transfer as [`TransferError::Unreadable`].
    #[must_use]
    pub fn from_reader(length: u64, reader: Box<dyn Read + Send>) -> Self {
        Self { length, bytes: Bytes::new(), reader: Some(reader) }
    }
}

impl Course {
    /// That of a transfer of `length` bytes, and what its waiters wait for the drop of.
    pub(crate) fn new(length: u64) -> (Arc<Self>, flume::Sender<Infallible>) {
        let (sender, over) = flume::bounded(0);
        let course = Self { length, done: AtomicU64::new(0), end: OnceLock::new(), over };
        (Arc::new(course), sender)
    }

    pub(crate) fn on_done(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
    }

    /// It ended; the first word counts.
    pub(crate) fn on_end(&self, end: Result<(), TransferError>) {
        if end.is_ok() {
            self.on_done(self.length);
        }
        self.end.get_or_init(|| end);
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) -> Option<Result<(), TransferError>> {
        self.end.get().copied()
    }
}

impl OutgoingTransfer {
    /// Bytes in all.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.course.length
    }

    /// Bytes of which the peer said that it has them.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.course.done()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<Result<(), TransferError>> {
        self.course.end()
    }

    /// Disconnected as soon as it has ended.
    #[must_use]
    pub fn over(&self) -> &flume::Receiver<Infallible> {
        &self.course.over
    }

    /// Gives it up. Nothing, if it has ended.
    pub fn cancel(&self) {
        self.slot.cancel_transfer(TransferSide::Own, self.id);
    }
}

impl IncomingTransfer {
    /// Bytes in all.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.course.length
    }

    /// Bytes that have come, taken or not.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.course.done()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<Result<(), TransferError>> {
        self.course.end()
    }

    /// What has come, in order; disconnected behind the last, as soon as it has ended. Who takes
    /// bytes from there says so by [`IncomingTransfer::taken`].
    #[must_use]
    pub const fn bytes(&self) -> &flume::Receiver<Bytes> {
        &self.bytes
    }

    /// So many bytes were taken: as many more may come.
    pub fn taken(&self, bytes: usize) {
        self.slot.bulk().on_taken(self.id, bytes as u64);
    }

    /// Gives it up. Nothing, if it has ended.
    pub fn cancel(&self) {
        self.slot.cancel_transfer(TransferSide::Peer, self.id);
    }
}

impl fmt::Debug for TransferSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferSource").field("length", &self.length).finish_non_exhaustive()
    }
}

impl fmt::Debug for OutgoingTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OutgoingTransfer({} {}, {} of {})",
            self.slot.id(),
            self.id.0,
            self.done(),
            self.length()
        )
    }
}

impl fmt::Debug for IncomingTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IncomingTransfer({} {}, {} of {})",
            self.slot.id(),
            self.id.0,
            self.done(),
            self.length()
        )
    }
}
