//! One session in an application's hands.

mod batch;

use core::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    time::Duration,
};
use std::{io::Read, net::SocketAddr, sync::Arc};

use biplane_proto::{Content, Planes, Reply, SendOptions, SessionStats, Violation, limits};
use biplane_wire::{ChannelId, DecodeError, RequestId, TransferId};
use bytes::Bytes;
use tracing::{debug, warn};

use self::batch::{Batch, Returned};
use crate::{
    Channel, ChannelStats, Event, Incoming, Outgoing, Payload, Pending, Protocol, Request,
    RequestError, SendError, SessionId, Transfer,
    codec::Malformed,
    engine::{IncomingTransfer, Peer, Question, Throttle, TransferSource, now},
    payload::{Opaque, incoming::Decode as _, outgoing::Encode},
    protocol::{Entry, Table},
};

/// The association with a peer, over both planes.
///
/// A handle: cheap to clone, and dropping it does nothing. Two are equal if they mean the same
/// session. As text it is `s17`: a name that is used once in its endpoint's life.
#[derive(Clone)]
pub struct Session(Arc<Core>);

struct Core {
    peer: Arc<dyn Peer>,
    table: Arc<Table>,
    returned: Returned,
}

impl Session {
    pub(crate) fn new(peer: Arc<dyn Peer>, table: Arc<Table>) -> Self {
        Self(Arc::new(Core { peer, table, returned: Returned::default() }))
    }

    /// Its name, which no other session of its endpoint ever has.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.0.peer.id()
    }

    /// The peer's TCP address when it joined. It stays the same when the client comes back from
    /// elsewhere.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.0.peer.remote()
    }

    /// What admission gave with [`crate::Verdict::admit_as`], if it was an `A`.
    #[must_use]
    pub fn app<A: Any + Send + Sync>(&self) -> Option<&A> {
        self.0.peer.app()?.downcast_ref()
    }

    /// The protocol that it speaks: of those that a server accepts, the one its client came with.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        self.0.table.protocol()
    }

    /// Queues a message. It leaves at the next flush, when `next` or `wait` is about to wait, or
    /// after [`crate::ServerConfig::max_send_delay`], or its like of a client.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the session is unaffected.
    pub fn send<T: Outgoing>(&self, channel: Channel<T>, message: &T) -> Result<(), SendError> {
        self.send_with(channel, message, SendOptions::default())
    }

    /// The same, and brings exactly one [`Event::Noted`] with `token`, a number of the caller's that
    /// may repeat: [`crate::Notice::Delivered`] once the peer's application has taken the message,
    /// whether or not it could be decoded there. The channel must be declared with [`Channel::notify`].
    ///
    /// # Errors
    ///
    /// [`SendError`]; the session is unaffected. [`SendError::NotOffered`] on a channel without
    /// `notify`; [`SendError::QueueFull`] too while 4,096 notices of the session are open or wait to
    /// be taken.
    pub fn send_noted<T: Outgoing>(
        &self,
        channel: Channel<T>,
        message: &T,
        token: u64,
    ) -> Result<(), SendError> {
        let how = SendOptions { notice: Some(token), ..SendOptions::default() };
        self.send_with(channel, message, how)
    }

    /// The same as [`Session::send`], but that the peer's application gets the message once it has
    /// taken every command, request and reply that was issued here before: a request when it took
    /// the call, a reply when it got the answer. On data channels alone, on whichever plane the
    /// message flies.
    ///
    /// A `sequenced` or `unreliable` message waits there for 1 s at the most, and with others in
    /// 256 KiB; then it is dropped and counted as `orphaned`. A reliable one waits as long as it
    /// takes.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the session is unaffected. [`SendError::NotOffered`] on a `command` channel,
    /// whose messages keep their order anyway.
    pub fn send_after_commands<T: Outgoing>(
        &self,
        channel: Channel<T>,
        message: &T,
    ) -> Result<(), SendError> {
        let how = SendOptions { after_commands: true, ..SendOptions::default() };
        self.send_with(channel, message, how)
    }

    /// The same as [`Session::send`] with a [`Payload`] of these bytes, which are copied to where
    /// they wait: nothing is allocated for them.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the session is unaffected.
    pub fn send_bytes(&self, channel: Channel<Payload>, bytes: &[u8]) -> Result<(), SendError> {
        self.send_with(channel, &Opaque(bytes), SendOptions::default())
    }

    fn send_with<T>(
        &self,
        channel: Channel<T>,
        message: &impl Encode,
        mut how: SendOptions,
    ) -> Result<(), SendError> {
        let entry = self.entry(&channel)?;
        how.after_commands |= channel.comes_after_commands();
        let send = |content: Content<'_>| self.0.peer.send(entry.id, content, how);
        let limit = entry.max_message;
        let sent = message.hand_over(limit, send).map_err(|error| SendError::of(error, limit))?;
        self.left_something(sent)
    }

    /// Takes the next message off a channel; `None` if there is none now, also after the end.
    ///
    /// A message that does not decode is not seen: on a `command` or reliable channel it ends the
    /// session with a violation, on the others it is counted.
    #[must_use]
    pub fn recv<T: Incoming>(&self, channel: Channel<T>) -> Option<T> {
        let entry = self.0.table.taken_off(channel)?;
        while let Some(bytes) = self.take(entry.id) {
            match T::decode(Content::Shared(bytes)) {
                Ok(message) => return Some(message),
                Err(error) => self.discard(entry, error),
            }
        }
        None
    }

    /// Asks the peer, and waits 10 s for its answer.
    pub fn request<R: Request>(&self, request: &R) -> Pending<Result<R::Reply, RequestError>> {
        self.request_within(request, limits::REQUEST_DEADLINE)
    }

    /// Asks the peer, and waits `deadline` for its answer.
    pub fn request_within<R: Request>(
        &self,
        request: &R,
        deadline: Duration,
    ) -> Pending<Result<R::Reply, RequestError>> {
        match self.ask(request, deadline) {
            Ok(answer) => {
                let session = self.clone();
                Pending::new(answer, move |answer| session.answered::<R>(answer))
            }
            Err(error) => Pending::at_once(move || Err(error.into())),
        }
    }

    /// Offers the peer bytes in bulk: a map, a replay, a file. The peer's application is told by
    /// [`Event::Offered`], with `name`, of 1 to 255 bytes, and may accept or refuse.
    ///
    /// They go over a TCP connection of their own, so that no command or message stands behind
    /// them, and as fast as round trips stay short: they yield to everything else. A connection
    /// that breaks is replaced, and the transfer goes on from what has arrived. Either side may
    /// have 16 open, each of 2⁴⁰ bytes at the most.
    ///
    /// # Errors
    ///
    /// [`SendError`]: `QueueFull` while 16 are open, `TooLarge` for the name, `NotOffered` for none
    /// and in a simulated world, and `Closed`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(session: &biplane::Session, map: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    /// let transfer = session.transfer("maps/dunes", map)?;
    /// println!("{} of {}", transfer.progress().done, transfer.progress().length);
    /// transfer.finished().wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transfer(&self, name: &str, bytes: impl Into<Payload>) -> Result<Transfer, SendError> {
        let Payload(bytes) = bytes.into();
        self.offer_transfer(name, TransferSource::of(bytes))
    }

    /// The same with the first `length` bytes that `reader` gives, as they are needed. It may block,
    /// on a thread that it shares with up to three others of its endpoint; at most 1 MiB of what it
    /// gave is kept. One that fails, or gives fewer, ends the transfer as
    /// [`crate::TransferError::Unreadable`] on both sides.
    ///
    /// # Errors
    ///
    /// As [`Session::transfer`]; `TooLarge` for a length above 2⁴⁰ too.
    pub fn transfer_from(
        &self,
        name: &str,
        length: u64,
        reader: impl Read + Send + 'static,
    ) -> Result<Transfer, SendError> {
        self.offer_transfer(name, TransferSource::from_reader(length, Box::new(reader)))
    }

    fn offer_transfer(&self, name: &str, source: TransferSource) -> Result<Transfer, SendError> {
        let outgoing = self.0.peer.transfer(name, source)?;
        Ok(Transfer::new(outgoing))
    }

    pub(crate) fn accept_transfer(&self, id: TransferId, length: u64) -> Option<IncomingTransfer> {
        self.0.peer.accept_transfer(id, length)
    }

    pub(crate) fn refuse_transfer(&self, id: TransferId) {
        self.0.peer.refuse_transfer(id);
    }

    /// Ends the session; the peer gets the words. Text beyond 256 bytes is cut.
    ///
    /// What is queued on any channel still leaves, for 1 s at the most; what the peer has not
    /// acknowledged by then is given up. Open requests and transfers end at once, as `Closed`: await
    /// a reply, or [`Transfer::finished`], before closing.
    pub fn close(&self, text: &str) {
        self.0.peer.with(&mut |now, session| session.close(now, text));
    }

    /// What this side sends on.
    #[must_use]
    pub fn planes(&self) -> Planes {
        let mut planes = Planes::Lost;
        self.0.peer.with(&mut |_, session| planes = session.planes());
        planes
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let mut stats = SessionStats::default();
        self.0.peer.with(&mut |_, session| stats = session.stats());
        stats
    }

    /// What waits on a channel here, and what became of messages that did: whether a message has room
    /// now, and how long the oldest has waited. All zero, and no room, on a channel that this
    /// session's protocol lacks.
    #[must_use]
    pub fn channel_stats<T>(&self, channel: Channel<T>) -> ChannelStats {
        let mut stats = None;
        if let Some(id) = self.0.table.channel(channel.hash()).map(|entry| entry.id) {
            self.0.peer.with(&mut |now, session| stats = session.channel_stats(now, id));
        }
        stats.unwrap_or_default()
    }

    /// Hands every message that a channel holds to `each`, with no lock held.
    pub(crate) fn drain<T: Incoming>(&self, entry: &Entry, each: &mut impl FnMut(&Self, T)) {
        if !self.has(entry.id) {
            return;
        }
        let mut batch = Batch::new(self, entry);
        while let Some(content) = batch.next() {
            match T::decode(content) {
                Ok(message) => each(self, message),
                Err(error) => {
                    if entry.kind.is_reliable() {
                        batch.clear();
                    }
                    self.discard(entry, error);
                }
            }
        }
    }

    /// The same for opaque bytes, which `each` may read.
    pub(crate) fn drain_bytes(&self, entry: &Entry, each: &mut impl FnMut(&Self, &[u8])) {
        if !self.has(entry.id) {
            return;
        }
        let mut batch = Batch::new(self, entry);
        while let Some(content) = batch.next() {
            each(self, content.as_slice());
        }
    }

    /// Queues a message that is encoded, on the channel whose name has this hash.
    pub(crate) fn send_encoded(
        &self,
        hash: u64,
        bytes: &Bytes,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let entry = self.0.table.channel(hash).ok_or(SendError::NotInProtocol)?;
        let content = Content::Shared(bytes.clone());
        self.left_something(self.0.peer.send(entry.id, content, how))
    }

    pub(crate) fn reply(&self, id: RequestId, reply: &Reply) -> Result<(), SendError> {
        let mut outcome = Err(biplane_proto::SendError::Closed);
        self.0.peer.with(&mut |now, session| outcome = session.reply(now, id, reply.clone()));
        self.left_something(outcome)
    }

    /// Whether there is an event, of which this version may know nothing.
    pub(crate) fn has_event(&self) -> bool {
        self.0.peer.has_event()
    }

    /// The next event that this version knows.
    pub(crate) fn poll_event(&self) -> Option<Event> {
        loop {
            let event = Event::of(self.clone(), self.0.peer.poll_event()?);
            if event.is_some() {
                return event;
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        let mut closed = true;
        self.0.peer.with(&mut |_, session| closed = session.is_closed());
        closed
    }

    /// Runs `then` when it is over, once, with no lock held.
    pub(crate) fn on_over(&self, then: Box<dyn FnOnce() + Send>) {
        self.0.peer.on_over(then);
    }

    pub(crate) fn violate(&self, violation: Violation) {
        self.0.peer.with(&mut |now, session| session.violate(now, violation));
    }

    pub(crate) fn abandon(&self) {
        abandon(&*self.0.peer);
    }

    /// Whose session it is in a simulated world.
    #[cfg(feature = "sim")]
    pub(crate) fn place(&self) -> Option<usize> {
        self.0.peer.place()
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0.table
    }

    fn entry<T>(&self, channel: &Channel<T>) -> Result<&Entry, SendError> {
        self.0.table.channel(channel.hash()).ok_or(SendError::NotInProtocol)
    }

    fn left_something(
        &self,
        outcome: Result<(), biplane_proto::SendError>,
    ) -> Result<(), SendError> {
        outcome?;
        self.0.peer.queued();
        Ok(())
    }

    fn has(&self, channel: ChannelId) -> bool {
        (self.0.peer.readable() | self.0.returned.channels()) & bit(channel) != 0
    }

    fn take(&self, channel: ChannelId) -> Option<Bytes> {
        if !self.has(channel) {
            return None;
        }
        let mut taken = self.0.returned.take(channel);
        if taken.is_none() {
            self.0.peer.take(channel, 1, &mut |content| taken = Some(content.into_bytes()));
        }
        taken
    }

    /// A message does not decode: it, and on a channel that keeps its promises all that follow, are
    /// not for the application.
    fn discard(&self, entry: &Entry, error: Malformed) {
        let reliable = entry.kind.is_reliable();
        let channel = self.0.table.name_of(entry);
        if reliable {
            tell_undecodable(self, channel, error);
        } else {
            debug!(session = %self, channel, %error, "a message does not decode");
        }
        self.0.peer.with(&mut |now, session| {
            if reliable {
                session.violate(now, Violation::Undecodable(entry.id));
                while session.take(now, entry.id).is_some() {}
            } else {
                session.count_undecodable();
            }
        });
        if reliable {
            self.0.returned.clear(entry.id);
        }
    }

    fn ask<R: Request>(
        &self,
        request: &R,
        deadline: Duration,
    ) -> Result<flume::Receiver<Result<Bytes, biplane_proto::RequestError>>, SendError> {
        let kind = self.0.table.request(R::NAME).ok_or(SendError::NotInProtocol)?;
        let limit = limits::CONTROL_MESSAGE;
        let bytes = request.encode(limit).map_err(|error| SendError::of(error, limit))?;
        let (sender, receiver) = flume::bounded(1);
        // Whoever gave the answer up dropped the receiver: nobody is left to be told.
        let then = Box::new(move |answer| drop(sender.send(answer)));
        let asked = self.0.peer.request(Question { kind, bytes, deadline }, then);
        self.left_something(asked)?;
        Ok(receiver)
    }

    fn answered<R: Request>(
        &self,
        answer: Option<Result<Bytes, biplane_proto::RequestError>>,
    ) -> Result<R::Reply, RequestError> {
        let bytes = answer.ok_or(RequestError::Closed)??;
        R::Reply::decode(Content::Shared(bytes)).map_err(|error| {
            tell_undecodable(self, R::NAME, error);
            self.violate(Violation::Decode(DecodeError::OutOfRange { field: "reply" }));
            RequestError::Undecodable
        })
    }
}

/// Says that what the peer sent on a channel, or as a request or reply, does not decode, which ends
/// the session; not more often than one reads.
pub(crate) fn tell_undecodable(session: &Session, name: &str, error: Malformed) {
    static TOLD: Throttle = Throttle::new();
    if let Some(suppressed) = TOLD.pass(now()) {
        warn!(%session, name, %error, suppressed, "it does not decode: of another type there?");
    }
}

/// The bytes of a message, `limit` at the most.
pub(crate) fn encoded<T: Outgoing>(message: &T, limit: usize) -> Result<Bytes, SendError> {
    message.encode(limit).map_err(|error| SendError::of(error, limit))
}

/// Ends a session that nobody holds.
pub(crate) fn abandon(peer: &dyn Peer) {
    peer.with(&mut |now, session| session.abandon(now));
}

const fn bit(channel: ChannelId) -> u64 {
    1 << channel.index()
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Session {}

impl Hash for Session {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({self})")
    }
}
