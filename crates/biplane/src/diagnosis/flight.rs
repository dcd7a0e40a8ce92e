//! A session that is sounded: what leaves when, and what came of it.

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use biplane_proto::{CloseReason, Event, Planes, Reply, Session, Sounding, SoundingReport};
use biplane_wire::{ChannelId, limits};

use super::{Record, judgement::Evidence};
use crate::engine::{Peer, now};

/// Every other one is plain: its ack rides TCP while nothing is known to come back over UDP.
const KINDS: [Sounding; 4] = [Sounding::Full, Sounding::Plain, Sounding::Short, Sounding::Plain];

/// A session with nobody behind it but the diagnosis.
pub(super) struct Flight {
    peer: Arc<dyn Peer>,
    began: Instant,
    planes: Planes,
    ended: Option<CloseReason>,
    round_trips: Vec<Duration>,
    report: SoundingReport,
    /// Packets of the server's that should have come, and those that did.
    heard: (u64, u64),
    /// The longest datagram that is sent, in bytes.
    datagram_size: u64,
    over: flume::Receiver<()>,
}

impl Flight {
    pub(super) fn new(peer: Arc<dyn Peer>) -> Self {
        let (sender, over) = flume::bounded(1);
        peer.on_over(Box::new(move || {
            sender.send(()).ok();
        }));
        Self {
            peer,
            began: now(),
            planes: Planes::ControlOnly,
            ended: None,
            round_trips: Vec::new(),
            report: SoundingReport::default(),
            heard: (0, 0),
            datagram_size: 0,
            over,
        }
    }

    /// The planes that work in both directions.
    pub(super) const fn planes(&self) -> Planes {
        self.planes
    }

    /// Sounds the path for `lasting`, and waits for what is still under way; tells what is certain
    /// as soon as it is.
    pub(super) fn fly(
        &mut self,
        record: &mut Record,
        lasting: Duration,
        is_given_up: &dyn Fn() -> bool,
    ) {
        let end = self.began + lasting;
        self.rest_until(self.began + limits::SOUNDING_FIRST);
        for kind in KINDS.into_iter().cycle() {
            if self.ended.is_some() || is_given_up() || now() >= end {
                break;
            }
            self.look(Some(kind));
            self.evidence().tell(record);
            self.rest_until(now() + limits::SOUNDING_INTERVAL);
        }
        // Its ack names all that arrived before it.
        self.look(Some(Sounding::Plain));
        let last = now() + limits::SOUNDING_LINGER;
        while self.ended.is_none() && !is_given_up() && now() < last && self.is_waiting() {
            self.rest_until(now() + limits::SOUNDING_INTERVAL);
            self.look(None);
            self.evidence().tell(record);
        }
    }

    /// What the flight has shown.
    pub(super) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            report: self.report,
            round_trips: &self.round_trips,
            heard: self.heard,
            datagram_size: self.datagram_size,
            ended: self.ended.as_ref(),
        }
    }

    /// Whether a sounding is without its ack, or its response.
    fn is_waiting(&self) -> bool {
        let SoundingReport { short, full, .. } = self.report;
        [short, full]
            .iter()
            .any(|counts| counts.acked < counts.sent || counts.answered < counts.asked)
    }

    /// The end of the session ends the rest.
    fn rest_until(&self, at: Instant) {
        if self.ended.is_none() {
            self.over.recv_timeout(at.saturating_duration_since(now())).ok();
        }
    }

    /// Takes in what happened, throws away what was received, and sends the next sounding.
    fn look(&mut self, next: Option<Sounding>) {
        let peer = Arc::clone(&self.peer);
        peer.clear_ready();
        peer.with(&mut |now, session| {
            self.take_events(now, session);
            throw_away(now, session);
            self.round_trips.extend(core::iter::from_fn(|| session.take_round_trip()));
            if let Some(sounding) = next {
                session.sound(now, sounding);
            }
            self.report = session.soundings();
            let stats = session.stats();
            self.heard = heard(session, stats.packets_received);
            self.datagram_size = stats.path.datagram_size;
        });
    }

    fn take_events(&mut self, now: Instant, session: &mut Session) {
        while let Some(event) = session.poll_event() {
            match event {
                Event::Planes(planes) => self.planes = planes,
                Event::Left(reason) => self.ended = Some(reason),
                // There is nobody who could answer; the server learns it now and not at a deadline.
                Event::Called(call) => drop(session.reply(now, call.id, Reply::Unanswered)),
                Event::Readable | Event::Writable | _ => {}
            }
        }
    }
}

/// The server's application may talk as it does to everybody: nothing may stop for want of credit.
fn throw_away(now: Instant, session: &mut Session) {
    let readable = session.readable();
    for channel in (0..).map_while(ChannelId::new) {
        if readable >> channel.index() & 1 != 0 {
            while session.take(now, channel).is_some() {}
        }
    }
}

/// Packets of the peer's up to the latest that came, and how many of them `came`.
const fn heard(session: &Session, came: u64) -> (u64, u64) {
    if came == 0 { (0, 0) } else { (session.largest_received().0 + 1, came) }
}
