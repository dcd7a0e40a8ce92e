//! A window that keeps the queue short, so that a game message does not wait behind our own bulk.
//!
//! What it goes by is how long packets take to get there, beyond the shortest time: that is the queue
//! before the narrowest place. The far side's stamps of arrival tell it for the way there alone.
//!
//! - It grows by a datagram a round trip, twice as fast with every round trip after the second (as
//!   Copa does: Arun and Balakrishnan, NSDI 2018, section 2.1), from the start and after a collapse
//!   twofold a round trip, until packets wait for 30 ms, or for two datagrams on a slow path.
//! - Then it holds back what the path does not carry, and looks at the first packets that were sent
//!   since. Flows that go by delay see the same queue and hold back together, so that it empties; a
//!   little less of the window is left to each than it had, and what is added is the same for all:
//!   they come to equal shares (Chiu and Jain, 1989; Swift, SIGCOMM 2020, does so in data centres).
//! - A wait that is over for packets which had left before that was no queue of ours, and costs
//!   nothing: the air of a radio link makes packets late too.
//! - A queue that stays although hardly anything of ours is in it is somebody else's, who goes by
//!   loss: beside such a flow one that goes by delay would starve. The path is *contested* then, and
//!   a CUBIC window decides, until now and then a look shows that the queue has become ours again
//!   (Copa has two modes too; Nimbus, SIGCOMM 2022, asks the queue as well).
//! - Loss counts where it is heavy, or the path contested: radio links lose some packets whatever
//!   anybody sends (BBR, draft-ietf-ccwg-bbr, has such a threshold).
//!
//! `docs/DECISIONS.md` has the figures that speak for it, and what it was compared with.

mod contest;
mod hold;
mod queue;
mod windowed;

use core::time::Duration;
use std::time::Instant;

use self::{
    contest::Contest,
    hold::{Before, Finding, Hold, Step},
    queue::{Queue, Wait},
    windowed::Windowed,
};
use super::{Acked, Controller, Loss, initial_window};

/// The default controller.
#[derive(Debug)]
pub(in super::super) struct DelayAware {
    datagram: u64,
    bytes: u64,
    queue: Queue,
    rates: Rates,
    growth: Growth,
    losses: Losses,
    /// While it holds back to see whose queue it is.
    hold: Option<Hold>,
    contest: Contest,
}

/// How fast packets arrived, in bytes per second.
#[derive(Debug)]
struct Rates {
    latest: u64,
    /// The most of the last seconds: what the path can carry, if we had it for ourselves.
    most: Windowed,
}

#[derive(Debug)]
struct Growth {
    /// Whether it doubles every round trip still.
    starting: bool,
    /// Datagrams a round trip.
    speed: u32,
    rounds: u32,
    /// Packets sent from then on are the next round.
    round_since: Option<Instant>,
    /// Parts of a byte that growth still owes.
    owed: f64,
}

/// What was lost and what arrived in this round.
#[derive(Debug, Default)]
struct Losses {
    lost: u64,
    arrived: u64,
    /// What was sent until then was lost before the window was cut.
    answered: Option<Instant>,
    /// The window before the latest cut.
    before: u64,
}

impl DelayAware {
    /// How long packets may wait, at least.
    const TARGET: Duration = Duration::from_millis(30);
    /// And at least as long as so many datagrams take.
    const TARGET_DATAGRAMS: u64 = 2;
    /// How long the far side holds an ack, as a rule: what is in flight then is no queue.
    const ACK_WAIT: Duration = Duration::from_millis(15);
    /// The least window, in datagrams.
    const LEAST: u64 = 4;
    /// Rounds of even growth.
    const EVEN_ROUNDS: u32 = 2;
    /// The share that a round may lose before that counts, in percent, beside two datagrams.
    const HEAVY_PERCENT: u64 = 5;

    pub(in super::super) fn new(datagram: u64) -> Self {
        Self {
            datagram,
            bytes: initial_window(datagram),
            queue: Queue::default(),
            rates: Rates { latest: 0, most: Windowed::new(Duration::from_secs(10)) },
            growth: Growth::starting(),
            losses: Losses::default(),
            hold: None,
            contest: Contest::default(),
        }
    }

    const fn least(&self) -> u64 {
        self.datagram * Self::LEAST
    }

    /// How long packets may wait.
    fn target(&self) -> Duration {
        let rate = self.rates.most.largest().unwrap_or(0);
        Self::TARGET.max(time_for(self.datagram * Self::TARGET_DATAGRAMS, rate))
    }

    /// Up to this wait, the queue counts as empty.
    fn empty(&self) -> Duration {
        self.target() * 7 / 10
    }

    /// What the path holds without a queue, at `rate`.
    fn content(rate: u64, acked: &Acked) -> u64 {
        bytes_in(acked.least_rtt + Self::ACK_WAIT, rate)
    }

    fn grow(&mut self, acked: &Acked, wait: Wait) {
        let target = self.target();
        if self.growth.starting {
            if wait.standing < target / 2 {
                self.bytes += if acked.app_limited { 0 } else { acked.bytes };
                return;
            }
            self.growth.starting = false;
        }
        // Who does not fill the window does not fill the queue either.
        if wait.standing > target && self.rates.latest > 0 && !acked.app_limited {
            let window = self.bytes.min(acked.in_flight).max(self.least());
            let before = Before { window, rate: self.rates.latest, wait: wait.standing };
            return self.hold_back(Step::Drain, acked, before);
        }
        if self.growth.is_next_round(acked) {
            self.losses.next_round();
        }
        if !acked.app_limited {
            self.bytes += self.growth.step(acked, self.datagram, self.bytes);
        }
    }

    /// Holds back until it is known whose queue it is.
    fn hold_back(&mut self, step: Step, acked: &Acked, before: Before) {
        let bytes = match step {
            Step::Drain => Self::content(self.rates.latest, acked).max(self.least()),
            Step::Four => self.datagram * 4,
            Step::Two => self.datagram * 2,
        };
        let bytes = bytes.min(before.window.max(self.least()));
        self.hold = Some(Hold::new(acked.now, step, bytes, before));
    }

    fn judge(&mut self, mut hold: Hold, acked: &Acked, wait: Wait) {
        let finding = hold.look(acked, wait.latest, self.empty());
        self.hold = Some(hold);
        match finding {
            Finding::Unknown => {}
            // Jitter, or others: as if nothing had been.
            Finding::Passed if hold.step == Step::Drain && !self.contest.is_on() => {
                self.hold = None;
            }
            Finding::Empty | Finding::Passed => {
                let Before { window, rate, .. } = hold.before;
                self.resume(acked, rate, window * 17 / 20, window);
            }
            Finding::Stands(least) if self.contest.is_on() => {
                self.judge_contest(hold, acked, least)
            }
            Finding::Stands(least) => self.judge_queue(hold, acked, least),
        }
    }

    /// The queue stands although we held back. Either the path carries less than it did, and then it
    /// shrinks when less is sent, or others fill it.
    fn judge_queue(&mut self, hold: Hold, acked: &Acked, least: Duration) {
        let window = hold.before.window;
        if hold.has_shrunk(least) {
            if hold.step != Step::Drain && least <= self.target() {
                return self.resume(acked, self.rates.latest, window / 2, window);
            }
            let before = Before { window: window * 3 / 5, rate: self.rates.latest, wait: least };
            return self.hold_back(Step::Drain, acked, before);
        }
        match hold.step.next() {
            Some(step) if !self.contest.is_suspected(acked.now) => {
                self.hold_back(step, acked, Before { wait: least, ..hold.before });
            }
            _ => {
                self.hold = None;
                self.contest.begin(acked.now, self.datagram, window);
            }
        }
    }

    /// The same while the path is contested: hardly anything in flight must not shrink it.
    fn judge_contest(&mut self, hold: Hold, acked: &Acked, least: Duration) {
        if hold.step != Step::Two {
            self.hold_back(Step::Two, acked, Before { wait: least, ..hold.before });
        } else if hold.has_shrunk(least) {
            let window = hold.before.window;
            self.resume(acked, self.rates.latest, window / 2, window);
        } else {
            self.hold = None;
            self.contest.confirm(acked.now);
        }
    }

    /// The queue was ours: goes on with what the path carries at `rate`, within these bounds.
    fn resume(&mut self, acked: &Acked, rate: u64, least: u64, most: u64) {
        self.hold = None;
        self.contest.end(acked.now);
        self.bytes = Self::content(rate, acked).max(least).min(most).max(self.least());
        self.growth = Growth::steady(acked.now);
        self.losses.next_round();
    }

    fn contend(&mut self, acked: Acked, wait: Wait) {
        if self.contest.is_over(&acked, wait.latest > self.target()) {
            self.bytes = self.contest.window().unwrap_or(self.bytes);
            self.contest.end(acked.now);
            self.growth = Growth::steady(acked.now);
        } else if let Some(window) = self.contest.on_ack(acked) {
            let before = Before { window, rate: self.rates.latest, wait: wait.standing };
            self.hold_back(Step::Four, &acked, before);
        }
    }

    /// Takes three tenths of the window, once for what was sent before.
    fn cut(&mut self, now: Instant, newest: Instant) {
        if self.losses.answered.is_none_or(|at| newest > at) {
            self.losses.answered = Some(now);
            self.losses.before = self.bytes;
            self.bytes = (self.bytes * 7 / 10).max(self.least());
            self.growth = Growth::steady(now);
        }
    }

    fn collapse(&mut self) {
        self.bytes = self.least();
        self.growth = Growth::starting();
        self.queue = Queue::default();
        self.losses = Losses::default();
        self.hold = None;
        self.contest = Contest::default();
    }
}

impl Controller for DelayAware {
    fn window(&self) -> u64 {
        let contested = || self.contest.window().unwrap_or(self.bytes);
        self.hold.map_or_else(contested, |hold| hold.bytes)
    }

    fn on_ack(&mut self, acked: Acked) {
        self.losses.arrived += acked.bytes;
        let Some(passage) = acked.passage else { return };
        if let Some(rate) = passage.rate {
            self.rates.latest = rate;
            self.rates.most.note_largest(acked.now, rate);
        }
        let wait = self.queue.note(&acked, passage.delay);
        // A clock that faltered once must not make a long path a short one for good.
        let plausible = acked.latest_rtt.saturating_sub(wait.latest) / 2;
        let acked = Acked { least_rtt: acked.least_rtt.max(plausible), ..acked };
        match self.hold {
            Some(hold) => self.judge(hold, &acked, wait),
            None if self.contest.is_on() => self.contend(acked, wait),
            None => self.grow(&acked, wait),
        }
    }

    fn on_congestion(&mut self, loss: Loss) {
        if loss.persistent {
            return self.collapse();
        }
        self.losses.lost += loss.bytes;
        if self.hold.is_some() {
            return;
        }
        if self.contest.is_on() {
            return self.contest.on_congestion(loss);
        }
        if self.losses.are_heavy(self.bytes, self.datagram) {
            self.cut(loss.now, loss.newest);
        }
    }

    fn on_mark(&mut self, now: Instant, newest: Instant) {
        if self.hold.is_none() {
            self.contest.on_mark(now, newest);
            self.cut(now, newest);
            // The router has said so: late acks of lost packets do not take it back.
            self.losses.before = 0;
        }
    }

    fn on_spurious(&mut self, since: Instant) {
        self.contest.on_spurious(since);
        if self.losses.answered.is_some_and(|at| at >= since) {
            self.bytes = self.bytes.max(self.losses.before);
        }
    }

    fn set_datagram(&mut self, bytes: u64) {
        self.datagram = bytes;
        self.contest.set_datagram(bytes);
    }
}

impl Growth {
    const fn starting() -> Self {
        Self { starting: true, speed: 1, rounds: 0, round_since: None, owed: 0.0 }
    }

    const fn steady(now: Instant) -> Self {
        Self { starting: false, speed: 1, rounds: 0, round_since: Some(now), owed: 0.0 }
    }

    /// Whether what is acknowledged was sent after the round before was over; it goes faster then.
    fn is_next_round(&mut self, acked: &Acked) -> bool {
        if self.round_since.is_some_and(|since| acked.sent_at < since) {
            return false;
        }
        self.round_since = Some(acked.now);
        self.rounds += 1;
        if self.rounds > DelayAware::EVEN_ROUNDS {
            self.speed = self.speed.saturating_mul(2);
        }
        true
    }

    /// What a window of `window` bytes grows by, at most half of what was acknowledged.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is owed is never negative and at most half of what was acknowledged"
    )]
    fn step(&mut self, acked: &Acked, datagram: u64, window: u64) -> u64 {
        let share = acked.bytes as f64 / window as f64;
        let grown = f64::from(self.speed) * datagram as f64 * share;
        self.owed += grown.min(acked.bytes as f64 / 2.0);
        let whole = self.owed.floor();
        self.owed -= whole;
        whole as u64
    }
}

impl Losses {
    const fn next_round(&mut self) {
        self.lost = 0;
        self.arrived = 0;
    }

    /// Whether this round lost more than a radio link does by itself.
    fn are_heavy(&self, window: u64, datagram: u64) -> bool {
        let sent = self.arrived.max(window);
        self.lost > sent * DelayAware::HEAVY_PERCENT / 100 + datagram * 2
    }
}

/// How long `bytes` take at `rate` bytes per second; no time where no rate is known.
fn time_for(bytes: u64, rate: u64) -> Duration {
    let micros = bytes.saturating_mul(1_000_000).checked_div(rate);
    Duration::from_micros(micros.unwrap_or(0))
}

/// How many bytes go by in `time` at `rate` bytes per second.
fn bytes_in(time: Duration, rate: u64) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    rate.saturating_mul(micros) / 1_000_000
}

#[cfg(test)]
mod tests;
