//! Threads that share sessions and seal, each packet with the right that came with it.
//!
//! Every number of a session is ticked off: one that is ticked already was given twice. A session
//! goes on until its keys are exhausted, which is after the first has been left for the second and
//! that has sealed as many packets as it may, since nobody ever answers.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use biplane_proto::{KeyChange, SealJob, Sealer, limits};
use biplane_sim::Challenger;
use biplane_wire::Aead;

/// Packets of one session until its keys are exhausted.
const OF_SESSION: u64 = limits::KEY_PACKETS + limits::KEY_PACKETS_MAX;
/// Packets that are taken at once: the lock is not what is asked about.
const BATCH: usize = 64;

/// What became of the seals.
#[derive(Debug, Default)]
pub(crate) struct Seals {
    /// Packets sealed under a number of their own.
    pub(crate) distinct: u64,
    /// Packets whose number had been given before.
    pub(crate) repeated: u64,
    /// Packets that could not be sealed.
    pub(crate) failed: u64,
    /// Sessions that ran out of keys.
    pub(crate) exhausted: u64,
    /// Those of them that did after exactly as many packets as they may seal.
    pub(crate) at_limit: u64,
}

impl Seals {
    pub(crate) const fn hold(&self) -> bool {
        self.repeated == 0 && self.failed == 0 && self.exhausted == self.at_limit
    }
}

/// A session that several threads seal for.
struct Shared {
    source: Mutex<Source>,
    /// A bit for every number.
    ticked: Vec<AtomicU64>,
}

struct Source {
    challenger: Challenger,
    sealer: Option<Arc<Sealer>>,
    given: u64,
    is_over: bool,
}

/// A packet and the right to seal it.
type Work = (Vec<u8>, SealJob, Arc<Sealer>);

/// Lets `threads` seal `each` packets.
pub(crate) fn seal(start: Instant, threads: u64, each: u64) -> Seals {
    let sessions = (threads * each).div_ceil(OF_SESSION);
    let shared: Vec<_> = (0..sessions).map(|_| Shared::new(start)).collect();
    let shared = shared.as_slice();
    let totals = thread::scope(|scope| {
        let begin = |thread| scope.spawn(move || work(shared, thread, each));
        let hands: Vec<_> = (0..threads).map(begin).collect();
        hands.into_iter().filter_map(|hand| hand.join().ok()).fold(Seals::default(), |all, own| {
            Seals {
                distinct: all.distinct + own.distinct,
                repeated: all.repeated + own.repeated,
                failed: all.failed + own.failed,
                ..all
            }
        })
    });
    shared.iter().fold(totals, |totals, shared| {
        let source = shared.source.lock().unwrap_or_else(PoisonError::into_inner);
        let is_exhausted = source.is_over && source.challenger.is_exhausted();
        Seals {
            exhausted: totals.exhausted + u64::from(source.is_over),
            at_limit: totals.at_limit + u64::from(is_exhausted && source.given == OF_SESSION),
            ..totals
        }
    })
}

/// One thread's share. Each session but the last, which is there for the rest, has some that begin
/// with it; who finds its keys exhausted goes on with the next.
fn work(shared: &[Shared], thread: u64, each: u64) -> Seals {
    let (mut seals, mut left) = (Seals::default(), each);
    let thread = usize::try_from(thread).unwrap_or_default();
    let first = thread % shared.len().saturating_sub(1).max(1);
    for session in shared.iter().cycle().skip(first).take(shared.len()) {
        while left > 0 {
            let batch = session.take(left);
            if batch.is_empty() {
                break;
            }
            for (mut packet, job, sealer) in batch {
                left -= 1;
                let number = job.number().0;
                let is_new = session.tick(number);
                let is_sealed = sealer.seal(job, &mut packet).is_ok();
                seals.failed += u64::from(!is_sealed);
                seals.repeated += u64::from(!is_new);
                seals.distinct += u64::from(is_new && is_sealed);
            }
        }
    }
    seals
}

impl Shared {
    fn new(start: Instant) -> Self {
        let challenger = Challenger::new(start, Aead::Aes128Gcm);
        let source = Source { challenger, sealer: None, given: 0, is_over: false };
        let words = OF_SESSION.div_ceil(64);
        Self { source: Mutex::new(source), ticked: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    fn take(&self, most: u64) -> Vec<Work> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let most = usize::try_from(most).unwrap_or(BATCH).min(BATCH);
        core::iter::from_fn(|| source.next()).take(most).collect()
    }

    /// Ticks a number off; whether it was not yet.
    fn tick(&self, number: u64) -> bool {
        let place = usize::try_from(number / 64).ok();
        let Some(word) = place.and_then(|place| self.ticked.get(place)) else { return false };
        let bit = 1 << (number % 64);
        word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

impl Source {
    fn next(&mut self) -> Option<Work> {
        let mut packet = Vec::with_capacity(limits::DATAGRAM_SIZE);
        let Some(job) = self.challenger.challenge(&mut packet) else {
            self.is_over = true;
            return None;
        };
        while let Some(change) = self.challenger.poll_key() {
            if let KeyChange::InstallSealer(.., sealer) = change {
                self.sealer = Some(Arc::new(sealer));
            }
        }
        self.given += 1;
        // What is sealed is short: its length decides nothing.
        packet.truncate(limits::PACKET_MIN);
        Some((packet, job, Arc::clone(self.sealer.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_seals_its_share_under_numbers_of_its_own() {
        let seals = seal(Instant::now(), 4, 5_000);
        assert!(seals.hold(), "{seals:?}");
        assert_eq!((seals.distinct, seals.exhausted), (20_000, 0));
    }

    #[test]
    fn a_number_is_ticked_once() {
        let shared = Shared::new(Instant::now());
        assert_eq!([shared.tick(7), shared.tick(8), shared.tick(7)], [true, true, false]);
        assert!(!shared.tick(u64::MAX), "no session gives that");
    }
}
