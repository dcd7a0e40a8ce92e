//! After the faults: everything owed must come, and the queues empty, within a bound.
//!
//! The bound is ten seconds or thirty round trips, and the time that what waits when the faults stop
//! needs at least: to pass the bottleneck of the calmed link, and to pass a channel of which the
//! receiver takes no more than its credit in a round trip. No sender is faster than that.
//!
//! Clocks that falter and machines that stand still do not stop with the faults, and a sender that is
//! told wrong times may hold back for a queue that is not there, all the time: what waits has the
//! time that it takes with the least window there is.

use core::time::Duration;

use biplane_proto::SessionStats;
use biplane_wire::limits;

use super::Trial;
use crate::{ClientConfig, Clock, Drain, EndConfig, Side};

/// Within this, or so many round trips, everything must have come.
const LIVENESS: Duration = Duration::from_secs(10);
const LIVENESS_RTTS: u32 = 30;
/// So long nothing more may come of what had come already.
const QUIET: Duration = Duration::from_secs(2);
/// The least window of any sender.
const LEAST_WINDOW: usize = 4 * limits::DATAGRAM_SIZE;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

impl Trial {
    /// Ends the faults, and waits for everything that is owed.
    pub(super) fn drain(&mut self) {
        self.world.calm();
        let stopped = self.world.now();
        let bound = self.patience();
        let deadline = stopped + bound;
        while self.is_owing() && self.world.now() < deadline {
            self.go_on(self.world.now() + LOOK);
        }
        let now = self.world.now();
        let took = now - stopped;
        self.counts.drain = Drain { took, bound };
        if self.oracle.owed() > 0 {
            self.oracle.overdue(now, took);
        }
        for side in self.world.sides() {
            let waiting = self.waiting(side);
            self.oracle.emptied(now, side, waiting);
        }
        let deadline = now + LIVENESS;
        while self.oracle.open_notices() > 0 && self.world.now() < deadline {
            self.go_on(self.world.now() + LOOK);
        }
        self.oracle.notices_overdue(self.world.now());
        self.go_on(self.world.now() + QUIET);
        for side in self.world.sides() {
            let open = self.world.session(side).filter(|session| !session.is_closed());
            if let Some(planes) = open.map(biplane_proto::Session::planes) {
                self.oracle.recovered(self.world.now(), side, planes);
            }
        }
    }

    fn is_owing(&mut self) -> bool {
        self.oracle.owed() > 0 || self.world.sides().any(|side| self.waiting(side) > 0)
    }

    /// Messages and control records that wait at `side`, those in flight among them.
    fn waiting(&self, side: Side) -> u64 {
        let session = self.world.session(side).filter(|session| !session.is_closed());
        let stats = session.map(biplane_proto::Session::stats).unwrap_or_default();
        stats.queued_messages + stats.control.queued_records
    }

    /// How long the slowest client's backlog may take from now on.
    fn patience(&self) -> Duration {
        let clients = 0..self.world.clients();
        clients.map(|client| self.patience_of(client)).max().unwrap_or(LIVENESS)
    }

    fn patience_of(&self, client: usize) -> Duration {
        let Some(config) = self.conditions.clients.get(client) else { return LIVENESS };
        let rtt = config.wires.rtt();
        let least = [Side::Client(client), Side::Server(client)].map(|side| {
            let stats = self.world.session(side).map(biplane_proto::Session::stats);
            least(side, &stats.unwrap_or_default(), config)
        });
        LIVENESS.max(rtt * LIVENESS_RTTS) + least.into_iter().max().unwrap_or_default()
    }
}

/// How long what waits at `side` needs at least: all of it may be of one channel.
fn least(side: Side, stats: &SessionStats, config: &ClientConfig) -> Duration {
    let (link, receiver) = match side {
        Side::Client(_) => (&config.wires.up, &config.server),
        Side::Server(_) => (&config.wires.down, &config.client),
    };
    let rtt = config.wires.rtt();
    let narrow = link.bottleneck.map_or(u64::MAX, |bottleneck| bottleneck.bytes_per_second);
    let waiting = stats.queued_bytes as f64;
    let on_the_link = Duration::from_secs_f64(waiting / narrow.max(1) as f64);
    let credits = rtt.mul_f64(waiting / receiver.initial_credit.max(1) as f64);
    let is_told_wrong = |end: &EndConfig| end.clock != Clock::True || end.stalls.is_some();
    let crawls = is_told_wrong(&config.client) || is_told_wrong(&config.server);
    let crawl = if crawls { rtt.mul_f64(waiting / LEAST_WINDOW as f64) } else { Duration::ZERO };
    on_the_link.max(crawl) + credits
}
