//! What each timer does, and when each is due.

use std::time::Instant;

use super::{ControlLoss, Outlook, Session, ending::State};
use crate::{Event, Planes, Timer, acks::Eliciting, limits, recovery::OnTimeout};

impl Session {
    /// The next deadline and whose it is; call [`Session::handle_timeout`] then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// Lets every timer act that is due. Early is harmless, late is legal.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.clamp(now);
        while let Some(timer) = self.timers.pop_expired(now) {
            // It may be for what waits there.
            self.control.settle(false);
            self.on_timer(now, timer);
        }
        self.settle(now);
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Loss => self.on_loss_timer(now),
            Timer::Send => self.outlook.released = true,
            Timer::Join => {
                if self.liveness.on_join_overdue() {
                    self.report_planes();
                }
                self.judge_planes();
            }
            Timer::UdpDead => self.on_udp_dead_timer(now),
            Timer::Probe => {
                // Without either plane nothing else brings one back.
                let wanted = self.channels.is_busy() || self.control.loss.is_some();
                if let Some(interval) = self.liveness.next_probe(now, wanted) {
                    self.timers.arm(Timer::Probe, now + interval);
                }
            }
            Timer::UdpKeepAlive => {
                self.outlook.ping = true;
                self.channels.rest();
            }
            Timer::ControlKeepAlive => {
                self.control.notes.ping = true;
                self.control.outbox.rest();
            }
            Timer::ControlIdle => self.lose_control(now, ControlLoss::Silent),
            Timer::WriteStall => self.lose_control(now, ControlLoss::Stalled),
            Timer::Replacement => self.control.replace = true,
            Timer::Grace => self.on_grace_over(now),
            Timer::FormerKeys => self.keys.discard_before(),
            Timer::ControlAck => self.control.notes.acked = true,
            Timer::Request => {
                self.requests.handle_timeout(now);
                self.tell_writable();
            }
            Timer::Taken => self.outlook.taken_due = true,
            Timer::Held => self.channels.drop_held(now),
            Timer::Notice => self.channels.books.notices.handle_timeout(now),
            Timer::Close => self.on_linger_over(now),
            // What these wait for is asked of its owner, by `wants_transmit` and by `settle`.
            Timer::Ack | Timer::Pacing | Timer::Challenge | Timer::Escalation => {}
        }
    }

    fn on_loss_timer(&mut self, now: Instant) {
        let Self { recovery, outlook, .. } = self;
        if recovery.handle_timeout(now, &mut outlook.fate) == OnTimeout::Probe {
            outlook.probes = 2;
        }
        self.apply_fate();
    }

    /// The direction is dead if it has been probed often enough without an answer.
    fn on_udp_dead_timer(&mut self, now: Instant) {
        let overdue = self.dead_at().is_some_and(|at| at <= now);
        if !overdue || !self.recovery.is_probed(now) {
            return;
        }
        tracing::debug!("the UDP direction is dead");
        let Self { recovery, outlook, .. } = self;
        recovery.lose_all(now, &mut outlook.fate);
        outlook.probes = 0;
        outlook.ping = false;
        self.apply_fate();
        self.path.mtu_mut().forget(now);
        self.liveness.on_data_dead(now);
        self.timers.arm(Timer::Probe, now + limits::PROBE_INTERVAL);
        self.report_planes();
    }

    /// When the oldest packet without an answer has waited long enough.
    fn dead_at(&self) -> Option<Instant> {
        let oldest = self.recovery.oldest_unanswered()?;
        let probes = self.recovery.probe_timeout(Eliciting::Fresh) * 3;
        Some(oldest + limits::UDP_DEAD.max(probes))
    }

    /// The UDP direction works: for the first time, or again.
    pub(super) fn on_data_open(&mut self, _now: Instant) {
        if self.liveness.on_data_open() {
            // Who requires UDP gives the other direction the time of a join too.
            if !self.facts.requires_data {
                self.timers.disarm(Timer::Join);
            }
            self.timers.disarm(Timer::Probe);
            // What waited meanwhile need not wait for the next flush.
            self.outlook.released = true;
            self.report_planes();
        }
    }

    /// This side sends no datagram, ever: what it sends on is known from the start.
    pub(super) fn forgo_data(&mut self) {
        self.path.silence();
        self.timers.disarm(Timer::Join);
        self.liveness.on_join_overdue();
        self.report_planes();
    }

    /// Tells the peer, and the application, what this side sends on.
    pub(super) fn report_planes(&mut self) {
        self.control.notes.planes = Some(self.liveness.bits(self.control.is_open()));
        self.tell_planes();
    }

    pub(super) fn tell_planes(&mut self) {
        if let Some(planes) = self.liveness.news(self.control.is_open()) {
            self.outlook.planes(planes);
            self.judge_planes();
        }
    }

    /// Ends a session that requires UDP and does not have it, once it had the time to come up.
    fn judge_planes(&mut self) {
        let had_time = self.timers.deadline(Timer::Join).is_none() || self.liveness.data_dead();
        let has_data = self.liveness.told().is_none_or(Planes::has_data);
        if self.facts.requires_data && had_time && !has_data {
            self.end_without_data(self.clock.latest);
        }
    }

    /// Brings everything that follows from the parts up to date, after any input.
    pub(super) fn settle(&mut self, now: Instant) {
        let was_calm = self.is_calm();
        if !was_calm {
            self.settle_progress();
        }
        if !self.is_ended() {
            self.settle_blocked(now);
            self.settle_data_timers(now);
            self.settle_escalation(now);
        }
        if self.channels.take_writable() {
            self.outlook.writable();
        }
        if was_calm && self.is_calm() {
            debug_assert!(self.passes_over_nothing(now), "something was passed over");
        } else {
            self.settle_control(now);
        }
        self.settle_ending();
        self.timers.refresh();
    }

    /// Whether nothing can have come to wait on the control connection, or for what comes over it,
    /// since that was last looked at in full. Most packets of a match find it so, and to look there
    /// costs as much memory as all the rest.
    fn is_calm(&self) -> bool {
        self.control.is_settled()
            && self.outlook.state == State::Open
            && self.liveness.data_open()
            && !self.channels.waits_elsewhere()
    }

    /// Whether a full look changes nothing.
    fn passes_over_nothing(&mut self, now: Instant) -> bool {
        let state = |session: &Self| {
            let Outlook { wants_control, released, ref events, .. } = session.outlook;
            (session.timers.clone(), wants_control, released, events.len())
        };
        let before = state(self);
        self.settle_progress();
        self.settle_control(now);
        before == state(self)
    }

    /// What follows from what the control connection has carried.
    fn settle_progress(&mut self) {
        self.channels.on_progress(self.control.outbox.progress());
        // What waited for commands to be written had been released with them.
        self.outlook.released |= self.channels.take_freed();
        self.tell_writable();
    }

    /// Tells of room for commands, requests, replies and transfers, where some was lacking.
    fn tell_writable(&mut self) {
        let may_tell = self.control.outbox.has_step_room(true);
        if self.control.outbox.take_writable()
            | self.control.transfers.take_writable(may_tell)
            | self.requests.take_writable()
        {
            self.outlook.writable();
        }
    }

    /// What waits on the control connection, and for what comes over it.
    fn settle_control(&mut self, now: Instant) {
        if !self.is_ended() {
            self.settle_control_timers(now);
        }
        self.tell_notices();
        let waits = self.control_waits();
        self.outlook.wants_control = waits;
        self.control.on_waiting(now, waits);
        if !self.is_ended() {
            self.timers.set(Timer::WriteStall, self.control.stalled_at());
            self.timers.set(Timer::Replacement, self.replacement_at());
        }
        let is_idle = self.control.is_open() && self.control.outbox.is_written();
        self.control.settle(is_idle && !waits && !self.channels.waits_elsewhere());
    }

    /// Tells the application what became of messages.
    pub(super) fn tell_notices(&mut self) {
        while let Some((token, notice)) = self.channels.books.notices.poll() {
            self.outlook.push(Event::Noted(token, notice));
        }
    }

    /// Sees that released messages cannot leave.
    fn settle_blocked(&mut self, now: Instant) {
        let size = self.path.mtu().size();
        self.recovery.set_datagram(size);
        if !(self.outlook.released && self.channels.has_data()) {
            return self.timers.disarm(Timer::Pacing);
        }
        let open = self.liveness.data_open();
        let held = open && !self.recovery.may_send(now, size);
        let stuck = !(open || self.control.is_open() && self.control.outbox.has_tunnel_room());
        let pacing = if held { self.recovery.pacing_deadline(now, size) } else { None };
        self.timers.set(Timer::Pacing, pacing);
        if held || stuck {
            self.channels.on_blocked();
        }
    }

    /// While both planes work, a message that one does not deliver in time goes over the other.
    fn settle_escalation(&mut self, now: Instant) {
        let next = if self.liveness.data_open() && self.control.is_open() {
            self.channels.find_overdue(now)
        } else {
            self.channels.forget_overdue();
            None
        };
        self.timers.set(Timer::Escalation, next);
    }

    fn settle_data_timers(&mut self, now: Instant) {
        self.timers.set(Timer::Loss, self.data_deadline(self.recovery.deadline()));
        self.timers.set(Timer::UdpDead, self.data_deadline(self.dead_deadline(now)));
        self.timers.set(Timer::Challenge, self.path.deadline().filter(|at| *at > now));
        let keep_alive = self.liveness.keep_alive_at(self.facts.keep_alive);
        let keep_alive = keep_alive.map(|at| self.clock.step_before(at));
        self.timers.set(Timer::UdpKeepAlive, keep_alive.filter(|_| !self.outlook.ping));
        if self.liveness.data_dead() && (self.channels.is_busy() || self.control.loss.is_some()) {
            self.timers.arm_by(Timer::Probe, now + limits::PROBE_INTERVAL);
        }
        self.timers.set(Timer::Ack, self.arrivals.acks.deadline().filter(|at| *at > now));
        if self.owes_packet_ack(now) {
            self.control.notes.packet_ack = true;
        }
    }

    /// Loss and death are judged on an open path alone: a joining one has its challenge, a dead one
    /// its probes.
    fn data_deadline(&self, deadline: Option<Instant>) -> Option<Instant> {
        deadline.filter(|_| self.liveness.data_open())
    }

    fn dead_deadline(&self, now: Instant) -> Option<Instant> {
        let at = self.dead_at()?;
        // Before the probes have been sent, the loss timer comes first and this is asked again.
        (at > now || self.recovery.is_probed(now)).then_some(at)
    }

    fn settle_control_timers(&mut self, now: Instant) {
        let open = self.control.is_open();
        let keep_alive = self.control.keep_alive_at(self.facts.keep_alive);
        let keep_alive = self.clock.step_before(keep_alive);
        let keep_alive = (open && !self.control.notes.ping).then_some(keep_alive);
        self.timers.set(Timer::ControlKeepAlive, keep_alive);
        let idle = self.control.idle_at(self.facts.idle_timeout);
        self.timers.set(Timer::ControlIdle, open.then_some(idle));
        self.timers.set(Timer::Request, self.requests.deadline());
        self.timers.set(Timer::Notice, self.channels.books.notices.deadline());
        self.timers.set(Timer::Held, self.channels.held_until());
        self.settle_control_ack(now);
    }

    fn settle_control_ack(&mut self, now: Instant) {
        if self.control.inbox.owes_ack_now() {
            self.control.notes.acked = true;
        }
        if self.control.notes.acked || !self.control.inbox.owes_ack() {
            self.timers.disarm(Timer::ControlAck);
        } else {
            self.timers.arm_once(Timer::ControlAck, now + limits::CONTROL_ACK_DELAY);
        }
    }
}
