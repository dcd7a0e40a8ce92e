//! Steps of transfers between two sessions, and who may attach the connection of their bytes.

use biplane_wire::{Description, Record, TransferId, TransferStep};

use super::*;
use crate::{
    Accepting, Dialing, Offer, TransferChange, TransferError, TransferNews, TransferSide, digest,
};

const OWN: (TransferSide, TransferId) = (TransferSide::Own, TransferId(0));
const PEERS: (TransferSide, TransferId) = (TransferSide::Peer, TransferId(0));

impl Pair {
    /// The server offers, and the client has heard of it.
    fn offered() -> Self {
        let mut pair = Self::resumable();
        let id = pair.server.session.offer_transfer(pair.now, "map", 9).unwrap();
        assert_eq!(id, OWN.1);
        pair.settle();
        pair
    }
}

impl Side {
    fn news(&mut self) -> Vec<TransferNews> {
        let changes = core::iter::from_fn(|| self.session.poll_transfer());
        changes.map(|TransferChange { news, .. }| news).collect()
    }
}

#[test]
fn a_transfer_is_offered_accepted_and_ended_over_the_control_connection() {
    let mut pair = Pair::offered();
    let offer = Offer { id: PEERS.1, name: "map".into(), length: 9 };
    assert_eq!(pair.client.events(), [Event::Offered(offer)]);
    assert!(pair.client.session.accept_transfer(pair.now, PEERS.1));
    pair.settle();
    assert_eq!(pair.server.news(), [TransferNews::Accepted]);
    pair.server.session.sum_transfer(pair.now, OWN.1, [7; 32]);
    pair.settle();
    assert_eq!(pair.client.news(), [TransferNews::Checksum([7; 32])]);
    assert!(pair.client.session.end_transfer(pair.now, PEERS, Ok(())));
    pair.settle();
    assert_eq!(pair.server.news(), [TransferNews::Ended(Ok(()))]);
    assert_eq!(pair.client.news(), [TransferNews::Ended(Ok(()))]);
}

#[test]
fn an_offer_that_is_withdrawn_before_it_is_seen_is_not_told() {
    let mut pair = Pair::offered();
    let cancelled = Err(TransferError::CancelledHere);
    assert!(pair.server.session.end_transfer(pair.now, OWN, cancelled));
    pair.settle();
    assert_eq!(pair.client.events(), []);
    assert!(!pair.client.session.accept_transfer(pair.now, PEERS.1));
}

#[test]
fn steps_survive_the_loss_of_the_connection_that_carried_them() {
    let mut pair = Pair::resumable();
    pair.server.session.offer_transfer(pair.now, "map", 9).unwrap();
    let mut lost = Vec::new();
    assert!(pair.server.session.poll_control(pair.now, &mut lost));
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    pair.resume(1);
    pair.settle();
    let offer = Offer { id: PEERS.1, name: "map".into(), length: 9 };
    assert!(pair.client.events().contains(&Event::Offered(offer)));
}

#[test]
fn the_end_of_the_session_ends_its_transfers_on_both_sides() {
    let mut pair = Pair::offered();
    pair.client.session.close(pair.now, "enough");
    pair.settle();
    let closed = [TransferNews::Ended(Err(TransferError::Closed))];
    assert_eq!(pair.client.news(), closed);
    assert_eq!(pair.server.news(), closed);
    assert_eq!(pair.server.session.offer_transfer(pair.now, "map", 9), Err(SendError::Closed));
}

#[test]
fn what_cannot_be_offered_is_a_typed_error() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let mut offer = |name: &str, length| pair.server.session.offer_transfer(now, name, length);
    assert_eq!(offer("", 1), Err(SendError::NotOffered));
    let long = "n".repeat(limits::TRANSFER_NAME + 1);
    assert_eq!(offer(&long, 1), Err(SendError::TooLarge { limit: limits::TRANSFER_NAME }));
    let limit = usize::try_from(limits::TRANSFER_BYTES).unwrap();
    assert_eq!(offer("n", limits::TRANSFER_BYTES + 1), Err(SendError::TooLarge { limit }));
    for _ in 0..limits::TRANSFERS_OPEN {
        offer(&long[1..], limits::TRANSFER_BYTES).unwrap();
    }
    assert_eq!(offer("n", 1), Err(SendError::QueueFull));
    let mut nameless = Pair::with(false, |_| {});
    assert_eq!(nameless.client.session.offer_transfer(now, "n", 1), Err(SendError::NotOffered));
}

#[test]
fn offers_and_withdrawals_of_one_whose_connection_carries_nothing_have_an_end() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let offered = (0..10_000).take_while(|_| {
        let Ok(id) = pair.server.session.offer_transfer(now, "map", 9) else { return false };
        let own = (TransferSide::Own, id);
        pair.server.session.end_transfer(now, own, Err(TransferError::CancelledHere))
    });
    // Two steps each; the other half is for answers, which an innocent peer's offer must find room for.
    assert_eq!(offered.count(), limits::TRANSFER_STEPS / 4);
    let id = pair.client.session.offer_transfer(now, "map", 9).unwrap();
    pair.settle();
    assert_eq!(pair.server.left(), None, "the peer broke no rule");
    assert!(pair.server.session.accept_transfer(pair.now, id));
}

#[test]
fn a_peer_that_breaks_the_order_of_steps_ends_the_session() {
    let mut pair = Pair::resumable();
    let mut record = Vec::new();
    let step = TransferStep::Accept { id: TransferId(3) };
    Record::Transfer { number: 0, step }.encode(&mut record);
    pair.server.session.handle_control(pair.now, &record);
    assert_eq!(pair.server.left(), Some(CloseReason::Violation(Violation::UnknownTransfer)));
}

#[test]
fn a_connection_is_attached_by_a_proof_and_the_session_stays_as_it_is() {
    let mut pair = Pair::resumable();
    let here = Description {
        application: "attach".into(),
        version: 1,
        channels: Vec::new(),
        requests: Vec::new(),
    };
    let (binding, other) = ([5; 32], [6; 32]);
    let said = pair.client.session.begin_attach(&binding).unwrap();
    let dialing = Dialing::attach(here.clone(), vec![Aead::Aes128Gcm], said);
    let accepting = Accepting::new(&here, &digest(&here), dialing.hello().to_vec()).unwrap();
    assert_eq!(accepting.claim(), None, "it resumes nothing");
    let claim = accepting.attach_claim().unwrap();
    assert!(!pair.server.session.accept_attach(&claim, &other), "of another connection");
    assert!(pair.server.session.accept_attach(&claim, &binding));
    assert!(!pair.server.session.accept_attach(&claim, &binding), "once");
    assert!(!pair.server.session.control_is_lost());
    pair.client.command(pair.now, "order");
    pair.settle();
    assert_eq!(pair.server.take(pair.now, COMMAND), [payload("order")]);
    pair.cut();
    pair.resume(1);
    let said = pair.client.session.begin_attach(&other).unwrap();
    let claim = crate::AttachClaim { session: NAME, claim: said.resume.unwrap() };
    assert!(pair.server.session.accept_attach(&claim, &other), "by the secret of the resume");
}

#[test]
fn a_hello_that_attaches_without_a_claim_does_not_read() {
    let here = Description {
        application: "attach".into(),
        version: 1,
        channels: Vec::new(),
        requests: Vec::new(),
    };
    let said = Parameters::new(ReceiveId(0));
    let dialing = Dialing::attach(here.clone(), vec![Aead::Aes128Gcm], said);
    let refused = Accepting::new(&here, &digest(&here), dialing.hello().to_vec());
    assert!(matches!(refused, Err(crate::HelloError::Garbled(_))));
}

#[test]
fn what_round_trips_take_is_measured_on_the_plane_that_works() {
    let mut pair = Pair::resumable();
    let trip = pair.client.session.round_trip(pair.now).unwrap();
    assert!(trip.over_data);
    assert!(pair.client.session.wants_transmit(pair.now), "it asks, for nothing is under way");
    let asked = pair.now;
    assert!(!pair.client.packets(asked).is_empty());
    let later = asked + limits::UNRELIABLE_ACK_DELAY + Duration::from_millis(700);
    let trip = pair.client.session.round_trip(later).unwrap();
    assert_eq!(trip.time, Duration::from_millis(700), "it has taken as long so far");
}

#[test]
fn one_whose_offer_is_refused_is_told_when_another_would_be_taken() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let offer = |side: &mut Side| side.session.offer_transfer(now, "map", 9);
    for _ in 0..limits::TRANSFERS_OPEN {
        offer(&mut pair.server).unwrap();
    }
    pair.settle();
    pair.server.events();
    assert_eq!(offer(&mut pair.server), Err(SendError::QueueFull));
    pair.settle();
    assert_eq!(pair.server.events(), []);
    assert!(pair.client.session.end_transfer(now, PEERS, Err(TransferError::CancelledHere)));
    pair.settle();
    assert_eq!(pair.server.events(), [Event::Writable]);
    offer(&mut pair.server).unwrap();
}
