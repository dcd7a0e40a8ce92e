//! How a session closes: exactly one `Left`, and the peer told on every plane that still works.
//!
//! The loss of the control connection alone closes nothing: see `resume`.
//!
//! `close` lets what is queued go first: [`State::Draining`], until everything is written and
//! acknowledged or the linger is over. Every other end is [`State::Ended`] at once. The session is
//! over when its control connection is gone, or after the linger.

use std::time::Instant;

use biplane_wire::{Close, CloseCode, Frame, Record};

use super::{Session, builder::Builder};
use crate::{CloseReason, Event, Timer, Violation, acks::Eliciting, limits, timers::Timers};

/// How far a session has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum State {
    Open,
    /// The application closed it; what it had queued still leaves.
    Draining(Box<str>),
    /// Nothing more is taken in. `None` once nobody is left to tell.
    Ended(Option<Farewell>),
    /// Nothing will ever come out again.
    Over,
}

/// What the peer is told at the end, once per plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Farewell {
    code: CloseCode,
    text: Box<str>,
    /// It still has to go over UDP.
    packet: bool,
    /// How often it may go again, to a peer that goes on although it has no other way to learn of
    /// it.
    again: u8,
}

/// How a control connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ControlLoss {
    /// FIN, RST, a TLS close or alert, or an error of the socket.
    Broken,
    /// Nothing was heard for too long.
    Silent,
    /// Nothing could be written for too long.
    Stalled,
    /// Another is about to take its place.
    Replaced,
}

impl ControlLoss {
    /// What a session ends with that cannot go on, or could not for as long as it may.
    pub(super) const fn reason(self, waited: bool) -> CloseReason {
        match self {
            Self::Stalled => CloseReason::TooSlow,
            Self::Broken | Self::Replaced if !waited => CloseReason::ConnectionLost,
            Self::Broken | Self::Replaced | Self::Silent => CloseReason::TimedOut,
        }
    }
}

impl Session {
    /// Closes the session with words for the peer. What is queued leaves first, for one second at
    /// the most; the application's last event, `Left`, is there at once.
    pub fn close(&mut self, now: Instant, text: &str) {
        let now = self.clock.clamp(now);
        if self.is_closed() {
            return;
        }
        self.leave(CloseReason::ClosedHere { text: text.into() });
        self.outlook.state = State::Draining(text.into());
        self.outlook.released = true;
        self.timers.arm(Timer::Close, now + limits::CLOSE_LINGER);
        self.settle(now);
    }

    /// Ends the session at once, on both planes: its owner let go of it.
    pub fn abandon(&mut self, now: Instant) {
        let now = self.clock.clamp(now);
        if !self.is_ended() {
            let text = "the application let go";
            self.end(
                now,
                CloseReason::ClosedHere { text: text.into() },
                Some((CloseCode::Dropped, text)),
            );
        }
        self.settle(now);
    }

    /// Ends the session because the peer broke a rule that only the application's types could show.
    pub fn violate(&mut self, now: Instant, violation: Violation) {
        let now = self.clock.clamp(now);
        self.end_by_violation(now, violation);
        self.settle(now);
    }

    /// Whether the application has closed it or been told `Left`: nothing more can be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.outlook.state != State::Open
    }

    /// Why it ended, once it has: what the application's `Left` says.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        self.outlook.left.as_ref()
    }

    /// Whether nothing will ever come out again but events and messages that are already there.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.outlook.state == State::Over
    }

    /// Whether nothing is taken in any more.
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.outlook.state, State::Ended(_) | State::Over)
    }

    /// Ends the session by the peer's word.
    pub(super) fn end_by_peer(&mut self, now: Instant, close: Close<'_>) {
        let text = close.text;
        let reason = match close.code {
            CloseCode::Application => CloseReason::Closed { text: text.into() },
            CloseCode::Dropped => CloseReason::Dropped,
            CloseCode::Violation => CloseReason::Accused { text: text.into() },
            CloseCode::TimedOut => CloseReason::ConnectionLost,
            CloseCode::Limit => CloseReason::PeerLimit { text: text.into() },
            CloseCode::NoData => CloseReason::DataPlaneLost,
        };
        self.end(now, reason, None);
    }

    pub(super) fn end_by_violation(&mut self, now: Instant, violation: Violation) {
        if self.is_ended() {
            return;
        }
        tracing::debug!(%violation, "the peer broke a rule");
        let text = violation.to_string();
        self.end(now, CloseReason::Violation(violation), Some((CloseCode::Violation, &text)));
    }

    pub(super) fn end_by_exhaustion(&mut self, now: Instant) {
        let text = "a key has sealed as many packets as it may";
        self.end(now, CloseReason::KeysExhausted, Some((CloseCode::Limit, text)));
        self.settle(now);
    }

    pub(super) fn end_without_data(&mut self, now: Instant) {
        let reason = CloseReason::DataPlaneLost;
        let text = reason.to_string();
        self.end(now, reason, Some((CloseCode::NoData, &text)));
    }

    /// Ends the session; `tell` is for the peer.
    pub(super) fn end(
        &mut self,
        now: Instant,
        reason: CloseReason,
        tell: Option<(CloseCode, &str)>,
    ) {
        if self.is_ended() {
            return;
        }
        self.leave(reason);
        self.outlook.state =
            State::Ended(tell.map(|(code, text)| self.farewell(code, text.into())));
        self.control.finished = tell.is_none();
        self.timers.arm(Timer::Close, now + limits::CLOSE_LINGER);
        self.timers.keep_only(Timer::Close);
    }

    /// Tells the application, unless it was told before.
    fn leave(&mut self, reason: CloseReason) {
        if self.outlook.state == State::Open {
            self.requests.close();
            self.control.transfers.close();
            self.channels.close_notices();
            self.tell_notices();
            self.outlook.left = Some(reason.clone());
            self.outlook.push(Event::Left(reason));
        }
    }

    /// Whether the peer still has to be told over UDP.
    pub(super) fn close_frame_waits(&self) -> bool {
        matches!(&self.outlook.state, State::Ended(Some(farewell)) if farewell.packet)
    }

    pub(super) fn write_close_frame(&mut self, builder: &mut Builder<'_>) {
        if let State::Ended(Some(farewell)) = &mut self.outlook.state {
            farewell.packet = false;
            let close = Close { code: farewell.code, text: &farewell.text };
            builder.frame(&Frame::Close(close), Eliciting::Nothing, None);
        }
    }

    pub(super) fn write_close_record(&mut self, out: &mut Vec<u8>) {
        if let State::Ended(Some(farewell)) = &self.outlook.state {
            let close = Close { code: farewell.code, text: &farewell.text };
            Record::Frame(Frame::Close(close)).encode(out);
        }
        self.control.finished = true;
    }

    /// Whether a closing session has nothing left to deliver.
    pub(super) fn is_drained(&self) -> bool {
        matches!(self.outlook.state, State::Draining(_))
            && self.control.outbox.is_written()
            && !self.channels.is_busy()
    }

    /// Writes the close behind everything else.
    pub(super) fn close_when_drained(&mut self, now: Instant, out: &mut Vec<u8>) {
        if !self.is_drained() {
            return;
        }
        self.write_taken_records(out);
        let State::Draining(text) = &self.outlook.state else { return };
        let close = Close { code: CloseCode::Application, text };
        Record::Frame(Frame::Close(close)).encode(out);
        self.outlook.state = State::Ended(None);
        self.control.finished = true;
        self.timers.arm_once(Timer::Close, now + limits::CLOSE_LINGER);
        self.timers.keep_only(Timer::Close);
    }

    /// The linger is over: what could not be delivered until now is given up, and so is, the second
    /// time, the peer.
    pub(super) fn on_linger_over(&mut self, now: Instant) {
        let State::Draining(text) = &self.outlook.state else {
            self.outlook.state = State::Over;
            return;
        };
        let text = text.clone();
        self.close_over_udp(now, text);
    }

    /// Says goodbye without having delivered everything; TCP carries it too if it can.
    pub(super) fn close_over_udp(&mut self, now: Instant, text: Box<str>) {
        let farewell = self.farewell(CloseCode::Application, text);
        self.outlook.state = State::Ended(Some(farewell));
        self.timers.arm(Timer::Close, now + limits::CLOSE_LINGER);
        self.timers.keep_only(Timer::Close);
    }

    /// What the peer is told now. Over UDP more than once if it waits for another connection: it has
    /// no other way to learn of it.
    fn farewell(&self, code: CloseCode, text: Box<str>) -> Farewell {
        let packet = self.path.path().is_some() && !self.keys.exhausted();
        let waits = self.control.loss.is_some() && self.outlives_its_connection();
        Farewell { code, text, packet, again: if waits { limits::FAREWELLS } else { 0 } }
    }

    /// A packet came to a session that has ended: the peer may not have heard of it.
    pub(super) fn repeat_farewell(&mut self) {
        if let State::Ended(Some(farewell)) = &mut self.outlook.state
            && farewell.again > 0
        {
            farewell.again -= 1;
            farewell.packet = true;
        }
    }

    /// Whether the close frame may have to go again.
    fn farewell_may_repeat(&self) -> bool {
        matches!(&self.outlook.state, State::Ended(Some(farewell)) if farewell.again > 0)
    }

    /// An ended session is over once the control connection is gone and UDP has been told.
    pub(super) fn settle_ending(&mut self) {
        let told = !self.close_frame_waits() && !self.farewell_may_repeat();
        if self.is_ended() && self.control.loss.is_some() && told {
            self.outlook.state = State::Over;
        }
        if self.is_over() {
            self.timers = Timers::default();
        }
    }
}
