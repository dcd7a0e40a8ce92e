//! A session's place in a list.

use crate::sync::atomic::{AtomicBool, Ordering};

/// Whether a session stands in a certain list, where it stands at most once.
///
/// Who takes it off the list calls [`Listed::leave`] and looks then. So what somebody did before a
/// [`Listed::enter`] that found it there is seen by that look: both are swaps, and the later one
/// has seen what the other's thread did before.
#[derive(Debug, Default)]
pub(crate) struct Listed(AtomicBool);

impl Listed {
    /// Claims the place; if it was free, the caller puts the session into the list.
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Whether it stands there; what was done before it was put there is seen then.
    pub(crate) fn stands(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// It was taken off the list and will be looked at now.
    pub(crate) fn leave(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_there_once_until_it_leaves() {
        let listed = Listed::default();
        assert!(listed.enter());
        assert!(!listed.enter());
        listed.leave();
        assert!(listed.enter());
    }
}
