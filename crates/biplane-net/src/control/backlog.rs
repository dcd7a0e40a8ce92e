//! How many connections of one address are not admitted yet, and those that wait for less of them.
//!
//! Which address is next in the kernel's own backlog cannot be seen before it is accepted, and one
//! address must not hold up the others. So what is above an address' share is accepted and then
//! waits here: a descriptor and nothing else, no task, no buffer, no byte read.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use tokio::sync::Notify;

use super::crowd::Network;
use crate::{GreetingConfig, limits, locks::lock, sync::Mutex};

/// Who is not admitted yet, by address, and who waits for a turn, as streams `S`.
#[derive(Debug)]
pub(super) struct Backlog<S> {
    per_address: usize,
    loopback_exempt: bool,
    state: Mutex<State<S>>,
    vacated: Arc<Notify>,
}

#[derive(Debug)]
struct State<S> {
    unadmitted: Arc<Unadmitted>,
    parked: VecDeque<Parked<S>>,
}

#[derive(Debug, Default)]
struct Unadmitted(Mutex<BTreeMap<IpAddr, usize>>);

/// One that waits for its address to have room.
#[derive(Debug)]
pub(super) struct Parked<S> {
    pub(super) stream: S,
    pub(super) remote: SocketAddr,
    since: Instant,
}

/// One whose turn it is.
#[derive(Debug)]
pub(super) struct Comer<S> {
    pub(super) stream: S,
    pub(super) remote: SocketAddr,
    pub(super) place: Place,
}

/// One of an address' share, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    ip: IpAddr,
    unadmitted: Arc<Unadmitted>,
    vacated: Arc<Notify>,
}

/// What becomes of one who came.
#[derive(Debug)]
pub(super) enum Turn<S> {
    Now(Comer<S>),
    /// It waits; the one that lost its place to it, if all are taken.
    Later(Option<Parked<S>>),
}

impl<S> Backlog<S> {
    pub(super) fn new(config: &GreetingConfig) -> Self {
        Self {
            per_address: config.unadmitted_per_address,
            loopback_exempt: config.loopback_exempt,
            state: Mutex::new(State { unadmitted: Arc::default(), parked: VecDeque::new() }),
            vacated: Arc::default(),
        }
    }

    /// How many wait for a turn.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).parked.len()
    }

    /// One has come.
    pub(super) fn arrive(&self, now: Instant, stream: S, remote: SocketAddr) -> Turn<S> {
        let mut state = lock(&self.state);
        if let Some(place) = self.place(&state, remote.ip()) {
            return Turn::Now(Comer { stream, remote, place });
        }
        let ousted = if state.parked.len() < limits::PARKED { None } else { state.oust() };
        state.parked.push_back(Parked { stream, remote, since: now });
        Turn::Later(ousted)
    }

    /// Resolves when an address may have room.
    pub(super) async fn vacated(&self) {
        self.vacated.notified().await;
    }

    /// The next who waited and whose turn it is. Those who waited too long are taken out.
    pub(super) fn next(&self, now: Instant, late: &mut Vec<Parked<S>>) -> Option<Comer<S>> {
        let mut state = lock(&self.state);
        let is_late = |parked: &Parked<S>| {
            now.saturating_duration_since(parked.since) > limits::PARKED_DEADLINE
        };
        while state.parked.front().is_some_and(is_late) {
            late.extend(state.parked.pop_front());
        }
        let whose = state.parked.iter().enumerate().find_map(|(index, parked)| {
            self.place(&state, parked.remote.ip()).map(|place| (index, place))
        });
        let (index, place) = whose?;
        let Parked { stream, remote, .. } = state.parked.remove(index)?;
        Some(Comer { stream, remote, place })
    }

    fn place(&self, state: &State<S>, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical();
        let exempt = self.loopback_exempt && ip.is_loopback();
        let mut counts = lock(&state.unadmitted.0);
        let count = counts.entry(ip).or_default();
        if *count >= self.per_address && !exempt {
            return None;
        }
        *count += 1;
        let (unadmitted, vacated) = (Arc::clone(&state.unadmitted), Arc::clone(&self.vacated));
        Some(Place { ip, unadmitted, vacated })
    }
}

impl<S> State<S> {
    /// Of the most crowded network, the one that waits longest loses its place.
    fn oust(&mut self) -> Option<Parked<S>> {
        let network = |parked: &Parked<S>| Network::of(parked.remote.ip());
        let crowded = Network::most_crowded(self.parked.iter().map(network))?;
        let index = self.parked.iter().position(|parked| network(parked) == crowded)?;
        self.parked.remove(index)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.unadmitted.0);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
        drop(counts);
        self.vacated.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn backlog(per_address: usize, loopback_exempt: bool) -> Backlog<u32> {
        Backlog::new(&GreetingConfig {
            unadmitted_per_address: per_address,
            loopback_exempt,
            ..GreetingConfig::default()
        })
    }

    fn arrive(backlog: &Backlog<u32>, now: Instant, number: u32, ip: &str) -> Turn<u32> {
        backlog.arrive(now, number, SocketAddr::new(ip.parse().unwrap(), 9))
    }

    fn place(turn: Turn<u32>) -> Option<Place> {
        match turn {
            Turn::Now(comer) => Some(comer.place),
            Turn::Later(_) => None,
        }
    }

    fn next(backlog: &Backlog<u32>, now: Instant) -> Option<(u32, Place)> {
        let mut late = Vec::new();
        backlog.next(now, &mut late).map(|comer| (comer.stream, comer.place))
    }

    #[test]
    fn an_address_has_its_share_and_the_rest_waits_in_order() {
        let (backlog, now) = (backlog(64, true), Instant::now());
        let mut places: Vec<_> = (0..64)
            .map(|number| place(arrive(&backlog, now, number, "192.0.2.1")).expect("a place"))
            .collect();
        for number in 64..67 {
            assert!(place(arrive(&backlog, now, number, "192.0.2.1")).is_none());
        }
        assert!(place(arrive(&backlog, now, 99, "192.0.2.2")).is_some(), "others come in");
        assert!(next(&backlog, now).is_none());
        places.truncate(62);
        let (first, _first) = next(&backlog, now).unwrap();
        let (second, _second) = next(&backlog, now).unwrap();
        assert_eq!((first, second, backlog.len()), (64, 65, 1));
        assert!(next(&backlog, now).is_none());
    }

    #[test]
    fn loopback_has_no_share_unless_it_is_told() {
        let now = Instant::now();
        let (free, bound) = (backlog(1, true), backlog(1, false));
        let places: Vec<_> =
            (0..100).filter_map(|number| place(arrive(&free, now, number, "127.0.0.1"))).collect();
        assert_eq!(places.len(), 100);
        let _one = place(arrive(&bound, now, 1, "::ffff:127.0.0.1"));
        assert!(place(arrive(&bound, now, 2, "127.0.0.1")).is_none());
    }

    #[test]
    fn who_waited_too_long_is_taken_out() {
        let (backlog, now) = (backlog(1, true), Instant::now());
        let _place = place(arrive(&backlog, now, 1, "192.0.2.1"));
        arrive(&backlog, now, 2, "192.0.2.1");
        let later = now + limits::PARKED_DEADLINE;
        arrive(&backlog, later, 3, "192.0.2.1");
        let mut late = Vec::new();
        assert!(backlog.next(later, &mut late).is_none() && late.is_empty());
        backlog.next(later + Duration::from_millis(1), &mut late);
        assert_eq!(late.iter().map(|parked| parked.stream).collect::<Vec<_>>(), [2]);
        assert_eq!(backlog.len(), 1);
    }

    #[test]
    fn when_all_are_taken_the_most_crowded_network_pays() {
        let (backlog, now) = (backlog(1, true), Instant::now());
        let _places = ["192.0.2.1", "198.51.100.1"].map(|ip| place(arrive(&backlog, now, 0, ip)));
        arrive(&backlog, now, 1, "198.51.100.1");
        for number in 2..=u32::try_from(limits::PARKED).unwrap() {
            let turn = arrive(&backlog, now, number, "192.0.2.1");
            assert!(matches!(turn, Turn::Later(None)), "{number}");
        }
        let Turn::Later(Some(ousted)) = arrive(&backlog, now, 9_999, "198.51.100.1") else {
            panic!("nobody lost its place");
        };
        assert_eq!((ousted.stream, backlog.len()), (2, limits::PARKED));
    }
}
