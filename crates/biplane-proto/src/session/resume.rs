//! How a session goes on over another control connection.
//!
//! The loss of TCP costs nothing that was promised: numbered records wait, and go again on the next
//! connection from the first that the peer does not have; messages of data channels fly on over UDP.
//! The client proves on the new TLS connection that the session is its own, and both begin with new
//! keys and receive ids. Whichever side misses a welcome or an ack can try again from where it is:
//! nothing that is said on a connection counts before the other side has it.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{CloseCode, Parameters, ReceiveId};

use super::{ControlLoss, Session, ending::State};
use crate::{
    Agreement, CloseReason, KeyEpoch, ResumeClaim, Role, Timer, Violation, acks::Eliciting,
    keys::Fresh, limits,
};

impl Session {
    /// The control connection is gone. The session goes on for its grace, if it can be resumed.
    pub fn handle_control_lost(&mut self, now: Instant, loss: ControlLoss) {
        let now = self.clock.clamp(now);
        self.lose_control(now, loss);
        self.settle(now);
    }

    /// Whether the control connection is lost, or was given up: the caller drops what it has of it.
    #[must_use]
    pub fn control_is_lost(&self) -> bool {
        self.control.loss.is_some()
    }

    /// Whether another control connection may take the place of the one there is or was.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.outlook.state == State::Open && self.outlives_its_connection()
    }

    /// Whether it is one that another control connection can be found for.
    pub(super) const fn outlives_its_connection(&self) -> bool {
        self.facts.name.is_some() && !self.facts.grace.is_zero()
    }

    /// Whether output has waited for so long that a client opens another connection beside this.
    #[must_use]
    pub fn wants_replacement(&self) -> bool {
        self.control.replace
    }

    pub(super) fn lose_control(&mut self, now: Instant, loss: ControlLoss) {
        if self.control.loss.is_some() {
            return;
        }
        tracing::debug!(?loss, "control connection lost");
        self.control.loss = Some(loss);
        self.take_back_from_control();
        match &self.outlook.state {
            State::Open if self.is_resumable() => {
                self.timers.arm(Timer::Grace, now + self.grace());
                self.liveness.on_control_lost();
                self.report_planes();
            }
            State::Open => {
                let text = "the control connection was lost";
                self.end(now, loss.reason(false), Some((CloseCode::TimedOut, text)));
            }
            State::Draining(text) => {
                let text = text.clone();
                self.close_over_udp(now, text);
            }
            State::Ended(_) | State::Over => {}
        }
    }

    /// What the lost connection may not have carried to the peer goes over UDP if that works: messages,
    /// grants, and what the application took.
    fn take_back_from_control(&mut self) {
        self.channels.recall_escalated();
        let Self { control, channels, .. } = self;
        control.outbox.recall_tunnelled(|frame| channels.on_lost(frame));
        self.outlook.released = true;
        self.channels.tell_credit_again();
        self.channels.tell_taken_again();
        self.outlook.taken_due |= self.channels.has_taken();
    }

    /// How long it waits for another connection. A client that did not hear the welcome has no
    /// session to come back to; one that did may not have been heard yet.
    fn grace(&self) -> Duration {
        if self.is_unheard() {
            self.facts.grace.min(limits::GRACE_UNHEARD)
        } else {
            self.facts.grace
        }
    }

    /// Whether it is a server's whose client has said nothing yet.
    fn is_unheard(&self) -> bool {
        let silent = !self.control.was_heard() && self.arrivals.packets == 0;
        silent && self.facts.role == Role::Server
    }

    /// The first packet of the peer's has come.
    pub(super) fn on_first_packet(&mut self, now: Instant) {
        if self.control.loss.is_some() && self.is_resumable() {
            self.timers.arm(Timer::Grace, now + self.facts.grace);
        }
    }

    pub(super) fn on_grace_over(&mut self, now: Instant) {
        let Some(loss) = self.control.loss else { return };
        let text = "the control connection was not replaced in time";
        self.end(now, loss.reason(!self.is_unheard()), Some((CloseCode::TimedOut, text)));
    }

    /// When a client opens another connection beside one that takes nothing.
    pub(super) fn replacement_at(&self) -> Option<Instant> {
        let may = self.facts.role == Role::Client && self.is_resumable() && !self.control.replace;
        self.control.replaced_at().filter(|_| may)
    }

    /// Gives the current control connection up, and returns what the hello of a resume says on the
    /// one whose TLS exports `binding`: see [`Dialing::resume`](crate::Dialing::resume). `None` if
    /// there is nothing to resume. No input of an earlier connection may come from here on.
    ///
    /// `binding` is the exporter's, with label `EXPORTER-biplane-1-resume` and no context.
    pub fn begin_resume(
        &mut self,
        now: Instant,
        binding: &[u8; 32],
        receive_id: ReceiveId,
    ) -> Option<Parameters> {
        let now = self.clock.clamp(now);
        let name = self.facts.name.filter(|_| self.is_resumable())?;
        let resume = self.keys.proofs.prove(binding, &name);
        let parameters = self.make_way(now, receive_id);
        Some(Parameters { session: Some(name), resume: Some(resume), ..parameters })
    }

    /// Whether `claim`, made on a connection whose TLS exports `binding`, is the client's of this
    /// session: then the current control connection is displaced, and what the welcome says is
    /// returned. No input of an earlier connection may come from here on.
    pub fn accept_resume(
        &mut self,
        now: Instant,
        claim: &ResumeClaim,
        binding: &[u8; 32],
        receive_id: ReceiveId,
    ) -> Option<Parameters> {
        let now = self.clock.clamp(now);
        let name = self.facts.name.filter(|name| self.is_resumable() && claim.session == *name)?;
        if !self.keys.proofs.accept(&claim.resume, binding, &name) {
            return None;
        }
        Some(self.make_way(now, receive_id))
    }

    /// Gives the current connection up for one that this side describes so.
    fn make_way(&mut self, now: Instant, receive_id: ReceiveId) -> Parameters {
        self.lose_control(now, ControlLoss::Replaced);
        self.settle(now);
        Parameters {
            receive_id,
            session: None,
            control_next: Some(self.control.inbox.expected()),
            credentials: Vec::new(),
            ..self.facts.local.clone()
        }
    }

    /// Goes on over a new control connection, with what its hello and welcome agreed on and the
    /// secret that its TLS exports, as for a join. Packets under `agreement.local.receive_id` are
    /// of the epoch that is returned; `None` if there is nothing to resume any more.
    pub fn resume(
        &mut self,
        now: Instant,
        agreement: &Agreement,
        secret: &[u8; 32],
    ) -> Option<KeyEpoch> {
        let now = self.clock.clamp(now);
        if !self.is_resumable() {
            return None;
        }
        tracing::debug!(count = self.control.resumes() + 1, "session resumed");
        let peer = agreement.peer.receive_id;
        let epoch = self.keys.resume(Fresh { aead: agreement.aead, secret, peer });
        self.timers.disarm(Timer::Grace);
        self.timers.disarm(Timer::FormerKeys);
        self.control.reconnect(now);
        if let Err(violation) = self.take_up_records(now, agreement.peer.control_next) {
            self.end_by_violation(now, violation);
        }
        self.control.notes.packet_ack = !self.liveness.data_open();
        // What waited for a plane may go; and a packet shows the peer that its keys are here.
        self.outlook.released = true;
        self.outlook.ping |= self.liveness.data_open();
        self.liveness.probe_now();
        self.report_planes();
        self.settle(now);
        Some(epoch)
    }

    /// Goes on from the first record that the peer does not have.
    fn take_up_records(&mut self, now: Instant, next: Option<u32>) -> Result<(), Violation> {
        self.handle_acked(now, next.ok_or(Violation::ControlOrder)?)?;
        let Self { control, channels, .. } = self;
        control.outbox.reconnect(|frame| channels.on_lost(frame));
        Ok(())
    }

    /// The server does not know the session any more. The client's application may join anew.
    pub fn handle_resume_refused(&mut self, now: Instant, text: &str) {
        let now = self.clock.clamp(now);
        let text = biplane_wire::clipped(text, limits::TEXT).into();
        self.end(now, CloseReason::ResumeRefused { text }, None);
        self.settle(now);
    }

    /// The peer has been heard under the newest keys. What it sealed before is still under way for a
    /// while.
    pub(super) fn on_newest_keys(&mut self, now: Instant) {
        let while_under_way = self.recovery.probe_timeout(Eliciting::Fresh) * 3;
        self.timers.arm(Timer::FormerKeys, now + while_under_way);
    }
}
