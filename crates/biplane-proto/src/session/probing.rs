//! How a session learns how long its datagrams may be: probes, and what the system says of them.
//!
//! Which length is asked, and what an answer or none means, `path` decides.

use std::time::Instant;

use biplane_wire::Frame;

use super::{Session, Transmit, builder::Builder};
use crate::{acks::Eliciting, recovery::SentFrame};

impl Session {
    /// Notes that the system did not send a datagram of `len` bytes, since its interface carries
    /// less: what it held is lost like any other packet, and longer ones are not sent again.
    pub fn handle_too_big(&mut self, now: Instant, len: usize) {
        let now = self.clock.clamp(now);
        self.path.mtu_mut().on_too_big(now, len);
        self.settle(now);
    }

    /// The longest datagram that both sides allow, in bytes: no packet is longer.
    #[must_use]
    pub const fn longest_datagram(&self) -> usize {
        self.path.mtu().ceiling()
    }

    /// Whether a probe may leave now: on a path that works, and where nothing asks more urgently
    /// whether it does.
    pub(super) fn length_probe_waits(&self, now: Instant) -> bool {
        let Some(size) = self.path.mtu().due(now) else { return false };
        let is_calm = self.liveness.data_open() && self.outlook.probes == 0;
        is_calm && !self.is_ended() && self.recovery.window_allows(size)
    }

    /// A packet that asks whether datagrams of its length arrive: a ping, and padding.
    pub(super) fn poll_length_probe(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if !self.length_probe_waits(now) {
            return None;
        }
        let path = self.path.path()?;
        let probe = self.path.mtu_mut().take(now)?;
        tracing::debug!(size = probe.size(), "asking for longer datagrams");
        let mut builder = Builder::new(out, probe.size(), self.recovery.spare_frames());
        builder.frame(&Frame::Ping, Eliciting::AtOnce, Some(SentFrame::LengthProbe(probe)));
        self.fill(now, builder, path, probe.size())
    }
}
