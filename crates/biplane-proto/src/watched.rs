//! A part of a session that its owner may pass over while nothing changes in it.

use core::ops::{Deref, DerefMut};

/// A part, and whether there is nothing to be looked for in it. To borrow it for a change ends that.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    part: T,
    is_settled: bool,
}

impl<T> Watched<T> {
    pub(crate) const fn new(part: T) -> Self {
        Self { part, is_settled: false }
    }

    /// Whether its owner found nothing to look for, and nothing has changed since.
    pub(crate) const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Its owner has looked at all of it, and it is settled or not.
    pub(crate) const fn settle(&mut self, is_settled: bool) {
        self.is_settled = is_settled;
    }

    /// The part, for a change that its owner does not look for.
    pub(crate) const fn unwatched(&mut self) -> &mut T {
        &mut self.part
    }
}

impl<T> Deref for Watched<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.part
    }
}

impl<T> DerefMut for Watched<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.is_settled = false;
        &mut self.part
    }
}
