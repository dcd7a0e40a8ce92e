//! One session's place in an endpoint: the session under its lock, and beside it what is used
//! without.
//!
//! Every input goes through [`Slot::enter`]: lock, act, settle (swap keys, publish, take what came
//! out), unlock. What then must be done with no lock held is the [`Aftermath`].

mod answers;
mod attached;
mod bulk;
mod connections;
mod ending;
mod keys;
mod listed;
mod news;
mod refused;
mod role;
mod timing;

use core::{any::Any, fmt, mem};
use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Instant,
};

use biplane_proto::{
    Answered, Consequence, Content, Event, KeyEpoch, ReplyPlace, RequestError, SendError,
    SendOptions, Session, TransferChange, TransferError, TransferSide,
};
use biplane_wire::{ChannelId, PacketNumber, RequestId, TransferId};
use bytes::Bytes;

use crate::{
    clock,
    hub::Hub,
    locks::lock,
    slots::{Reservation, SessionName},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    transfer::{IncomingTransfer, OutgoingTransfer, TransferSource},
    wheel::Epoch,
};

use answers::Answers;
pub(crate) use attached::{Attached, Pulled};
use bulk::Bulk;
pub(crate) use bulk::{Heard, Pulled as BulkPulled, Reading};
use connections::Connections;
pub(crate) use connections::Standing;
use ending::Ending;
pub(crate) use keys::Keys;
use listed::Listed;
use news::{Found, News};
use refused::Refused;
pub(crate) use role::{Holder, SenderRole};
use timing::Timing;

/// A session's name in its endpoint: never used twice in the endpoint's life. As text: `s17`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(u64);

/// One session of an endpoint. Any number of threads may use it at a time.
pub struct Slot {
    about: About,
    me: Weak<Self>,
    hub: Weak<Hub>,
    session: Mutex<Session>,
    keys: Keys,
    published: Published,
    timing: Timing,
    flags: Flags,
    role: SenderRole,
    answers: Answers,
    connections: Connections,
    over: Ending,
}

/// What never changes.
pub(crate) struct About {
    pub(crate) id: SessionId,
    /// On a server: what its client resumes it by.
    pub(crate) name: Option<SessionName>,
    /// The peer of the first control connection.
    pub(crate) remote: SocketAddr,
    /// Which of the listener's protocols it speaks.
    pub(crate) protocol: usize,
    /// What admission gave.
    pub(crate) app: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) epoch: Epoch,
}

/// What is read without the lock and written under it; the last, the other way round.
#[derive(Debug, Default)]
struct Published {
    largest: AtomicU64,
    floor: AtomicU64,
    readable: AtomicU64,
    news: News,
    refused: Refused,
}

/// In which lists it stands.
#[derive(Debug, Default)]
struct Flags {
    /// The application's ready list.
    ready: Listed,
    /// The senders' list.
    served: Listed,
    /// The list of those that queued since the last flush.
    dirty: Listed,
    /// It is out of the endpoint's table.
    retired: AtomicBool,
}

/// What an input asks for, to be done when the session's lock is free again.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Aftermath {
    transmit: bool,
    control: bool,
    news: bool,
    over: bool,
    /// Its control connection is another, or stands otherwise.
    changed: bool,
    answers: Vec<(Answered, ReplyPlace)>,
    transfers: Vec<TransferChange>,
    /// Their packets have no keys any more.
    discarded: Vec<KeyEpoch>,
}

impl Published {
    /// Says what `session` says now. Under its lock, so that nothing goes back. Returns which
    /// channels became readable.
    fn follow(&self, session: &Session) -> u64 {
        self.largest.store(session.largest_received().0, Ordering::Release);
        self.floor.store(session.floor().0, Ordering::Release);
        self.news.follow(session);
        let readable = session.readable();
        readable & !self.readable.swap(readable, Ordering::AcqRel)
    }
}

impl SessionId {
    /// The name with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// For the application.
impl Slot {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.about.id
    }

    /// The peer's TCP address, from which it joined.
    #[must_use]
    pub const fn remote(&self) -> SocketAddr {
        self.about.remote
    }

    /// Which of a listener's protocols it speaks: 0 for [`crate::ListenConfig::protocol`], then
    /// those of [`crate::ListenConfig::also`] in their order. 0 on the side that connected.
    #[must_use]
    pub const fn protocol(&self) -> usize {
        self.about.protocol
    }

    /// What admission gave.
    #[must_use]
    pub const fn app(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.about.app.as_ref()
    }

    /// Runs `act` on the session, under its lock, and sees to what follows. `act` should be short
    /// and must not come back here.
    pub fn with<R>(&self, act: impl FnOnce(Instant, &mut Session) -> R) -> R {
        let now = clock::now();
        let (result, aftermath) = self.enter(now, |session| act(now, session));
        self.follow(aftermath);
        result
    }

    /// Queues a message, as [`Session::enqueue`] does. Most only wait then, and nothing is seen to.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    #[inline]
    pub fn send(
        &self,
        channel: ChannelId,
        content: Content<'_>,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let mut session = lock(&self.session);
        // To ask the clock costs as much as to queue a short message.
        let now = session.time_behind(channel).unwrap_or_else(clock::now);
        self.published.news.hand_on(&mut session);
        match session.enqueue(now, channel, content, how)? {
            Consequence::Nothing => {}
            Consequence::Deadline => {
                drop(session);
                // Among those that wait for a flush it need not stand in the wheel.
                self.queued();
            }
            Consequence::Anything | _ => self.leave(now, session),
        }
        Ok(())
    }

    /// Gives `each` the next messages of a channel, `most` at the most, under the session's lock.
    pub fn take(&self, channel: ChannelId, most: usize, each: &mut dyn FnMut(Content<'_>)) {
        self.visit(|now, session| {
            let consequence = session.take_many(now, channel, most, each);
            self.published.follow(session);
            ((), consequence)
        });
    }

    /// Takes what happened next.
    pub fn poll_event(&self) -> Option<Event> {
        match self.published.news.take() {
            Found::Nothing => return None,
            Found::Readable => return Some(Event::Readable),
            Found::More => {}
        }
        self.visit(|_, session| {
            let event = session.poll_event();
            // What came after a call may be taken now, and what is told may make room.
            let frees = matches!(event, Some(Event::Called(_) | Event::Noted(..)));
            let changes = frees || session.has_event();
            self.published.follow(session);
            (event, if changes { Consequence::Anything } else { Consequence::Nothing })
        })
    }

    /// Whether something happened that was not taken. Without the lock.
    pub fn has_event(&self) -> bool {
        self.published.news.is_there()
    }

    /// The same as [`Slot::with`], where `act` says what is to be seen to.
    fn visit<R>(&self, act: impl FnOnce(Instant, &mut Session) -> (R, Consequence)) -> R {
        let now = clock::now();
        let mut session = lock(&self.session);
        self.published.news.hand_on(&mut session);
        let (result, consequence) = act(now, &mut session);
        match consequence {
            Consequence::Nothing => {}
            Consequence::Deadline => {
                self.want(&session);
                drop(session);
                if let (Some(hub), Some(me)) = (self.hub.upgrade(), self.me.upgrade()) {
                    hub.work().schedule(&me);
                }
            }
            Consequence::Anything | _ => self.leave(now, session),
        }
        result
    }

    /// Settles, unlocks, and does what is to be done then.
    fn leave(&self, now: Instant, mut session: MutexGuard<'_, Session>) {
        let aftermath = self.settle(now, &mut session);
        drop(session);
        self.follow(aftermath);
    }

    /// Bit i: channel i has something to take. Without the lock.
    #[must_use]
    pub fn readable(&self) -> u64 {
        self.published.readable.load(Ordering::Acquire)
    }

    /// Lets the session stand in the ready list again. Who took it from there calls this first and
    /// takes then, so that what comes meanwhile announces it anew.
    pub fn clear_ready(&self) {
        self.flags.ready.leave();
    }

    /// Runs `then` once, when the request `id` is answered: at once if it is, else on the thread
    /// that brings the answer, with no lock held. It should be short.
    pub fn on_answer(
        &self,
        id: RequestId,
        then: Box<dyn FnOnce(Result<Bytes, RequestError>) + Send>,
    ) {
        self.answers.wait(id, then);
    }

    /// Runs `then` once, when the session is over: at once if it is, else on the thread that ends
    /// it, with no lock held. It should be short.
    pub fn on_over(&self, then: Box<dyn FnOnce() + Send>) {
        self.over.wait(then);
    }

    /// Offers the peer what `source` gives, as `name`.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is offered then.
    pub fn transfer(
        &self,
        name: &str,
        source: TransferSource,
    ) -> Result<OutgoingTransfer, SendError> {
        let slot = self.me.upgrade().ok_or(SendError::Closed)?;
        let (now, length) = (clock::now(), source.length);
        let mut after = None;
        let offered = self.bulk().offer(source, || {
            let offer = |session: &mut Session| session.offer_transfer(now, name, length);
            let (offered, aftermath) = self.enter(now, offer);
            after = Some(aftermath);
            offered
        });
        after.into_iter().for_each(|aftermath| self.follow(aftermath));
        offered.map(|(id, course)| OutgoingTransfer { slot, id, course })
    }

    /// Takes up what the peer offers, `length` bytes; `None` if it is not to be had any more.
    #[must_use]
    pub fn accept_transfer(&self, id: TransferId, length: u64) -> Option<IncomingTransfer> {
        let slot = self.me.upgrade()?;
        let (now, mut after) = (clock::now(), None);
        let accepted = self.bulk().accept((id, length), || {
            let (accepted, aftermath) = self.enter(now, |session| session.accept_transfer(now, id));
            after = Some(aftermath);
            accepted
        });
        after.into_iter().for_each(|aftermath| self.follow(aftermath));
        let (course, bytes) = accepted?;
        Some(IncomingTransfer { slot, id, course, bytes })
    }

    /// Does not want what the peer offers.
    pub fn refuse_transfer(&self, id: TransferId) {
        let refused = Err(TransferError::Refused);
        self.with(|now, session| session.end_transfer(now, (TransferSide::Peer, id), refused));
    }

    /// Says that something was queued that the next flush shall send.
    pub fn queued(&self) {
        if self.is_dirty() {
            return;
        }
        if let (Some(hub), Some(me)) = (self.hub.upgrade(), self.me.upgrade()) {
            hub.add_dirty(&me);
        }
    }
}

/// For transfers.
impl Slot {
    pub(crate) fn bulk(&self) -> &Bulk {
        self.connections.bulk()
    }

    /// Its endpoint, while there is one.
    pub(crate) fn hub(&self) -> Option<Arc<Hub>> {
        self.hub.upgrade()
    }

    /// What an application gave to be read panicked.
    pub(crate) fn count_panic(&self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.counters().panicked();
        }
    }

    pub(crate) fn cancel_transfer(&self, side: TransferSide, id: TransferId) {
        let cancelled = Err(TransferError::CancelledHere);
        self.with(|now, session| session.end_transfer(now, (side, id), cancelled));
    }

    /// All of a transfer has come; whether its checksum holds.
    pub(crate) fn end_whole(&self, id: TransferId, holds: bool) {
        let end = bulk::end_of(holds);
        self.with(|now, session| session.end_transfer(now, (TransferSide::Peer, id), end));
    }
}

/// For the workers.
impl Slot {
    pub(crate) fn new(about: About, session: Session, hub: &Arc<Hub>) -> Arc<Self> {
        let hub = Arc::downgrade(hub);
        Self::assemble(about, session, hub)
    }

    fn assemble(about: About, session: Session, hub: Weak<Hub>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            about,
            me: Weak::clone(me),
            hub,
            session: Mutex::new(session),
            keys: Keys::default(),
            published: Published::default(),
            timing: Timing::default(),
            flags: Flags::default(),
            role: SenderRole::default(),
            answers: Answers::default(),
            connections: Connections::default(),
            over: Ending::default(),
        })
    }

    /// What its client resumes it by, on a server.
    pub(crate) const fn name(&self) -> Option<&SessionName> {
        self.about.name.as_ref()
    }

    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where receivers count the packets that do not come as far as its lock.
    pub(crate) const fn refused(&self) -> &Refused {
        &self.published.refused
    }

    pub(crate) const fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) const fn role(&self) -> &SenderRole {
        &self.role
    }

    pub(crate) const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The largest packet number taken in, for expansion.
    pub(crate) fn largest(&self) -> PacketNumber {
        PacketNumber(self.published.largest.load(Ordering::Acquire))
    }

    /// Packets below it are late.
    pub(crate) fn floor(&self) -> PacketNumber {
        PacketNumber(self.published.floor.load(Ordering::Acquire))
    }

    /// Locks, acts, settles, unlocks. The caller must [`Slot::follow`] or [`Slot::follow_but`].
    pub(crate) fn enter<R>(
        &self,
        now: Instant,
        act: impl FnOnce(&mut Session) -> R,
    ) -> (R, Aftermath) {
        let mut session = lock(&self.session);
        self.published.refused.hand_on(&mut session);
        self.published.news.hand_on(&mut session);
        let result = act(&mut session);
        let aftermath = self.settle(now, &mut session);
        (result, aftermath)
    }

    /// Puts a new session into its place, with its keys; see [`Slot::introduce`]. Returns its first
    /// control connection.
    pub(crate) fn begin(self: &Arc<Self>, now: Instant, reservation: Reservation) -> Attached {
        let (number, aftermath) = self.enter(now, |_| self.connections.attach());
        if let Some(hub) = self.hub.upgrade() {
            reservation.fill(Arc::clone(self));
            hub.counters().admitted(hub.slots().len());
            if hub.is_closing() {
                // Who closes all looks for them after it says so, and may not have found this one.
                self.with(|now, session| session.close(now, "the endpoint is closing"));
            }
        }
        self.follow(aftermath);
        Attached::new(Arc::clone(self), number)
    }

    /// Goes on over another control connection, under another receive id, if `act` has the session
    /// do so and tells the epoch of its packets; gives up whatever connection it has.
    pub(crate) fn resume<T, E>(
        self: &Arc<Self>,
        now: Instant,
        reservation: Reservation,
        act: impl FnOnce(&mut Session) -> Result<(KeyEpoch, T), E>,
    ) -> Result<(Attached, T), E> {
        let (outcome, aftermath) = self.enter(now, |session| {
            let (epoch, value) = act(session)?;
            // Under the lock: once the session is over, its ids are taken from it.
            reservation.route(self, epoch);
            Ok((self.connections.attach(), value))
        });
        self.follow(aftermath);
        outcome.map(|(number, value)| (Attached::new(Arc::clone(self), number), value))
    }

    /// Shows a new session to the application, events or not.
    pub(crate) fn introduce(&self) {
        if let (Some(hub), Some(me)) = (self.hub.upgrade(), self.me.upgrade()) {
            me.announce(&hub);
        }
    }

    fn settle(&self, now: Instant, session: &mut MutexGuard<'_, Session>) -> Aftermath {
        let answers = core::iter::from_fn(|| session.poll_answer()).collect();
        let transfers = core::iter::from_fn(|| session.poll_transfer()).collect();
        let discarded = self.keys.follow(session);
        let fresh = self.published.follow(session);
        self.want(session);
        Aftermath {
            transmit: session.wants_transmit(now),
            control: session.wants_control() || session.control_is_finished(),
            news: session.has_event() || fresh != 0,
            over: session.is_over(),
            changed: self.connections.follow(session),
            discarded,
            answers,
            transfers,
        }
    }

    /// Takes note of when the session's next deadline is.
    fn want(&self, session: &Session) {
        let deadline = session.poll_timeout().map(|(deadline, _)| deadline);
        self.timing.want(deadline.map(|deadline| self.about.epoch.not_before(deadline)));
    }

    /// Does what is to be done; sending is left to the senders.
    pub(crate) fn follow(&self, aftermath: Aftermath) {
        if self.follow_but(aftermath)
            && let (Some(hub), Some(me)) = (self.hub.upgrade(), self.me.upgrade())
        {
            hub.serve_later(me);
        }
    }

    /// The same for the writer itself, who need not be told to look.
    fn follow_writer(&self, mut aftermath: Aftermath) {
        aftermath.control = false;
        self.follow(aftermath);
    }

    /// Does what is to be done but sending; whether there is something to send.
    pub(crate) fn follow_but(&self, mut aftermath: Aftermath) -> bool {
        self.hand_out(&mut aftermath);
        match (self.hub.upgrade(), self.me.upgrade()) {
            (Some(hub), Some(me)) => me.tell(&hub, aftermath),
            _ => false,
        }
    }

    /// The same for the endpoint's workers, who have its middle at hand.
    pub(crate) fn follow_in(self: &Arc<Self>, hub: &Hub, mut aftermath: Aftermath) -> bool {
        self.hand_out(&mut aftermath);
        self.tell(hub, aftermath)
    }

    /// Hands out what came, and wakes who serves the connection.
    fn hand_out(&self, aftermath: &mut Aftermath) {
        if aftermath.changed {
            self.connections.wake_all();
        } else if aftermath.control {
            self.connections.wake_writer();
        }
        if !aftermath.answers.is_empty() {
            let told = self.answers.bring(mem::take(&mut aftermath.answers));
            // Now, and not before: messages may become readable that came after the replies.
            self.with(|_, session| told.into_iter().for_each(|told| session.on_answer_told(told)));
        }
        if !aftermath.transfers.is_empty() {
            for (id, holds) in self.bulk().bring(mem::take(&mut aftermath.transfers)) {
                self.end_whole(id, holds);
            }
        }
    }

    /// Tells the endpoint; whether there is something to send.
    fn tell(self: &Arc<Self>, hub: &Hub, aftermath: Aftermath) -> bool {
        hub.work().schedule(self);
        for epoch in aftermath.discarded {
            hub.slots().discard(self, epoch);
        }
        if aftermath.news {
            self.announce(hub);
        }
        if aftermath.over {
            self.retire(hub);
        }
        aftermath.transmit
    }

    /// Puts it into the application's ready list, unless it stands there.
    fn announce(self: &Arc<Self>, hub: &Hub) {
        if self.flags.ready.enter() {
            hub.add_ready(Arc::clone(self));
        }
    }

    /// It is over, or its endpoint is: whoever waits for it or for an answer is told.
    pub(crate) fn retire(&self, hub: &Hub) {
        if !self.flags.retired.swap(true, Ordering::SeqCst) {
            self.answers.end();
            let reason = lock(&self.session).close_reason().cloned();
            hub.retire(self, reason.as_ref());
            self.over.come();
        }
    }

    /// Claims a place in the senders' list; whether it was free.
    pub(crate) fn claim_service(&self) -> bool {
        self.flags.served.enter()
    }

    /// A sender has taken it off the list and will look now.
    pub(crate) fn begin_service(&self) {
        self.flags.served.leave();
    }

    /// Whether it stands in the list of those to flush; then a flush from here on finds it there, or
    /// another has taken it from there and has not looked yet.
    pub(crate) fn is_dirty(&self) -> bool {
        self.flags.dirty.stands()
    }

    /// It was put into the list of those to flush.
    pub(crate) fn mark_dirty(&self) {
        let was_free = self.flags.dirty.enter();
        debug_assert!(was_free, "it is put there under the list's lock alone");
    }

    /// It will be flushed now; what is queued from here on is for the next flush.
    pub(crate) fn begin_flush(&self) {
        self.flags.dirty.leave();
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("id", &self.about.id)
            .field("remote", &self.about.remote)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
#[cfg(biplane_loom)]
pub(crate) use models::hub;
#[cfg(test)]
mod tests;
