//! Packets that went no further than their session's slot.
//!
//! Whoever floods a session with packets that nobody sealed must not have every receiver ask for its
//! lock. Receivers count here, and whoever holds the lock next hands the counts on, so that a
//! session's own figures tell of all of its drops.

use core::sync::atomic::{AtomicU64, Ordering};

use biplane_proto::{DropReason, Session};

/// What a packet can fail at before the session's lock.
const REASONS: [DropReason; 3] = [DropReason::Late, DropReason::NoKey, DropReason::Forged];

/// How many were dropped for each of [`REASONS`], and are not handed on yet.
#[derive(Debug, Default)]
pub(crate) struct Refused([AtomicU64; REASONS.len()]);

impl Refused {
    /// Counts one.
    pub(crate) fn record(&self, reason: DropReason) {
        let place = REASONS.iter().position(|known| *known == reason);
        debug_assert!(place.is_some(), "{reason:?} is another's to count");
        if let Some(count) = place.and_then(|place| self.0.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has `session`, whose lock is held, know of them.
    pub(super) fn hand_on(&self, session: &mut Session) {
        for (reason, count) in REASONS.into_iter().zip(&self.0) {
            // Mostly there is nothing, and looking is cheaper than taking.
            if count.load(Ordering::Relaxed) > 0 {
                session.count_drops(reason, count.swap(0, Ordering::Relaxed));
            }
        }
    }
}
