//! What the frames of a packet mean.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{ChannelId, DecodeError, Frame, Frames, KeyPhase, PacketNumber, limits as wire};

use super::Session;
use crate::{
    DropReason, Ecn, KeyEpoch, Path, Violation, acks::Eliciting, channel::Channels,
    peer_clock::stamp, recovery::SentFrame,
};

/// Where an opened packet came from, and what its header said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// When it was read from the socket: `now` or a little earlier.
    pub received_at: Instant,
    /// The way it came.
    pub path: Path,
    /// Its whole packet number.
    pub number: PacketNumber,
    /// The epoch of the key that opened it: that of the receive id in its header.
    pub epoch: KeyEpoch,
    /// The phase of the key that opened it.
    pub phase: KeyPhase,
    /// The mark that it came with, where the system tells.
    pub ecn: Option<Ecn>,
}

impl Session {
    /// Takes in the frames of an opened packet. Whatever they say, the packet is then counted as delivered; a
    /// frame that breaks a rule ends the session.
    ///
    /// # Errors
    ///
    /// The [`DropReason`] if nothing of the packet was taken in.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        let now = self.clock.clamp(now);
        self.take_packet(now, arrival, plaintext)?;
        self.settle(now);
        Ok(())
    }

    /// The same for packets that came together, which costs less than each by itself. The outcome of
    /// each is left beside it.
    pub fn handle_packets<'a>(
        &mut self,
        now: Instant,
        packets: impl Iterator<Item = (&'a Arrival, &'a [u8], &'a mut Result<(), DropReason>)>,
    ) {
        let now = self.clock.clamp(now);
        for (arrival, plaintext, outcome) in packets {
            *outcome = self.take_packet(now, arrival, plaintext);
        }
        self.settle(now);
    }

    fn take_packet(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        let Arrival { received_at, path, number, epoch, phase, ecn } = *arrival;
        if let Err(reason) = self.admit(arrival) {
            self.arrivals.drops.tally(reason, 1);
            if reason == DropReason::Closed {
                self.repeat_farewell();
            }
            return Err(reason);
        }
        let newest = number > self.largest_received() || self.arrivals.packets == 0;
        self.arrivals.window.commit(now, number)?;
        if self.keys.on_opened(epoch, phase) {
            self.on_newest_keys(now);
        }
        let len = plaintext.len() + biplane_wire::Header::LEN + wire::TAG;
        self.arrivals.packets += 1;
        if self.arrivals.packets == 1 {
            self.on_first_packet(now);
        }
        self.arrivals.bytes += len as u64;
        self.path.on_packet(now, path, len, newest);
        self.liveness.on_heard(now);
        match self.handle_frames(now, path, plaintext) {
            Ok(wants) => {
                let acks = &mut self.arrivals.acks;
                let wants = acks.on_mark(ecn, wants);
                acks.on_packet(received_at.min(now), number, wants);
            }
            Err(violation) => self.end_by_violation(now, violation),
        }
        Ok(())
    }

    /// Whether a packet may be taken in; changes nothing.
    fn admit(&self, arrival: &Arrival) -> Result<(), DropReason> {
        if self.is_ended() {
            return Err(DropReason::Closed);
        }
        self.arrivals.window.check(arrival.number)?;
        self.path.admits(arrival.path)
    }

    fn handle_frames(
        &mut self,
        now: Instant,
        path: Path,
        plaintext: &[u8],
    ) -> Result<Eliciting, Violation> {
        let mut wants = Eliciting::Nothing;
        let mut frames = Frames::new(plaintext);
        while let Some(frame) = frames.next() {
            let frame = frame?;
            wants = wants.max(if let Frame::Message(first) = &frame {
                self.handle_data(first.channel, |channels| {
                    channels.handle_messages(now, first, &mut frames)
                })?
            } else {
                self.handle_frame(now, path, frame)?
            });
            if self.is_ended() {
                break;
            }
        }
        Ok(wants)
    }

    fn handle_frame(
        &mut self,
        now: Instant,
        path: Path,
        frame: Frame<'_>,
    ) -> Result<Eliciting, Violation> {
        match frame {
            Frame::Padding => Ok(Eliciting::Nothing),
            Frame::Ping => Ok(Eliciting::AtOnce),
            Frame::PathChallenge(data) => {
                self.path.handle_challenge(now, path, data)?;
                // The response is the answer.
                Ok(Eliciting::Nothing)
            }
            Frame::PathResponse(data) => {
                if let Some(proof) = self.path.handle_response(now, path, data) {
                    self.on_proof(now, proof);
                }
                Ok(Eliciting::Nothing)
            }
            Frame::Ack(_)
            | Frame::Close(_)
            | Frame::Credit { .. }
            | Frame::Taken(_)
            | Frame::Message(_)
            | Frame::Fragment(_) => self.handle_shared_frame(now, frame),
        }
    }

    /// A frame that may come over either plane.
    pub(super) fn handle_shared_frame(
        &mut self,
        now: Instant,
        frame: Frame<'_>,
    ) -> Result<Eliciting, Violation> {
        match frame {
            Frame::Ack(ack) => self.handle_ack(now, &ack).map(|()| Eliciting::Nothing),
            Frame::Close(close) => {
                self.end_by_peer(now, close);
                Ok(Eliciting::Nothing)
            }
            Frame::Credit { channel, granted } => {
                self.channels.handle_credit(channel, granted)?;
                self.outlook.released = true;
                Ok(Eliciting::Reliable)
            }
            Frame::Message(message) => {
                self.handle_data(message.channel, |channels| channels.handle_message(now, &message))
            }
            Frame::Fragment(fragment) => self
                .handle_data(fragment.channel, |channels| channels.handle_fragment(now, &fragment)),
            Frame::Taken(taken) => {
                self.channels.handle_taken(&taken)?;
                Ok(Eliciting::Fresh)
            }
            Frame::Padding | Frame::Ping | Frame::PathChallenge(_) | Frame::PathResponse(_) => {
                Err(Violation::Decode(DecodeError::OutOfRange { field: "frame" }))
            }
        }
    }

    fn handle_data(
        &mut self,
        channel: ChannelId,
        handle: impl FnOnce(&mut Channels) -> Result<(), Violation>,
    ) -> Result<Eliciting, Violation> {
        if !self.is_closed() {
            handle(&mut self.channels)?;
            if self.channels.readable() != 0 {
                self.outlook.readable();
            }
        }
        let kind = self.channels.config(channel).map(|config| config.kind);
        let reliable = kind.is_some_and(biplane_wire::ChannelKind::is_reliable);
        Ok(if reliable { Eliciting::Reliable } else { Eliciting::Fresh })
    }

    fn handle_ack(&mut self, now: Instant, ack: &biplane_wire::Ack<'_>) -> Result<(), Violation> {
        let received = now.checked_sub(Duration::from_micros(u64::from(ack.delay)));
        if let Some(received) = received {
            let own = stamp(self.clock.epoch, received);
            self.clock.peer.on_stamp(now, own, ack.arrival);
        }
        let Self { recovery, outlook, keys, .. } = self;
        let largest = recovery.handle_ack(now, ack, &mut outlook.fate)?;
        keys.on_ack(largest);
        if outlook.fate.progress {
            outlook.probes = 0;
            outlook.asked = false;
            self.path.on_ack();
        }
        // An ack of what was sent before the direction died may come late, over TCP.
        if outlook.fate.proves_path && self.liveness.data_dead() {
            self.on_data_open(now);
        }
        self.apply_fate();
        Ok(())
    }

    pub(super) fn on_frame_acked(&mut self, frame: SentFrame) {
        let now = self.clock.latest;
        match frame {
            SentFrame::Message(..) | SentFrame::Noted(..) => self.channels.on_ack(now, frame),
            SentFrame::Piece(..) => {
                self.channels.on_ack(now, frame);
                // Pieces that waited for this one to be out of the way had been released with it.
                self.outlook.released = true;
            }
            SentFrame::Ack(largest) => self.arrivals.acks.on_ack_acked(largest),
            SentFrame::Sounding(sounding) => self.path.soundings_mut().on_acked(sounding),
            SentFrame::LengthProbe(probe) => self.path.mtu_mut().on_acked(now, probe),
            SentFrame::Credit(_) | SentFrame::Taken(..) => {}
        }
    }

    pub(super) fn on_frame_lost(&mut self, frame: SentFrame) {
        match frame {
            SentFrame::Message(..) | SentFrame::Piece(..) => {
                self.channels.on_lost(frame);
                self.outlook.released = true;
            }
            SentFrame::Taken(..) => {
                self.channels.on_lost(frame);
                self.outlook.taken_due = true;
            }
            SentFrame::Noted(..) | SentFrame::Credit(_) => self.channels.on_lost(frame),
            SentFrame::LengthProbe(probe) => self.path.mtu_mut().on_lost(self.clock.latest, probe),
            SentFrame::Ack(_) | SentFrame::Sounding(_) => {}
        }
    }
}
