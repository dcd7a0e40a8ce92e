//! The keys of a session, as those use them who do not hold its lock.

use std::sync::Arc;

use biplane_proto::{KeyChange, Opener, Sealer, Session};
use biplane_wire::KeyPhase;

use crate::{
    locks::{read, write},
    sync::RwLock,
};

/// One opener and one sealer for each of the four phases, swapped whole.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    openers: RwLock<[Option<Arc<Opener>>; 4]>,
    sealers: RwLock<[Option<Arc<Sealer>>; 4]>,
}

impl Keys {
    pub(crate) fn opener(&self, phase: KeyPhase) -> Option<Arc<Opener>> {
        read(&self.openers).get(phase.index())?.clone()
    }

    pub(crate) fn sealer(&self, phase: KeyPhase) -> Option<Arc<Sealer>> {
        read(&self.sealers).get(phase.index())?.clone()
    }

    /// Puts in place what `session` asks for. Its lock is held meanwhile, so that no packet is
    /// filled for a key that is not there.
    pub(crate) fn follow(&self, session: &mut Session) {
        while let Some(change) = session.poll_key() {
            match change {
                KeyChange::InstallOpener(phase, opener) => {
                    put(&self.openers, phase, Some(Arc::new(opener)));
                }
                KeyChange::DiscardOpener(phase) => put(&self.openers, phase, None),
                KeyChange::InstallSealer(phase, sealer) => {
                    put(&self.sealers, phase, Some(Arc::new(sealer)));
                }
                other => debug_assert!(false, "a change unknown here: {other:?}"),
            }
        }
    }
}

fn put<K>(keys: &RwLock<[Option<Arc<K>>; 4]>, phase: KeyPhase, key: Option<Arc<K>>) {
    if let Some(place) = write(keys).get_mut(phase.index()) {
        *place = key;
    }
}
