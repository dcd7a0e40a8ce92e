//! Which transfers of a session are open, by their steps on its control connection.

use std::collections::{BTreeMap, VecDeque};

use biplane_wire::{TransferId, TransferOutcome as Outcome, TransferStep};

use super::{Offer, TransferChange, TransferError, TransferNews, TransferSide};
use crate::{SendError, Violation, limits};

/// The open transfers of one session.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Offered by this side.
    own: Offered,
    /// Offered by the peer.
    peers: Offered,
    changes: VecDeque<TransferChange>,
    /// An offer of this side's was refused, for so many are open.
    refused: bool,
}

/// Those of one side.
#[derive(Debug, Default)]
struct Offered {
    next: TransferId,
    open: BTreeMap<TransferId, Stage>,
}

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Offered,
    Accepted,
    /// All of it was read, and its checksum told.
    Summed,
}

/// A step that waits to be written, or to be acknowledged.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Offer(Offer),
    Accept(TransferId),
    Checksum(TransferId, [u8; 32]),
    End(TransferSide, TransferId, Outcome),
}

impl Step {
    pub(crate) fn wire(&self) -> TransferStep<'_> {
        match self {
            Self::Offer(Offer { id, name, length }) => {
                TransferStep::Offer { id: *id, length: *length, name }
            }
            Self::Accept(id) => TransferStep::Accept { id: *id },
            Self::Checksum(id, sha256) => TransferStep::Checksum { id: *id, sha256: *sha256 },
            Self::End(side, id, outcome) => {
                TransferStep::End { id: *id, own: *side == TransferSide::Own, outcome: *outcome }
            }
        }
    }
}

impl Offered {
    /// The transfer with this name, if it is open; a name that was never given is a violation.
    fn find(&mut self, id: TransferId) -> Result<Option<&mut Stage>, Violation> {
        if id >= self.next {
            return Err(Violation::UnknownTransfer);
        }
        Ok(self.open.get_mut(&id))
    }

    fn is_full(&self) -> bool {
        self.open.len() >= limits::TRANSFERS_OPEN || self.next.0 == u32::MAX
    }

    fn add(&mut self) -> TransferId {
        let id = self.next;
        self.next.0 += 1;
        self.open.insert(id, Stage::Offered);
        id
    }
}

impl Book {
    const fn of(&mut self, side: TransferSide) -> &mut Offered {
        match side {
            TransferSide::Own => &mut self.own,
            TransferSide::Peer => &mut self.peers,
        }
    }

    /// Opens a transfer of this side's.
    ///
    /// It is refused where as many are open as may be, or `may_tell` says that its steps find no room.
    pub(crate) fn offer(&mut self, may_tell: bool) -> Result<TransferId, SendError> {
        self.refused = self.own.is_full() || !may_tell;
        if self.refused { Err(SendError::QueueFull) } else { Ok(self.own.add()) }
    }

    /// Whether an offer was refused and another would not be; says so once.
    pub(crate) fn take_writable(&mut self, may_tell: bool) -> bool {
        self.refused && may_tell && !self.own.is_full() && core::mem::take(&mut self.refused)
    }

    /// This side wants what the peer offers; whether that is still to be had.
    pub(crate) fn accept(&mut self, id: TransferId) -> bool {
        let offered = self.peers.open.get_mut(&id).filter(|stage| **stage == Stage::Offered);
        offered.map(|stage| *stage = Stage::Accepted).is_some()
    }

    /// This side has read all of its own; whether the peer is to be told.
    pub(crate) fn sum(&mut self, id: TransferId) -> bool {
        let accepted = self.own.open.get_mut(&id).filter(|stage| **stage == Stage::Accepted);
        accepted.map(|stage| *stage = Stage::Summed).is_some()
    }

    /// This side ends a transfer; whether it was open.
    pub(crate) fn end(
        &mut self,
        side: TransferSide,
        id: TransferId,
        end: Result<(), TransferError>,
    ) -> bool {
        let was_open = self.of(side).open.remove(&id).is_some();
        if was_open {
            self.tell(side, id, TransferNews::Ended(end));
        }
        was_open
    }

    /// Whether bytes of the peer's transfer may come. Those of one that is over may be under way.
    pub(crate) fn check_bytes(&mut self, id: TransferId) -> Result<(), Violation> {
        match self.peers.find(id)? {
            Some(Stage::Offered) => Err(Violation::TransferOrder),
            Some(Stage::Accepted | Stage::Summed) | None => Ok(()),
        }
    }

    /// Whether the peer may say what it has of this side's.
    pub(crate) fn check_have(&mut self, id: TransferId) -> Result<(), Violation> {
        self.own.find(id).map(drop)
    }

    /// The peer did a step; returns what it offers.
    pub(crate) fn handle_step(
        &mut self,
        step: &TransferStep<'_>,
    ) -> Result<Option<Offer>, Violation> {
        match *step {
            TransferStep::Offer { id, length, name } => {
                return self.handle_offer(id, length, name).map(Some);
            }
            TransferStep::Accept { id } => self.handle_accept(id)?,
            TransferStep::Checksum { id, sha256 } => self.handle_checksum(id, sha256)?,
            TransferStep::End { id, own: true, outcome } => self.handle_withdrawal(id, outcome)?,
            TransferStep::End { id, own: false, outcome } => self.handle_end(id, outcome)?,
        }
        Ok(None)
    }

    fn handle_offer(
        &mut self,
        id: TransferId,
        length: u64,
        name: &str,
    ) -> Result<Offer, Violation> {
        if id != self.peers.next {
            return Err(Violation::TransferOrder);
        }
        if self.peers.is_full() {
            return Err(Violation::TooManyTransfers);
        }
        self.peers.add();
        Ok(Offer { id, name: name.into(), length })
    }

    fn handle_accept(&mut self, id: TransferId) -> Result<(), Violation> {
        match self.own.find(id)? {
            Some(stage @ Stage::Offered) => *stage = Stage::Accepted,
            Some(Stage::Accepted | Stage::Summed) => return Err(Violation::TransferOrder),
            None => return Ok(()),
        }
        self.tell(TransferSide::Own, id, TransferNews::Accepted);
        Ok(())
    }

    fn handle_checksum(&mut self, id: TransferId, sha256: [u8; 32]) -> Result<(), Violation> {
        match self.peers.find(id)? {
            Some(stage @ Stage::Accepted) => *stage = Stage::Summed,
            Some(Stage::Offered | Stage::Summed) => return Err(Violation::TransferOrder),
            None => return Ok(()),
        }
        self.tell(TransferSide::Peer, id, TransferNews::Checksum(sha256));
        Ok(())
    }

    /// The peer ends what it offered itself.
    fn handle_withdrawal(&mut self, id: TransferId, outcome: Outcome) -> Result<(), Violation> {
        let error = match outcome {
            Outcome::Cancelled => TransferError::CancelledThere,
            Outcome::Unreadable => TransferError::Unreadable,
            Outcome::Complete | Outcome::Refused | Outcome::Corrupt => {
                return Err(Violation::TransferOrder);
            }
        };
        self.peers.find(id)?;
        self.end(TransferSide::Peer, id, Err(error));
        Ok(())
    }

    /// The peer ends what this side offered.
    fn handle_end(&mut self, id: TransferId, outcome: Outcome) -> Result<(), Violation> {
        let stage = self.own.find(id)?.copied();
        let (end, may) = match outcome {
            Outcome::Complete => (Ok(()), Stage::Summed),
            Outcome::Corrupt => (Err(TransferError::Corrupt), Stage::Summed),
            Outcome::Refused => (Err(TransferError::Refused), Stage::Offered),
            Outcome::Cancelled => {
                self.end(TransferSide::Own, id, Err(TransferError::CancelledThere));
                return Ok(());
            }
            Outcome::Unreadable => return Err(Violation::TransferOrder),
        };
        if stage.is_some_and(|stage| stage != may) {
            return Err(Violation::TransferOrder);
        }
        self.end(TransferSide::Own, id, end);
        Ok(())
    }

    fn tell(&mut self, side: TransferSide, id: TransferId, news: TransferNews) {
        self.changes.push_back(TransferChange { side, id, news });
    }

    /// Takes the oldest change.
    pub(crate) fn poll(&mut self) -> Option<TransferChange> {
        self.changes.pop_front()
    }

    /// The session is over: nothing will come of what is open.
    pub(crate) fn close(&mut self) {
        for side in [TransferSide::Own, TransferSide::Peer] {
            for id in core::mem::take(&mut self.of(side).open).into_keys() {
                self.tell(side, id, TransferNews::Ended(Err(TransferError::Closed)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransferId = TransferId(0);

    fn end(own: bool, outcome: Outcome) -> TransferStep<'static> {
        TransferStep::End { id: ID, own, outcome }
    }

    fn offered() -> Book {
        let mut book = Book::default();
        assert_eq!(book.offer(true), Ok(ID));
        book
    }

    fn asked() -> Book {
        let mut book = Book::default();
        let offer = TransferStep::Offer { id: ID, length: 3, name: "map" };
        let expected = Offer { id: ID, name: "map".into(), length: 3 };
        assert_eq!(book.handle_step(&offer), Ok(Some(expected)));
        book
    }

    fn news(book: &mut Book) -> Vec<TransferNews> {
        core::iter::from_fn(|| book.poll()).map(|change| change.news).collect()
    }

    #[test]
    fn a_transfer_is_offered_accepted_summed_and_complete() {
        let mut book = offered();
        book.handle_step(&TransferStep::Accept { id: ID }).unwrap();
        assert!(book.sum(ID));
        book.handle_step(&end(false, Outcome::Complete)).unwrap();
        assert_eq!(news(&mut book), [TransferNews::Accepted, TransferNews::Ended(Ok(()))]);
        let mut book = asked();
        assert!(book.accept(ID));
        let sum = TransferStep::Checksum { id: ID, sha256: [7; 32] };
        book.handle_step(&sum).unwrap();
        assert!(book.end(TransferSide::Peer, ID, Ok(())));
        assert_eq!(news(&mut book), [TransferNews::Checksum([7; 32]), TransferNews::Ended(Ok(()))]);
    }

    #[test]
    fn steps_out_of_their_order_are_violations() {
        let order = Err(Violation::TransferOrder);
        let accept = TransferStep::Accept { id: ID };
        let sum = TransferStep::Checksum { id: ID, sha256: [0; 32] };
        assert_eq!(offered().handle_step(&end(false, Outcome::Complete)), order, "not summed");
        assert_eq!(offered().handle_step(&end(false, Outcome::Unreadable)), order, "not its own");
        assert_eq!(asked().handle_step(&sum), order, "not accepted");
        assert_eq!(asked().handle_step(&end(true, Outcome::Refused)), order, "its own");
        assert_eq!(asked().check_bytes(ID), Err(Violation::TransferOrder));
        let mut book = offered();
        book.handle_step(&accept).unwrap();
        assert_eq!(book.handle_step(&accept), order, "twice");
        assert_eq!(book.handle_step(&end(false, Outcome::Refused)), order, "it is accepted");
        let again = TransferStep::Offer { id: ID, length: 3, name: "map" };
        assert_eq!(asked().handle_step(&again).unwrap_err(), Violation::TransferOrder);
    }

    #[test]
    fn steps_of_a_transfer_that_was_never_offered_are_violations() {
        let unknown = Err(Violation::UnknownTransfer);
        let sum = TransferStep::Checksum { id: ID, sha256: [0; 32] };
        for step in [
            TransferStep::Accept { id: ID },
            sum,
            end(true, Outcome::Cancelled),
            end(false, Outcome::Complete),
        ] {
            assert_eq!(Book::default().handle_step(&step), unknown, "{step:?}");
        }
        assert_eq!(Book::default().check_bytes(ID), Err(Violation::UnknownTransfer));
        assert_eq!(Book::default().check_have(ID), Err(Violation::UnknownTransfer));
    }

    #[test]
    fn what_crosses_the_end_of_a_transfer_is_nothing() {
        let mut book = offered();
        assert!(book.end(TransferSide::Own, ID, Err(TransferError::CancelledHere)));
        assert!(!book.end(TransferSide::Own, ID, Err(TransferError::CancelledHere)));
        for step in [TransferStep::Accept { id: ID }, end(false, Outcome::Refused)] {
            assert_eq!(book.handle_step(&step), Ok(None));
        }
        assert_eq!(book.check_have(ID), Ok(()));
        assert_eq!(news(&mut book).len(), 1);
        let mut book = asked();
        assert!(book.accept(ID));
        assert!(book.end(TransferSide::Peer, ID, Err(TransferError::CancelledHere)));
        assert_eq!(book.check_bytes(ID), Ok(()));
    }

    #[test]
    fn more_open_transfers_than_a_side_may_have_are_refused_here_and_a_violation_there() {
        let (mut own, mut peer) = (Book::default(), Book::default());
        for _ in 0..limits::TRANSFERS_OPEN {
            let id = own.offer(true).unwrap();
            peer.handle_step(&TransferStep::Offer { id, length: 0, name: "n" }).unwrap();
        }
        assert_eq!(own.offer(true), Err(SendError::QueueFull));
        let id = TransferId(u32::try_from(limits::TRANSFERS_OPEN).unwrap());
        let more = TransferStep::Offer { id, length: 0, name: "n" };
        assert_eq!(peer.handle_step(&more).unwrap_err(), Violation::TooManyTransfers);
        own.handle_step(&end(false, Outcome::Refused)).unwrap();
        assert_eq!(own.offer(true), Ok(id), "one that ended makes room");
    }

    #[test]
    fn the_end_of_a_session_ends_all_that_is_open() {
        let mut book = offered();
        book.close();
        assert_eq!(news(&mut book), [TransferNews::Ended(Err(TransferError::Closed))]);
    }
}
