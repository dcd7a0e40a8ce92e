//! Those whose bytes are waited for: strangers in TLS, before their hello, or at their last words.
//!
//! There are so many at the most; one more takes the place of the longest idle of the most crowded
//! network. So an attacker with few networks crowds out itself, and nobody is refused at the door.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use tokio::sync::Notify;

use super::metered::Meter;
use crate::{locks::lock, sync::Mutex, wheel::Epoch};

/// A network that one owner is likely to have: an IPv4 /24 or an IPv6 /56.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Network {
    V4([u8; 3]),
    V6([u8; 7]),
}

/// Everybody who is waited for.
#[derive(Debug)]
pub(super) struct Crowd {
    epoch: Epoch,
    /// The most there are.
    limit: usize,
    /// Bytes that each may say.
    bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seated: u64,
    seats: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    network: Network,
    meter: Arc<Meter>,
    evicted: Arc<Notify>,
}

/// A place among them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    meter: Arc<Meter>,
    evicted: Arc<Notify>,
}

impl Network {
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }

    /// The one of which there are most.
    pub(super) fn most_crowded(networks: impl Iterator<Item = Self>) -> Option<Self> {
        let mut counts = BTreeMap::<Self, usize>::new();
        for network in networks {
            *counts.entry(network).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(network, _)| network)
    }
}

impl Crowd {
    /// Room for `limit`, each of whom may say `bytes`.
    pub(super) fn new(epoch: Epoch, limit: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self { epoch, limit, bytes, state: Mutex::default() })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).seats.len()
    }

    /// Takes in one from `ip`; another may have to go.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> Seat {
        let meter = Meter::new(self.epoch, self.bytes);
        let evicted = Arc::new(Notify::new());
        let mut state = lock(&self.state);
        if state.seats.len() >= self.limit {
            state.evict();
        }
        state.seated += 1;
        let number = state.seated;
        let (network, evicted_here) = (Network::of(ip), Arc::clone(&evicted));
        let taken = Taken { network, meter: Arc::clone(&meter), evicted: evicted_here };
        state.seats.insert(number, taken);
        drop(state);
        Seat { crowd: Arc::clone(self), number, meter, evicted }
    }
}

impl State {
    /// The longest idle of the most crowded network goes.
    fn evict(&mut self) {
        let Some(crowded) = Network::most_crowded(self.seats.values().map(|taken| taken.network))
        else {
            return;
        };
        let of_it = self.seats.iter().filter(|(_, taken)| taken.network == crowded);
        let idlest = of_it.min_by_key(|(_, taken)| taken.meter.heard()).map(|(number, _)| *number);
        if let Some(taken) = idlest.and_then(|number| self.seats.remove(&number)) {
            taken.evicted.notify_one();
        }
    }
}

impl Seat {
    pub(super) const fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Resolves when the seat went to another.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.crowd.state).seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::Instant;

    use super::*;

    fn crowd(limit: usize) -> Arc<Crowd> {
        Crowd::new(Epoch(Instant::now()), limit, 100)
    }

    fn is_evicted(seat: &Seat) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let wait = async { tokio::time::timeout(Duration::ZERO, seat.evicted()).await.is_ok() };
        runtime.block_on(wait)
    }

    fn enter(crowd: &Arc<Crowd>, ip: &str) -> Seat {
        crowd.enter(ip.parse().unwrap())
    }

    #[test]
    fn networks_are_a_24_and_a_56() {
        let of = |ip: &str| Network::of(ip.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_eq!(of("2001:db8:0:ff::1"), of("2001:db8:0:1::2"));
        assert_ne!(of("2001:db8:0:ff::1"), of("2001:db8:0:1ff::1"));
    }

    #[test]
    fn up_to_the_limit_nobody_goes() {
        let crowd = crowd(3);
        let seats: Vec<_> = (0..3).map(|_| enter(&crowd, "192.0.2.1")).collect();
        assert!(!seats.iter().any(is_evicted));
        assert_eq!(crowd.len(), 3);
        drop(seats);
        assert_eq!(crowd.len(), 0);
    }

    #[test]
    fn one_more_takes_the_place_of_one_of_the_most_crowded_network() {
        let crowd = crowd(3);
        let alone = enter(&crowd, "198.51.100.1");
        let crowded = [enter(&crowd, "192.0.2.1"), enter(&crowd, "192.0.2.2")];
        let newcomer = enter(&crowd, "203.0.113.1");
        assert_eq!(crowd.len(), 3);
        assert!(!is_evicted(&alone) && !is_evicted(&newcomer));
        assert_eq!(crowded.iter().filter(|seat| is_evicted(seat)).count(), 1);
    }

    #[test]
    fn of_these_the_longest_idle_goes() {
        let epoch = Epoch(Instant::now().checked_sub(Duration::from_secs(9)).unwrap());
        let crowd = Crowd::new(epoch, 2, 100);
        let seats = [enter(&crowd, "192.0.2.1"), enter(&crowd, "192.0.2.2")];
        // The first spoke since.
        let later = Epoch(Instant::now().checked_sub(Duration::from_secs(99)).unwrap());
        let spoke = Meter::new(later, 100);
        lock(&crowd.state).seats.get_mut(&seats[0].number).unwrap().meter = spoke;
        let _newcomer = enter(&crowd, "203.0.113.1");
        assert_eq!(seats.each_ref().map(is_evicted), [false, true]);
    }

    #[test]
    fn one_who_was_evicted_frees_no_place_of_another() {
        let crowd = crowd(1);
        let first = enter(&crowd, "192.0.2.1");
        let second = enter(&crowd, "192.0.2.1");
        drop(first);
        assert_eq!(crowd.len(), 1);
        drop(second);
        assert_eq!(crowd.len(), 0);
    }
}
