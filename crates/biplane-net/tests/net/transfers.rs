//! Transfers whose connections are cut, and strangers who would attach one.

use std::{sync::Arc, thread, time::Duration};

use biplane_net::{Endpoint, IncomingTransfer, Slot, TransferSource};
use biplane_proto::{Event, TransferError, limits};
use biplane_wire::TransferId;
use bytes::Bytes;

use crate::{
    forwarder::{Cut, Forwarder},
    patience::{eventually, until},
    support::{address, client, config, connect, dial, everybody, listen},
};

/// A session through a forwarder.
struct Scene {
    server: Endpoint,
    _client: Endpoint,
    forwarder: Forwarder,
    here: Arc<Slot>,
    there: Arc<Slot>,
}

impl Scene {
    /// The connections are cut after so many bytes, the control connection first.
    fn new(cuts: impl IntoIterator<Item = (usize, Cut)>) -> Self {
        let (server, client) = (listen(config(everybody())), client());
        let forwarder = Forwarder::to(address(&server));
        forwarder.plan(cuts);
        let link = forwarder.on_the_way_to(server.link().unwrap());
        let here = connect(&client, dial(link)).unwrap();
        let there = Arc::clone(server.sessions().last().unwrap());
        Self { server, _client: client, forwarder, here, there }
    }

    /// Hands `bytes` over from one side to the other, and reads them as they come.
    fn transfer(&self, [from, to]: [&Arc<Slot>; 2], bytes: &Bytes) {
        let sent = from.transfer("map", TransferSource::of(bytes.clone())).unwrap();
        let incoming = accept(to);
        let came = read(&incoming);
        assert_eq!(incoming.end(), Some(Ok(())));
        assert!(came == *bytes);
        until("the sender's end", || sent.end().is_some());
        assert_eq!(sent.end(), Some(Ok(())));
    }
}

fn accept(slot: &Slot) -> IncomingTransfer {
    let offer = eventually("an offer", || {
        slot.with(|_, session| match session.poll_event() {
            Some(Event::Offered(offer)) => Some(offer),
            _ => None,
        })
    });
    slot.accept_transfer(offer.id, offer.length).unwrap()
}

/// Everything that comes, until there is no more.
fn read(incoming: &IncomingTransfer) -> Vec<u8> {
    let mut came = Vec::new();
    while let Ok(bytes) = incoming.bytes().recv_timeout(Duration::from_secs(30)) {
        incoming.taken(bytes.len());
        came.extend_from_slice(&bytes);
    }
    came
}

fn pattern(len: usize) -> Bytes {
    (0..len as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn a_connection_that_is_cut_in_the_middle_is_attached_anew_and_every_byte_arrives_once() {
    for how in [Cut::Fin, Cut::Reset] {
        let cuts = [(usize::MAX, how), (1_000, how), (700_000, how), (1_200_000, how)];
        let scene = Scene::new(cuts);
        scene.transfer([&scene.there, &scene.here], &pattern(5_000_000));
        assert!(scene.forwarder.carried().len() >= 5, "control, three that were cut, and the last");
        assert!(!scene.here.with(|_, session| session.control_is_lost()));
    }
}

#[test]
fn as_many_as_may_be_open_all_come_to_their_end_at_a_time() {
    let scene = Scene::new([]);
    let bytes = pattern(300_000);
    let source = || TransferSource::of(bytes.clone());
    let offer = |_| scene.there.transfer("map", source()).unwrap();
    let sent: Vec<_> = (0..limits::TRANSFERS_OPEN).map(offer).collect();
    let incoming: Vec<_> = sent.iter().map(|_| accept(&scene.here)).collect();
    thread::scope(|scope| {
        for incoming in &incoming {
            scope.spawn(|| assert!(read(incoming) == bytes));
        }
    });
    until("every sender's end", || sent.iter().all(|sent| sent.end() == Some(Ok(()))));
}

#[test]
fn both_connections_may_be_cut_at_once_whoever_sends() {
    for up in [false, true] {
        let scene = Scene::new([]);
        let [from, to] = if up { [&scene.here, &scene.there] } else { [&scene.there, &scene.here] };
        let bytes = pattern(5_000_000);
        let sent = from.transfer("map", TransferSource::of(bytes.clone())).unwrap();
        let incoming = accept(to);
        let mut came = Vec::new();
        let mut cut_at = [1_000_000, 3_000_000].into_iter().peekable();
        while let Ok(bytes) = incoming.bytes().recv_timeout(Duration::from_secs(30)) {
            incoming.taken(bytes.len());
            came.extend_from_slice(&bytes);
            if cut_at.next_if(|at| came.len() >= *at).is_some() {
                scene.forwarder.cut(Cut::Reset);
            }
        }
        assert!(came == bytes);
        until("the sender's end", || sent.end().is_some());
        assert_eq!((sent.end(), incoming.end()), (Some(Ok(())), Some(Ok(()))));
        assert!(scene.server.stats().sessions.resumed >= 1, "the control connection was cut too");
    }
}

#[test]
fn one_that_says_nothing_any_more_is_given_up_and_replaced() {
    let scene = Scene::new([(usize::MAX, Cut::Fin), (300_000, Cut::Freeze)]);
    scene.transfer([&scene.there, &scene.here], &pattern(1_000_000));
    assert_eq!(scene.forwarder.carried().len(), 3);
}

#[test]
fn where_nothing_is_under_way_any_more_the_connection_is_let_go_of() {
    let scene = Scene::new([]);
    scene.transfer([&scene.there, &scene.here], &pattern(100_000));
    assert_eq!(scene.forwarder.open(), 2);
    until("the end of one", || scene.forwarder.open() == 1);
    scene.transfer([&scene.here, &scene.there], &pattern(100_000));
    assert_eq!(scene.forwarder.carried().len(), 3, "another was attached");
}

#[test]
fn the_end_of_the_session_ends_a_transfer_whose_connection_is_gone() {
    let scene = Scene::new([]);
    let sent = scene.there.transfer("map", TransferSource::of(pattern(5_000_000))).unwrap();
    let incoming = accept(&scene.here);
    incoming.bytes().recv().unwrap();
    scene.forwarder.shut(true);
    scene.forwarder.cut(Cut::Reset);
    scene.here.with(|now, session| session.abandon(now));
    read(&incoming);
    assert_eq!(incoming.end(), Some(Err(TransferError::Closed)));
    until("the server's end", || sent.end() == Some(Err(TransferError::Closed)));
}

#[test]
fn what_is_not_offered_cannot_be_accepted() {
    let scene = Scene::new([]);
    assert!(scene.here.accept_transfer(TransferId(0), 9).is_none());
    scene.here.refuse_transfer(TransferId(7));
    let sent = scene.there.transfer("map", TransferSource::of(pattern(9))).unwrap();
    accept(&scene.here);
    until("the end", || sent.end().is_some());
}
