//! The keys of a session, as those use them who do not hold its lock.

use std::sync::Arc;

use biplane_proto::{KeyChange, Opener, Sealer, Session};
use biplane_wire::KeyPhase;

use crate::{
    locks::{read, write},
    sync::RwLock,
};

/// One opener and one sealer for each of the four phases.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    openers: Phases<Opener>,
    sealers: Phases<Sealer>,
}

/// A key for each phase, swapped whole: who looks finds the old one or the new one.
#[derive(Debug)]
struct Phases<K>(RwLock<[Option<Arc<K>>; 4]>);

impl Keys {
    pub(crate) fn opener(&self, phase: KeyPhase) -> Option<Arc<Opener>> {
        self.openers.at(phase)
    }

    pub(crate) fn sealer(&self, phase: KeyPhase) -> Option<Arc<Sealer>> {
        self.sealers.at(phase)
    }

    /// Puts in place what `session` asks for. Its lock is held meanwhile, so that no packet is
    /// filled for a key that is not there.
    pub(crate) fn follow(&self, session: &mut Session) {
        while let Some(change) = session.poll_key() {
            match change {
                KeyChange::InstallOpener(phase, opener) => self.openers.put(phase, Some(opener)),
                KeyChange::DiscardOpener(phase) => self.openers.put(phase, None),
                KeyChange::InstallSealer(phase, sealer) => self.sealers.put(phase, Some(sealer)),
                other => debug_assert!(false, "a change unknown here: {other:?}"),
            }
        }
    }
}

impl<K> Phases<K> {
    fn at(&self, phase: KeyPhase) -> Option<Arc<K>> {
        read(&self.0).get(phase.index())?.clone()
    }

    fn put(&self, phase: KeyPhase, key: Option<K>) {
        let key = key.map(Arc::new);
        if let Some(place) = write(&self.0).get_mut(phase.index()) {
            *place = key;
        }
    }
}

impl<K> Default for Phases<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
