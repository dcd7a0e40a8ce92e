//! A client that comes to be at another address.

use biplane_wire::Frames;

use super::*;

fn elsewhere(ip: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, ip], port))
}

/// What a packet of the server's holds, and where it goes.
type Sent = (SocketAddr, Vec<u8>);

/// Everything that the server has to send, in the clear.
fn sent(server: &mut Side, now: Instant) -> Vec<Sent> {
    let (mut sent, mut out) = (Vec::new(), Vec::new());
    while let Some(transmit) = server.session.poll_packet(now, &mut out) {
        let packet = core::mem::take(&mut out);
        let text = packet[Header::LEN..packet.len() - wire::TAG].to_vec();
        sent.push((transmit.path.remote, text));
    }
    sent
}

fn frames(text: &[u8]) -> Vec<Frame<'_>> {
    Frames::new(text).map(Result::unwrap).filter(|frame| *frame != Frame::Padding).collect()
}

/// The challenges for `to` among what was sent; nothing else may have gone there.
fn challenges(sent: &[Sent], to: SocketAddr) -> Vec<[u8; 8]> {
    let there = sent.iter().filter(|(remote, _)| *remote == to);
    there
        .map(|(_, text)| match frames(text)[..] {
            [Frame::PathChallenge(data)] => data,
            ref other => panic!("{other:?}"),
        })
        .collect()
}

/// Next packet number at the server, far above what the client has used.
fn newest(pair: &Pair) -> u64 {
    pair.server.session.largest_received().0 + 1
}

fn ping(pair: &mut Pair, from: SocketAddr) {
    let number = newest(pair);
    pair.server.hear_frames(pair.now, from, number, &[Frame::Ping]);
}

/// The server asks at `there`, gets its answer after `rtt`, and moves.
fn move_to(pair: &mut Pair, there: SocketAddr, rtt: Duration) {
    ping(pair, there);
    let asked = challenges(&sent(&mut pair.server, pair.now), there);
    assert_eq!(asked.len(), 1);
    pair.now += rtt;
    let number = newest(pair);
    pair.server.hear_frames(pair.now, there, number, &[Frame::PathResponse(asked[0])]);
}

#[test]
fn the_old_address_serves_until_the_new_one_is_proven() {
    let mut pair = Pair::joined();
    let (home, there) = (pair.client.address, elsewhere(2, 1_001));
    ping(&mut pair, there);
    pair.server.session.send(pair.now, channel(UNRELIABLE), payload("meanwhile")).unwrap();
    pair.server.session.flush(pair.now);
    let first = sent(&mut pair.server, pair.now);
    let asked = challenges(&first, there);
    assert_eq!(asked.len(), 1, "at once");
    assert!(first.iter().any(|(to, _)| *to == home), "data goes on");
    pair.now += Duration::from_millis(30);
    let number = newest(&pair);
    pair.server.hear_frames(pair.now, there, number, &[Frame::PathResponse(asked[0])]);
    let then = sent(&mut pair.server, pair.now);
    assert!(!then.is_empty() && then.iter().all(|(to, _)| *to == there));
    assert_eq!(pair.server.session.stats().path.changes, 1);
}

#[test]
fn what_went_to_nobody_goes_again_as_soon_as_the_session_has_moved() {
    let mut pair = Pair::joined();
    let there = elsewhere(1, 4_000);
    pair.server.session.send(pair.now, channel(ORDERED), payload("lost")).unwrap();
    pair.server.session.flush(pair.now);
    drop(sent(&mut pair.server, pair.now));
    move_to(&mut pair, there, Duration::from_millis(30));
    let packets = pair.server.packets(pair.now);
    packets.iter().for_each(|it| pair.client.hear(pair.now, pair.server.address, it).unwrap());
    assert_eq!(pair.client.take(pair.now, ORDERED), [payload("lost")]);
}

#[test]
fn another_host_begins_anew_and_another_port_does_not() {
    for (ip, far) in [(1, false), (2, true)] {
        let mut pair = Pair::joined();
        for _ in 0..40 {
            pair.server.session.send(pair.now, channel(ORDERED), vec![0; 20_000].into()).unwrap();
            pair.server.session.flush(pair.now);
            pair.settle();
            pair.pass(Duration::from_millis(20));
            pair.client.take(pair.now, ORDERED);
            pair.settle();
        }
        let before = pair.server.session.stats();
        assert!(before.congestion_window > 20_000, "it has grown: {}", before.congestion_window);
        move_to(&mut pair, elsewhere(ip, 4_000), Duration::from_millis(90));
        let after = pair.server.session.stats();
        assert_eq!(after.rtt_min == Duration::from_millis(90), far, "{after:?}");
        assert_eq!(after.congestion_window < before.congestion_window, far);
    }
}

#[test]
fn an_old_packet_from_elsewhere_is_taken_in_and_moves_nothing() {
    let mut pair = Pair::joined();
    let high = newest(&pair) + 1;
    let (home, there) = (pair.client.address, elsewhere(2, 1_001));
    pair.server.hear_frames(pair.now, home, high, &[Frame::Ping]);
    drop(sent(&mut pair.server, pair.now));
    let before = pair.server.session.stats().packets_received;
    pair.server.hear_frames(pair.now, there, high - 1, &[Frame::Ping]);
    assert_eq!(pair.server.session.stats().packets_received, before + 1);
    assert!(challenges(&sent(&mut pair.server, pair.now), there).is_empty());
}

#[test]
fn a_new_address_with_each_packet_is_asked_once_a_second_and_moves_nothing() {
    let mut pair = Pair::joined();
    let home = pair.client.address;
    let mut asked = Vec::new();
    for port in 0..500 {
        pair.now += Duration::from_millis(10);
        ping(&mut pair, elsewhere(3, 2_000 + port));
        let strangers = sent(&mut pair.server, pair.now);
        asked.extend(strangers.into_iter().filter(|(to, _)| *to != home));
    }
    // Five seconds, and the first at once.
    assert!((5..=6).contains(&asked.len()), "{}", asked.len());
    assert!(asked.iter().all(|(_, text)| text.len() + Header::LEN + wire::TAG == wire::PACKET_MIN));
    assert_eq!(pair.server.session.stats().path.changes, 0);
}

#[test]
fn a_packet_from_elsewhere_brings_a_dead_direction_back() {
    let mut pair = Pair::joined();
    let there = elsewhere(1, 4_000);
    pair.server.session.send(pair.now, channel(ORDERED), payload("into the void")).unwrap();
    pair.server.session.flush(pair.now);
    for _ in 0..40 {
        pair.now += Duration::from_millis(100);
        pair.server.session.handle_timeout(pair.now);
        drop(sent(&mut pair.server, pair.now));
    }
    assert_eq!(pair.server.session.planes(), Planes::ControlOnly);
    move_to(&mut pair, there, Duration::from_millis(30));
    assert_eq!(pair.server.session.planes(), Planes::Both);
    assert!(sent(&mut pair.server, pair.now).iter().all(|(to, _)| *to == there));
}

#[test]
fn a_client_takes_nothing_from_elsewhere() {
    let mut pair = Pair::joined();
    pair.server.session.send(pair.now, channel(UNRELIABLE), payload("moved")).unwrap();
    pair.server.session.flush(pair.now);
    let packets = pair.server.packets(pair.now);
    let outcome = pair.client.hear(pair.now, elsewhere(2, 1_002), &packets[0]);
    assert_eq!(outcome, Err(DropReason::OtherPath));
}

#[test]
fn challenges_without_end_and_without_an_ack_end_the_session() {
    let mut pair = Pair::joined();
    let home = pair.client.address;
    let challenge = |pair: &mut Pair| {
        let number = newest(pair);
        pair.server.hear_frames(pair.now, home, number, &[Frame::PathChallenge([1; 8])]);
        pair.server.left()
    };
    let borne = (0..limits::CHALLENGES_UNACKED - 1).all(|_| challenge(&mut pair).is_none());
    assert!(borne, "that of the join is the first");
    let flood = CloseReason::Violation(Violation::ChallengeFlood);
    assert_eq!(challenge(&mut pair), Some(flood));
}

#[test]
fn challenges_that_come_together_are_answered_once_and_a_repeated_one_never_floods() {
    let mut pair = Pair::joined();
    let home = pair.client.address;
    drop(sent(&mut pair.server, pair.now));
    for data in 1..=20 {
        let number = newest(&pair);
        pair.server.hear_frames(pair.now, home, number, &[Frame::PathChallenge([data; 8])]);
    }
    let answers = sent(&mut pair.server, pair.now);
    assert_eq!(answers.len(), 1);
    assert!(frames(&answers[0].1).contains(&Frame::PathResponse([20; 8])));
    for _ in 0..10_000 {
        pair.now += limits::CHALLENGE_FIRST;
        let number = newest(&pair);
        pair.server.hear_frames(pair.now, home, number, &[Frame::PathChallenge([1; 8])]);
    }
    assert_eq!(pair.server.left(), None);
}
