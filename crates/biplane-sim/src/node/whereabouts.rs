//! Where the peer is, and what goes where: books kept by what packets say, and never by what the
//! session believes.
//!
//! An address is proven once the peer has sent back from there what it was asked there; the session
//! is at home at the one that it sends more to than questions and answers. To every other address no
//! more bytes may go than came from there and were taken in (RFC 9000, section 8 and 9.3.1, with a
//! limit of one instead of three); to one that somebody forges, no more than a question a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Instant,
};

use biplane_proto::limits;
use biplane_wire::{Frame, Frames, Header, limits as wire};

use crate::ContractBreach;

/// Where a peer is, where it was, and where it is not.
#[derive(Debug)]
pub(super) struct Whereabouts {
    now: SocketAddr,
    /// Nobody is there any more.
    former: Vec<SocketAddr>,
    /// Others, under whose addresses somebody sends the peer's packets; when each was asked last.
    victims: BTreeMap<SocketAddr, Option<Instant>>,
    home: Option<SocketAddr>,
    proven: BTreeSet<SocketAddr>,
    /// Of the addresses that are not home.
    accounts: BTreeMap<SocketAddr, Account>,
    questions: Questions,
}

/// What came from an address, and what went there, in bytes.
#[derive(Debug, Default)]
struct Account {
    received: u64,
    sent: u64,
    asked: BTreeSet<[u8; 8]>,
}

/// What an end of a session asked of addresses that were not proven.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Questions {
    /// How many packets with a path challenge left for one.
    pub asked: u64,
    /// Those of them for an address of nobody else's that had been asked before.
    pub again: u64,
    /// Those of them for an address that somebody forged.
    pub of_victims: u64,
    /// Packets taken in that seemed to come from such an address.
    pub forged: u64,
}

impl Questions {
    /// Adds those of others.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.again += other.again;
        self.of_victims += other.of_victims;
        self.forged += other.forged;
    }
}

impl Whereabouts {
    /// A peer whose address is known, and never changes.
    pub(super) fn fixed(remote: SocketAddr) -> Self {
        Self { home: Some(remote), ..Self::unproven(remote) }
    }

    /// A peer that is said to be there.
    pub(super) const fn unproven(remote: SocketAddr) -> Self {
        Self {
            now: remote,
            former: Vec::new(),
            victims: BTreeMap::new(),
            home: None,
            proven: BTreeSet::new(),
            accounts: BTreeMap::new(),
            questions: Questions { asked: 0, again: 0, of_victims: 0, forged: 0 },
        }
    }

    /// Packets that seem to come from these addresses are forged.
    pub(super) fn beware(&mut self, victims: impl Iterator<Item = SocketAddr>) {
        self.victims.extend(victims.map(|victim| (victim, None)));
    }

    pub(super) fn moved(&mut self, remote: SocketAddr) {
        let before = core::mem::replace(&mut self.now, remote);
        self.former.push(before);
        self.former.retain(|former| *former != remote);
    }

    pub(super) const fn questions(&self) -> Questions {
        self.questions
    }

    pub(super) fn is_home(&self, remote: SocketAddr) -> bool {
        self.home == Some(remote)
    }

    /// A packet of `len` bytes from `remote` was taken in.
    pub(super) fn on_arrival(&mut self, remote: SocketAddr, len: usize, plaintext: &[u8]) {
        if self.is_home(remote) {
            return;
        }
        self.questions.forged += u64::from(self.victims.contains_key(&remote));
        let account = self.accounts.entry(remote).or_default();
        account.received += len as u64;
        let answers = |frame: Frame<'_>| matches!(frame, Frame::PathResponse(data) if account.asked.contains(&data));
        if Frames::new(plaintext).flatten().any(answers) {
            self.proven.insert(remote);
        }
    }

    /// A packet that is not sealed yet leaves for `remote`. Returns whether the peer is there.
    ///
    /// # Errors
    ///
    /// What is wrong with that.
    pub(super) fn on_departure(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        packet: &[u8],
    ) -> Result<bool, ContractBreach> {
        if !self.is_home(remote) {
            self.leaves_home(now, remote, packet)?;
        }
        if remote == self.now || self.former.contains(&remote) || self.victims.contains_key(&remote)
        {
            return Ok(remote == self.now);
        }
        Err(ContractBreach::Misaddressed)
    }

    /// The same, where that is another address than most goes to.
    fn leaves_home(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        packet: &[u8],
    ) -> Result<(), ContractBreach> {
        let (asked, is_all) = questions(packet);
        if !is_all && self.proven.contains(&remote) {
            let has_moved = self.home.replace(remote).is_some();
            self.proven = BTreeSet::from([remote]);
            // What was asked elsewhere before the session had a home may be answered yet.
            self.accounts.retain(|other, _| !has_moved && *other != remote);
            return Ok(());
        }
        let len = packet.len();
        if let Some(last) = self.victims.get_mut(&remote) {
            self.questions.of_victims += 1;
            let is_soon = last.is_some_and(|last| now < last + limits::MOVE_INTERVAL);
            *last = Some(now);
            if is_soon || len != wire::PACKET_MIN || !is_all || asked.is_none() {
                return Err(ContractBreach::Pestered { len });
            }
        }
        self.questions.asked += u64::from(asked.is_some());
        let account = self.accounts.entry(remote).or_default();
        let is_again = asked.is_some() && !account.asked.is_empty();
        self.questions.again += u64::from(is_again && !self.victims.contains_key(&remote));
        account.asked.extend(asked);
        account.sent += len as u64;
        let Account { received, sent, .. } = *account;
        if sent > received {
            return Err(ContractBreach::Amplified { sent, received });
        }
        Ok(())
    }

    /// What the peer would say who was asked at `remote`, before what it says there.
    pub(super) fn answered(&self, remote: SocketAddr, plaintext: &[u8]) -> Option<Vec<u8>> {
        let data = self.accounts.get(&remote)?.asked.first()?;
        let mut answered = Vec::new();
        Frame::PathResponse(*data).encode(&mut answered);
        answered.extend_from_slice(plaintext);
        Some(answered)
    }
}

/// What an unsealed packet asks back, and whether it holds nothing but questions and answers.
fn questions(packet: &[u8]) -> (Option<[u8; 8]>, bool) {
    let end = packet.len().saturating_sub(wire::TAG);
    let plaintext = packet.get(Header::LEN..end).unwrap_or_default();
    let (mut asked, mut is_all) = (None, true);
    for frame in Frames::new(plaintext).flatten() {
        if let Frame::PathChallenge(data) = frame {
            asked = Some(data);
        }
        is_all &=
            matches!(frame, Frame::PathChallenge(_) | Frame::PathResponse(_) | Frame::Padding);
    }
    (asked, is_all)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, last], 40_000))
    }

    /// A packet of `len` bytes as it is before it is sealed, and what it says.
    fn packet(frames: &[Frame<'_>], len: usize) -> (Vec<u8>, Vec<u8>) {
        let mut plaintext = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut plaintext));
        plaintext.resize(len - Header::LEN - wire::TAG, 0);
        let mut packet = vec![0; Header::LEN];
        packet.extend_from_slice(&plaintext);
        packet.resize(len, 0);
        (packet, plaintext)
    }

    /// At home with a peer, who was proven there.
    fn at_home() -> (Instant, Whereabouts) {
        let (now, mut peer) = (Instant::now(), Whereabouts::unproven(address(1)));
        let (question, _) = packet(&[Frame::PathChallenge([1; 8])], 1_200);
        let (data, hello) = packet(&[Frame::Ping], 1_200);
        peer.on_arrival(address(1), 1_200, &hello);
        assert_eq!(peer.on_departure(now, address(1), &question), Ok(true));
        let (_, answer) = packet(&[Frame::PathResponse([1; 8])], 40);
        peer.on_arrival(address(1), 40, &answer);
        assert!((0..10).all(|_| peer.on_departure(now, address(1), &data) == Ok(true)));
        (now, peer)
    }

    #[test]
    fn no_more_goes_to_an_unproven_address_than_came_from_there() {
        let (now, mut peer) = at_home();
        let (question, ping) = packet(&[Frame::PathChallenge([2; 8])], 40);
        peer.moved(address(2));
        peer.on_arrival(address(2), 40, &ping);
        assert_eq!(peer.on_departure(now, address(2), &question), Ok(true));
        let amplified = ContractBreach::Amplified { sent: 80, received: 40 };
        assert_eq!(peer.on_departure(now, address(2), &question), Err(amplified));
    }

    #[test]
    fn an_answer_proves_where_it_comes_from_alone_and_home_is_one_place() {
        let (now, mut peer) = at_home();
        let (question, _) = packet(&[Frame::PathChallenge([2; 8])], 40);
        let (_, answer) = packet(&[Frame::PathResponse([2; 8])], 40);
        let (data, _) = packet(&[Frame::Ping], 100);
        for last in [2, 3] {
            peer.moved(address(last));
            peer.on_arrival(address(last), 40, &answer);
        }
        assert_eq!(peer.on_departure(now, address(2), &question), Ok(false));
        peer.on_arrival(address(3), 40, &answer);
        assert!(peer.on_departure(now, address(3), &data).is_err(), "it was not asked there");
        peer.on_arrival(address(2), 40, &answer);
        assert_eq!(peer.on_departure(now, address(2), &data), Ok(false));
        assert!(peer.on_departure(now, address(1), &data).is_err(), "nobody is at home there");
    }

    #[test]
    fn who_moves_before_the_first_word_is_proven_where_it_is() {
        let (now, mut peer) = (Instant::now(), Whereabouts::unproven(address(1)));
        let (long, hello) = packet(&[Frame::PathChallenge([1; 8])], 1_200);
        peer.on_arrival(address(1), 1_200, &hello);
        assert_eq!(peer.on_departure(now, address(1), &long), Ok(true));
        let (_, answer) = packet(&[Frame::PathResponse([1; 8])], 40);
        peer.on_arrival(address(1), 40, &answer);
        let (data, ping) = packet(&[Frame::Ping], 40);
        let (question, _) = packet(&[Frame::PathChallenge([2; 8])], 40);
        peer.moved(address(2));
        peer.on_arrival(address(2), 40, &ping);
        assert_eq!(peer.on_departure(now, address(2), &question), Ok(true));
        assert_eq!(peer.on_departure(now, address(1), &data), Ok(false));
        let (_, answer) = packet(&[Frame::PathResponse([2; 8])], 40);
        peer.on_arrival(address(2), 40, &answer);
        assert!((0..10).all(|_| peer.on_departure(now, address(2), &data) == Ok(true)));
        assert!(peer.on_departure(now, address(1), &data).is_err(), "nobody is at home there");
    }

    #[test]
    fn who_is_forged_gets_one_short_question_a_second() {
        let (now, mut peer) = at_home();
        let victim = address(9);
        peer.beware([victim].into_iter());
        let (question, _) = packet(&[Frame::PathChallenge([2; 8])], 40);
        let (long, forged) = packet(&[Frame::PathChallenge([3; 8])], 200);
        let (data, _) = packet(&[Frame::Ping], 40);
        (0..10).for_each(|_| peer.on_arrival(victim, 200, &forged));
        let at = |ms| now + Duration::from_millis(ms);
        let pestered = |len| Err(ContractBreach::Pestered { len });
        assert_eq!(peer.on_departure(at(0), victim, &question), Ok(false));
        assert_eq!(peer.on_departure(at(999), victim, &question), pestered(40));
        assert_eq!(peer.on_departure(at(1_999), victim, &question), Ok(false));
        assert_eq!(peer.on_departure(at(3_000), victim, &data), pestered(40));
        assert_eq!(peer.on_departure(at(4_000), victim, &long), pestered(200));
        assert_eq!(
            peer.questions(),
            Questions { asked: 3, of_victims: 5, forged: 10, ..Questions::default() }
        );
    }

    #[test]
    fn nobody_else_gets_anything() {
        let (now, mut peer) = at_home();
        let (data, _) = packet(&[Frame::Ping], 40);
        peer.on_arrival(address(7), 40, &data);
        let stranger = peer.on_departure(now, address(7), &data);
        assert_eq!(stranger, Err(ContractBreach::Misaddressed));
    }
}
