//! Two sessions whose control connection is lost, and what takes its place.

use biplane_wire::Description;

use super::*;
use crate::{Accepting, Dialing, digest};

/// What a resume's two sides write before the first record.
struct Greeting {
    dialing: Dialing,
    welcome: Vec<u8>,
}

impl Pair {
    pub(super) fn resumable() -> Self {
        Self::resumable_with(|_| {})
    }

    fn resumable_with(change: impl FnMut(&mut ChannelConfig)) -> Self {
        let mut pair = Self::with(true, change);
        pair.settle();
        pair.client.events();
        pair.server.events();
        pair
    }

    /// Breaks the control connection for both.
    pub(super) fn cut(&mut self) {
        for side in [&mut self.client, &mut self.server] {
            side.session.handle_control_lost(self.now, ControlLoss::Broken);
        }
        self.packets_pass();
    }

    /// The first half of a resume, whose welcome may be lost: the server has gone on.
    fn knock(&mut self, connection: u8) -> Greeting {
        let Self { now, client, server } = self;
        let here = description();
        let client_id = ReceiveId(100 + u32::from(connection));
        let server_id = ReceiveId(200 + u32::from(connection));
        let binding = [connection; 32];
        let said = client.session.begin_resume(*now, &binding, client_id).unwrap();
        let dialing = Dialing::resume(here.clone(), vec![Aead::Aes128Gcm], said);
        let accepting = Accepting::new(&here, &digest(&here), dialing.hello().to_vec()).unwrap();
        let claim = accepting.claim().unwrap();
        let said = server.session.accept_resume(*now, &claim, &binding, server_id).unwrap();
        let (welcome, agreement) = accepting.welcome(&[Aead::Aes128Gcm], said).unwrap();
        server.go_on(*now, &agreement);
        Greeting { dialing, welcome }
    }

    fn hear_welcome(&mut self, greeting: &Greeting) {
        let agreement = greeting.dialing.handle_answer(&greeting.welcome).unwrap();
        self.client.go_on(self.now, &agreement);
    }

    pub(super) fn resume(&mut self, connection: u8) {
        let greeting = self.knock(connection);
        self.hear_welcome(&greeting);
    }
}

impl Side {
    fn go_on(&mut self, now: Instant, agreement: &Agreement) {
        let epoch = self.session.resume(now, agreement, &agreement.context).unwrap();
        self.install();
        self.routes.insert(agreement.local.receive_id, epoch);
    }

    pub(super) fn command(&mut self, now: Instant, text: &str) {
        self.session.send(now, channel(COMMAND), payload(text)).unwrap();
    }

    /// What its packets would be named, were one sent now.
    fn sends_to(&mut self, now: Instant) -> ReceiveId {
        self.session.send(now, channel(UNRELIABLE), payload("where to")).unwrap();
        self.session.flush(now);
        let packets = self.packets(now);
        Header::decode(packets.last().unwrap()).unwrap().0.receive_id
    }
}

fn description() -> Description {
    Description {
        application: "resume".into(),
        version: 1,
        channels: Vec::new(),
        requests: Vec::new(),
    }
}

#[test]
fn datagrams_fly_on_without_tcp_and_commands_come_once_it_is_replaced() {
    let mut pair = Pair::resumable();
    pair.cut();
    let now = pair.now;
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.events(), [Event::Planes(Planes::DataOnly)]);
        side.command(now, "order");
        side.session.send(now, channel(ORDERED), payload("shot")).unwrap();
        side.session.flush(now);
    }
    pair.packets_pass();
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.take(now, ORDERED), [payload("shot")]);
        assert!(side.take(now, COMMAND).is_empty());
    }
    pair.resume(1);
    pair.settle();
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.take(now, COMMAND), [payload("order")]);
        assert!(side.events().contains(&Event::Planes(Planes::Both)));
    }
}

#[test]
fn what_a_lost_connection_swallowed_comes_again_and_what_it_brought_does_not() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    pair.client.command(now, "first");
    Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
    pair.client.command(now, "second");
    let mut swallowed = Vec::new();
    assert!(pair.client.session.poll_control(now, &mut swallowed));
    pair.cut();
    pair.client.command(now, "third");
    pair.resume(1);
    pair.settle();
    let commands = ["first", "second", "third"].map(payload);
    assert_eq!(pair.server.take(now, COMMAND), commands);
    assert_eq!(pair.client.session.stats().control.queued_records, 0, "all are acknowledged");
}

#[test]
fn a_long_command_goes_on_from_the_piece_that_is_missing() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let long: Bytes = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    pair.client.session.send(now, channel(COMMAND), long.clone()).unwrap();
    for connection in 1..5 {
        // One piece arrives, another is lost.
        Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
        pair.client.session.poll_control(now, &mut Vec::new());
        pair.cut();
        pair.resume(connection);
    }
    pair.settle();
    assert_eq!(pair.server.take(now, COMMAND), [long]);
}

#[test]
fn a_welcome_that_is_lost_is_asked_for_again() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    pair.client.command(now, "order");
    pair.cut();
    for connection in 1..4 {
        pair.knock(connection);
    }
    pair.resume(9);
    pair.settle();
    assert_eq!(pair.server.take(now, COMMAND), [payload("order")]);
    assert_eq!(pair.client.session.planes(), Planes::Both);
}

#[test]
fn a_server_sends_under_new_keys_once_the_client_has() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    pair.cut();
    let greeting = pair.knock(1);
    assert_eq!(pair.server.sends_to(now), ReceiveId(1), "the client may never see the welcome");
    pair.hear_welcome(&greeting);
    assert_eq!(pair.client.sends_to(now), ReceiveId(201));
    pair.packets_pass();
    assert_eq!(pair.server.sends_to(now), ReceiveId(1), "what the client sent was lost so far");
    pair.client.session.flush(now);
    let from = pair.client.address;
    pair.client.session.send(now, channel(ORDERED), payload("now")).unwrap();
    pair.client.session.flush(now);
    for packet in pair.client.packets(now) {
        pair.server.hear(now, from, &packet).unwrap();
    }
    assert_eq!(pair.server.sends_to(now), ReceiveId(101));
}

#[test]
fn packets_under_the_keys_before_are_taken_for_a_while() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    pair.server.session.send(now, channel(ORDERED), payload("early")).unwrap();
    pair.server.session.flush(now);
    let early = pair.server.packets(now);
    pair.cut();
    pair.resume(1);
    pair.settle();
    let from = pair.server.address;
    early.iter().for_each(|packet| pair.client.hear(now, from, packet).unwrap());
    assert_eq!(pair.client.take(now, ORDERED), [payload("early")]);
    assert!(pair.client.routes.contains_key(&ReceiveId(1)));
    pair.pass(Duration::from_secs(2));
    for side in [&mut pair.client, &mut pair.server] {
        side.install();
        assert_eq!(side.routes.len(), 1, "the id of the join is free for others");
    }
}

#[test]
fn tunnelled_messages_go_again_if_they_are_reliable_and_are_given_up_if_not() {
    let mut pair = Pair::with(true, |_| {});
    let now = pair.now;
    // No packet passes: all rides TCP.
    let tell = |side: &mut Side, text: &str| {
        side.session.send(now, channel(UNRELIABLE), payload(text)).unwrap();
        side.session.send(now, channel(ORDERED), payload(text)).unwrap();
        side.command(now, text);
        side.session.flush(now);
    };
    Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
    tell(&mut pair.client, "arrives");
    Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
    tell(&mut pair.client, "is lost");
    pair.client.session.poll_control(now, &mut Vec::new());
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(now, ControlLoss::Broken);
    }
    pair.resume(1);
    for _ in 0..4 {
        Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
        Pair::pipe(now, &mut pair.server.session, &mut pair.client.session);
    }
    assert_eq!(pair.server.take(now, UNRELIABLE), [payload("arrives")]);
    assert_eq!(pair.server.take(now, ORDERED), ["arrives", "is lost"].map(payload));
    assert_eq!(pair.server.take(now, COMMAND), ["arrives", "is lost"].map(payload));
}

#[test]
fn a_session_without_tcp_ends_with_its_grace() {
    let mut pair = Pair::resumable();
    pair.cut();
    for _ in 0..29 {
        pair.now += Duration::from_secs(1);
        pair.client.session.handle_timeout(pair.now);
        pair.server.session.handle_timeout(pair.now);
        pair.packets_pass();
    }
    assert!(!pair.client.session.is_closed() && !pair.server.session.is_closed());
    pair.now += Duration::from_secs(1);
    pair.client.session.handle_timeout(pair.now);
    pair.packets_pass();
    assert_eq!(pair.client.left(), Some(CloseReason::TimedOut));
    assert_eq!(pair.server.left(), Some(CloseReason::ConnectionLost), "it was told over UDP");
    assert!(!pair.client.session.is_resumable());
}

#[test]
fn a_server_waits_a_moment_for_a_client_that_it_has_not_heard() {
    // The client has its welcome and has said something, which did not arrive.
    let mut pair = Pair::with(true, |_| {});
    pair.client.command(pair.now, "order");
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    pair.resume(1);
    pair.settle();
    assert_eq!(pair.server.take(pair.now, COMMAND), [payload("order")]);
    // The welcome did not arrive.
    let mut pair = Pair::with(true, |_| {});
    pair.server.session.handle_control_lost(pair.now, ControlLoss::Broken);
    assert!(!pair.server.session.is_closed());
    pair.now += limits::GRACE_UNHEARD;
    pair.server.session.handle_timeout(pair.now);
    assert_eq!(pair.server.left(), Some(CloseReason::ConnectionLost));
}

#[test]
fn a_packet_that_comes_after_the_loss_shows_that_the_client_is_there() {
    let mut pair = Pair::with(true, |_| {});
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    pair.packets_pass();
    pair.now += limits::GRACE_UNHEARD;
    pair.server.session.handle_timeout(pair.now);
    assert!(!pair.server.session.is_closed());
}

#[test]
fn a_half_open_connection_is_displaced_at_once() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let mut late = Vec::new();
    pair.client.command(now, "order");
    pair.client.session.poll_control(now, &mut late);
    // The server has not noticed anything.
    pair.resume(1);
    assert!(!pair.server.session.control_is_lost());
    pair.settle();
    assert_eq!(pair.server.take(now, COMMAND), [payload("order")], "once");
}

#[test]
fn a_claim_that_does_not_hold_changes_nothing() {
    let mut pair = Pair::resumable();
    let now = pair.now;
    let mut stranger = Pair::resumable();
    stranger.cut();
    let here = description();
    let said = stranger.client.session.begin_resume(now, &[1; 32], ReceiveId(5)).unwrap();
    let dialing = Dialing::resume(here.clone(), vec![Aead::Aes128Gcm], said);
    let accepting = Accepting::new(&here, &digest(&here), dialing.hello().to_vec()).unwrap();
    let claim = accepting.claim().unwrap();
    // The right secret, on another connection.
    assert_eq!(pair.server.session.accept_resume(now, &claim, &[2; 32], ReceiveId(6)), None);
    assert!(!pair.server.session.control_is_lost());
    pair.client.command(now, "order");
    pair.settle();
    assert_eq!(pair.server.take(now, COMMAND), [payload("order")]);
}

#[test]
fn a_close_without_tcp_is_said_until_it_is_heard() {
    let mut pair = Pair::resumable();
    pair.cut();
    pair.server.session.close(pair.now, "enough");
    pair.now += limits::CLOSE_LINGER;
    pair.server.session.handle_timeout(pair.now);
    let lost = pair.server.packets(pair.now);
    assert_eq!(lost.len(), 1);
    pair.client.session.send(pair.now, channel(UNRELIABLE), payload("still there?")).unwrap();
    pair.client.session.flush(pair.now);
    let (from, now) = (pair.client.address, pair.now);
    for packet in pair.client.packets(now) {
        assert_eq!(pair.server.hear(now, from, &packet), Err(DropReason::Closed));
    }
    let again = pair.server.packets(now);
    again.iter().for_each(|packet| pair.client.hear(now, pair.server.address, packet).unwrap());
    assert_eq!(pair.client.left(), Some(CloseReason::Closed { text: "enough".into() }));
}

#[test]
fn commands_are_told_of_whatever_becomes_of_connections() {
    let mut pair = Pair::resumable_with(|channel| channel.notify = true);
    let how = |token| SendOptions { notice: Some(token), ..SendOptions::default() };
    let order = |pair: &mut Pair, token| {
        let (now, session) = (pair.now, &mut pair.client.session);
        session.send_with(now, channel(COMMAND), payload("order"), how(token)).unwrap();
    };
    order(&mut pair, 1);
    pair.settle();
    order(&mut pair, 2);
    // The connection swallows it, and breaks.
    assert!(pair.client.session.poll_control(pair.now, &mut Vec::new()));
    pair.cut();
    assert_eq!(pair.server.take(pair.now, COMMAND).len(), 1);
    pair.resume(1);
    pair.settle();
    assert_eq!(pair.server.take(pair.now, COMMAND).len(), 1);
    pair.pass(limits::TAKEN_DELAY);
    let told: Vec<_> = pair
        .client
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Noted(..)))
        .collect();
    assert_eq!(told, [1, 2].map(|token| Event::Noted(token, crate::Notice::Delivered)));
}

#[test]
fn what_was_taken_is_told_again_when_the_connection_that_told_it_breaks() {
    let mut pair = Pair::with(true, |channel| channel.notify = true);
    // No packet comes through: all rides TCP.
    let how = SendOptions { notice: Some(7), ..SendOptions::default() };
    let now = pair.now;
    pair.client.session.send_with(now, channel(UNORDERED), payload("hit"), how).unwrap();
    pair.client.session.flush(now);
    Pair::pipe(now, &mut pair.client.session, &mut pair.server.session);
    assert_eq!(pair.server.take(now, UNORDERED).len(), 1);
    pair.now += limits::TAKEN_DELAY;
    pair.server.session.handle_timeout(pair.now);
    // The connection swallows what the server tells, and breaks.
    while pair.server.session.poll_control(pair.now, &mut Vec::new()) {}
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    pair.resume(1);
    for _ in 0..3 {
        Pair::pipe(pair.now, &mut pair.server.session, &mut pair.client.session);
        Pair::pipe(pair.now, &mut pair.client.session, &mut pair.server.session);
    }
    assert!(pair.client.events().contains(&Event::Noted(7, crate::Notice::Delivered)));
    assert!(pair.server.take(pair.now, UNORDERED).is_empty(), "it came once");
}

#[test]
fn what_rode_tcp_whole_goes_over_udp_in_pieces_after_a_resume() {
    let mut pair = Pair::with(true, |_| {});
    let now = pair.now;
    pair.client.session.send(now, channel(UNORDERED), vec![7; 5_000].into()).unwrap();
    pair.client.session.flush(now);
    // The connection swallows the message, and breaks; UDP is there by then.
    while pair.client.session.poll_control(now, &mut Vec::new()) {}
    pair.packets_pass();
    pair.cut();
    pair.resume(1);
    for _ in 0..20 {
        pair.pass(Duration::from_millis(20));
    }
    assert_eq!(pair.server.take(pair.now, UNORDERED), [Bytes::from(vec![7; 5_000])]);
}

#[test]
fn what_comes_after_commands_waits_for_those_that_a_resume_brings() {
    let how = SendOptions { after_commands: true, ..SendOptions::default() };
    for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        let mut pair = Pair::resumable();
        let now = pair.now;
        let send = |pair: &mut Pair, text| {
            pair.client.command(now, "first");
            pair.client.session.send_with(now, channel(id), payload(text), how).unwrap();
            pair.client.session.flush(now);
        };
        send(&mut pair, "then");
        // The connection swallows the command, and breaks.
        while pair.client.session.poll_control(now, &mut Vec::new()) {}
        pair.cut();
        assert_eq!(pair.server.session.readable(), 0, "it is there, and waits");
        pair.resume(1);
        pair.settle();
        assert!(pair.server.take(now, id).is_empty());
        assert_eq!(pair.server.take(now, COMMAND), [payload("first")]);
        assert_eq!(pair.server.take(now, id), [payload("then")], "channel {id}");
        // What went twice counts once.
        send(&mut pair, "again");
        pair.settle();
        assert!(pair.server.take(now, id).is_empty());
        pair.server.take(now, COMMAND);
        assert_eq!(pair.server.take(now, id), [payload("again")], "channel {id}");
    }
}
