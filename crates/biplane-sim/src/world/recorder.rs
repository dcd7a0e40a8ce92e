//! Somebody on the path who records what an end takes in, and sends each of it twice more.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use biplane_proto::{DropReason, limits};

use crate::{Arrival, ContractBreach, Rng};

/// So many datagrams later at the most: beyond the window and the keys of its time.
const LATER: usize = 4_096;
/// So many datagrams are surely within the window, in which skipped numbers have a place too.
const WITHIN: u64 = limits::WINDOW_MIN * 15 / 16;

/// What has come out at one end, and what is to come out there again.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// By how many datagrams must have come out before, and in which order they were recorded.
    again: BTreeMap<(u64, u64), Vec<u8>>,
    recorded: u64,
    came: u64,
    came_again: u64,
    /// Which of the datagrams sent were taken in; they are numbered as packets are.
    taken: BTreeSet<u64>,
}

impl Recorder {
    /// Another datagram comes out; what is to come again now.
    pub(super) fn due(&mut self) -> Vec<Vec<u8>> {
        self.came += 1;
        let later = self.again.split_off(&(self.came, 0));
        core::mem::replace(&mut self.again, later).into_values().collect()
    }

    /// All that is left to come again.
    pub(super) fn rest(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.again).into_values().collect()
    }

    /// One comes again: which of all that do it is, from 1.
    pub(super) const fn count_again(&mut self) -> u64 {
        self.came_again += 1;
        self.came_again
    }

    pub(super) const fn came_again(&self) -> u64 {
        self.came_again
    }

    /// Records a datagram that was taken in, or that somebody is to believe was.
    pub(super) fn record(&mut self, arrival: &Arrival<SocketAddr>, rng: &mut Rng) {
        self.taken.insert(arrival.number);
        for _ in 0..2 {
            self.recorded += 1;
            let due = self.came + rng.size(1, LATER) as u64;
            self.again.insert((due, self.recorded), arrival.bytes.clone());
        }
    }

    /// Whether a datagram that came out for the first time was refused as one that had been taken,
    /// or as one too old, and was neither.
    pub(super) fn judge(
        &self,
        arrival: &Arrival<SocketAddr>,
        refused: DropReason,
    ) -> Option<ContractBreach> {
        let counts = matches!(refused, DropReason::Replayed | DropReason::Late);
        let newest = self.taken.last().copied().unwrap_or_default();
        let is_within = arrival.number + WITHIN > newest;
        let is_new = !arrival.altered && !self.taken.contains(&arrival.number);
        (counts && is_within && is_new).then_some(ContractBreach::FalselyRefused(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(number: u64) -> Arrival<SocketAddr> {
        Arrival {
            altered: false,
            number,
            tag: SocketAddr::from(([198, 51, 100, 1], 40_000)),
            ecn: None,
            bytes: vec![u8::try_from(number % 256).unwrap()],
        }
    }

    #[test]
    fn each_datagram_comes_twice_more() {
        let (mut recorder, mut rng, mut again) = (Recorder::default(), Rng::new(1), Vec::new());
        for number in 0..10 {
            again.extend(recorder.due());
            recorder.record(&arrival(number), &mut rng);
        }
        assert!(!again.is_empty());
        again.extend(recorder.rest());
        again.sort();
        assert_eq!(again, (0..20).map(|n| vec![n / 2]).collect::<Vec<_>>());
        assert!(recorder.rest().is_empty());
    }

    #[test]
    fn a_new_datagram_within_the_window_may_not_be_called_old() {
        let (mut recorder, mut rng) = (Recorder::default(), Rng::new(1));
        recorder.record(&arrival(5_000), &mut rng);
        let judge = |number, reason| recorder.judge(&arrival(number), reason);
        let replayed = ContractBreach::FalselyRefused(DropReason::Replayed);
        assert_eq!(judge(4_999, DropReason::Replayed), Some(replayed));
        assert!(judge(5_001 - WITHIN, DropReason::Late).is_some());
        assert_eq!(judge(5_000 - WITHIN, DropReason::Late), None, "beyond the window");
        assert_eq!(judge(5_000, DropReason::Replayed), None, "it was taken");
        assert_eq!(judge(4_999, DropReason::NoKey), None);
    }
}
