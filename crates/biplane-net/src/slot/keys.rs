//! The keys of a session, as those use them who do not hold its lock.

use std::sync::Arc;

use biplane_proto::{KeyChange, KeyEpoch, Opener, Sealer, Session};
use biplane_wire::KeyPhase;

use crate::{
    locks::{read, write},
    sync::RwLock,
};

/// One opener and one sealer for each of the four phases of the two epochs that are alive.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    openers: Epochs<Opener>,
    sealers: Epochs<Sealer>,
}

/// The keys of two epochs, one even and one odd; each key is swapped whole: who looks finds the old
/// one or the new one.
#[derive(Debug)]
struct Epochs<K>(RwLock<[Phases<K>; 2]>);

/// A key for each phase of one epoch.
#[derive(Debug)]
struct Phases<K> {
    epoch: KeyEpoch,
    keys: [Option<Arc<K>>; 4],
}

impl Keys {
    pub(crate) fn opener(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<Arc<Opener>> {
        self.openers.at(epoch, phase)
    }

    pub(crate) fn sealer(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<Arc<Sealer>> {
        self.sealers.at(epoch, phase)
    }

    /// Puts in place what `session` asks for, and returns the epochs whose packets are dropped from
    /// now on. The session's lock is held meanwhile, so that no packet is filled for a key that is
    /// not there.
    pub(crate) fn follow(&self, session: &mut Session) -> Vec<KeyEpoch> {
        let mut discarded = Vec::new();
        while let Some(change) = session.poll_key() {
            match change {
                KeyChange::InstallOpener(epoch, phase, opener) => {
                    self.openers.put(epoch, phase, opener);
                }
                KeyChange::DiscardOpener(epoch, phase) => self.openers.discard(epoch, phase),
                KeyChange::DiscardEpoch(epoch) => {
                    self.openers.discard_all(epoch);
                    discarded.push(epoch);
                }
                KeyChange::InstallSealer(epoch, phase, sealer) => {
                    self.sealers.put(epoch, phase, sealer);
                }
                other => debug_assert!(false, "a change unknown here: {other:?}"),
            }
        }
        discarded
    }
}

impl<K> Epochs<K> {
    fn at(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<Arc<K>> {
        let epochs = read(&self.0);
        let phases = epochs.get(place(epoch)).filter(|phases| phases.epoch == epoch)?;
        phases.keys.get(phase.index())?.clone()
    }

    /// Puts a key in place; the first of an epoch takes the place of the epoch before the last.
    fn put(&self, epoch: KeyEpoch, phase: KeyPhase, key: K) {
        let key = Arc::new(key);
        let mut epochs = write(&self.0);
        let Some(phases) = epochs.get_mut(place(epoch)) else { return };
        if phases.epoch != epoch {
            *phases = Phases { epoch, ..Phases::default() };
        }
        if let Some(place) = phases.keys.get_mut(phase.index()) {
            *place = Some(key);
        }
    }

    fn discard(&self, epoch: KeyEpoch, phase: KeyPhase) {
        self.change(epoch, |keys| {
            if let Some(place) = keys.get_mut(phase.index()) {
                *place = None;
            }
        });
    }

    fn discard_all(&self, epoch: KeyEpoch) {
        self.change(epoch, |keys| *keys = Default::default());
    }

    fn change(&self, epoch: KeyEpoch, change: impl FnOnce(&mut [Option<Arc<K>>; 4])) {
        let mut epochs = write(&self.0);
        if let Some(phases) = epochs.get_mut(place(epoch)).filter(|phases| phases.epoch == epoch) {
            change(&mut phases.keys);
        }
    }
}

/// Where what belongs to `epoch` stands among two.
const fn place(epoch: KeyEpoch) -> usize {
    if epoch.0 & 1 == 0 { 0 } else { 1 }
}

impl<K> Default for Epochs<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K> Default for Phases<K> {
    fn default() -> Self {
        Self { epoch: KeyEpoch::default(), keys: Default::default() }
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use super::*;

    const PHASE: KeyPhase = KeyPhase::FIRST;

    fn at(epochs: &Epochs<u32>, epoch: u32) -> Option<u32> {
        epochs.at(KeyEpoch(epoch), PHASE).as_deref().copied()
    }

    #[test]
    fn two_epochs_stand_side_by_side_and_a_third_replaces_the_first() {
        let epochs = Epochs::default();
        for epoch in 0..3 {
            epochs.put(KeyEpoch(epoch), PHASE, epoch);
        }
        assert_eq!([0, 1, 2].map(|epoch| at(&epochs, epoch)), [None, Some(1), Some(2)]);
    }

    #[test]
    fn what_is_discarded_late_takes_no_later_key_away() {
        let epochs = Epochs::default();
        epochs.put(KeyEpoch(3), PHASE, 3);
        epochs.discard(KeyEpoch(1), PHASE);
        epochs.discard_all(KeyEpoch(1));
        assert_eq!(at(&epochs, 3), Some(3));
        epochs.discard_all(KeyEpoch(3));
        assert_eq!(at(&epochs, 3), None);
    }
}
