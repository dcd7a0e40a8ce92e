//! A peer that comes to be at another address.
//!
//! A NAT that has forgotten a client lets its next packet out by another port, or another address;
//! and what is sent to the one before then reaches nobody. So the question leaves as soon as such a
//! packet comes, and as soon as the answer does, everything goes there; two probes lead, with what
//! has waited longest for its ack, and their acks show what went to nobody in between.
//! Which address is asked, when, and how much may go there, `path` decides.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{Frame, limits as wire};

use super::{Session, Transmit, builder::Builder};
use crate::{acks::Eliciting, path::Proof};

impl Session {
    /// The packet that asks elsewhere whether the peer has moved there, and answers what it asks
    /// there.
    pub(super) fn poll_elsewhere(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let (path, size) = self.path.elsewhere()?;
        let mut builder = Builder::new(out, size, self.recovery.spare_frames());
        let valid = self.recovery.validation_time();
        if let Some(data) = self.path.take_challenge_elsewhere(now, valid) {
            tracing::debug!(remote = %path.remote, "the peer may have moved");
            builder.frame(&Frame::PathChallenge(data), Eliciting::Nothing, None);
        }
        if let Some(data) = self.path.response_elsewhere()
            && builder.frame(&Frame::PathResponse(data), Eliciting::Nothing, None)
        {
            self.path.on_response_elsewhere();
        }
        self.fill(now, builder, path, wire::PACKET_MIN)
    }

    /// An address is proven: the first one, or another.
    pub(super) fn on_proof(&mut self, now: Instant, proof: Proof) {
        match proof {
            Proof::First(rtt) => self.recovery.on_path_validated(now, rtt),
            Proof::Moved { rtt, far } => self.on_moved(now, rtt, far),
        }
        self.on_data_open(now);
    }

    fn on_moved(&mut self, now: Instant, rtt: Option<Duration>, far: bool) {
        tracing::debug!(?rtt, far, "the peer has moved");
        self.arrivals.path_changes += 1;
        let Self { recovery, outlook, .. } = self;
        recovery.on_moved(now, rtt, far, &mut outlook.fate);
        outlook.probes = 2;
        outlook.asked = false;
        self.apply_fate();
    }
}
