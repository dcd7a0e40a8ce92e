//! The keys that a session has installed: two sets, by the epoch, of four places, by the phase.

use biplane_proto::{KeyChange, KeyEpoch, Opener, Sealer};
use biplane_wire::{KeyPhase, ReceiveId};

/// What a slot of `biplane-net` holds of keys, and under which receive ids packets come.
#[derive(Debug, Default)]
pub(super) struct Keys([Set; 2]);

/// The keys of one epoch.
#[derive(Debug, Default)]
struct Set {
    epoch: KeyEpoch,
    /// What the peer writes into the headers of what it seals with them.
    receive_id: Option<ReceiveId>,
    openers: [Option<Opener>; 4],
    sealers: [Option<Sealer>; 4],
}

impl Keys {
    /// Packets under `id` are of `epoch`. Returns the receive id that lost its place, if one did.
    pub(super) fn name(&mut self, epoch: KeyEpoch, id: ReceiveId) -> Option<ReceiveId> {
        let set = self.set_of(epoch);
        let before = if set.epoch == epoch { None } else { set.receive_id };
        if set.epoch != epoch {
            *set = Set::of(epoch);
        }
        set.receive_id = Some(id);
        before
    }

    /// The epoch of packets under `id`.
    pub(super) fn epoch_of(&self, id: ReceiveId) -> Option<KeyEpoch> {
        self.0.iter().find(|set| set.receive_id == Some(id)).map(|set| set.epoch)
    }

    pub(super) fn opener(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<&Opener> {
        let set = self.0.iter().find(|set| set.epoch == epoch)?;
        set.openers.get(phase.index())?.as_ref()
    }

    pub(super) fn sealer(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<&Sealer> {
        let set = self.0.iter().find(|set| set.epoch == epoch)?;
        set.sealers.get(phase.index())?.as_ref()
    }

    /// Does what the session says. Returns the receive id that nothing comes under any more.
    pub(super) fn apply(&mut self, change: KeyChange) -> Option<ReceiveId> {
        match change {
            KeyChange::InstallOpener(epoch, phase, opener) => {
                let (set, freed) = self.begin(epoch);
                put(&mut set.openers, phase, Some(opener));
                freed
            }
            KeyChange::DiscardOpener(epoch, phase) => {
                let set = self.set_of(epoch);
                if set.epoch == epoch {
                    put(&mut set.openers, phase, None);
                }
                None
            }
            KeyChange::InstallSealer(epoch, phase, sealer) => {
                let (set, freed) = self.begin(epoch);
                put(&mut set.sealers, phase, Some(sealer));
                freed
            }
            KeyChange::DiscardEpoch(epoch) => {
                let set = self.set_of(epoch);
                if set.epoch == epoch {
                    set.openers = Default::default();
                    set.receive_id.take()
                } else {
                    None
                }
            }
            // What a later core says is not for this shell.
            _ => None,
        }
    }

    /// The set of an epoch, which takes the place of what is not of it.
    fn begin(&mut self, epoch: KeyEpoch) -> (&mut Set, Option<ReceiveId>) {
        let set = self.set_of(epoch);
        let mut freed = None;
        if set.epoch != epoch {
            freed = core::mem::replace(set, Set::of(epoch)).receive_id;
        }
        (set, freed)
    }

    const fn set_of(&mut self, epoch: KeyEpoch) -> &mut Set {
        let [even, odd] = &mut self.0;
        if epoch.0.is_multiple_of(2) { even } else { odd }
    }
}

impl Set {
    fn of(epoch: KeyEpoch) -> Self {
        Self { epoch, ..Self::default() }
    }
}

fn put<T>(keys: &mut [Option<T>; 4], phase: KeyPhase, key: Option<T>) {
    if let Some(place) = keys.get_mut(phase.index()) {
        *place = key;
    }
}
