//! What threads meet at: locks, atomics and lists.
//!
//! Those of the standard library and of flume. The models (see `models`) run the same code on
//! loom's, which tries every order in which threads can come to them. Reference counts (`Arc`,
//! `Weak`) and the control thread's tokio are taken as they are.

#[cfg(test)]
#[cfg(biplane_loom)]
mod modelled;

#[cfg(test)]
#[cfg(biplane_loom)]
pub(crate) use modelled::*;

#[cfg(not(all(test, biplane_loom)))]
pub(crate) use {
    core::sync::atomic,
    flume::{Receiver, Sender, TrySendError, bounded},
    std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

#[cfg(test)]
#[cfg(biplane_loom)]
pub(crate) mod explore;
