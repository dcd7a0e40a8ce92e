//! Conditions under which clients come to be elsewhere, and others pretend that they did.

use core::time::Duration;

use biplane_proto::limits;

use super::Conditions;
use crate::{
    Blow, ForgerConfig, Lengths, LinkConfig, Loss, Rhythm, Rng, StreamConfig, Strike, WiresConfig,
};

/// For so long the applications send.
const LENGTH: Duration = Duration::from_secs(30);
/// Nobody moves after that, and nothing is forged: what is dead then lives again by the end.
const MOVES_END: Duration = Duration::from_secs(25);
const FORGING_ENDS: Duration = Duration::from_secs(22);
/// By then the address that the client joined from is proven.
const FORGING_BEGINS: Duration = Duration::from_secs(5);
/// A move comes so long after the one before, in milliseconds.
const APART: (u64, u64) = (3_000, 10_000);
/// A stream is so many messages a second.
const RATES: (u64, u64) = (20, 60);
/// Somebody on the path may forget a connection until then: silence is noticed after ten seconds.
const STRANDING_ENDS: Duration = Duration::from_secs(15);
/// How long a short message is on average, its frame included, and a little more.
const MEAN: f64 = 256.0;
/// Shares of seeds in which datagrams are lost, and in which somebody forges.
const LOSING: f64 = 0.4;
const FORGED: f64 = 0.3;

impl Conditions {
    /// A client whose NAT gives it another port or address every 3 to 10 s, or the one before back;
    /// which takes its control connection away at the same moment now and then. In some seeds
    /// somebody on the path sends its datagrams under the addresses of others too, whether it moves
    /// or not.
    #[must_use]
    pub fn of_moves(seed: u64) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let (low, high) = RATES;
        let beat = Duration::from_secs(1) / u32::try_from(rng.between(low, high)).unwrap_or(20);
        let loses = rng.chance(LOSING);
        let (up, down) = (link(&mut rng, loses), link(&mut rng, loses));
        let pause = if loses { lossy_pause(&up, &down, beat) } else { pause(&up, &down, beat) };
        let wires = WiresConfig {
            control_up: StreamConfig::clean(up.latency),
            control_down: StreamConfig::clean(down.latency),
            up,
            down,
        };
        let mut conditions = Self {
            rhythm: Rhythm::Steady(beat),
            lengths: Lengths::Short,
            is_timed: !loses,
            longest_pause: Some(pause),
            ..Self::of(wires)
        };
        let is_forged = rng.chance(FORGED);
        if !is_forged || rng.chance(0.5) {
            conditions.strikes = moves(&mut rng, loses);
        }
        if is_forged {
            conditions.forge(&mut rng);
        }
        (conditions, LENGTH)
    }

    /// Whether somebody forges the source of a client's datagrams.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        self.clients.iter().any(|client| client.forger.is_some())
    }

    /// Whether the client moves, and nothing else is done to it.
    #[must_use]
    pub fn only_moves(&self) -> bool {
        self.is_timed && !self.is_forged() && !self.strikes.is_empty()
    }

    fn forge(&mut self, rng: &mut Rng) {
        // Who forges can use up the one question a second: a client that moves meanwhile is found
        // late, though never lost.
        if !self.strikes.is_empty() {
            (self.is_timed, self.longest_pause) = (false, None);
        }
        let forger = ForgerConfig {
            victims: u8::try_from(rng.between(1, 3)).unwrap_or(1),
            copies: if rng.chance(0.3) { 1.0 } else { rng.share(1.0) },
            late: rng.share(1.0),
            late_by: rng.duration(Duration::from_secs(1)),
            altered: rng.share(0.3),
            begins: FORGING_BEGINS,
            ends: FORGING_ENDS,
        };
        for client in &mut self.clients {
            client.forger = Some(forger);
        }
    }
}

/// How long nothing may come of a stream of one message a `beat`, both ways, at the most.
///
/// What matters is when a snapshot that is waited for last came, how long the client takes to be
/// found, and when the next snapshot comes. The last came up to a beat, and what datagrams differ in
/// time, before the move. The first datagram from the new address leaves up to a beat after it and
/// takes half a round trip; the question and its answer are the validation, a round trip; the server
/// sends its next snapshot up to a beat later, which takes half a round trip more. That is a
/// validation, one round trip and three beats. Where the congestion window was full, what went to
/// nobody must be known to be lost before there is room: two probes, whose acks come after another
/// round trip, and packets count as lost after nine eighths of one. So three round trips and one
/// validation in all, each as long as the slowest datagrams make it.
fn pause(up: &LinkConfig, down: &LinkConfig, beat: Duration) -> Duration {
    let rtt = longest_rtt(up, down);
    let validation = rtt;
    rtt * 3 + validation + beat * 3
}

/// The same where datagrams are lost: any of them may be the question, its answer, a probe or an ack.
///
/// However many are, the direction is noticed to be dead two seconds or three probe time-outs after
/// the oldest packet without an answer, and the next snapshot rides TCP, which takes a round trip at
/// the most until it comes. A probe time-out is three round trips where one has been measured once,
/// and what the peer may hold its ack. What waited meanwhile of the two reliable channels may go
/// before it, a tunnel's load a round trip.
fn lossy_pause(up: &LinkConfig, down: &LinkConfig, beat: Duration) -> Duration {
    let rtt = longest_rtt(up, down);
    let probe_timeout = rtt * 3 + limits::UNRELIABLE_ACK_DELAY;
    let dead = limits::UDP_DEAD.max(probe_timeout * 3);
    let backlog = dead.as_secs_f64() / beat.as_secs_f64() * 2.0 * MEAN;
    dead + rtt.mul_f64(1.0 + backlog / limits::TUNNEL_BYTES as f64) + beat * 3
}

fn longest_rtt(up: &LinkConfig, down: &LinkConfig) -> Duration {
    let longest = |link: &LinkConfig| link.latency + link.jitter + link.reorder_by;
    longest(up) + longest(down)
}

fn link(rng: &mut Rng, loses: bool) -> LinkConfig {
    LinkConfig {
        latency: Duration::from_millis(rng.between(2, 100)),
        jitter: rng.duration(Duration::from_millis(10)),
        keeps_order: rng.chance(0.5),
        loss: if loses { Loss::Independent { share: rng.share(0.05) } } else { Loss::Never },
        duplication: rng.share(0.1),
        reordering: rng.share(0.1),
        reorder_by: rng.duration(Duration::from_millis(20)),
        ..LinkConfig::default()
    }
}

/// The moves of a run, and what they do to TCP.
fn moves(rng: &mut Rng, loses: bool) -> Vec<Strike> {
    let (least, most) = APART;
    let (mut strikes, mut after) = (Vec::new(), Duration::ZERO);
    loop {
        after += Duration::from_millis(rng.between(least, most));
        if after > MOVES_END {
            return strikes;
        }
        let blow = match rng.between(0, 3) {
            0 | 1 => Blow::Move { address: false },
            2 => Blow::Move { address: true },
            _ if strikes.is_empty() => Blow::Move { address: true },
            _ => Blow::MoveBack,
        };
        strikes.push(Strike { after, client: 0, blow });
        // The control connection goes on from the address before, or is opened anew from this one.
        if rng.chance(0.2) {
            let blow = if after < STRANDING_ENDS && !loses && rng.chance(0.3) {
                Blow::Strand
            } else {
                Blow::Reset
            };
            strikes.push(Strike { after, client: 0, blow });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_move_is_drawn_with_and_without_somebody_who_forges() {
        let all: Vec<_> = (0..200).map(|seed| Conditions::of_moves(seed).0).collect();
        let with = |blow: Blow| {
            all.iter().filter(|it| it.strikes.iter().any(|strike| strike.blow == blow)).count()
        };
        for blow in [
            Blow::Move { address: false },
            Blow::Move { address: true },
            Blow::MoveBack,
            Blow::Reset,
            Blow::Strand,
        ] {
            assert!(with(blow) > 5, "{blow:?}");
        }
        let forged = all.iter().filter(|it| it.is_forged());
        let (moving, staying): (Vec<_>, Vec<_>) = forged.partition(|it| !it.strikes.is_empty());
        assert!(moving.len() > 15 && staying.len() > 15);
        assert!(all.iter().filter(|it| it.only_moves()).count() > 60);
    }

    #[test]
    fn moves_are_three_to_ten_seconds_apart() {
        for seed in 0..100 {
            let (conditions, length) = Conditions::of_moves(seed);
            let moves = conditions.strikes.iter().filter(|strike| strike.blow.is_move());
            let times: Vec<_> = moves.map(|strike| strike.after).collect();
            let apart = |pair: &[Duration]| {
                let apart = (pair[1] - pair[0]).as_millis();
                (3_000..=10_000).contains(&apart)
            };
            assert!(times.windows(2).all(apart), "{times:?}");
            assert!(times.iter().all(|at| *at + Duration::from_secs(5) <= length));
        }
    }
}
