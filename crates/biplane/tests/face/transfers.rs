//! Bytes in bulk, either way, and each way they end.

use std::{io::Read, thread, time::Duration};

use biplane::{
    Channel, CloseReason, Event, Intake, Offer, Payload, Pending, Progress, Protocol, SendError,
    Session, TransferError,
};

use crate::support::{Pair, until};

const LINES: Channel<String> = Channel::command("lines");
/// As much waits for an application that does not read.
const WINDOW: u64 = 1 << 20;

fn protocol() -> Protocol {
    Protocol::new("transfers", 1).channel(LINES)
}

/// Bytes of which no two kilobytes are alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn offered(events: &mut Vec<Event>) -> Option<Offer> {
    let place = events.iter().position(|event| matches!(event, Event::Offered(_)))?;
    match events.remove(place) {
        Event::Offered(offer) => Some(offer),
        _ => None,
    }
}

fn client_is_offered(pair: &mut Pair) -> Offer {
    pair.until(|pair| offered(&mut pair.client_events))
}

fn outcome<T: 'static>(pair: &mut Pair, mut pending: Pending<T>) -> T {
    pair.until(|_| pending.try_take())
}

/// Reads an intake to its end on a thread of its own.
fn read_on_a_thread(mut intake: Intake) -> thread::JoinHandle<(Vec<u8>, Intake)> {
    thread::spawn(move || {
        let mut came = Vec::new();
        intake.read_to_end(&mut came).unwrap();
        (came, intake)
    })
}

#[test]
fn five_megabytes_each_way_at_a_time_arrive_as_they_were_sent() {
    let mut pair = Pair::new(&protocol());
    let (down, up) = (pattern(5_000_000), pattern(5_000_001));
    let to_client = pair.session.transfer("maps/dunes", down.clone()).unwrap();
    let (length, bytes) = (up.len() as u64, std::io::Cursor::new(up.clone()));
    let to_server = pair.client.transfer_from("replay", length, bytes).unwrap();
    let offer = client_is_offered(&mut pair);
    assert_eq!((offer.name(), offer.length()), ("maps/dunes", 5_000_000));
    let at_client = read_on_a_thread(offer.accept().unwrap());
    let offer = pair.until(|pair| offered(&mut pair.server_events));
    assert_eq!((offer.name(), offer.session()), ("replay", &pair.session));
    let at_server = read_on_a_thread(offer.accept().unwrap());
    assert_eq!(outcome(&mut pair, to_client.finished()), Ok(()));
    assert_eq!(outcome(&mut pair, to_server.finished()), Ok(()));
    let whole = Progress { done: 5_000_000, length: 5_000_000 };
    assert_eq!(to_client.progress(), whole);
    let (came, intake) = at_client.join().unwrap();
    assert!(came == down);
    assert_eq!((intake.name(), intake.progress()), ("maps/dunes", whole));
    assert!(at_server.join().unwrap().0 == up);
}

#[test]
fn bytes_are_read_once_a_tick_or_awaited_and_the_end_is_told_behind_them() {
    let mut pair = Pair::new(&protocol());
    let sent = pair.session.transfer("note", &b"a few bytes"[..]).unwrap();
    let mut intake = client_is_offered(&mut pair).accept().unwrap();
    let first = pair.until(|_| intake.read_next().try_take());
    assert_eq!(first, Ok(Some(Payload::from(&b"a few bytes"[..]))));
    assert_eq!(pollster::block_on(intake.read_next()), Ok(None));
    assert_eq!(intake.read_next().wait(), Ok(None), "and again");
    assert_eq!(sent.finished().wait(), Ok(()));
}

#[test]
fn what_a_blocking_read_leaves_comes_next_and_is_not_lost_with_a_look_that_is_dropped() {
    let mut pair = Pair::new(&protocol());
    pair.session.transfer("note", &b"a few bytes"[..]).unwrap();
    let mut intake = client_is_offered(&mut pair).accept().unwrap();
    let mut first = [0; 5];
    intake.read_exact(&mut first).unwrap();
    drop(intake.read_next());
    assert_eq!((&first, intake.read_next().wait()), (b"a few", Ok(Some(b" bytes"[..].into()))));
    assert_eq!(intake.read(&mut first).unwrap(), 0);
}

#[test]
fn nothing_at_all_can_be_handed_over() {
    let mut pair = Pair::new(&protocol());
    let sent = pair.client.transfer("empty", Vec::new()).unwrap();
    let offer = pair.until(|pair| offered(&mut pair.server_events));
    let mut intake = offer.accept().unwrap();
    assert_eq!(intake.read_next().wait(), Ok(None));
    assert_eq!(sent.finished().wait(), Ok(()));
}

#[test]
fn an_offer_may_be_refused_in_words_or_by_letting_go_of_it() {
    let mut pair = Pair::new(&protocol());
    for refuse in [Offer::refuse, drop::<Offer>] {
        let sent = pair.session.transfer("map", pattern(100)).unwrap();
        refuse(client_is_offered(&mut pair));
        assert_eq!(outcome(&mut pair, sent.finished()), Err(TransferError::Refused));
    }
}

#[test]
fn either_side_may_cancel_in_the_middle_and_both_are_told() {
    let mut pair = Pair::new(&protocol());
    let cancel: [fn(&biplane::Transfer, &Intake); 2] =
        [|sent, _| sent.cancel(), |_, intake| intake.cancel()];
    let (here, there) = (TransferError::CancelledHere, TransferError::CancelledThere);
    for (cancel, [at_sender, at_receiver]) in cancel.into_iter().zip([[here, there], [there, here]])
    {
        let sent = pair.session.transfer("map", pattern(5_000_000)).unwrap();
        let mut intake = client_is_offered(&mut pair).accept().unwrap();
        assert!(pair.until(|_| intake.read_next().try_take()).unwrap().is_some());
        cancel(&sent, &intake);
        assert_eq!(outcome(&mut pair, sent.finished()), Err(at_sender));
        let end = until(|| intake.read_next().wait().err());
        assert_eq!(end, at_receiver);
    }
}

#[test]
fn an_intake_that_is_let_go_of_is_cancelled_and_an_offer_that_was_withdrawn_is_not_to_be_had() {
    let mut pair = Pair::new(&protocol());
    let sent = pair.session.transfer("map", pattern(5_000_000)).unwrap();
    drop(client_is_offered(&mut pair).accept().unwrap());
    assert_eq!(outcome(&mut pair, sent.finished()), Err(TransferError::CancelledThere));
    let sent = pair.session.transfer("map", pattern(100)).unwrap();
    let offer = client_is_offered(&mut pair);
    sent.cancel();
    // A command comes behind the step.
    pair.session.send(LINES, &"withdrawn".to_owned()).unwrap();
    pair.until(|pair| pair.client.recv(LINES));
    assert_eq!(offer.accept().unwrap_err(), TransferError::CancelledThere);
}

#[test]
fn a_receiver_that_does_not_read_holds_no_more_than_its_window_and_a_command_passes() {
    let mut pair = Pair::new(&protocol());
    let bytes = pattern(4_000_000);
    let sent = pair.session.transfer("map", bytes.clone()).unwrap();
    let intake = client_is_offered(&mut pair).accept().unwrap();
    pair.until(|_| (intake.progress().done == WINDOW).then_some(()));
    pair.session.send(LINES, &"passes".to_owned()).unwrap();
    assert_eq!(pair.until(|pair| pair.client.recv(LINES)), "passes");
    assert_eq!(intake.progress().done, WINDOW, "and no more has come");
    assert!(sent.progress().done <= WINDOW);
    let reading = read_on_a_thread(intake);
    assert_eq!(outcome(&mut pair, sent.finished()), Ok(()));
    assert!(reading.join().unwrap().0 == bytes);
}

#[test]
fn several_go_on_side_by_side_and_one_that_is_not_read_stops_no_other() {
    let mut pair = Pair::new(&protocol());
    let stuck = pair.session.transfer("stuck", pattern(3_000_000)).unwrap();
    let unread = client_is_offered(&mut pair).accept().unwrap();
    let bytes = pattern(3_000_000);
    let sent = pair.session.transfer("read", bytes.clone()).unwrap();
    let reading = read_on_a_thread(client_is_offered(&mut pair).accept().unwrap());
    assert_eq!(outcome(&mut pair, sent.finished()), Ok(()));
    assert!(reading.join().unwrap().0 == bytes);
    drop(unread);
    assert_eq!(outcome(&mut pair, stuck.finished()), Err(TransferError::CancelledThere));
}

#[test]
fn a_reader_that_gives_too_little_or_fails_ends_the_transfer_on_both_sides() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("the application's own")
        }
    }
    let mut pair = Pair::new(&protocol());
    let short = std::io::Cursor::new(pattern(99));
    let offers = [
        pair.session.transfer_from("short", 100, short).unwrap(),
        pair.session.transfer_from("broken", 100, Broken).unwrap(),
        pair.session.transfer_from("panics", 100, Panics).unwrap(),
    ];
    for sent in offers {
        let mut intake = client_is_offered(&mut pair).accept().unwrap();
        assert_eq!(outcome(&mut pair, sent.finished()), Err(TransferError::Unreadable));
        let end = until(|| intake.read_next().wait().err());
        assert_eq!(end, TransferError::Unreadable);
    }
    assert_eq!(pair.server.stats().panics, 1);
}

#[test]
fn the_end_of_the_session_ends_its_transfers() {
    let mut pair = Pair::new(&protocol());
    let sent = pair.session.transfer("map", pattern(5_000_000)).unwrap();
    let mut intake = client_is_offered(&mut pair).accept().unwrap();
    assert!(pair.until(|_| intake.read_next().try_take()).unwrap().is_some());
    pair.session.close("enough");
    assert_eq!(sent.finished().wait(), Err(TransferError::Closed));
    assert_eq!(until(|| intake.read_next().wait().err()), TransferError::Closed);
    let reason = pair.until_left();
    assert!(matches!(reason, CloseReason::ClosedHere { .. }), "{reason:?}");
    assert_eq!(pair.session.transfer("map", Vec::new()).unwrap_err(), SendError::Closed);
}

#[test]
fn what_cannot_be_offered_is_a_typed_error() {
    let pair = Pair::new(&protocol());
    let offer = |session: &Session, name: &str| session.transfer(name, Vec::new()).map(drop);
    assert_eq!(offer(&pair.session, ""), Err(SendError::NotOffered));
    assert_eq!(offer(&pair.session, &"n".repeat(256)), Err(SendError::TooLarge { limit: 255 }));
    let endless = pair.session.transfer_from("endless", u64::MAX, std::io::repeat(0));
    assert_eq!(endless.map(drop), Err(SendError::TooLarge { limit: 1 << 40 }));
    for _ in 0..16 {
        offer(&pair.session, "n").unwrap();
    }
    assert_eq!(offer(&pair.session, "n"), Err(SendError::QueueFull));
}

#[test]
fn a_session_without_udp_transfers_too() {
    let server = biplane::ServerConfig::default().planes(biplane::PlaneMode::ForceControl);
    let client = biplane::ClientConfig::default().planes(biplane::PlaneMode::ForceControl);
    let mut pair = Pair::with(&protocol(), &protocol(), server, client);
    let bytes = pattern(2_000_000);
    let sent = pair.client.transfer("replay", bytes.clone()).unwrap();
    let offer = pair.until(|pair| offered(&mut pair.server_events));
    let reading = read_on_a_thread(offer.accept().unwrap());
    assert_eq!(outcome(&mut pair, sent.finished()), Ok(()));
    assert!(reading.join().unwrap().0 == bytes);
}

#[test]
fn a_session_that_does_not_outlive_its_connection_transfers_too() {
    let server = biplane::ServerConfig::default().grace(Duration::ZERO);
    let client = biplane::ClientConfig::default().grace(Duration::ZERO);
    let mut pair = Pair::with(&protocol(), &protocol(), server, client);
    let bytes = pattern(200_000);
    let sent = pair.session.transfer("map", bytes.clone()).unwrap();
    let reading = read_on_a_thread(client_is_offered(&mut pair).accept().unwrap());
    assert_eq!(outcome(&mut pair, sent.finished()), Ok(()));
    assert!(reading.join().unwrap().0 == bytes);
}
