//! Transfers: their steps, who may attach the connection of their bytes, and what these yield to.

use std::time::Instant;

use biplane_wire::{Parameters, ReceiveId, TransferId, TransferOutcome, TransferStep};

use super::{Session, ending::State};
use crate::{
    AttachClaim, Event, Offer, RoundTrip, SendError, TransferChange, TransferError, TransferSide,
    Violation, limits, transfer::Step,
};

impl Session {
    /// Offers the peer `length` bytes as `name`, of 1 to [`limits::TRANSFER_NAME`] bytes.
    ///
    /// # Errors
    ///
    /// [`SendError::QueueFull`] while [`limits::TRANSFERS_OPEN`] are open,
    /// [`SendError::TooLarge`] for a longer name or more than [`limits::TRANSFER_BYTES`],
    /// [`SendError::NotOffered`] for no name or where the session has none to attach by; nothing is
    /// offered then.
    pub fn offer_transfer(
        &mut self,
        now: Instant,
        name: &str,
        length: u64,
    ) -> Result<TransferId, SendError> {
        let now = self.clock.clamp(now);
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        if name.is_empty() || self.facts.name.is_none() {
            return Err(SendError::NotOffered);
        }
        if name.len() > limits::TRANSFER_NAME {
            return Err(SendError::TooLarge { limit: limits::TRANSFER_NAME });
        }
        if length > limits::TRANSFER_BYTES {
            let limit = usize::try_from(limits::TRANSFER_BYTES).unwrap_or(usize::MAX);
            return Err(SendError::TooLarge { limit });
        }
        let may_tell = self.control.outbox.has_step_room(true);
        let id = self.control.transfers.offer(may_tell)?;
        self.step(now, Step::Offer(Offer { id, name: name.into(), length }));
        Ok(id)
    }

    /// Takes up what the peer offers; whether that is still to be had. Its bytes may come from here
    /// on.
    pub fn accept_transfer(&mut self, now: Instant, id: TransferId) -> bool {
        let accepted = self.control.transfers.accept(id);
        if accepted {
            self.step(now, Step::Accept(id));
        }
        accepted
    }

    /// All bytes of this side's transfer have been read: their SHA-256.
    pub fn sum_transfer(&mut self, now: Instant, id: TransferId, sha256: [u8; 32]) {
        if self.control.transfers.sum(id) {
            self.step(now, Step::Checksum(id, sha256));
        }
    }

    /// Ends a transfer; whether it was open. Of this side's only an error ends one.
    pub fn end_transfer(
        &mut self,
        now: Instant,
        (side, id): (TransferSide, TransferId),
        end: Result<(), TransferError>,
    ) -> bool {
        let ended = self.control.transfers.end(side, id, end);
        if ended {
            self.step(now, Step::End(side, id, outcome(end)));
        }
        ended
    }

    fn step(&mut self, now: Instant, step: Step) {
        let now = self.clock.clamp(now);
        self.control.outbox.push_step(step);
        self.settle(now);
    }

    /// Takes what became of transfers, in order.
    pub fn poll_transfer(&mut self) -> Option<TransferChange> {
        // Asked after every input.
        self.control.unwatched().transfers.poll()
    }

    /// Checks that bytes of the peer's transfer may come.
    ///
    /// # Errors
    ///
    /// The [`Violation`] with which the session is to end. Bytes of a transfer that is over are
    /// none: they were under way.
    pub fn check_transfer_bytes(&mut self, id: TransferId) -> Result<(), Violation> {
        self.control.transfers.check_bytes(id)
    }

    /// Checks that the peer may say what it has of this side's transfer.
    ///
    /// # Errors
    ///
    /// The [`Violation`] with which the session is to end.
    pub fn check_transfer_have(&mut self, id: TransferId) -> Result<(), Violation> {
        self.control.transfers.check_have(id)
    }

    pub(super) fn handle_transfer_step(
        &mut self,
        step: &TransferStep<'_>,
    ) -> Result<(), Violation> {
        if self.is_closed() {
            return Ok(());
        }
        let offer = self.control.transfers.handle_step(step)?;
        if let TransferStep::End { id, own: true, .. } = step {
            // Nobody need be told of what is not to be had.
            let withdrawn =
                |event: &Event| matches!(event, Event::Offered(offer) if offer.id == *id);
            self.outlook.events.retain(|event| !withdrawn(event));
        }
        if let Some(offer) = offer {
            // It may be refused, and that must find room.
            if !self.control.outbox.has_step_room(false) {
                return Err(Violation::TooManyTransfers);
            }
            self.outlook.push(Event::Offered(offer));
        }
        Ok(())
    }

    /// What the hello says that attaches a connection whose TLS exports `binding`: see
    /// [`Dialing::attach`](crate::Dialing::attach). `None` if there is nothing to attach to.
    ///
    /// `binding` is the exporter's, with label `EXPORTER-biplane-1-attach` and no context.
    pub fn begin_attach(&mut self, binding: &[u8; 32]) -> Option<Parameters> {
        let name = self.facts.name.filter(|_| self.is_open())?;
        let claim = self.keys.proofs.prove_attach(binding, &name);
        let parameters = Parameters::new(ReceiveId(0));
        Some(Parameters { session: Some(name), resume: Some(claim), ..parameters })
    }

    /// Whether `claim`, made on a connection whose TLS exports `binding`, is the client's of this
    /// session. Nothing of the session changes but that no claim before it holds any more.
    pub fn accept_attach(&mut self, claim: &AttachClaim, binding: &[u8; 32]) -> bool {
        let name = self.facts.name.filter(|name| self.is_open() && claim.session == *name);
        name.is_some_and(|name| self.keys.proofs.accept_attach(&claim.claim, binding, &name))
    }

    fn is_open(&self) -> bool {
        self.outlook.state == State::Open
    }

    /// What round trips take now, over UDP while it works, else over the control connection; for
    /// who yields to them. Has one measured if none is under way. `None` before the first.
    pub fn round_trip(&mut self, now: Instant) -> Option<RoundTrip> {
        let now = self.clock.clamp(now);
        let over_data = self.liveness.data_open();
        let (latest, waiting) = if over_data {
            let since = self.recovery.oldest_unanswered();
            self.outlook.ping |= since.is_none();
            // It may be held for as long, and no queue is to blame.
            let held = since.map(|since| since + limits::UNRELIABLE_ACK_DELAY);
            (self.recovery.latest_round_trip(), held)
        } else {
            let since = self.control.pinged_at();
            self.control.notes.ping |= since.is_none() && self.control.is_open();
            (self.control.round_trip(), since)
        };
        self.settle(now);
        let so_far = waiting.map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        latest.map(|latest| RoundTrip { time: latest.max(so_far), over_data })
    }
}

const fn outcome(end: Result<(), TransferError>) -> TransferOutcome {
    match end {
        Ok(()) => TransferOutcome::Complete,
        Err(TransferError::Refused) => TransferOutcome::Refused,
        Err(TransferError::Corrupt) => TransferOutcome::Corrupt,
        Err(TransferError::Unreadable) => TransferOutcome::Unreadable,
        Err(
            TransferError::CancelledHere | TransferError::CancelledThere | TransferError::Closed,
        ) => TransferOutcome::Cancelled,
    }
}
