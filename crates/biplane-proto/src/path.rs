//! Which address is proven.
//!
//! Each side asks for eight random bytes back from the address it sends to (RFC 9000, section 8.2).
//! Until they come, no more bytes go there than came from there. Only a joining session changes its
//! path: a later packet from elsewhere is dropped.

mod soundings;

use core::time::Duration;
use std::{net::IpAddr, net::SocketAddr, time::Instant};

use biplane_wire::limits as wire;

use self::soundings::Soundings;
pub use self::soundings::{Sounding, SoundingCounts, SoundingReport};
use crate::{DropReason, limits, random::Random};

/// Where a packet came from or goes to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Path {
    /// The peer's address.
    pub remote: SocketAddr,
    /// This side's address, where it is known: what a packet was sent to, and what an answer leaves
    /// from.
    pub local: Option<IpAddr>,
}

/// The address pair that packets go over, and how far it is proven.
#[derive(Debug)]
pub(crate) struct PathState {
    path: Option<Path>,
    /// The peer's answer has come.
    validated: bool,
    /// Bytes that may go to an address that is not proven.
    budget: usize,
    challenge: Challenge,
    /// What the peer asked back.
    response: Option<[u8; 8]>,
    soundings: Soundings,
    random: Random,
    /// No packet leaves, whatever comes.
    silent: bool,
}

/// The question to the peer's address.
#[derive(Debug)]
struct Challenge {
    data: [u8; 8],
    due: Option<Instant>,
    interval: Duration,
    /// When it was asked, if it was asked once.
    asked_once: Option<Instant>,
}

impl Challenge {
    const fn new(data: [u8; 8], due: Option<Instant>) -> Self {
        Self { data, due, interval: limits::CHALLENGE_FIRST, asked_once: None }
    }
}

impl PathState {
    /// The path of a session; a client knows from the start where its packets go, and need not be
    /// told that the address which just spoke TCP wants them.
    pub(crate) fn new(now: Instant, remote: Option<SocketAddr>, mut random: Random) -> Self {
        let path = remote.map(|remote| Path { remote, local: None });
        let budget = if path.is_some() { usize::MAX } else { 0 };
        let challenge = Challenge::new(random.bytes(), path.map(|_| now));
        Self {
            path,
            validated: false,
            budget,
            challenge,
            response: None,
            soundings: Soundings::default(),
            random,
            silent: false,
        }
    }

    /// From now on no packet leaves, and there is no path for one.
    pub(crate) const fn silence(&mut self) {
        self.silent = true;
    }

    #[cfg(test)]
    const fn validated(&self) -> bool {
        self.validated
    }

    /// Where packets go, if any may.
    pub(crate) const fn path(&self) -> Option<Path> {
        if self.silent { None } else { self.path }
    }

    /// Whether a packet from `path` may be taken in.
    pub(crate) fn admits(&self, path: Path) -> Result<(), DropReason> {
        let known = self.path.is_none_or(|known| known.remote == path.remote);
        // A server that has not proven its client yet follows the newest packet.
        let open = !self.validated && self.budget != usize::MAX;
        if known || open { Ok(()) } else { Err(DropReason::OtherPath) }
    }

    /// Notes a packet of `len` bytes that was taken in; `newest` if its number is the highest.
    pub(crate) fn on_packet(&mut self, now: Instant, path: Path, len: usize, newest: bool) {
        self.soundings.on_packet(len);
        match &mut self.path {
            Some(known) if known.remote == path.remote => {
                known.local = path.local.or(known.local);
                self.budget = self.budget.saturating_add(len);
            }
            _ if newest => {
                self.path = Some(path);
                self.budget = len;
                self.challenge = Challenge::new(self.random.bytes(), Some(now));
            }
            _ => {}
        }
    }

    /// The peer asks for `data` back.
    pub(crate) const fn handle_challenge(&mut self, data: [u8; 8]) {
        self.response = Some(data);
    }

    /// The peer sent `data` back. If that proves the address, for the first time, returns the round
    /// trip, where it is known which of the questions was answered (RFC 6298, section 3).
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        data: [u8; 8],
    ) -> Option<Option<Duration>> {
        if self.validated || data != self.challenge.data {
            self.soundings.handle_response(now, data);
            return None;
        }
        self.validated = true;
        self.challenge.due = None;
        self.budget = usize::MAX;
        Some(self.challenge.asked_once.map(|at| now.saturating_duration_since(at)))
    }

    /// Whether a challenge, response or sounding should leave now.
    pub(crate) fn due(&self, now: Instant) -> bool {
        let asks = self.challenge.due.is_some_and(|due| due <= now);
        let pays = self.budget >= wire::PACKET_MIN;
        let wants = (asks || self.response.is_some()) && pays;
        !self.silent && (wants || self.soundings.due(self.allowance()))
    }

    /// When the challenge is asked again.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        if self.budget >= wire::PACKET_MIN && !self.silent { self.challenge.due } else { None }
    }

    /// Takes the response that is owed.
    pub(crate) const fn take_response(&mut self) -> Option<[u8; 8]> {
        self.response.take()
    }

    /// Takes the challenge if it is due, and sets when it is asked again.
    pub(crate) fn take_challenge(&mut self, now: Instant) -> Option<[u8; 8]> {
        let challenge = &mut self.challenge;
        challenge.due.filter(|due| *due <= now)?;
        let first = challenge.interval == limits::CHALLENGE_FIRST;
        challenge.asked_once = first.then_some(now);
        challenge.due = Some(now + challenge.interval);
        challenge.interval = (challenge.interval * 2).min(limits::CHALLENGE_MAX);
        Some(challenge.data)
    }

    /// Takes the sounding that waits, if the path may carry it, and what it asks back.
    pub(crate) fn take_sounding(&mut self, now: Instant) -> Option<(Sounding, [u8; 8])> {
        if !self.soundings.due(self.allowance()) {
            return None;
        }
        let data = self.random.bytes();
        self.soundings.take(now, data).map(|sounding| (sounding, data))
    }

    pub(crate) const fn soundings(&self) -> &Soundings {
        &self.soundings
    }

    pub(crate) const fn soundings_mut(&mut self) -> &mut Soundings {
        &mut self.soundings
    }

    /// The largest packet that may go now.
    pub(crate) fn allowance(&self) -> usize {
        self.budget.min(limits::DATAGRAM_SIZE)
    }

    /// Pays for a packet that leaves.
    pub(crate) const fn on_sent(&mut self, len: usize) {
        if self.budget != usize::MAX {
            self.budget = self.budget.saturating_sub(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path { remote: SocketAddr::from(([127, 0, 0, 1], port)), local: None }
    }

    fn server() -> (Instant, PathState) {
        let now = Instant::now();
        (now, PathState::new(now, None, Random::new(&[1; 32])))
    }

    #[test]
    fn no_more_goes_to_an_unproven_address_than_came_from_it() {
        let (now, mut state) = server();
        assert!(!state.due(now));
        state.on_packet(now, path(1), 1_200, true);
        assert_eq!(state.allowance(), 1_200);
        state.on_sent(1_200);
        assert!(!state.due(now + Duration::from_secs(1)), "nothing left to pay with");
    }

    #[test]
    fn the_right_answer_proves_the_address_once() {
        let (now, mut state) = server();
        state.on_packet(now, path(1), 1_200, true);
        let data = state.take_challenge(now).unwrap();
        let later = now + Duration::from_millis(30);
        assert_eq!(state.handle_response(later, [0; 8]), None);
        assert_eq!(state.handle_response(later, data), Some(Some(Duration::from_millis(30))));
        assert_eq!(state.handle_response(later, data), None);
        assert!(state.validated());
    }

    #[test]
    fn a_joining_client_may_move_and_a_proven_one_may_not() {
        let (now, mut state) = server();
        state.on_packet(now, path(1), 1_200, true);
        let first = state.take_challenge(now).unwrap();
        assert_eq!(state.admits(path(2)), Ok(()));
        state.on_packet(now, path(2), 1_200, true);
        assert_eq!(state.handle_response(now, first), None, "the old question proves nothing");
        let second = state.take_challenge(now).unwrap();
        assert!(state.handle_response(now, second).is_some());
        assert_eq!(state.admits(path(1)), Err(DropReason::OtherPath));
    }

    #[test]
    fn a_challenge_is_repeated_ever_more_rarely() {
        let now = Instant::now();
        let remote = Some(path(1).remote);
        let mut state = PathState::new(now, remote, Random::new(&[1; 32]));
        let mut at = now;
        for wait in [100, 200, 400, 800, 1_000, 1_000] {
            assert!(state.take_challenge(at).is_some());
            assert!(state.take_challenge(at).is_none());
            at += Duration::from_millis(wait);
            assert_eq!(state.deadline(), Some(at));
        }
    }
}
