//! How fast: what is in flight, what is lost, and when the next packet may go.
//!
//! | module | decides (RFC 9002) |
//! |---|---|
//! | `sent` | what became of each packet |
//! | `skips` | which numbers no packet has, so that a lie shows (RFC 9000, section 21.4) |
//! | `reordering` | when a packet is lost (section 6.1) |
//! | `period` | which losses are one, and whether they were any (section 7.3.2) |
//! | `rtt` | how long a round trip takes (section 5) |
//! | `passage` | how packets get to the far side, by its clock |
//! | `congestion` | how much may be in flight (section 7) |
//! | `marks` | whether the path carries ECN marks (section 7.1; RFC 9000, section 13.4) |
//! | `pacer` | when the next packet may go (section 7.7) |
//!
//! There is one packet number space and one set of keys, and a direction carries data once its path
//! is proven: so sections 6.2.1 to 6.2.3, 6.4, 7.5 and 8 have nothing to say here beyond what the
//! challenges of a join do (`path`), which have their own timer.

mod congestion;
mod marks;
mod pacer;
mod passage;
mod period;
mod reordering;
mod rtt;
mod sent;
mod skips;

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{Ack, AckRange, ChannelId, EcnCounts, PacketNumber, SequenceNumber};

pub(crate) use self::passage::Milestone;
use self::{
    congestion::{Acked, Controller, Loss, controller},
    marks::Marks,
    pacer::Pacer,
    passage::Arrivals,
    period::{Period, Share},
    reordering::{Largest, Reordering},
    rtt::Rtt,
    sent::{Lost, SentPackets, Told},
    skips::Skips,
};
use crate::{
    Congestion, SessionConfig, SessionStats, Sounding, Violation,
    acks::Eliciting,
    limits,
    path::{LengthProbe, LongPackets, Witness},
    random::Random,
};

/// Something in a packet whose fate matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SentFrame {
    /// Messages of a reliable channel that went whole, one behind the other: the first, and how many.
    Message(ChannelId, SequenceNumber, u32),
    /// A piece of one: offset and length.
    Piece(ChannelId, SequenceNumber, u32, u32),
    /// A message, or a piece of one, that goes once, and whose fate is asked for.
    Noted(ChannelId, SequenceNumber),
    /// The credit of a channel.
    Credit(ChannelId),
    /// What the application took of a channel.
    Taken(ChannelId, AckRange),
    /// An ack up to this number.
    Ack(PacketNumber),
    /// A question of a diagnosis.
    Sounding(Sounding),
    /// Whether datagrams of this length arrive.
    LengthProbe(LengthProbe),
}

impl SentFrame {
    /// The place of its channel, or one that none has.
    pub(crate) const fn channel(self) -> usize {
        match self {
            Self::Message(channel, ..)
            | Self::Piece(channel, ..)
            | Self::Noted(channel, _)
            | Self::Credit(channel)
            | Self::Taken(channel, _) => channel.index(),
            Self::Ack(_) | Self::Sounding(_) | Self::LengthProbe(_) => usize::MAX,
        }
    }

    /// One that stands for `next` too, which follows it in its packet, if there is such a one.
    pub(crate) fn joined_with(self, next: Self) -> Option<Self> {
        let (Self::Message(channel, first, count), Self::Message(other, second, more)) =
            (self, next)
        else {
            return None;
        };
        let follows = channel == other && second.0.checked_sub(first.0) == Some(u64::from(count));
        follows
            .then(|| count.checked_add(more))
            .flatten()
            .map(|all| Self::Message(channel, first, all))
    }

    /// Whether it goes again when it is lost.
    const fn is_repeated(self) -> bool {
        match self {
            Self::Message(..) | Self::Piece(..) | Self::Credit(_) | Self::Taken(..) => true,
            Self::Noted(..) | Self::Ack(_) | Self::Sounding(_) | Self::LengthProbe(_) => false,
        }
    }
}

/// A packet that has been filled.
#[derive(Debug)]
pub(crate) struct SentPacket {
    pub(crate) at: Instant,
    pub(crate) size: u16,
    pub(crate) wants: Eliciting,
    /// It left with an ECN mark.
    pub(crate) marked: bool,
    /// What is lost when the packet is lost; empty for most.
    pub(crate) frames: Vec<SentFrame>,
    /// How far arrivals had come; it is taken when the packet is noted.
    pub(crate) milestone: Milestone,
}

impl SentPacket {
    /// What stands in the place of a number that was skipped.
    const fn none(at: Instant) -> Self {
        Self {
            at,
            size: 0,
            wants: Eliciting::Nothing,
            marked: false,
            frames: Vec::new(),
            milestone: Milestone::NONE,
        }
    }

    /// Whether it asks how long a datagram may be: its loss shows no congestion (RFC 8899, section
    /// 3).
    fn is_length_probe(&self) -> bool {
        matches!(self.frames.as_slice(), [SentFrame::LengthProbe(_)])
    }

    /// What its fate says of the length of datagrams, if it is longer than every path carries.
    fn witness(&self) -> Option<Witness> {
        let len = usize::from(self.size);
        (len > limits::DATAGRAM_SIZE).then_some(Witness { len, at: self.at })
    }
}

/// What became of frames; a buffer that its owner reuses.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) acked: Vec<SentFrame>,
    pub(crate) lost: Vec<SentFrame>,
    /// Whether any packet was acknowledged for the first time.
    pub(crate) progress: bool,
    /// Whether one of them was sent on the current path, since it was last taken for dead.
    pub(crate) proves_path: bool,
    /// The packets of them that are longer than every path carries.
    pub(crate) long: LongPackets,
}

impl Fate {
    /// Notes a packet that is lost.
    fn lose(&mut self, packet: &SentPacket) {
        self.lost.extend_from_slice(&packet.frames);
        if let Some(witness) = packet.witness().filter(|_| !packet.is_length_probe()) {
            self.long.on_lost(witness);
        }
    }
}

/// What the loss timer asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OnTimeout {
    /// Nothing: packets were declared lost, or it was early.
    Nothing,
    /// Send a probe, with data if there is any.
    Probe,
}

/// The sending half of a UDP path.
#[derive(Debug)]
pub(crate) struct Recovery {
    sent: SentPackets,
    skips: Skips,
    rtt: Rtt,
    pace: Pace,
    marks: Marks,
    arrivals: Arrivals,
    /// Probe time-outs since the last ack.
    probes: u32,
    losses: Losses,
    /// The longest that the peer holds an ack, by class of packet.
    ack_delays: (Duration, Duration),
    /// Since when packets go where they go, or the direction is dead. What was sent before tells
    /// nothing of this path.
    path_since: Instant,
    counts: Counts,
}

/// How much may be in flight, and when the next packet may go.
#[derive(Debug)]
struct Pace {
    congestion: Congestion,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    /// The longest datagram, in bytes.
    datagram: usize,
}

/// How losses are told, and what they have led to.
#[derive(Debug, Default)]
struct Losses {
    largest: Option<Largest>,
    reordering: Reordering,
    period: Period,
}

#[derive(Debug, Default)]
struct Counts {
    lost: u64,
    spurious: u64,
    sent: u64,
}

/// What one ack told for the first time.
#[derive(Debug, Default)]
struct News {
    bytes: u64,
    /// The newest that wanted an ack, and when it was sent.
    newest: Option<(u64, Instant, Eliciting)>,
    /// When the largest was sent, and what had arrived then, if it is among them.
    largest: Option<(Instant, Milestone)>,
    /// What it says of the length of datagrams, and what was known before.
    long: LongPackets,
    /// How many of this path were marked.
    marked: u64,
}

impl Recovery {
    /// A path on which `first` is the first packet; `ack_delays` are the peer's, for packets with
    /// reliable frames and for others. Which numbers are skipped, `seed` decides.
    pub(crate) fn new(
        now: Instant,
        first: PacketNumber,
        config: &SessionConfig,
        ack_delays: (Duration, Duration),
        seed: &[u8; 32],
    ) -> Self {
        Self {
            sent: SentPackets::new(first),
            skips: Skips::new(Random::of(seed, "skipped numbers")),
            rtt: Rtt::new(config.initial_rtt),
            pace: Pace::new(now, config.congestion, limits::DATAGRAM_SIZE),
            marks: Marks::default(),
            arrivals: Arrivals::new(now),
            probes: 0,
            losses: Losses::default(),
            ack_delays,
            path_since: now,
            counts: Counts::default(),
        }
    }

    /// The path was proven, in `rtt` if that is known: the first sample.
    pub(crate) fn on_path_validated(&mut self, now: Instant, rtt: Option<Duration>) {
        if let Some(rtt) = rtt {
            self.rtt.update(now, rtt, Duration::ZERO);
        }
    }

    /// What the latest round trip took, without the peer's ack delay.
    pub(crate) fn latest_round_trip(&self) -> Option<Duration> {
        self.rtt.adjusted()
    }

    /// Packets go elsewhere from now on, where a round trip took `rtt` if that is known; `far` if
    /// that is another host's address, of whose path nothing else is known (RFC 9000, section 9.4).
    /// What is in flight stays so; the frames that have waited longest for an ack are named for
    /// another copy.
    pub(crate) fn on_moved(
        &mut self,
        now: Instant,
        rtt: Option<Duration>,
        far: bool,
        fate: &mut Fate,
    ) {
        self.path_since = now;
        self.probes = 0;
        if far {
            self.rtt = self.rtt.of_another_path();
            self.pace = Pace::new(now, self.pace.congestion, self.pace.datagram);
            self.marks.on_moved();
            self.losses = Losses { largest: self.losses.largest, ..Losses::default() };
        }
        self.on_path_validated(now, rtt);
        self.sent.probe(fate);
    }

    /// How long the answer to a path challenge is waited for where nothing is known of the path:
    /// three probe time-outs, of this path or of such a one (RFC 9000, section 8.2.4).
    pub(crate) fn validation_time(&self) -> Duration {
        let unknown = self.rtt.of_another_path().probe_base();
        let known = self.rtt.probe_base();
        (unknown.max(known) + self.ack_delay(Eliciting::Fresh)) * 3
    }

    /// Datagrams have so many bytes from now on.
    pub(crate) fn set_datagram(&mut self, bytes: usize) {
        if self.pace.datagram != bytes {
            self.pace.datagram = bytes;
            self.pace.controller.set_datagram(bytes as u64);
        }
    }

    /// Takes back a list of frames that was not used.
    pub(crate) fn return_frames(&mut self, frames: Vec<SentFrame>) {
        self.sent.reuse(frames);
    }

    /// Whether `size` bytes of data may leave now.
    pub(crate) fn may_send(&self, now: Instant, size: usize) -> bool {
        self.window_allows(size) && self.pace.pacer.delay(now, size).is_none()
    }

    /// Whether `size` bytes more fit into the congestion window. Where nothing is in flight they do:
    /// it may be narrower than one long datagram.
    pub(crate) fn window_allows(&self, size: usize) -> bool {
        let in_flight = self.sent.in_flight();
        let fits = in_flight == 0 || in_flight + size as u64 <= self.pace.controller.window();
        fits && self.sent.has_room()
    }

    /// Whether the oldest packet has waited for its ack for longer than that may take: what goes now
    /// asks whether anything arrives.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        let timeout = self.probe_timeout(Eliciting::Fresh);
        self.oldest_unanswered().is_some_and(|at| now.saturating_duration_since(at) >= timeout)
    }

    /// When pacing lets `size` bytes go, if pacing is all that holds them.
    pub(crate) fn pacing_deadline(&self, now: Instant, size: usize) -> Option<Instant> {
        if !self.window_allows(size) {
            return None;
        }
        Some(now + self.pace.pacer.delay(now, size)?)
    }

    /// Whether the next number shall be skipped.
    pub(crate) const fn skips_number(&self) -> bool {
        self.skips.is_due()
    }

    /// Notes that no packet has the next number.
    pub(crate) fn on_skipped(&mut self, now: Instant) {
        let window = self.pace.controller.window() / limits::DATAGRAM_SIZE as u64;
        self.skips.on_skipped(self.sent.next(), window, self.sent.base());
        self.sent.push(SentPacket::none(now));
    }

    /// Notes a packet that was filled; but for those that were skipped, numbers come without gaps.
    pub(crate) fn on_sent(&mut self, mut packet: SentPacket) {
        self.counts.sent += 1;
        self.skips.on_sent();
        if packet.marked {
            self.marks.on_sent();
        }
        if packet.wants != Eliciting::Nothing {
            if self.has_rested(packet.at) {
                self.pace.pacer.on_rest(packet.at);
            }
            let rate = Pacer::rate(self.pace.controller.window(), self.rtt.smoothed());
            self.pace.pacer.on_sent(packet.at, usize::from(packet.size), rate);
        }
        packet.milestone = self.arrivals.milestone(packet.at, self.sent.in_flight() == 0);
        self.sent.push(packet);
    }

    /// Whether a packet that wants so much is marked.
    pub(crate) fn marks(&self, wants: Eliciting) -> bool {
        wants != Eliciting::Nothing && self.marks.marks(self.probes > 0)
    }

    /// Whether nothing that wants an ack was sent for a probe time-out: what the path is like now is
    /// not known any more (RFC 9002, section 7.7; RFC 7661).
    fn has_rested(&self, now: Instant) -> bool {
        let rest = self.probe_timeout(Eliciting::Fresh);
        self.sent.last_sent_at().is_some_and(|at| now.saturating_duration_since(at) > rest)
    }

    /// Whether nothing that wants an ack was sent for a probe time-out, if ever.
    pub(crate) fn is_quiet(&self, now: Instant) -> bool {
        self.sent.last_sent_at().is_none() || self.has_rested(now)
    }

    /// Takes in an ack and returns its largest number. `fate` is told what was acknowledged and what
    /// is lost now.
    ///
    /// # Errors
    ///
    /// [`Violation::AckOfUnsent`], [`Violation::AckOfSkipped`].
    pub(crate) fn handle_ack(
        &mut self,
        now: Instant,
        ack: &Ack<'_>,
        fate: &mut Fate,
    ) -> Result<PacketNumber, Violation> {
        let next = self.sent.next();
        let (largest, ranges) = ack.numbers(next);
        if largest >= next {
            return Err(Violation::AckOfUnsent);
        }
        let in_flight = self.sent.in_flight();
        let mut news = News { long: fate.long, ..News::default() };
        for range in ranges {
            let range = range.ok_or(Violation::AckOfUnsent)?;
            if self.skips.has_any(range) {
                return Err(Violation::AckOfSkipped);
            }
            self.take_range(range, largest, &mut news, fate);
        }
        fate.long = news.long;
        let is_largest = self.on_largest(now, largest);
        if let Some((_, sent_at, wants)) = news.newest {
            fate.progress = true;
            self.probes = 0;
            if sent_at >= self.path_since {
                fate.proves_path = true;
                self.sample(now, news.largest.map(|(at, _)| at), ack.delay, wants);
                if is_largest {
                    self.on_marks(now, sent_at, news.marked, ack.ecn);
                }
                self.tell_controller(now, sent_at, in_flight, &news, ack.arrival);
            }
        }
        self.detect_lost(now, fate);
        Ok(largest)
    }

    fn take_range(
        &mut self,
        range: AckRange,
        largest: PacketNumber,
        news: &mut News,
        fate: &mut Fate,
    ) {
        let Self { sent, path_since, losses, pace, counts, .. } = self;
        sent.ack(range, fate, |told| {
            news.note(&told, largest, *path_since);
            // A length probe that was lost never counted as a loss.
            if told.is_late && !told.packet.is_length_probe() {
                counts.spurious += 1;
                if let Some(since) = losses.on_late(&told) {
                    pace.controller.on_spurious(since);
                }
            }
        });
    }

    /// What an ack of a larger number than any before says of marks.
    fn on_marks(&mut self, now: Instant, sent_at: Instant, told: u64, counts: Option<EcnCounts>) {
        if self.marks.on_ack(told, counts) && self.losses.period.on_marked(now, sent_at) {
            self.pace.controller.on_mark(now, sent_at);
        }
    }

    /// Whether an ack's largest number is the largest of all.
    fn on_largest(&mut self, now: Instant, number: PacketNumber) -> bool {
        let known = self.losses.largest;
        let is_largest = known.is_none_or(|known| number > known.number);
        if is_largest {
            let before = known.map_or(now, |known| known.at);
            let at = self.sent.sent_at(number).unwrap_or(before);
            self.losses.largest = Some(Largest { number, at });
        }
        is_largest
    }

    fn tell_controller(
        &mut self,
        now: Instant,
        sent_at: Instant,
        in_flight: u64,
        news: &News,
        arrival: u32,
    ) {
        let Self { rtt, arrivals, pace: Pace { controller, .. }, .. } = self;
        arrivals.on_bytes(news.bytes);
        controller.on_ack(Acked {
            now,
            rtt: rtt.smoothed(),
            latest_rtt: rtt.latest(),
            least_rtt: rtt.shortest(),
            bytes: news.bytes,
            sent_at,
            in_flight,
            app_limited: in_flight * 2 < controller.window(),
            queued: rtt.shows_queue(),
            passage: news.largest.map(|(at, milestone)| arrivals.passage(at, milestone, arrival)),
        });
    }

    /// Takes a round trip from the largest packet of an ack, if that told it for the first time
    /// (RFC 9002, section 5.1); the peer held it as long as packets of this class at the most.
    fn sample(&mut self, now: Instant, largest: Option<Instant>, delay: u32, wants: Eliciting) {
        if let Some(sent_at) = largest {
            let held = Duration::from_micros(u64::from(delay)).min(self.ack_delay(wants));
            self.rtt.update(now, now.saturating_duration_since(sent_at), held);
        }
    }

    const fn ack_delay(&self, wants: Eliciting) -> Duration {
        match wants {
            Eliciting::AtOnce | Eliciting::Nothing => Duration::ZERO,
            Eliciting::Reliable => self.ack_delays.0,
            Eliciting::Fresh => self.ack_delays.1,
        }
    }

    fn detect_lost(&mut self, now: Instant, fate: &mut Fate) {
        let Self { losses, sent, rtt, .. } = self;
        let Some(largest) = losses.largest else { return };
        let Some(verdict) = losses.reordering.verdict(now, rtt.judged_by(), largest) else {
            return;
        };
        let measured = rtt.measured_at().map(|at| at.max(self.path_since));
        let Some(lost) = sent.lose(&verdict, measured, &losses.period, fate) else { return };
        self.counts.lost += lost.packets;
        if lost.newest < self.path_since {
            return;
        }
        self.marks.on_lost(lost.marked);
        let persistent = lost.span > self.persistent_span();
        let Lost { newest, bytes, .. } = lost;
        self.pace.controller.on_congestion(Loss { now, newest, bytes, persistent });
        self.losses.on_lost(now, lost.share, persistent);
        if persistent {
            self.rtt.forget_shortest();
        }
    }

    /// Three probe time-outs: what is lost over a longer time was no accident (RFC 9002, section
    /// 7.6.1).
    fn persistent_span(&self) -> Duration {
        self.probe_timeout(Eliciting::Fresh) * 3
    }

    /// Probe time-out for packets of a class, without back-off.
    pub(crate) fn probe_timeout(&self, wants: Eliciting) -> Duration {
        self.rtt.probe_base() + self.ack_delay(wants)
    }

    /// When packets are lost by time, or a probe is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if let Some(sent_at) = self.oldest_overtaken() {
            return Some(sent_at + self.losses.reordering.delay(self.rtt.judged_by()));
        }
        let (at, wants) = self.sent.latest_eliciting()?;
        let back_off = 1_u32 << self.probes.min(6);
        let timeout = self.probe_timeout(wants);
        Some(at + (timeout * back_off).min(limits::PTO_MAX.max(timeout)))
    }

    /// When the oldest packet in flight was sent, if a later one was acknowledged.
    fn oldest_overtaken(&self) -> Option<Instant> {
        self.sent.oldest_below(self.losses.largest?.number)
    }

    /// Lets the loss timer act.
    pub(crate) fn handle_timeout(&mut self, now: Instant, fate: &mut Fate) -> OnTimeout {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return OnTimeout::Nothing;
        }
        if self.oldest_overtaken().is_some() {
            self.detect_lost(now, fate);
            return OnTimeout::Nothing;
        }
        if self.probes == 0 {
            self.marks.on_probe();
        }
        self.probes += 1;
        self.sent.probe(fate);
        OnTimeout::Probe
    }

    /// When the oldest packet that wants an answer, and has none, was sent.
    pub(crate) fn oldest_unanswered(&self) -> Option<Instant> {
        self.sent.oldest_eliciting()
    }

    /// Whether the peer was asked often enough since the oldest packet without an answer: by probes
    /// or, in a flow that never lets a probe time-out pass, by the packets that followed.
    pub(crate) fn is_probed(&self, now: Instant) -> bool {
        let answerable = now.checked_sub(self.probe_timeout(Eliciting::Fresh));
        self.probes >= limits::UDP_DEAD_PROBES
            || answerable.is_some_and(|at| self.sent.has_followed(limits::UDP_DEAD_PROBES, at))
    }

    /// Gives up everything in flight: the direction is dead.
    pub(crate) fn lose_all(&mut self, now: Instant, fate: &mut Fate) {
        self.path_since = now;
        self.counts.lost += self.sent.lose_all(fate);
        self.pace.controller = controller(self.pace.congestion, self.pace.datagram as u64);
        self.losses.period = Period::default();
        self.probes = 0;
    }

    /// Fills in what it knows.
    pub(crate) fn report(&self, stats: &mut SessionStats) {
        self.rtt.report(stats);
        let window = self.pace.controller.window();
        stats.congestion_window = window;
        let micros = u64::try_from(self.rtt.smoothed().as_micros()).unwrap_or(u64::MAX);
        stats.path.send_rate = window.saturating_mul(1_000_000) / micros.max(1);
        stats.bytes_in_flight = self.sent.in_flight();
        stats.packets_sent = self.counts.sent;
        (stats.path.marked, stats.path.congestion_marks) = self.marks.counts();
        stats.path.carries_marks = self.marks.are_carried();
        stats.path.numbers_skipped = self.skips.count();
        stats.packets_lost = self.counts.lost;
        stats.path.lost_spuriously = self.counts.spurious;
    }

    /// An empty list of frames, with room from an earlier one where there is any.
    pub(crate) fn spare_frames(&mut self) -> Vec<SentFrame> {
        self.sent.spare()
    }
}

impl Pace {
    fn new(now: Instant, congestion: Congestion, datagram: usize) -> Self {
        let controller = controller(congestion, datagram as u64);
        Self { congestion, controller, pacer: Pacer::new(now), datagram }
    }
}

impl Losses {
    /// A packet declared lost was acknowledged after all. Returns the beginning of a recovery period
    /// of which nothing is left by that.
    fn on_late(&mut self, told: &Told<'_>) -> Option<Instant> {
        let at = told.packet.at;
        // What was given up with a dead direction was overtaken by nothing.
        if let Some(largest) = self.largest.filter(|largest| largest.number.0 > told.number) {
            let span = largest.at.saturating_duration_since(at);
            self.reordering.on_late(largest.number.0 - told.number, span);
        }
        self.period.on_late(at)
    }

    fn on_lost(&mut self, now: Instant, share: Share, persistent: bool) {
        if self.period.on_lost(now, share) {
            self.reordering.on_period();
        }
        if persistent {
            self.period.on_persistent(now);
        }
    }
}

impl News {
    /// Notes a packet of an ack whose largest number is `largest`. What was sent before `path_since`
    /// went elsewhere.
    fn note(&mut self, told: &Told<'_>, largest: PacketNumber, path_since: Instant) {
        let Told { number, packet, .. } = *told;
        if let Some(witness) = packet.witness() {
            self.long.on_arrived(witness);
        }
        if number == largest.0 {
            let told = Some((packet.at, packet.milestone));
            self.largest = told.filter(|(at, _)| *at >= path_since);
        }
        if packet.wants == Eliciting::Nothing {
            return;
        }
        if packet.at >= path_since {
            self.bytes += u64::from(packet.size);
            self.marked += u64::from(packet.marked);
        }
        if self.newest.is_none_or(|(known, ..)| number > known) {
            self.newest = Some((number, packet.at, packet.wants));
        }
    }
}

#[cfg(test)]
mod tests;
