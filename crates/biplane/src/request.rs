//! Requests: a question with one answer, on the control plane, either way.

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use biplane_proto::{Content, Reply as Outcome, Violation, limits};
use biplane_wire::{DecodeError, RequestId};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tracing::debug;

use crate::{
    SendError, Session,
    payload::{incoming::Decode as _, outgoing::Encode as _},
    session::tell_undecodable,
};

/// A kind of request: what is asked is a value of the type itself, and the answer is a
/// [`Request::Reply`].
///
/// ```
/// use biplane::Request;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct Join { room: String }
///
/// impl Request for Join {
///     const NAME: &'static str = "join";
///     type Reply = Result<u32, String>;
/// }
/// ```
pub trait Request: Serialize + DeserializeOwned + Send + 'static {
    /// Its name in the protocol, 1 to 64 bytes.
    const NAME: &'static str;
    /// What it is answered with; 256 KiB at most.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
}

/// A request of the peer's that waits for an answer. Dropping it answers
/// [`crate::RequestError::Unanswered`].
#[must_use = "a call that is dropped is unanswered"]
pub struct Call {
    asked: Asked,
    kind: u8,
    payload: Bytes,
}

/// The right to answer one request of kind `R`. Dropping it answers
/// [`crate::RequestError::Unanswered`].
#[must_use = "a reply that is dropped is unanswered"]
pub struct Reply<R: Request> {
    asked: Asked,
    kind: core::marker::PhantomData<fn(R)>,
}

impl Call {
    pub(crate) fn new(session: Session, call: biplane_proto::Call) -> Self {
        Self { asked: Asked::new(session, call.id), kind: call.kind, payload: call.payload }
    }

    /// Who asks.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.asked.session
    }

    /// The name of what is asked: the [`Request::NAME`] of its kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.asked.session.table().request_name(self.kind).unwrap_or_default()
    }

    /// Answers with what `answer` gives, if the request is an `R`. An answer that cannot be sent
    /// leaves the request unanswered.
    ///
    /// # Errors
    ///
    /// The call itself if it is of another kind.
    pub fn answer<R: Request>(
        self,
        answer: impl FnOnce(&Session, R) -> R::Reply,
    ) -> Result<(), Self> {
        let (request, reply) = self.take::<R>()?;
        let session = reply.session().clone();
        let answer = answer(&session, request);
        if let Err(error) = reply.send(&answer) {
            debug!(%session, request = R::NAME, %error, "answer not sent");
        }
        Ok(())
    }

    /// Takes the request and the right to answer it later, from any thread, if it is an `R`.
    ///
    /// # Errors
    ///
    /// The call itself if it is of another kind. A request that does not decode comes back too, and
    /// its session ends with a violation.
    pub fn take<R: Request>(self) -> Result<(R, Reply<R>), Self> {
        if self.name() != R::NAME {
            return Err(self);
        }
        match R::decode(Content::Shared(self.payload.clone())) {
            Ok(request) => {
                Ok((request, Reply { asked: self.asked, kind: core::marker::PhantomData }))
            }
            Err(error) => {
                let session = self.session();
                tell_undecodable(session, R::NAME, error);
                session.violate(Violation::Decode(DecodeError::OutOfRange { field: "request" }));
                Err(self)
            }
        }
    }

    /// Refuses with words for a person: the peer gets [`crate::RequestError::Refused`]. Text beyond
    /// 256 bytes is cut.
    pub fn refuse(self, text: impl Into<Box<str>>) {
        self.asked.refuse(text.into());
    }
}

impl<R: Request> Reply<R> {
    /// Who asked.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.asked.session
    }

    /// Answers. Only the first answer counts.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the answer is not under way; it can be tried again.
    pub fn send(&self, answer: &R::Reply) -> Result<(), SendError> {
        let limit = limits::CONTROL_MESSAGE;
        let bytes = answer.encode(limit).map_err(|error| SendError::of(error, limit))?;
        self.asked.settle(&Outcome::Answer(bytes))
    }

    /// Refuses with words for a person: the peer gets [`crate::RequestError::Refused`]. Text beyond
    /// 256 bytes is cut.
    pub fn refuse(self, text: impl Into<Box<str>>) {
        self.asked.refuse(text.into());
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("session", self.session()).field("name", &self.name()).finish()
    }
}

impl<R: Request> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("session", self.session()).field("name", &R::NAME).finish()
    }
}

/// One request that is owed an answer; it gets exactly one.
struct Asked {
    session: Session,
    id: RequestId,
    settled: AtomicBool,
}

impl Asked {
    const fn new(session: Session, id: RequestId) -> Self {
        Self { session, id, settled: AtomicBool::new(false) }
    }

    fn settle(&self, outcome: &Outcome) -> Result<(), SendError> {
        self.session.reply(self.id, outcome)?;
        self.settled.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn refuse(&self, text: Box<str>) {
        if let Err(error) = self.settle(&Outcome::Refuse(text)) {
            debug!(session = %self.session, %error, "refusal not sent");
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            // A session that is over, or whose queue is full, has no way to be told.
            self.settle(&Outcome::Unanswered).ok();
        }
    }
}
