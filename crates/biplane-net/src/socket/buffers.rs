//! Where a receiver's datagrams arrive.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use biplane_proto::Ecn;

use crate::limits::{RECEIVE_FIRST, RECEIVE_SLOT};

/// Slots that the kernel fills in one call, each of which may hold a whole run of datagrams.
///
/// It is not asked to fill more than twice as many as it filled last: what prepares a slot, and tells
/// what came in it, costs a quiet socket more than what comes.
pub(crate) struct ReceiveBuffers {
    storage: Vec<u8>,
    arrivals: Vec<Arrival>,
    /// How many slots the kernel was asked to fill last.
    asked: usize,
}

/// What came in one slot: one datagram, or a run of them of equal size, the last maybe shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Which of this host's addresses it was sent to, where the system tells.
    pub(crate) to: Option<IpAddr>,
    /// Bytes in the slot.
    pub(crate) len: usize,
    /// Bytes of each datagram; 0 for an empty one.
    pub(crate) stride: usize,
    /// How long it lay in the kernel, where the system tells.
    pub(crate) age: Duration,
    /// The mark of each of its datagrams, where the system tells; the kernel puts none together that
    /// differ in it.
    pub(crate) ecn: Option<Ecn>,
}

impl ReceiveBuffers {
    /// Room for `slots` arrivals. The memory is touched when it is first used.
    pub(crate) fn new(slots: usize) -> Self {
        let (storage, arrivals) = (vec![0; slots * RECEIVE_SLOT], Vec::with_capacity(slots));
        Self { storage, arrivals, asked: 0 }
    }

    /// How many arrivals there is room for.
    pub(crate) fn slots(&self) -> usize {
        self.storage.len() / RECEIVE_SLOT
    }

    /// The room, and the list of what came: for who fills it.
    pub(crate) fn vacate(
        &mut self,
    ) -> (impl ExactSizeIterator<Item = &mut [u8]> + '_, &mut Vec<Arrival>) {
        self.asked = (2 * self.arrivals.len()).max(RECEIVE_FIRST).min(self.slots());
        self.arrivals.clear();
        (self.storage.chunks_exact_mut(RECEIVE_SLOT).take(self.asked), &mut self.arrivals)
    }

    /// Whether every slot was filled that the kernel was asked to fill: there may be more.
    pub(crate) fn are_filled(&self) -> bool {
        self.arrivals.len() >= self.asked
    }

    /// Whether every slot was filled that there is.
    pub(crate) fn are_full(&self) -> bool {
        self.arrivals.len() == self.slots()
    }

    /// How many slots were filled.
    pub(crate) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// What came in slot `index`.
    pub(crate) fn arrival(&self, index: usize) -> Option<Arrival> {
        self.arrivals.get(index).copied()
    }

    /// The datagram that begins `offset` bytes into slot `index`.
    pub(crate) fn datagram(&mut self, index: usize, offset: usize, len: usize) -> &mut [u8] {
        let start = index * RECEIVE_SLOT + offset;
        self.storage.get_mut(start..start + len).unwrap_or_default()
    }

    /// Bytes that stand at `start` of the whole room.
    pub(crate) fn at(&self, start: usize, len: usize) -> &[u8] {
        self.storage.get(start..start + len).unwrap_or_default()
    }
}

impl Arrival {
    /// Offset and length of each datagram; one without a byte if that is what came.
    pub(crate) fn datagrams(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { len, stride, .. } = self;
        let count = if stride == 0 { 1 } else { len.div_ceil(stride).max(1) };
        (0..count).map(move |index| {
            let offset = index * stride;
            (offset, stride.min(len - offset))
        })
    }
}

impl core::fmt::Debug for ReceiveBuffers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ReceiveBuffers").field("arrivals", &self.arrivals).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(len: usize, stride: usize) -> Vec<(usize, usize)> {
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let age = Duration::ZERO;
        Arrival { from, to: None, len, stride, age, ecn: None }.datagrams().collect()
    }

    #[test]
    fn a_run_is_cut_into_its_datagrams() {
        assert_eq!(pieces(100, 100), [(0, 100)]);
        assert_eq!(pieces(250, 100), [(0, 100), (100, 100), (200, 50)]);
    }

    #[test]
    fn as_many_slots_are_given_as_twice_what_came() {
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let arrival = Arrival { from, to: None, len: 1, stride: 1, age: Duration::ZERO, ecn: None };
        let mut buffers = ReceiveBuffers::new(32);
        let mut fill = |waiting: usize| {
            let room = {
                let (room, arrivals) = buffers.vacate();
                arrivals.extend(core::iter::repeat_n(arrival, room.len().min(waiting)));
                room.len()
            };
            (room, buffers.are_filled(), buffers.are_full())
        };
        assert_eq!([fill(99), fill(99)], [(4, true, false), (8, true, false)]);
        assert_eq!([fill(99), fill(32)], [(16, true, false), (32, true, true)]);
        assert_eq!([fill(3), fill(4)], [(32, false, false), (6, false, false)]);
        assert_eq!([fill(0), fill(0)], [(8, false, false), (4, false, false)]);
    }

    #[test]
    fn an_empty_datagram_is_one_datagram() {
        assert_eq!(pieces(0, 0), [(0, 0)]);
        assert_eq!(pieces(0, 100), [(0, 0)]);
        assert_eq!(pieces(100, 0), [(0, 0)]);
    }
}
