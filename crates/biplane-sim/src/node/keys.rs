//! The keys that a session has installed: two sets, by the epoch, of four places, by the phase.

use biplane_proto::{KeyChange, KeyEpoch, Opener, Sealer};
use biplane_wire::{KeyPhase, ReceiveId};

/// What a slot of `biplane-net` holds of keys, and under which receive ids packets come.
#[derive(Debug, Default)]
pub(super) struct Keys {
    sets: [Set; 2],
    /// Receive ids under which nothing comes any more, and of which the host does not know yet.
    freed: Vec<ReceiveId>,
}

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
    /// Packets under `id` are of `epoch`.
    pub(super) fn name(&mut self, epoch: KeyEpoch, id: ReceiveId) {
        self.begin(epoch).receive_id = Some(id);
    }

    /// The receive ids under which nothing comes any more, each told once.
    pub(super) fn take_freed(&mut self) -> Vec<ReceiveId> {
        core::mem::take(&mut self.freed)
    }

    /// The epoch of packets under `id`.
    pub(super) fn epoch_of(&self, id: ReceiveId) -> Option<KeyEpoch> {
        self.sets.iter().find(|set| set.receive_id == Some(id)).map(|set| set.epoch)
    }

    pub(super) fn opener(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<&Opener> {
        let set = self.sets.iter().find(|set| set.epoch == epoch)?;
        set.openers.get(phase.index())?.as_ref()
    }

    pub(super) fn sealer(&self, epoch: KeyEpoch, phase: KeyPhase) -> Option<&Sealer> {
        let set = self.sets.iter().find(|set| set.epoch == epoch)?;
        set.sealers.get(phase.index())?.as_ref()
    }

    /// Does what the session says.
    pub(super) fn apply(&mut self, change: KeyChange) {
        match change {
            KeyChange::InstallOpener(epoch, phase, opener) => {
                put(&mut self.begin(epoch).openers, phase, Some(opener));
            }
            KeyChange::DiscardOpener(epoch, phase) => {
                let set = self.set_of(epoch);
                if set.epoch == epoch {
                    put(&mut set.openers, phase, None);
                }
            }
            KeyChange::InstallSealer(epoch, phase, sealer) => {
                put(&mut self.begin(epoch).sealers, phase, Some(sealer));
            }
            KeyChange::DiscardEpoch(epoch) => {
                let set = self.set_of(epoch);
                if set.epoch == epoch {
                    set.openers = Default::default();
                    let freed = set.receive_id.take();
                    self.freed.extend(freed);
                }
            }
            // What a later core says is not for this shell.
            _ => {}
        }
    }

    /// The set of an epoch, which takes the place of what is not of it.
    fn begin(&mut self, epoch: KeyEpoch) -> &mut Set {
        let set = self.set_of(epoch);
        if set.epoch != epoch {
            let freed = core::mem::replace(set, Set::of(epoch)).receive_id;
            self.freed.extend(freed);
        }
        self.set_of(epoch)
    }

    const fn set_of(&mut self, epoch: KeyEpoch) -> &mut Set {
        let [even, odd] = &mut self.sets;
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
