//! Which address is proven.
//!
//! Each side asks for eight random bytes back from the address it sends to (RFC 9000, section 8.2).
//! Until they come, no more bytes go there than came from there. A client's packets go to where its
//! TCP went, always. A server that has proven nobody follows the newest packet; after that a newer
//! packet from elsewhere makes it ask there, and the answer moves the session: see [`elsewhere`].
//! How long a datagram may be there, [`mtu`] finds out.

mod elsewhere;
mod flood;
mod mtu;
mod soundings;

use core::time::Duration;
use std::{net::IpAddr, net::SocketAddr, time::Instant};

use biplane_wire::limits as wire;

pub(crate) use self::mtu::{LengthProbe, LongPackets, Mtu, Witness};
pub use self::soundings::{Sounding, SoundingCounts, SoundingReport};
use self::{elsewhere::Elsewhere, flood::Flood, soundings::Soundings};
use crate::{DropReason, Violation, limits, random::Random};

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
    /// The peer may be at another address, or come to be.
    follows: bool,
    /// The peer's answer has come.
    validated: bool,
    /// Bytes that may go to an address that is not proven.
    budget: usize,
    challenge: Challenge,
    /// What the peer asked back.
    response: Option<[u8; 8]>,
    elsewhere: Elsewhere,
    flood: Flood,
    soundings: Soundings,
    mtu: Mtu,
    random: Random,
    /// No packet leaves, whatever comes.
    silent: bool,
}

/// What an answer of the peer's has proven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proof {
    /// The address that packets go to, for the first time; and the round trip, where it is known
    /// which of the questions was answered (RFC 6298, section 3).
    First(Option<Duration>),
    /// That the peer has moved: packets go there from here on.
    Moved {
        /// The round trip there, where it is known which of the questions was answered.
        rtt: Option<Duration>,
        /// To another host's address, and not to another port alone.
        far: bool,
    },
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
    /// The path of a session of datagrams of at most `ceiling` bytes; a client knows from the start
    /// where its packets go, and need not be told that the address which just spoke TCP wants them.
    pub(crate) fn new(
        now: Instant,
        remote: Option<SocketAddr>,
        ceiling: usize,
        mut random: Random,
    ) -> Self {
        let path = remote.map(|remote| Path { remote, local: None });
        let budget = if path.is_some() { usize::MAX } else { 0 };
        let challenge = Challenge::new(random.bytes(), path.map(|_| now));
        Self {
            path,
            follows: path.is_none(),
            validated: false,
            budget,
            challenge,
            response: None,
            elsewhere: Elsewhere::default(),
            flood: Flood::new(now),
            soundings: Soundings::default(),
            mtu: Mtu::new(now, ceiling),
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
        if self.follows || self.is_at(path) { Ok(()) } else { Err(DropReason::OtherPath) }
    }

    fn is_at(&self, path: Path) -> bool {
        self.path.is_some_and(|known| known.remote == path.remote)
    }

    /// Notes a packet of `len` bytes that was taken in; `newest` if its number is the highest.
    pub(crate) fn on_packet(&mut self, now: Instant, path: Path, len: usize, newest: bool) {
        self.soundings.on_packet(len);
        match &mut self.path {
            Some(known) if known.remote == path.remote => {
                known.local = path.local.or(known.local);
                self.budget = self.budget.saturating_add(len);
                if newest {
                    self.elsewhere.give_up();
                }
            }
            Some(_) if self.validated => self.elsewhere.on_packet(now, path, len, newest),
            _ if newest => {
                self.path = Some(path);
                self.budget = len;
                self.challenge = Challenge::new(self.random.bytes(), Some(now));
            }
            _ => {}
        }
    }

    /// The peer asks for `data` back, in a packet by `path`; a question that was not answered yet
    /// gives way.
    ///
    /// # Errors
    ///
    /// [`Violation::ChallengeFlood`].
    pub(crate) fn handle_challenge(
        &mut self,
        now: Instant,
        path: Path,
        data: [u8; 8],
    ) -> Result<(), Violation> {
        if self.flood.on_challenge(now) {
            return Err(Violation::ChallengeFlood);
        }
        if self.is_at(path) {
            self.response = Some(data);
        } else {
            self.elsewhere.handle_challenge(path, data);
        }
        Ok(())
    }

    /// The peer sent `data` back, in a packet by `path`. Returns what that proves, if it does.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        path: Path,
        data: [u8; 8],
    ) -> Option<Proof> {
        if !self.validated && data == self.challenge.data {
            self.validated = true;
            self.challenge.due = None;
            self.budget = usize::MAX;
            let rtt = self.challenge.asked_once.map(|at| now.saturating_duration_since(at));
            return Some(Proof::First(rtt));
        }
        let Some((there, rtt)) = self.elsewhere.handle_response(now, path, data) else {
            self.soundings.handle_response(now, data);
            return None;
        };
        let before = self.path.replace(there);
        self.response = None;
        let far = before.is_none_or(|before| before.remote.ip() != there.remote.ip());
        if far {
            self.mtu.forget(now);
        }
        Some(Proof::Moved { rtt, far })
    }

    /// The peer acknowledged something of this side's for the first time.
    pub(crate) const fn on_ack(&mut self) {
        self.flood.on_ack();
    }

    /// Whether a packet should leave now for where the peer may have moved to.
    pub(crate) fn asks_elsewhere(&self, now: Instant) -> bool {
        self.elsewhere.due(now)
    }

    /// Where the peer may have moved to, and the largest packet that may go there.
    pub(crate) fn elsewhere(&self) -> Option<(Path, usize)> {
        self.elsewhere.path()
    }

    /// Takes the challenge for where the peer may have moved to, if it is due; its answer counts for
    /// `valid`.
    pub(crate) fn take_challenge_elsewhere(
        &mut self,
        now: Instant,
        valid: Duration,
    ) -> Option<[u8; 8]> {
        let data = self.random.bytes();
        self.elsewhere.ask(now, data, valid)
    }

    /// The response that is owed there; it is until [`PathState::on_response_elsewhere`].
    pub(crate) fn response_elsewhere(&self) -> Option<[u8; 8]> {
        self.elsewhere.response()
    }

    pub(crate) fn on_response_elsewhere(&mut self) {
        self.elsewhere.on_response_written();
    }

    /// Whether a challenge, response or sounding should leave now.
    pub(crate) fn due(&self, now: Instant) -> bool {
        let asks = self.challenge.due.is_some_and(|due| due <= now);
        let pays = self.budget >= wire::PACKET_MIN;
        let wants = (asks || self.response.is_some()) && pays;
        !self.silent && (wants || self.soundings.due(self.allowance()))
    }

    /// When a challenge is asked again, or may be asked elsewhere.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.silent {
            return None;
        }
        let here = self.challenge.due.filter(|_| self.budget >= wire::PACKET_MIN);
        here.into_iter().chain(self.elsewhere.deadline()).min()
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

    /// How long datagrams may be.
    pub(crate) const fn mtu(&self) -> &Mtu {
        &self.mtu
    }

    pub(crate) const fn mtu_mut(&mut self) -> &mut Mtu {
        &mut self.mtu
    }

    /// The largest packet that may go now.
    pub(crate) fn allowance(&self) -> usize {
        self.budget.min(self.mtu.size())
    }

    /// Pays for a packet that leaves by `path`; whether that is the session's.
    pub(crate) fn on_sent(&mut self, path: Path, len: usize) -> bool {
        if self.elsewhere.on_sent(path, len) {
            return false;
        }
        if self.budget != usize::MAX {
            self.budget = self.budget.saturating_sub(len);
        }
        true
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
        (now, PathState::new(now, None, 1_200, Random::new(&[1; 32])))
    }

    #[test]
    fn no_more_goes_to_an_unproven_address_than_came_from_it() {
        let (now, mut state) = server();
        assert!(!state.due(now));
        state.on_packet(now, path(1), 1_200, true);
        assert_eq!(state.allowance(), 1_200);
        assert!(state.on_sent(path(1), 1_200));
        assert!(!state.due(now + Duration::from_secs(1)), "nothing left to pay with");
    }

    #[test]
    fn the_right_answer_proves_the_address_once() {
        let (now, mut state) = server();
        state.on_packet(now, path(1), 1_200, true);
        let data = state.take_challenge(now).unwrap();
        let later = now + Duration::from_millis(30);
        let rtt = Some(Duration::from_millis(30));
        assert_eq!(state.handle_response(later, path(1), [0; 8]), None);
        assert_eq!(state.handle_response(later, path(1), data), Some(Proof::First(rtt)));
        assert_eq!(state.handle_response(later, path(1), data), None);
        assert!(state.validated());
    }

    #[test]
    fn a_joining_client_is_followed_and_a_proven_one_is_asked_first() {
        let (now, mut state) = server();
        state.on_packet(now, path(1), 1_200, true);
        let first = state.take_challenge(now).unwrap();
        state.on_packet(now, path(2), 1_200, true);
        assert_eq!(state.handle_response(now, path(2), first), None, "the old question");
        let second = state.take_challenge(now).unwrap();
        assert!(state.handle_response(now, path(2), second).is_some());
        state.on_packet(now, path(3), 40, true);
        assert_eq!(state.path(), Some(path(2)), "it serves until the answer has come");
        let third = state.take_challenge_elsewhere(now, Duration::from_secs(1)).unwrap();
        let later = now + Duration::from_millis(30);
        let moved = Proof::Moved { rtt: Some(Duration::from_millis(30)), far: false };
        assert_eq!(state.handle_response(later, path(3), third), Some(moved));
        assert_eq!(state.path(), Some(path(3)));
    }

    #[test]
    fn a_client_takes_packets_from_its_server_alone() {
        let now = Instant::now();
        let state = PathState::new(now, Some(path(1).remote), 1_200, Random::new(&[1; 32]));
        assert_eq!(state.admits(path(1)), Ok(()));
        assert_eq!(state.admits(path(2)), Err(DropReason::OtherPath));
    }

    #[test]
    fn a_challenge_is_repeated_ever_more_rarely() {
        let now = Instant::now();
        let remote = Some(path(1).remote);
        let mut state = PathState::new(now, remote, 1_200, Random::new(&[1; 32]));
        let mut at = now;
        for wait in [100, 200, 400, 800, 1_000, 1_000] {
            assert!(state.take_challenge(at).is_some());
            assert!(state.take_challenge(at).is_none());
            at += Duration::from_millis(wait);
            assert_eq!(state.deadline(), Some(at));
        }
    }
}
