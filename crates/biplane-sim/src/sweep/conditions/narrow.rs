//! Conditions under which paths carry no datagrams longer than so many bytes, and come to carry
//! shorter ones alone.

use core::time::Duration;

use biplane_proto::limits;

use super::Conditions;
use crate::{
    Blow, Lengths, LinkConfig, Loss, Rhythm, Rng, SessionBreach, StreamConfig, Strike, WiresConfig,
};

/// For so long the applications send.
const LENGTH: Duration = Duration::from_secs(30);
/// What interfaces carry, in bytes of an IP packet.
const MTUS: [usize; 4] = [1_280, 1_400, 1_500, 9_000];
/// The headers of IP and UDP: of IPv4, and of IPv6.
const HEADERS: [usize; 2] = [28, 48];
/// A path comes to carry less between these, in milliseconds: by then it is known what it carries.
const NARROWS: (u64, u64) = (9_000, 12_000);
/// Shares of seeds in which it does, in which datagrams are lost, and in which jumbo ones are sent.
const NARROWING: f64 = 0.7;
const LOSING: f64 = 0.3;
const JUMBO: f64 = 0.2;
/// The longest that a message may take, whatever happens.
const SLOWEST: Duration = Duration::from_secs(5);

impl Conditions {
    /// A client whose path carries what its narrowest interface does, each way, and in most seeds
    /// comes to carry what IPv6 asks of every interface, and no more.
    #[must_use]
    pub fn of_mtu(seed: u64) -> (Self, Duration) {
        let mut rng = Rng::new(seed).fork();
        let loses = rng.chance(LOSING);
        let headers = HEADERS.get(rng.index(HEADERS.len())).copied().unwrap_or_default();
        let (up, down) = (link(&mut rng, headers, loses), link(&mut rng, headers, loses));
        let wires = WiresConfig {
            control_up: StreamConfig::clean(up.latency),
            control_down: StreamConfig::clean(down.latency),
            up,
            down,
        };
        let beat = Duration::from_millis(rng.between(20, 50));
        let mut conditions = Self {
            rhythm: Rhythm::Steady(beat),
            lengths: Lengths::Long,
            slowest: Some(SLOWEST),
            is_timed: !loses,
            ..Self::of(wires)
        };
        if rng.chance(JUMBO) {
            for client in &mut conditions.clients {
                client.session.max_datagram = limits::DATAGRAM_LARGEST;
            }
        }
        if rng.chance(NARROWING) {
            let (low, high) = NARROWS;
            let after = Duration::from_millis(rng.between(low, high));
            let [narrowest, ..] = MTUS;
            let blow = Blow::Narrow { carries: narrowest - headers };
            conditions.strikes = vec![Strike { after, client: 0, blow }];
        }
        (conditions, LENGTH)
    }

    /// Whether the way down comes to carry less than the server sends.
    #[must_use]
    pub fn narrows(&self) -> bool {
        let carried = self.clients.first().and_then(|client| client.wires.down.mtu);
        self.is_timed
            && self.strikes.iter().any(|strike| match strike.blow {
                Blow::Narrow { carries } => carried.is_none_or(|before| before > carries),
                Blow::Reset
                | Blow::Finish
                | Blow::Strand
                | Blow::Block { .. }
                | Blow::Heal
                | Blow::Move { .. }
                | Blow::MoveBack => false,
            })
    }
}

fn link(rng: &mut Rng, headers: usize, loses: bool) -> LinkConfig {
    let mtu = MTUS.get(rng.index(MTUS.len())).copied();
    LinkConfig {
        jitter: rng.duration(Duration::from_millis(5)),
        loss: if loses { Loss::Independent { share: rng.share(0.02) } } else { Loss::Never },
        mtu: mtu.map(|mtu| mtu - headers),
        ..LinkConfig::clean(Duration::from_millis(rng.between(2, 60)))
    }
}

/// How a session that sends datagrams of `size` bytes at the most judges a path that carries
/// `carries`; `None` if it does rightly: never too long, never shorter than every path carries, and
/// no more than a few bytes shorter than it might.
pub(in crate::sweep) fn misjudged(size: u64, carries: usize) -> Option<SessionBreach> {
    let carries = carries as u64;
    let least = carries.saturating_sub(limits::MTU_STEP as u64 - 1).max(1_200);
    let is_right = (least..=carries).contains(&size);
    (!is_right).then_some(SessionBreach::Misjudged { size, carries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_judged_to_a_few_bytes() {
        for (size, carries, is_right) in [
            (1_252, 1_252, true),
            (1_249, 1_252, true),
            (1_248, 1_252, false),
            (1_253, 1_252, false),
            (1_200, 1_200, true),
            (1_199, 1_200, false),
        ] {
            assert_eq!(misjudged(size, carries).is_none(), is_right, "{size} of {carries}");
        }
    }

    #[test]
    fn every_path_is_drawn_and_most_come_to_carry_less() {
        let all: Vec<_> = (0..100).map(|seed| Conditions::of_mtu(seed).0).collect();
        for mtu in MTUS {
            let carries = |conditions: &&Conditions| {
                let up = conditions.clients[0].wires.up.mtu.unwrap();
                HEADERS.iter().any(|headers| up + headers == mtu)
            };
            assert!(all.iter().filter(carries).count() > 10, "{mtu}");
        }
        assert!(all.iter().filter(|conditions| conditions.narrows()).count() > 20);
    }
}
