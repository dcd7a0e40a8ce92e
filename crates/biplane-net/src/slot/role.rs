//! The sender role: one thread at a time fills, seals and sends for a session.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Whether somebody sends for a session: how many came since nobody did. Who comes first sends.
#[derive(Debug, Default)]
pub(crate) struct SenderRole(AtomicUsize);

/// The sender role, held. Letting go of it by a panic frees it.
#[derive(Debug)]
pub(crate) struct Holder<'a> {
    role: &'a SenderRole,
    /// How many had come when the holder began to look.
    came: usize,
}

impl SenderRole {
    /// Takes the role, or tells its holder to look again.
    pub(crate) fn take(&self) -> Option<Holder<'_>> {
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        // Made only if the role is free: dropping one frees it.
        (before == 0).then(|| Holder { role: self, came: 1 })
    }
}

impl<'a> Holder<'a> {
    /// Gives the role back; returns it if somebody asked to look again.
    pub(crate) fn give_back(self) -> Option<Self> {
        let (role, came): (&'a SenderRole, usize) = (self.role, self.came);
        core::mem::forget(self);
        // Refused, it has seen what all those did before they came.
        let given = role.0.compare_exchange(came, 0, Ordering::AcqRel, Ordering::Acquire);
        given.err().map(|came| Self { role, came })
    }
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        self.role.0.store(0, Ordering::Release);
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
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
