//! The channels of a session, and which of them have anything to send.

use core::ops::{Deref, DerefMut};

use biplane_wire::ChannelId;

use super::{bit, single::Channel};

/// Channels by number.
///
/// What is asked of those that have something to send is asked after every input, and most have
/// nothing most of the time: the others are not looked at.
#[derive(Debug)]
pub(super) struct List {
    channels: Vec<Channel>,
    /// Bit `i`: channel `i` may have messages that the peer may not have. Without it, it has none.
    busy: u64,
}

impl List {
    pub(super) const fn new(channels: Vec<Channel>) -> Self {
        Self { channels, busy: 0 }
    }

    /// A message was queued with channel `id`.
    pub(super) const fn on_queued(&mut self, id: ChannelId) {
        self.busy |= bit(id);
    }

    /// Messages have left, or arrived.
    pub(super) fn on_gone(&mut self) {
        for place in bits(self.busy) {
            if !self.channels.get(place).is_some_and(Channel::is_busy) {
                self.busy &= !(1 << place);
            }
        }
    }

    /// Those that have messages that the peer may not have; and perhaps others.
    pub(super) fn busy(&self) -> impl Iterator<Item = &Channel> {
        bits(self.busy).filter_map(|place| self.channels.get(place))
    }

    /// Does `act` to each of them.
    pub(super) fn for_each_busy(&mut self, mut act: impl FnMut(&mut Channel)) {
        for place in bits(self.busy) {
            self.channels.get_mut(place).into_iter().for_each(&mut act);
        }
    }

    /// Whether the channel at `place` has something that may leave.
    pub(super) fn waits(&self, place: usize) -> bool {
        self.busy >> place & 1 == 1 && self.channels.get(place).is_some_and(Channel::has_data)
    }
}

impl Deref for List {
    type Target = [Channel];

    fn deref(&self) -> &[Channel] {
        &self.channels
    }
}

impl DerefMut for List {
    fn deref_mut(&mut self) -> &mut [Channel] {
        &mut self.channels
    }
}

/// The places of the bits that are set, lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(place)
    })
}
