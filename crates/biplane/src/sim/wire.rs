//! What lies between the two ends of one session, for who wants to break it.

use core::fmt;
use std::sync::{Arc, Weak};

use super::state::Shared;

/// The links of one session in a [`super::World`]: UDP and TCP, both ways.
///
/// A handle: it may be used inside a tick.
#[derive(Clone)]
pub struct Wire {
    shared: Weak<Shared>,
    client: usize,
}

impl Wire {
    pub(super) fn new(shared: &Arc<Shared>, client: usize) -> Self {
        Self { shared: Arc::downgrade(shared), client }
    }

    /// Lets no datagram in, either way; what is under way arrives.
    pub fn block_udp(&self) {
        self.change(|_, wires| wires.cut_data());
    }

    /// Lets no datagram of the client's in; the server's come through.
    pub fn block_udp_up(&self) {
        self.change(|_, wires| wires.up.cut());
    }

    /// Lets no datagram of the server's in; the client's come through.
    pub fn block_udp_down(&self) {
        self.change(|_, wires| wires.down.cut());
    }

    /// Lets datagrams in again.
    pub fn open_udp(&self) {
        self.change(|_, wires| wires.mend_data());
    }

    /// Lets nothing through on TCP, either way, as if every segment were lost; nor does another
    /// connection come up.
    pub fn stall_tcp(&self) {
        self.change(|_, wires| wires.hold_control());
    }

    /// Ends [`Wire::stall_tcp`]: what waited sets out now.
    pub fn resume_tcp(&self) {
        self.change(|now, wires| wires.release_control(now));
    }

    /// Breaks the TCP connection; both ends learn of it one latency from now, and the client opens
    /// another as soon as the link lets it.
    pub fn kill_tcp(&self) {
        self.change(|now, wires| wires.kill_control(now));
    }

    /// The client's NAT forgets it: its datagrams come from another port from now on, and from
    /// another address if `address`; what is sent to where it was reaches nobody.
    pub fn rebind_udp(&self, address: bool) {
        if let Some(shared) = self.shared.upgrade() {
            shared.enter(|state| state.world.rebind(self.client, address));
        }
    }

    /// Ends every fault; latency and bottleneck stay.
    pub fn calm(&self) {
        self.change(|now, wires| wires.calm(now));
    }

    fn change(&self, change: impl FnOnce(std::time::Instant, &mut biplane_sim::Wires)) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.enter(|state| {
            let now = state.world.now();
            if let Some(wires) = state.world.wires_mut(self.client) {
                change(now, wires);
            }
        });
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("client", &self.client).finish_non_exhaustive()
    }
}
