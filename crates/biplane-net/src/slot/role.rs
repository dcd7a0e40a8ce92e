//! The sender role: one thread at a time fills, seals and sends for a session.

use crate::sync::atomic::{AtomicU8, Ordering};

const IDLE: u8 = 0;
const BUSY: u8 = 1;
/// Somebody came while it was busy: there is more to look at.
const AGAIN: u8 = 2;

/// Whether somebody sends for a session.
#[derive(Debug, Default)]
pub(crate) struct SenderRole(AtomicU8);

/// The sender role, held. Letting go of it by a panic frees it.
#[derive(Debug)]
pub(crate) struct Holder<'a>(&'a SenderRole);

impl SenderRole {
    /// Takes the role, or tells its holder to look again.
    pub(crate) fn take(&self) -> Option<Holder<'_>> {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let next = if seen == IDLE { BUSY } else { AGAIN };
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(IDLE) => return Some(Holder(self)),
                Ok(_) => return None,
                Err(now) => seen = now,
            }
        }
    }
}

impl<'a> Holder<'a> {
    /// Gives the role back; returns it if somebody asked to look again.
    pub(crate) fn give_back(self) -> Option<Self> {
        let role: &'a SenderRole = self.0;
        core::mem::forget(self);
        let given = role.0.compare_exchange(BUSY, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if given.is_ok() {
            return None;
        }
        role.0.store(BUSY, Ordering::Release);
        Some(Self(role))
    }
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_looks_again_for_the_others() {
        let role = SenderRole::default();
        let holder = role.take().unwrap();
        assert!(role.take().is_none());
        assert!(role.take().is_none());
        let holder = holder.give_back().expect("two asked meanwhile");
        assert!(holder.give_back().is_none(), "nobody since");
        assert!(role.take().is_some());
    }

    #[test]
    fn a_holder_that_goes_down_frees_it() {
        let role = SenderRole::default();
        drop(role.take());
        assert!(role.take().is_some());
    }

    #[test]
    fn no_request_to_look_again_is_lost_between_threads() {
        use crate::sync::atomic::AtomicU64;
        const EACH: u64 = 20_000;
        let role = SenderRole::default();
        let (asked, seen) = (AtomicU64::new(0), AtomicU64::new(0));
        let ask = || {
            asked.fetch_add(1, Ordering::SeqCst);
            let mut holder = role.take();
            while let Some(held) = holder {
                seen.store(asked.load(Ordering::SeqCst), Ordering::SeqCst);
                holder = held.give_back();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..EACH).for_each(|_| ask()));
            }
        });
        assert_eq!(seen.into_inner(), 3 * EACH);
    }
}
