//! Somebody on a client's path who sends what it sends once more, under the addresses of others.
//!
//! A copy is as good as its original: whichever comes first is taken in. So the server sees the
//! newest packets of a client come from a third address, where nobody speaks Biplane and where more
//! than a question would be an attack by way of the server (RFC 9000, section 9.3.1 and 9.3.2).

use core::time::Duration;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use crate::{Arrival, Link, LinkConfig, Rng};

/// What somebody does who forges the source of datagrams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForgerConfig {
    /// How many addresses of others are used, 1 to 250.
    pub victims: u8,
    /// The share of the client's datagrams that is sent again, 0 to 1.
    pub copies: f64,
    /// The share of copies that comes after the original, up to [`ForgerConfig::late_by`] later; the
    /// others come before it.
    pub late: f64,
    /// How much later at the most.
    pub late_by: Duration,
    /// The share of copies that is altered, and so no packet of anybody's.
    pub altered: f64,
    /// From when on, counted from the start of the run.
    pub begins: Duration,
    /// Until when.
    pub ends: Duration,
}

/// Who forges, and the way that forged datagrams take to the server.
#[derive(Debug)]
pub(crate) struct Forger {
    victims: Vec<SocketAddr>,
    copies: f64,
    begins: Instant,
    ends: Instant,
    rng: Rng,
    link: Link<SocketAddr>,
}

impl Forger {
    /// One on the path of `client`, whose own datagrams take `latency`; a copy takes half of that.
    pub(super) fn new(
        start: Instant,
        client: usize,
        config: ForgerConfig,
        latency: Duration,
        mut rng: Rng,
    ) -> Self {
        let third = u8::try_from(client % 250).unwrap_or(0);
        let victim = |last| SocketAddr::from((Ipv4Addr::new(198, 18, third, last), 5_000));
        let link = LinkConfig {
            latency: latency / 2,
            reordering: config.late,
            reorder_by: latency + config.late_by,
            corruption: config.altered,
            ..LinkConfig::default()
        };
        Self {
            victims: (1..=config.victims).map(victim).collect(),
            copies: config.copies,
            begins: start + config.begins,
            ends: start + config.ends,
            link: Link::tagged(start, link, rng.fork()),
            rng,
        }
    }

    /// Whose addresses are forged.
    pub(super) fn victims(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.victims.iter().copied()
    }

    /// The client sends a datagram, and somebody hears it.
    pub(crate) fn overhear(&mut self, now: Instant, datagram: &[u8]) {
        if !(self.begins..self.ends).contains(&now) || !self.rng.chance(self.copies) {
            return;
        }
        if let Some(victim) = self.victims.get(self.rng.index(self.victims.len())) {
            self.link.send_tagged(now, *victim, datagram.to_vec());
        }
    }

    /// From now on nothing is forged any more; what is under way arrives.
    pub(super) const fn stop(&mut self, now: Instant) {
        self.ends = now;
    }

    /// A forged datagram that has come to the server, with the address it seems to come from.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Arrival<SocketAddr>> {
        self.link.pop(now)
    }

    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.link.next_arrival()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_come_from_victims_before_and_after_the_original_while_it_lasts() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let config = ForgerConfig {
            victims: 3,
            copies: 1.0,
            late: 0.5,
            late_by: Duration::from_millis(100),
            altered: 0.2,
            begins: seconds(1),
            ends: seconds(2),
        };
        let latency = Duration::from_millis(40);
        let mut forger = Forger::new(start, 0, config, latency, Rng::new(1));
        for ms in (0..3_000).step_by(10) {
            forger.overhear(start + Duration::from_millis(ms), &ms.to_be_bytes());
        }
        let victims: Vec<_> = forger.victims().collect();
        let (mut early, mut late, mut altered) = (0, 0, 0);
        while let Some(at) = forger.next_arrival() {
            let copy = forger.pop(at).unwrap();
            assert!(victims.contains(&copy.tag));
            if copy.altered {
                altered += 1;
                continue;
            }
            let sent = u64::from_be_bytes(copy.bytes.try_into().unwrap());
            assert!((1_000..2_000).contains(&sent), "{sent} ms");
            if at < start + Duration::from_millis(sent) + latency { early += 1 } else { late += 1 }
        }
        assert!(early > 20 && late > 20 && altered > 5, "{early} {late} {altered}");
        assert_eq!(early + late + altered, 100);
    }
}
