//! UDP that ceases to work, and what of it is heard later.

use super::*;

impl Pair {
    /// Records alone pass for `time`, as the timers want; packets are lost on the way.
    fn without_udp(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.records_pass(Duration::from_millis(100));
        }
    }
}

impl Pair {
    /// The client's UDP direction has died.
    fn with_udp_dead() -> Self {
        let mut pair = Self::resumable();
        let (now, client) = (pair.now, &mut pair.client);
        client.session.send(now, channel(SEQUENCED), payload("into the void")).unwrap();
        client.session.flush(now);
        pair.without_udp(Duration::from_secs(4));
        assert_eq!(planes(&mut pair.client), [Planes::ControlOnly]);
        pair
    }
}

fn planes(side: &mut Side) -> Vec<Planes> {
    let planes = |event| if let Event::Planes(planes) = event { Some(planes) } else { None };
    side.events().into_iter().filter_map(planes).collect()
}

#[test]
fn an_ack_from_before_the_direction_died_brings_it_back_for_nobody() {
    let mut pair = Pair::resumable();
    let (now, from) = (pair.now, pair.client.address);
    pair.client.session.send(now, channel(SEQUENCED), payload("last words")).unwrap();
    pair.client.session.flush(now);
    for packet in pair.client.packets(now) {
        pair.server.hear(now, from, &packet).unwrap();
    }
    // It came, and its ack is lost with everything that UDP carries from here on.
    pair.without_udp(Duration::from_secs(8));
    assert_eq!(planes(&mut pair.client), [Planes::ControlOnly]);
    let rtt = pair.client.session.stats().rtt;
    for connection in 1..3 {
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_control_lost(pair.now, ControlLoss::Broken);
        }
        pair.without_udp(Duration::from_secs(1));
        pair.resume(connection);
        pair.without_udp(Duration::from_secs(1));
        let told = planes(&mut pair.client);
        assert!(!told.contains(&Planes::Both), "{told:?}");
        assert_eq!(told.last(), Some(&Planes::ControlOnly));
    }
    assert_eq!(pair.client.session.stats().rtt, rtt, "nothing was measured");
    pair.client.session.send(pair.now, channel(ORDERED), payload("over TCP")).unwrap();
    pair.client.session.flush(pair.now);
    pair.without_udp(Duration::from_millis(100));
    assert_eq!(pair.server.take(pair.now, ORDERED), [payload("over TCP")]);
    // And when it works again, it is known at the next probe.
    pair.pass(Duration::from_secs(1));
    assert_eq!(planes(&mut pair.client).last(), Some(&Planes::Both));
}

#[test]
fn what_a_lost_connection_swallowed_goes_over_udp_if_that_works_first() {
    let mut pair = Pair::with_udp_dead();
    let now = pair.now;
    for text in ["first", "second"] {
        pair.client.session.send(now, channel(ORDERED), payload(text)).unwrap();
    }
    pair.client.session.flush(now);
    let mut swallowed = Vec::new();
    while pair.client.session.poll_control(now, &mut swallowed) {}
    assert!(swallowed.windows(5).any(|bytes| bytes == b"first"));
    pair.cut();
    // There is no other connection, and UDP works from here on.
    for _ in 0..3 {
        pair.pass(Duration::from_secs(1));
    }
    assert_eq!(planes(&mut pair.client).last(), Some(&Planes::DataOnly));
    assert_eq!(pair.server.take(pair.now, ORDERED), ["first", "second"].map(payload));
    pair.client.session.send(pair.now, channel(ORDERED), payload("third")).unwrap();
    pair.client.session.flush(pair.now);
    pair.packets_pass();
    assert_eq!(pair.server.take(pair.now, ORDERED), [payload("third")]);
    pair.resume(1);
    pair.settle();
    assert!(pair.server.take(pair.now, ORDERED).is_empty(), "none comes twice");
}

#[test]
fn bulk_that_rides_tcp_takes_no_commands_place() {
    let mut pair = Pair::with_udp_dead();
    let message = Bytes::from(vec![7; 16 * 1024]);
    let fill = |side: &mut Side, now| {
        while side.session.send(now, channel(ORDERED), message.clone()).is_ok() {}
        side.session.flush(now);
    };
    // TCP is fast, so that much of it may be under way.
    for _ in 0..50 {
        fill(&mut pair.client, pair.now);
        pair.without_udp(Duration::from_millis(100));
        pair.server.take(pair.now, ORDERED);
    }
    fill(&mut pair.client, pair.now);
    let mut under_way = Vec::new();
    while pair.client.session.poll_control(pair.now, &mut under_way) {}
    assert!(under_way.len() > limits::CONTROL_QUEUE_BYTES / 4, "{}", under_way.len());
    let long = Bytes::from(vec![1; limits::CONTROL_MESSAGE]);
    for _ in 0..limits::CONTROL_QUEUE_BYTES / limits::CONTROL_MESSAGE {
        pair.client.session.send(pair.now, channel(COMMAND), long.clone()).unwrap();
    }
    let full = pair.client.session.send(pair.now, channel(COMMAND), long);
    assert_eq!(full, Err(SendError::QueueFull));
}

#[test]
fn what_a_resume_says_has_come_over_tcp_is_not_sent_again() {
    let mut pair = Pair::with_udp_dead();
    let now = pair.now;
    pair.client.session.send(now, channel(ORDERED), payload("once")).unwrap();
    pair.client.session.flush(now);
    assert!(Pair::pipe(now, &mut pair.client.session, &mut pair.server.session));
    // It came, and the connection breaks before that is told.
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(now, ControlLoss::Broken);
    }
    assert_eq!(pair.client.session.stats().queued_messages, 1);
    pair.resume(1);
    assert_eq!(pair.client.session.stats().queued_messages, 0, "the welcome says so");
    pair.without_udp(Duration::from_secs(1));
    assert_eq!(pair.server.take(pair.now, ORDERED), [payload("once")]);
    assert_eq!(pair.server.session.stats().messages_duplicated, 0);
}
