//! Conditions under which sessions lose a plane, or both, and come back or end.

use core::time::Duration;

use biplane_wire::limits;

use super::Conditions;
use crate::{Blocked, Blow, Clock, Direction, LinkConfig, Loss, Rng, Strike, WiresConfig};

/// So many seeds lose a control connection in a sweep.
const KILLED: f64 = 0.3;
/// Somebody on the path may forget a connection so long before the faults stop: silence is noticed
/// after ten seconds.
const NOTICED: Duration = Duration::from_secs(15);
/// The shortest outage.
const SHORTEST: Duration = Duration::from_millis(100);
/// The first blow falls so long after the sessions have begun at least.
const BEFORE: Duration = Duration::from_secs(1);
/// Two outages are so far apart at least: a session is on another connection five seconds after that
/// is possible, and its grace is whole again then.
const APART: Duration = Duration::from_secs(6);
/// This share of seeds ends by what is done to it.
const DOOMED: f64 = 0.15;

/// For so long the applications send whose connections break.
const CUT: Duration = Duration::from_secs(4);

/// One latency and a little loss: what decides is what is done to it.
fn mild(rng: &mut Rng) -> Conditions {
    let latency = Duration::from_millis(rng.between(2, 100));
    let link = LinkConfig {
        jitter: rng.duration(Duration::from_millis(10)),
        loss: Loss::Independent { share: rng.share(0.05) },
        ..LinkConfig::clean(latency)
    };
    Conditions { is_timed: true, ..Conditions::of(WiresConfig::of(link)) }
}

/// Losses of control connections for a sweep of `length`.
pub(super) fn kills(rng: &mut Rng, clients: usize, length: Duration) -> Vec<Strike> {
    if !rng.chance(KILLED) {
        return Vec::new();
    }
    let count = rng.between(1, 3);
    let mut strikes: Vec<_> = (0..count).map(|_| kill(rng, clients, length)).collect();
    strikes.sort_by_key(|strike| strike.after);
    strikes
}

fn kill(rng: &mut Rng, clients: usize, length: Duration) -> Strike {
    let (client, after) = (rng.index(clients), rng.duration(length));
    let blow = match rng.between(0, 2) {
        0 => Blow::Finish,
        1 if after + NOTICED < length => Blow::Strand,
        _ => Blow::Reset,
    };
    Strike { after, client, blow }
}

fn blocked(rng: &mut Rng) -> Blocked {
    match rng.between(0, 3) {
        0 => Blocked::Neither,
        1 => Blocked::Up,
        2 => Blocked::Down,
        _ => Blocked::Both,
    }
}

/// A block that is felt.
fn block(rng: &mut Rng) -> Blow {
    loop {
        let (udp, tcp) = (blocked(rng), blocked(rng));
        if (udp, tcp) != (Blocked::Neither, Blocked::Neither) {
            return Blow::Block { udp, tcp };
        }
    }
}

/// Conditions, and for how long their applications send.
impl Conditions {
    /// Outages of UDP, of TCP or of both, one-way ones among them, each shorter than the grace; or,
    /// now and then, one that is longer.
    #[must_use]
    pub fn of_outages(seed: u64) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let mut conditions = mild(&mut rng);
        // A probe that is lost by chance is followed by the next a second later: too late here.
        conditions.lose_nothing();
        if rng.chance(DOOMED) {
            let udp = blocked(&mut rng);
            let ways = [Blocked::Both, Blocked::Up, Blocked::Down];
            let tcp = ways.get(rng.index(ways.len())).copied().unwrap_or(Blocked::Both);
            return conditions.doomed(&mut rng, Blow::Block { udp, tcp });
        }
        let is_short = rng.chance(0.5);
        let grace = if is_short { rng.between(3, 12) } else { limits::GRACE.as_secs() };
        let grace = Duration::from_secs(grace);
        conditions.set_grace(grace);
        let mut at = BEFORE;
        for outage in 0..rng.between(1, 3) {
            let apart = if outage == 0 { Duration::ZERO } else { APART };
            at += apart + rng.duration(Duration::from_secs(5));
            conditions.strike(at, block(&mut rng));
            let longest = grace.saturating_sub(Duration::from_secs(1));
            at += SHORTEST + rng.duration(longest.saturating_sub(SHORTEST));
            conditions.strike(at, Blow::Heal);
        }
        (conditions, at + Duration::from_secs(3))
    }

    /// One to five losses of the control connection, at random moments: reset, ended in order, or
    /// forgotten on the path; or, now and then, one after which TCP does not come back.
    #[must_use]
    pub fn of_kills(seed: u64) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let mut conditions = mild(&mut rng);
        if rng.chance(DOOMED) {
            let blow = Blow::Block { udp: Blocked::Neither, tcp: Blocked::Both };
            return conditions.doomed(&mut rng, blow);
        }
        let (length, count) = (Duration::from_secs(40), rng.between(1, 5));
        let within = length.saturating_sub(NOTICED);
        let mut strikes: Vec<_> = (0..count).map(|_| kill(&mut rng, 1, within)).collect();
        for strike in &mut strikes {
            if rng.chance(0.3) {
                strike.blow = Blow::Strand;
            }
        }
        strikes.sort_by_key(|strike| strike.after);
        conditions.strikes = strikes;
        (conditions, length)
    }

    /// One to four connections that break after a byte of the reader's, the first counted from
    /// where the session began and `lengths` being what that connection would carry, up and down.
    #[must_use]
    pub fn of_cuts(seed: u64, lengths: [u64; 2]) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let mut conditions = Self::to_be_cut(&mut rng);
        let breaks = (0..rng.between(1, 4)).map(|connection| {
            let place = rng.index(2);
            let direction = Direction::ALL.get(place).copied().unwrap_or(Direction::Up);
            let length = lengths.get(place).copied().unwrap_or_default().max(1);
            let after = match connection {
                0 => rng.between(1, length),
                // Hello, welcome, and the first records are short.
                _ => rng.size(1, usize::try_from(length).unwrap_or(usize::MAX)) as u64,
            };
            (direction, after)
        });
        let breaks = breaks.collect();
        if let Some(client) = conditions.clients.first_mut() {
            client.breaks = breaks;
        }
        (conditions, CUT)
    }

    /// The same where none breaks.
    #[must_use]
    pub fn uncut(seed: u64) -> (Self, Duration) {
        (Self::to_be_cut(&mut Rng::new(seed).fork()), CUT)
    }

    fn to_be_cut(rng: &mut Rng) -> Self {
        Self { is_timed: false, ..mild(rng) }
    }

    /// Clocks that repeat themselves and go back, machines that stand still for 100 ms about once a
    /// second, and losses of the control connection.
    #[must_use]
    pub fn of_clocks(seed: u64) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let mut conditions = Self { is_timed: false, ..mild(&mut rng) };
        for client in &mut conditions.clients {
            for end in [&mut client.client, &mut client.server] {
                end.clock = if rng.chance(0.8) { Clock::Falters } else { Clock::True };
                end.stalls = rng.chance(0.8).then(|| rng.between(0, u64::MAX));
            }
        }
        let length = Duration::from_secs(30);
        conditions.strikes = kills(&mut rng, 1, length);
        (conditions, length)
    }

    /// The same where `blow` falls and nothing heals, with a short grace.
    fn doomed(mut self, rng: &mut Rng, blow: Blow) -> (Self, Duration) {
        self.set_grace(Duration::from_secs(rng.between(1, 8)));
        let at = BEFORE + rng.duration(Duration::from_secs(5));
        self.strike(at, blow);
        (self, at + Duration::from_secs(3))
    }

    fn lose_nothing(&mut self) {
        for client in &mut self.clients {
            client.wires.up.loss = Loss::Never;
            client.wires.down.loss = Loss::Never;
        }
    }

    fn set_grace(&mut self, grace: Duration) {
        for client in &mut self.clients {
            client.session.grace = grace;
        }
    }

    fn strike(&mut self, after: Duration, blow: Blow) {
        self.strikes.push(Strike { after, client: 0, blow });
    }

    /// Whether the last blow is one that nothing survives.
    #[must_use]
    pub fn is_doomed(&self) -> bool {
        let last = self.strikes.last();
        last.is_some_and(|strike| matches!(strike.blow, Blow::Block { .. }))
    }

    /// Whether something takes a control connection away for certain: a block that is over before
    /// silence is noticed does not.
    #[must_use]
    pub fn loses_control(&self) -> bool {
        let mut pairs =
            self.strikes.iter().zip(self.strikes.iter().skip(1).map(Some).chain([None]));
        pairs.any(|(strike, next)| match strike.blow {
            Blow::Reset | Blow::Finish | Blow::Strand => true,
            Blow::Block { tcp, .. } => {
                let lasts = next.map_or(Duration::MAX, |next| next.after - strike.after);
                tcp != Blocked::Neither && lasts > NOTICED
            }
            Blow::Heal | Blow::Move { .. } | Blow::MoveBack | Blow::Narrow { .. } => false,
        })
    }

    /// Whether UDP is left alone, and may be expected to fly throughout.
    pub(in crate::sweep) fn spares_udp(&self) -> bool {
        let blocks =
            |blow: &Strike| matches!(blow.blow, Blow::Block { udp, .. } if udp != Blocked::Neither);
        self.is_timed && !self.strikes.iter().any(blocks)
    }
}
