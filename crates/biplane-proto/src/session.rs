//! One session: both planes, in one type.
//!
//! | module | decides |
//! |---|---|
//! | `arrival` | what the frames of a packet mean |
//! | `departure` | what goes into the next packet |
//! | `builder` | how a packet is laid out |
//! | `stream` | what control records mean, and which go next |
//! | `moving` | how a session follows a peer to another address |
//! | `probing` | how a session learns how long its datagrams may be |
//! | `ending` | how a session closes |
//! | `resume` | how a session goes on over another control connection |
//! | `requests` | what is asked and answered |
//! | `transfer` | transfers: their steps, and what their bytes yield to |
//! | `timing` | what each timer does, and when each is due |

mod arrival;
mod builder;
mod departure;
mod ending;
mod moving;
mod probing;
mod requests;
mod resume;
mod stream;
mod timing;
mod transfer;

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, ChannelKind, PacketNumber, Parameters};
use bytes::Bytes;

use self::ending::State;
pub use self::{arrival::Arrival, departure::Transmit, ending::ControlLoss, requests::Reply};
use crate::{
    ChannelConfig, ChannelStats, CloseReason, DropReason, Drops, Event, FirstNumbers, KeyChange,
    PathStats, PlaneMode, Planes, Role, SendError, SessionStats, Setup, Sounding, SoundingReport,
    Timer,
    acks::Acks,
    channel::{Channels, Content},
    control::{Control, Head},
    keys::{Fresh, Keys},
    limits,
    liveness::Liveness,
    path::PathState,
    peer_clock::PeerClock,
    random::Random,
    recovery::{Fate, Recovery},
    requests::Requests,
    timers::Timers,
    watched::Watched,
    window::ReplayWindow,
};

/// What the owner of a session must see to after an input that says so.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Consequence {
    /// Nothing that can be asked of the session has changed, but how much it holds.
    Nothing,
    /// [`Session::poll_timeout`] may say another time; else nothing has changed.
    Deadline,
    /// Anything.
    Anything,
}

/// What is asked of one message beside its channel's promise. Default: nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SendOptions {
    /// One [`Event::Noted`] with this token shall say what became of it. Tokens are the caller's and
    /// may repeat. [`SendError::NotOffered`] on a channel without `notify`,
    /// [`SendError::QueueFull`] while [`limits::NOTICES`] notices are open or wait to be taken.
    pub notice: Option<u64>,
    /// The peer's application shall have it once it took every command, request and reply that was
    /// issued here before. [`SendError::NotOffered`] on a `command` channel, whose messages keep
    /// their order anyway.
    pub after_commands: bool,
}

/// The association with a peer, over TCP and UDP; see the crate's documentation for the contract.
#[derive(Debug)]
pub struct Session {
    facts: Facts,
    clock: Clock,
    keys: Keys,
    arrivals: Arrivals,
    recovery: Recovery,
    path: PathState,
    channels: Channels,
    control: Watched<Control>,
    requests: Requests,
    liveness: Liveness,
    timers: Timers,
    outlook: Outlook,
}

/// What was settled when the session began.
#[derive(Debug)]
struct Facts {
    role: Role,
    /// What a resume or an attach names; `None` if there is none.
    name: Option<[u8; 16]>,
    /// Zero: it ends with its connection.
    grace: Duration,
    /// What this side said of itself.
    local: Parameters,
    max_send_delay: Duration,
    /// It ends where UDP does not work.
    requires_data: bool,
    keep_alive: Duration,
    idle_timeout: Duration,
}

/// Packets that came in.
#[derive(Debug)]
struct Arrivals {
    window: ReplayWindow,
    acks: Acks,
    packets: u64,
    bytes: u64,
    bytes_sent: u64,
    undecodable: u64,
    tunnelled: u64,
    path_changes: u64,
    drops: Drops,
}

/// What the session tells its owner, and how far it has come.
#[derive(Debug)]
struct Outlook {
    state: State,
    left: Option<CloseReason>,
    events: VecDeque<Event>,
    readable_queued: bool,
    writable_queued: bool,
    /// What is queued may leave.
    released: bool,
    /// What the application took has waited long enough to be told.
    taken_due: bool,
    /// Probe packets that leave whatever the window says.
    probes: u32,
    ping: bool,
    /// An ack was asked for because the window closes, and none has come since.
    asked: bool,
    wants_control: bool,
    fate: Fate,
}

/// The session's own time: never backwards, and in microseconds since it began.
#[derive(Debug)]
struct Clock {
    epoch: Instant,
    latest: Instant,
    /// The peer's.
    peer: PeerClock,
}

impl Clock {
    fn clamp(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// The last step of a keep-alive that is not after `at`.
    fn step_before(&self, at: Instant) -> Instant {
        step_before(at, self.epoch)
    }
}

/// The last whole step since `epoch` that is not after `at`.
fn step_before(at: Instant, epoch: Instant) -> Instant {
    const STEP: u32 = limits::KEEP_ALIVE_STEP.subsec_nanos();
    let past = at.saturating_duration_since(epoch).subsec_nanos() % STEP;
    at - Duration::from_nanos(u64::from(past))
}

impl Session {
    /// Begins a session.
    #[must_use]
    pub fn new(now: Instant, setup: Setup) -> Self {
        let Setup { role, agreement, secret, mut channels, requests, config, seed, .. } = setup;
        for channel in &mut channels {
            for wait in [&mut channel.lifetime, &mut channel.escalate_after].into_iter().flatten() {
                *wait = limits::WAIT_MAX.min(*wait);
            }
        }
        let (local, peer) = (agreement.local, agreement.peer);
        let first = setup.first_packet;
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        let ack_delays = (ms(peer.reliable_ack_delay_ms), ms(peer.unreliable_ack_delay_ms));
        let keep_alive = local.keep_alive_ms.min(peer.idle_timeout_ms / 3);
        let mut timers = Timers::default();
        timers.arm(Timer::Join, now + limits::UDP_JOIN.max(setup.handshake_rtt * 3));
        let accepted = usize::try_from(peer.max_datagram).unwrap_or(usize::MAX);
        let ceiling = config.max_datagram.min(limits::DATAGRAM_LARGEST).min(accepted);
        let window = usize::try_from(peer.control_window).unwrap_or(usize::MAX);
        let fresh = Fresh { aead: agreement.aead, secret: &secret, peer: peer.receive_id };
        let name = match role {
            Role::Client => peer.session,
            Role::Server => local.session,
        };
        let mut session = Self {
            clock: Clock { epoch: now, latest: now, peer: PeerClock::new(now) },
            keys: Keys::new(role, fresh, first, config.key_packets),
            arrivals: Arrivals {
                window: ReplayWindow::new(first),
                acks: Acks::new(now),
                packets: 0,
                bytes: 0,
                bytes_sent: 0,
                undecodable: 0,
                tunnelled: 0,
                path_changes: 0,
                drops: Drops::default(),
            },
            recovery: Recovery::new(now, first, &config, ack_delays, &seed),
            path: PathState::new(now, setup.remote, ceiling, Random::new(&seed)),
            channels: Channels::new(channels, peer.initial_credit, local.initial_credit),
            control: Watched::new(Control::new(now, window)),
            requests: Requests::new(requests),
            liveness: Liveness::new(now),
            timers,
            outlook: Outlook::new(),
            facts: Facts {
                keep_alive: ms(keep_alive).max(limits::KEEP_ALIVE_RANGE.0),
                idle_timeout: ms(local.idle_timeout_ms),
                max_send_delay: config.max_send_delay,
                requires_data: config.planes == PlaneMode::RequireData,
                role,
                name,
                grace: config.grace,
                local,
            },
        };
        if config.planes == PlaneMode::ForceControl {
            session.forgo_data();
        }
        session.settle(now);
        session
    }

    /// Keeps step with all that do so with the same `epoch`: while they are quiet they say so at the
    /// same times, [`limits::KEEP_ALIVE_STEP`] apart, and their owner wakes once for all of them.
    /// For a session that has just begun; by itself it keeps step with its own beginning.
    #[must_use]
    pub fn in_step_with(mut self, epoch: Instant) -> Self {
        self.clock.epoch = step_before(self.clock.epoch, epoch);
        self
    }

    /// Counts from `first` on instead of from 0. For a session that has just begun, in tests.
    #[must_use]
    pub fn counting_from(mut self, first: FirstNumbers) -> Self {
        self.channels.count_from(first.sequence, first.credit);
        self.control.outbox.count_from(first.control);
        self.control.inbox.count_from(first.control);
        self.requests.count_from(first.request);
        self
    }

    /// Takes the next key to install or discard; drain it before letting go of the session.
    pub fn poll_key(&mut self) -> Option<KeyChange> {
        self.keys.poll_change()
    }

    /// The largest packet number received, against whose successor the next is expanded.
    #[must_use]
    pub const fn largest_received(&self) -> PacketNumber {
        self.arrivals.window.largest()
    }

    /// Packet numbers below this are late, whatever they carry.
    #[must_use]
    pub const fn floor(&self) -> PacketNumber {
        self.arrivals.window.floor()
    }

    /// Queues a message, on the plane its channel's kind says.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    pub fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        payload: Bytes,
    ) -> Result<(), SendError> {
        self.send_with(now, channel, payload, SendOptions::default())
    }

    /// The same, with what `how` asks beside the channel's promise.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    pub fn send_with(
        &mut self,
        now: Instant,
        channel: ChannelId,
        payload: Bytes,
        how: SendOptions,
    ) -> Result<(), SendError> {
        self.enqueue(now, channel, Content::Shared(payload), how).map(drop)
    }

    /// The same; returns what its owner must see to. That is nothing for most messages of data
    /// channels, which wait for a flush or behind others.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    #[inline]
    pub fn enqueue(
        &mut self,
        now: Instant,
        channel: ChannelId,
        content: Content<'_>,
        how: SendOptions,
    ) -> Result<Consequence, SendError> {
        let now = self.clock.clamp(now);
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        let config = self.channels.config(channel).ok_or(SendError::NotInProtocol)?;
        if config.kind == ChannelKind::Command {
            self.channels.check(channel, content.as_slice().len(), how)?;
            let outcome = self.control.queue(Head::Command(channel), content);
            self.channels.on_command(channel, how, outcome)?;
            // Behind others that are about to leave it only waits.
            if self.outlook.wants_control && how.notice.is_none() {
                return Ok(Consequence::Nothing);
            }
        } else {
            let only_waits = self.only_waits(config, how);
            if how.after_commands {
                self.channels.on_progress(self.control.outbox.progress());
            }
            self.channels.send(now, channel, content, how)?;
            let is_first = self.timers.deadline(Timer::Send).is_none();
            if is_first {
                self.timers.arm(Timer::Send, now + self.facts.max_send_delay);
            }
            if only_waits {
                return Ok(if is_first { Consequence::Deadline } else { Consequence::Nothing });
            }
        }
        self.settle(now);
        Ok(Consequence::Anything)
    }

    /// Whether nothing follows from a message of a data channel but that it waits, for a flush or
    /// behind others. So it is with most, and to settle costs more than to queue.
    fn only_waits(&self, config: &ChannelConfig, how: SendOptions) -> bool {
        let is_plain = how == SendOptions::default()
            && !config.notify
            && config.escalate_after.is_none()
            && self.liveness.data_open();
        // A `sequenced` one that is blocked takes the place of those before it.
        let is_behind = || config.kind != ChannelKind::Sequenced && self.channels.has_data();
        is_plain && (!self.outlook.released || is_behind())
    }

    /// The time at which to send a message of `channel` behind others that wait for a flush: that of
    /// the latest input, which is earlier than now by the send delay, or by as long as its owner is
    /// held up. `None` if none waits, and where a lifetime or an escalation counts from it: of a `sequenced`
    /// channel too, whose last message is worth more than all before it.
    #[must_use]
    #[inline]
    pub fn time_behind(&self, channel: ChannelId) -> Option<Instant> {
        self.timers.deadline(Timer::Send)?;
        let config = self.channels.config(channel)?;
        let counts = config.lifetime.is_some()
            || config.escalate_after.is_some()
            || config.kind == ChannelKind::Sequenced;
        (!counts).then_some(self.clock.latest)
    }

    /// Lets what is queued leave without waiting for company.
    pub fn flush(&mut self, now: Instant) {
        let now = self.clock.clamp(now);
        self.outlook.released = true;
        self.settle(now);
    }

    /// Takes the next message of a channel; `None` when there is nothing now. What had arrived
    /// before the session ended can still be taken.
    pub fn take(&mut self, now: Instant, channel: ChannelId) -> Option<Bytes> {
        let mut taken = None;
        self.take_many(now, channel, 1, &mut |content| taken = Some(content.into_bytes()));
        taken
    }

    /// Gives `each` the next messages of a channel, `most` at the most; returns what its owner must
    /// see to.
    pub fn take_many(
        &mut self,
        now: Instant,
        channel: ChannelId,
        most: usize,
        each: &mut dyn FnMut(Content<'_>),
    ) -> Consequence {
        if self.channels.take(channel, most, each) == 0 {
            return Consequence::Nothing;
        }
        let now = self.clock.clamp(now);
        let is_released = self.channels.take_released();
        if is_released {
            self.outlook.readable();
        }
        let is_told = self.channels.owes_taken(channel) && !self.is_ended();
        let is_first = is_told && self.timers.arm_once(Timer::Taken, now + limits::TAKEN_DELAY);
        let has_credit = self.wants_credit(now);
        if has_credit {
            self.settle(now);
        }
        match (is_released || has_credit, is_first) {
            (true, _) => Consequence::Anything,
            (false, true) => Consequence::Deadline,
            (false, false) => Consequence::Nothing,
        }
    }

    /// Bit `i` says that channel `i` has something to take.
    #[must_use]
    pub const fn readable(&self) -> u64 {
        self.channels.readable()
    }

    /// Says once more that there are messages, of which the application took some and gave them back.
    pub fn tell_readable(&mut self) {
        self.outlook.readable();
    }

    /// Notes packets with its receive id that were dropped before they came to it.
    pub fn count_drops(&mut self, reason: DropReason, count: u64) {
        self.arrivals.drops.tally(reason, count);
    }

    /// Notes a message that did not decode, of a kind that may lose messages.
    pub const fn count_undecodable(&mut self) {
        self.arrivals.undecodable += 1;
    }

    /// Takes what happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.outlook.events.pop_front()?;
        match &event {
            Event::Readable => self.outlook.readable_queued = false,
            Event::Writable => self.outlook.writable_queued = false,
            Event::Called(call) => {
                let place = self.requests.on_call_taken(call);
                self.on_place_taken(place);
            }
            Event::Noted(..) => self.on_notice_taken(),
            Event::Planes(_) | Event::Offered(_) | Event::Left(_) => {}
        }
        Some(event)
    }

    fn on_notice_taken(&mut self) {
        self.channels.books.notices.on_notice_taken();
        if self.channels.books.notices.take_writable() {
            self.outlook.writable();
        }
    }

    /// Whether [`Session::poll_event`] has something.
    #[must_use]
    pub fn has_event(&self) -> bool {
        !self.outlook.events.is_empty()
    }

    /// Whether that is [`Event::Readable`] and nothing else.
    #[must_use]
    pub fn is_just_readable(&self) -> bool {
        self.outlook.events.len() == 1
            && matches!(self.outlook.events.front(), Some(Event::Readable))
    }

    /// The planes this side sends on.
    #[must_use]
    pub fn planes(&self) -> Planes {
        self.liveness.planes(self.control.is_open())
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let mut stats = SessionStats {
            packets_received: self.arrivals.packets,
            bytes_received: self.arrivals.bytes,
            bytes_sent: self.arrivals.bytes_sent,
            messages_undecodable: self.arrivals.undecodable,
            path: PathStats {
                changes: self.arrivals.path_changes,
                datagram_size: self.path.mtu().size() as u64,
                narrowed: self.path.mtu().falls(),
                ..PathStats::default()
            },
            drops: self.arrivals.drops,
            control: self.control.report(),
            ..SessionStats::default()
        };
        stats.delivery.tunnelled = self.arrivals.tunnelled;
        self.recovery.report(&mut stats);
        self.keys.report(&mut stats);
        self.channels.report(self.clock.latest, &mut stats);
        stats
    }

    /// The figures of what a channel sends; `None` if there is no such channel.
    pub fn channel_stats(&mut self, now: Instant, channel: ChannelId) -> Option<ChannelStats> {
        let now = self.clock.clamp(now);
        let mut stats = self.channels.stats(now, channel)?;
        let is_command = self.channels.config(channel)?.kind == ChannelKind::Command;
        stats.has_room &= !is_command || self.control.outbox.has_room();
        Some(stats)
    }

    /// Asks the path: a packet of its own leaves now, whatever is queued. For a diagnosis; what
    /// comes of it decides nothing.
    pub fn sound(&mut self, now: Instant, sounding: Sounding) {
        if !self.is_closed() {
            let now = self.clock.clamp(now);
            self.path.soundings_mut().ask(sounding);
            self.path.mtu_mut().want();
            self.settle(now);
        }
    }

    /// What became of the soundings so far.
    #[must_use]
    pub fn soundings(&self) -> SoundingReport {
        self.path.soundings().report()
    }

    /// Takes the oldest round trip of a sounding that was not taken yet; the latest
    /// [`limits::SOUNDINGS`] are kept.
    pub fn take_round_trip(&mut self) -> Option<Duration> {
        self.path.soundings_mut().take_round_trip()
    }

    /// Hands the fates of sent frames to whom they concern.
    fn apply_fate(&mut self) {
        let mut fate = core::mem::take(&mut self.outlook.fate);
        for frame in fate.acked.drain(..) {
            self.on_frame_acked(frame);
        }
        for frame in fate.lost.drain(..) {
            self.on_frame_lost(frame);
        }
        self.path.mtu_mut().on_long(self.clock.latest, core::mem::take(&mut fate.long));
        (fate.progress, fate.proves_path) = (false, false);
        self.outlook.fate = fate;
    }
}

impl Outlook {
    fn new() -> Self {
        Self {
            state: State::Open,
            left: None,
            // Most sessions have one at a time at the most.
            events: VecDeque::with_capacity(1),
            readable_queued: false,
            writable_queued: false,
            released: false,
            taken_due: false,
            probes: 0,
            ping: false,
            asked: false,
            wants_control: false,
            fate: Fate::default(),
        }
    }

    /// Announces messages, at most once until that is taken.
    fn readable(&mut self) {
        if !self.readable_queued && self.state == State::Open {
            self.readable_queued = true;
            self.push(Event::Readable);
        }
    }

    fn writable(&mut self) {
        if !self.writable_queued && self.state == State::Open {
            self.writable_queued = true;
            self.push(Event::Writable);
        }
    }

    /// Nothing comes after `Left`.
    fn push(&mut self, event: Event) {
        if self.state == State::Open {
            self.events.push_back(event);
        }
    }

    /// Announces a change of planes; one that was not taken yet gives way.
    fn planes(&mut self, planes: Planes) {
        self.events.retain(|event| !matches!(event, Event::Planes(_)));
        self.push(Event::Planes(planes));
    }
}

#[cfg(test)]
mod tests;
