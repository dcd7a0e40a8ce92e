//! Knows what each kind of channel promises, and judges what applications get.
//!
//! It is told what was sent, taken, asked, answered and announced, each as it happens, and keeps
//! every breach. Messages must be stamped ([`crate::stamp`]) with [`Oracle::next_index`], so that
//! each says which it is.

mod causes;
mod flow;
mod ledger;
mod notices;
mod requests;

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::{Answered, Call, CloseReason, Event, Notice, Planes, SendError};
use biplane_wire::{ChannelId, RequestId};
use bytes::Bytes;

use crate::{
    Breach, Broken, MessageBreach, NoticeBreach, Protocol, RequestBreach, SessionBreach, Side,
    index_of,
};
use causes::{Before, Causes};
use flow::Flow;
use notices::{Asked, Notices};
use requests::Requests;

/// More breaches than this tell nothing new.
const BREACHES: usize = 64;

/// The judge of one run.
#[derive(Debug)]
pub struct Oracle {
    seed: u64,
    start: Instant,
    protocol: Protocol,
    /// By the side that sends.
    flows: BTreeMap<Side, Flow>,
    /// By the side that asks.
    requests: BTreeMap<Side, Requests>,
    /// By the side that sent, and is told.
    notices: BTreeMap<Side, Notices>,
    causes: BTreeMap<Side, Causes>,
    /// By the side that is told.
    told: BTreeMap<Side, Told>,
    breaches: Vec<Breach>,
    slowest: Duration,
}

/// What one side's application was told by its session.
#[derive(Debug, Default)]
struct Told {
    /// That messages have come, since it last took all.
    readable: bool,
    /// When a message was refused with a full queue, and no word since that it has room again.
    waits_for_writable: bool,
    planes: Option<Planes>,
    left: Option<Instant>,
    /// Whether and how it may leave.
    may_leave: bool,
}

impl Oracle {
    /// The judge of a run with `seed` that began at `start`.
    #[must_use]
    pub const fn new(seed: u64, start: Instant, protocol: Protocol) -> Self {
        Self {
            seed,
            start,
            protocol,
            flows: BTreeMap::new(),
            requests: BTreeMap::new(),
            notices: BTreeMap::new(),
            causes: BTreeMap::new(),
            told: BTreeMap::new(),
            breaches: Vec::new(),
            slowest: Duration::ZERO,
        }
    }

    /// The index to stamp the next message of a channel with.
    pub fn next_index(&mut self, from: Side, channel: ChannelId) -> u64 {
        self.flow(from).ledger(channel).map_or(0, ledger::Ledger::next_index)
    }

    /// A message was sent: the session accepted it, or said why not.
    pub fn sent(
        &mut self,
        now: Instant,
        from: Side,
        channel: ChannelId,
        message: (Bytes, Result<(), SendError>),
    ) {
        match message {
            (bytes, Ok(())) => self.flow(from).send(now, channel, bytes),
            (_, Err(SendError::QueueFull)) => self.told(from).waits_for_writable = true,
            (_, Err(error)) => self.session_breach(now, from, SessionBreach::Refused(error)),
        }
    }

    /// The token to send the next message of `from` with whose notice is asked for.
    pub fn next_token(&mut self, from: Side) -> u64 {
        self.notices(from).next_token()
    }

    /// The message that was sent last on a channel was sent with that token.
    pub fn noted(&mut self, from: Side, channel: ChannelId) {
        let index = self.accepted(from, channel).saturating_sub(1);
        let Some(config) = self.protocol.channels.get(channel.index()) else { return };
        let (kind, lives) = (config.kind, config.lifetime.is_some());
        self.notices(from).ask(Asked { channel, index, kind, lives, told: None });
    }

    /// The message that was sent last on a channel is to come after all that was issued before it.
    pub fn sent_after(&mut self, from: Side, channel: ChannelId) {
        let index = self.accepted(from, channel).saturating_sub(1);
        let before = Before {
            commands: self.flow(from).commands(),
            requests: self.requested(from),
            replies: self.requests.get(&from.peer()).map_or(0, Requests::replied),
        };
        self.causes.entry(from).or_default().put(channel, index, before);
    }

    fn check_causes(&mut self, now: Instant, by: Side, channel: ChannelId, index: u64) {
        let from = by.peer();
        let Some(causes) = self.causes.get_mut(&from) else { return };
        let protocol = &self.protocol;
        let flow = self.flows.entry(from).or_insert_with(|| Flow::new(protocol));
        let asked = self.requests.remove(&from).unwrap_or_default();
        let answered = self.requests.entry(by).or_default();
        let breach = causes.check((channel, index), flow, &asked, answered);
        self.requests.insert(from, asked);
        if let Some(breach) = breach {
            self.message_breach(now, by, channel, breach);
        }
    }

    /// How many notices have not come.
    #[must_use]
    pub fn open_notices(&self) -> u64 {
        self.notices.values().map(Notices::open).sum()
    }

    /// Faults stopped so long ago that every notice must have come: tells of those that have not.
    pub fn notices_overdue(&mut self, now: Instant) {
        let open = self.notices.iter().map(|(side, notices)| (*side, notices.open()));
        for (side, count) in open.filter(|(_, count)| *count > 0).collect::<Vec<_>>() {
            self.breach(now, Some(side), None, NoticeBreach::Stuck { count });
        }
    }

    /// A message was taken.
    pub fn taken(&mut self, now: Instant, by: Side, channel: ChannelId, bytes: &Bytes) {
        match self.flow(by.peer()).take(channel, bytes) {
            Ok(sent) => self.slowest = self.slowest.max(now.saturating_duration_since(sent)),
            Err(breach) => self.message_breach(now, by, channel, breach),
        }
        if let Some(index) = index_of(bytes) {
            self.check_causes(now, by, channel, index);
        }
        if self.told(by).left.is_some_and(|left| left < now) {
            self.message_breach(now, by, channel, MessageBreach::AfterLeft);
        }
    }

    /// Everything that could be taken was; `some` says whether that was anything.
    pub fn drained(&mut self, now: Instant, by: Side, some: bool) {
        if let Some(breach) = self.flow(by.peer()).drained() {
            self.breach(now, Some(by), None, breach);
        }
        let told = self.told(by);
        let unannounced = some && !told.readable;
        told.readable = false;
        if unannounced {
            self.session_breach(now, by, SessionBreach::Unannounced);
        }
    }

    /// The session told something.
    pub fn event(&mut self, now: Instant, at: Side, event: &Event) {
        let told = self.told(at);
        if told.left.is_some() {
            let event = format!("{event:?}");
            self.session_breach(now, at, SessionBreach::EventAfterLeft { event });
            return;
        }
        match event {
            Event::Readable => told.readable = true,
            Event::Writable => told.waits_for_writable = false,
            Event::Called(call) => self.called(now, at, call),
            Event::Left(reason) => self.left(now, at, reason),
            Event::Planes(planes) => told.planes = Some(*planes),
            Event::Noted(token, notice) => self.noticed(now, at, *token, *notice),
            Event::Offered(_) | _ => {}
        }
    }

    fn noticed(&mut self, now: Instant, at: Side, token: u64, notice: Notice) {
        let Self { flows, notices, .. } = self;
        let flow = flows.get(&at);
        let told = notices.entry(at).or_default().tell(now, token, notice, |channel, index| {
            flow.is_some_and(|flow| flow.has_taken(channel, index))
        });
        if let Err(breach) = told {
            self.breach(now, Some(at), None, breach);
        }
    }

    /// A request was asked.
    pub fn asked(&mut self, by: Side, id: RequestId, kind: u8, payload: Bytes) {
        self.requests(by).ask(id, kind, payload);
    }

    /// A call was answered by the application at `by`.
    pub fn replied(&mut self, by: Side, id: RequestId, reply: Bytes) {
        self.requests(by.peer()).reply(id, reply);
    }

    /// A request of `by` ended.
    pub fn answered(&mut self, now: Instant, by: Side, answered: &Answered) {
        if let Err(breach) = self.requests(by).end(answered) {
            self.breach(now, Some(by), None, breach);
        }
    }

    /// Commands that `from` sends may wait for credit: the order over its channels is then none of
    /// the promises.
    pub fn may_lack_credit(&mut self, from: Side) {
        self.flow(from).may_lack_credit();
    }

    /// From now on the session at `side` may leave.
    pub fn may_leave(&mut self, side: Side) {
        self.told(side).may_leave = true;
    }

    /// Whether the session at `side` has told that it is over.
    #[must_use]
    pub fn has_left(&self, side: Side) -> bool {
        self.told.get(&side).is_some_and(|told| told.left.is_some())
    }

    /// How many reliable messages and requests are owed.
    pub fn owed(&mut self) -> u64 {
        let flows = self.flows.values_mut().flat_map(Flow::ledgers_mut);
        let messages = flows.filter_map(|(_, ledger)| ledger.outstanding()).map(|(count, _)| count);
        let messages: u64 = messages.sum();
        messages + self.requests.values().map(Requests::open).sum::<u64>()
    }

    /// Faults stopped so long ago that nothing may be owed any more: tells what is.
    pub fn overdue(&mut self, now: Instant, waited: Duration) {
        let mut found = Vec::new();
        for (from, flow) in &mut self.flows {
            found.extend(flow.ledgers_mut().filter_map(|(channel, ledger)| {
                let (count, oldest) = ledger.outstanding()?;
                Some((from.peer(), channel, MessageBreach::Stuck { count, oldest, waited }))
            }));
        }
        for (side, channel, breach) in found {
            self.message_breach(now, side, channel, breach);
        }
    }

    /// Nothing is owed and nobody sends any more: `waiting` messages and records still wait at
    /// `side`, which must be none.
    pub fn emptied(&mut self, now: Instant, side: Side, waiting: u64) {
        if waiting > 0 {
            self.session_breach(now, side, SessionBreach::NeverEmpty { waiting });
        }
    }

    /// The session at `side` says that so many of the messages that it sent on a channel `expired`:
    /// where they may, no more may be missing.
    pub fn expired(&mut self, now: Instant, side: Side, channel: ChannelId, expired: u64) {
        let missing = self.flow(side).ledger(channel).map_or(0, ledger::Ledger::expired);
        if missing > expired {
            let what = SessionBreach::Vanished { missing, expired };
            self.breach(now, Some(side), Some(channel), what);
        }
    }

    /// Faults stopped long ago: the session at `side` must fly on both planes, and have told so.
    pub fn recovered(&mut self, now: Instant, side: Side, is: Planes) {
        let told = self.told(side).planes;
        if is != Planes::Both {
            self.session_breach(now, side, SessionBreach::Lame(is));
        } else if told != Some(is) {
            self.session_breach(now, side, SessionBreach::ToldOtherwise { told, is });
        }
    }

    /// The run is over: tells everything that is still owed.
    pub fn finish(&mut self, now: Instant) {
        let mut missing = Vec::new();
        for (from, flow) in &self.flows {
            missing.extend(flow.ledgers().flat_map(|(channel, ledger)| {
                ledger.missing().map(move |index| (from.peer(), channel, index))
            }));
        }
        for (side, channel, index) in missing {
            self.message_breach(now, side, channel, MessageBreach::Missing { index });
        }
        let open = self.requests.iter().map(|(side, requests)| (*side, requests.open()));
        for (side, count) in open.filter(|(_, count)| *count > 0).collect::<Vec<_>>() {
            self.breach(now, Some(side), None, RequestBreach::NeverAnswered { count });
        }
        self.finish_notices(now);
        let full = self.told.iter().filter(|(_, told)| told.waits_for_writable && !told.may_leave);
        for side in full.map(|(side, _)| *side).collect::<Vec<_>>() {
            self.session_breach(now, side, SessionBreach::NeverWritable);
        }
    }

    fn finish_notices(&mut self, now: Instant) {
        let mut wrong = Vec::new();
        for (side, notices) in &self.notices {
            let flow = self.flows.get(side);
            let taken = |channel, index| flow.is_some_and(|flow| flow.has_taken(channel, index));
            let left = self.told.get(side).and_then(|told| told.left);
            wrong.extend(notices.finish(left, taken).map(|breach| (*side, breach)));
        }
        for (side, breach) in wrong {
            self.breach(now, Some(side), None, breach);
        }
    }

    /// Every promise that was not kept so far.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// How many messages of `from` its session accepted on a channel.
    #[must_use]
    pub fn accepted(&self, from: Side, channel: ChannelId) -> u64 {
        let ledger = self.flows.get(&from).and_then(|flow| flow.ledger(channel));
        ledger.map_or(0, ledger::Ledger::next_index)
    }

    /// How many messages of `from` on a channel were taken.
    #[must_use]
    pub fn taken_of(&self, from: Side, channel: ChannelId) -> u64 {
        let ledger = self.flows.get(&from).and_then(|flow| flow.ledger(channel));
        ledger.map_or(0, ledger::Ledger::taken)
    }

    /// How many requests of `by` its session accepted.
    #[must_use]
    pub fn requested(&self, by: Side) -> u64 {
        self.requests.get(&by).map_or(0, Requests::asked)
    }

    /// The longest that a message took from being sent to being taken.
    #[must_use]
    pub const fn slowest(&self) -> Duration {
        self.slowest
    }

    /// Records that something else than a promise of its own was broken at `side`.
    pub fn session_breach(&mut self, now: Instant, side: Side, breach: SessionBreach) {
        self.breach(now, Some(side), None, breach);
    }

    fn called(&mut self, now: Instant, at: Side, call: &Call) {
        if let Err(breach) = self.requests(at.peer()).call(call) {
            self.breach(now, Some(at), None, breach);
        }
    }

    fn left(&mut self, now: Instant, at: Side, reason: &CloseReason) {
        let told = self.told(at);
        told.left = Some(now);
        if !told.may_leave {
            self.session_breach(now, at, SessionBreach::Ended(reason.clone()));
        }
    }

    fn message_breach(
        &mut self,
        now: Instant,
        side: Side,
        channel: ChannelId,
        breach: MessageBreach,
    ) {
        self.breach(now, Some(side), Some(channel), breach);
    }

    fn breach(
        &mut self,
        now: Instant,
        side: Option<Side>,
        channel: Option<ChannelId>,
        what: impl Into<Broken>,
    ) {
        if self.breaches.len() >= BREACHES {
            return;
        }
        let of_protocol = |id| self.protocol.kinds().find(|(known, _)| *known == id);
        self.breaches.push(Breach {
            seed: self.seed,
            at: now.saturating_duration_since(self.start),
            side,
            channel: channel.and_then(of_protocol),
            what: what.into(),
        });
    }

    fn flow(&mut self, from: Side) -> &mut Flow {
        let protocol = &self.protocol;
        self.flows.entry(from).or_insert_with(|| Flow::new(protocol))
    }

    fn requests(&mut self, by: Side) -> &mut Requests {
        self.requests.entry(by).or_default()
    }

    fn notices(&mut self, from: Side) -> &mut Notices {
        self.notices.entry(from).or_default()
    }

    fn told(&mut self, side: Side) -> &mut Told {
        self.told.entry(side).or_default()
    }
}

#[cfg(test)]
mod tests;
