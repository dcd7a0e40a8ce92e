//! Transfers: bytes in bulk, either way, on a connection of their own.

use core::fmt;
use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use biplane_proto::TransferError;
use bytes::Bytes;

use crate::{
    Payload, Pending, Session,
    engine::{IncomingTransfer, OutgoingTransfer},
};

/// How far a transfer has come, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Those that have arrived, as far as is known here.
    pub done: u64,
    /// All of them.
    pub length: u64,
}

/// Bytes that this side hands over: see [`Session::transfer`]. A handle: dropping it does nothing,
/// and the transfer goes on.
#[derive(Clone)]
pub struct Transfer(OutgoingTransfer);

/// Something that the peer would hand over. Dropping it refuses.
#[must_use = "an offer that is dropped is refused"]
pub struct Offer {
    session: Session,
    offer: biplane_proto::Offer,
    is_answered: bool,
}

/// Bytes that the peer hands over, as they come. Dropping it before its end cancels the transfer.
///
/// At most 1 MiB waits here to be read; more comes as it is. It is a [`Read`] too, which blocks: for
/// [`std::io::copy`] on a thread of one's own.
#[must_use = "an intake that is dropped is cancelled"]
pub struct Intake {
    incoming: IncomingTransfer,
    name: Box<str>,
    rest: Rest,
}

/// What [`Read`] left of the last piece.
#[derive(Clone, Debug, Default)]
struct Rest(Arc<Mutex<Bytes>>);

impl Transfer {
    pub(crate) const fn new(outgoing: OutgoingTransfer) -> Self {
        Self(outgoing)
    }

    /// How far it has come, by the peer's account.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.0.done(), length: self.0.length() }
    }

    /// Gives it up; the peer is told. Nothing, if it has ended.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// There when it has ended: well, once the peer has every byte and their SHA-256 is that of
    /// what was read here.
    pub fn finished(&self) -> Pending<Result<(), TransferError>> {
        let outgoing = self.0.clone();
        let over = outgoing.over().clone();
        Pending::new(over, move |_| outgoing.end().unwrap_or(Err(TransferError::Closed)))
    }
}

impl Offer {
    pub(crate) const fn new(session: Session, offer: biplane_proto::Offer) -> Self {
        Self { session, offer, is_answered: false }
    }

    /// Who offers it.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// What the peer calls it, in 1 to 255 bytes. It is the peer's word: no path to be trusted.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.offer.name
    }

    /// How many bytes it has, at most 2⁴⁰.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.offer.length
    }

    /// Takes it up: its bytes come from here on.
    ///
    /// # Errors
    ///
    /// [`TransferError::CancelledThere`] or [`TransferError::Closed`] if it is not to be had any
    /// more.
    pub fn accept(mut self) -> Result<Intake, TransferError> {
        self.is_answered = true;
        let name = core::mem::take(&mut self.offer.name);
        match self.session.accept_transfer(self.offer.id, self.offer.length) {
            Some(incoming) => Ok(Intake { incoming, name, rest: Rest::default() }),
            None if self.session.is_closed() => Err(TransferError::Closed),
            None => Err(TransferError::CancelledThere),
        }
    }

    /// Does not want it: the peer gets [`TransferError::Refused`].
    pub fn refuse(self) {
        drop(self);
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.is_answered {
            self.session.refuse_transfer(self.offer.id);
        }
    }
}

impl Intake {
    /// What the peer calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far it has come, read or not.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.incoming.done(), length: self.incoming.length() }
    }

    /// The next bytes, at most 16 KiB; `None` behind the last, once their SHA-256 has been found to
    /// be that of what the peer read. What is dropped unfinished took nothing, so that
    /// `intake.read_next().try_take()` asks once a tick.
    pub fn read_next(&mut self) -> Pending<Result<Option<Payload>, TransferError>> {
        if !self.rest.is_empty() {
            let rest = self.rest.clone();
            return Pending::at_once(move || Ok(Some(rest.take(usize::MAX).into())));
        }
        let incoming = self.incoming.clone();
        let bytes = incoming.bytes().clone();
        Pending::new(bytes, move |bytes| match bytes {
            Some(bytes) => {
                incoming.taken(bytes.len());
                Ok(Some(bytes.into()))
            }
            None => incoming.end().unwrap_or(Err(TransferError::Closed)).map(|()| None),
        })
    }

    /// Gives it up; the peer is told. Nothing, if it has ended.
    pub fn cancel(&self) {
        self.incoming.cancel();
    }
}

impl Read for Intake {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.rest.is_empty() {
            let next = self.read_next().wait().map_err(io::Error::other)?;
            self.rest = Rest::of(next.map(|Payload(bytes)| bytes).unwrap_or_default());
        }
        let bytes = self.rest.take(into.len());
        into.iter_mut().zip(&bytes).for_each(|(into, byte)| *into = *byte);
        Ok(bytes.len())
    }
}

impl Rest {
    fn of(bytes: Bytes) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The first bytes of it, `most` at the most.
    fn take(&self, most: usize) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let len = bytes.len().min(most);
        bytes.split_to(len)
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.incoming.cancel();
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("session", &self.session)
            .field("name", &self.name())
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("name", &self.name)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
