//! A message that could not leave within its channel's lifetime is dropped and counted.

use biplane_sim::{LinkConfig, Protocol};

use crate::tools::*;

/// A session whose channel of this name has a lifetime of 100 ms.
fn scene(seed: u64, name: &str) -> Scene {
    living(seed, name, 100, 20)
}

/// The same with another lifetime and another latency, in milliseconds.
fn living(seed: u64, name: &str, lifetime: u64, latency: u64) -> Scene {
    let mut protocol = Protocol::of_every_kind();
    let place = protocol.channel(name).unwrap().index();
    protocol.channels.get_mut(place).unwrap().lifetime = Some(ms(lifetime));
    Scene::speaking(seed, protocol, LinkConfig::clean(ms(latency)))
}

#[test]
fn what_waited_longer_than_its_lifetime_does_not_come() {
    for name in ["sequenced", "unordered", "unreliable"] {
        let mut scene = scene(1, name);
        scene.impair(|wires| wires.up.cut());
        // Fills the window, so that what comes after has to wait.
        for index in 0..40 {
            scene.say(CLIENT, channel("ordered"), message(index, 1_000));
        }
        scene.say(CLIENT, channel(name), message(0, 100));
        scene.run_for(ms(500));
        scene.say(CLIENT, channel(name), message(1, 100));
        scene.impair(|wires| wires.up.mend());
        scene.run_for(ms(50));
        let heard = scene.hear(SERVER, channel(name), seconds(5));
        assert!(!heard.iter().any(|(_, heard)| *heard == message(0, 100)), "{name}: {heard:?}");
        let stats = scene.session(CLIENT).stats();
        assert!(stats.messages_expired + stats.messages_superseded >= 1, "{name}: {stats:?}");
        assert_eq!(scene.hear(SERVER, channel("ordered"), seconds(5)).len(), 40, "{name}");
    }
}

#[test]
fn what_leaves_in_time_comes_however_long_the_trip() {
    let mut scene = living(2, "unordered", 100, 300);
    scene.say(CLIENT, channel("unordered"), message(0, 100));
    let heard = scene.hear(SERVER, channel("unordered"), seconds(5));
    assert_eq!(heard, [(ms(300), message(0, 100))]);
}

#[test]
fn what_is_lost_goes_again_while_it_lives_and_no_longer() {
    for (outage, comes) in [(60, true), (500, false)] {
        for len in [100, 5_000] {
            let mut scene = living(2, "unordered", 400, 20);
            let unordered = channel("unordered");
            scene.impair(|wires| wires.up.cut());
            scene.say(CLIENT, unordered, message(0, len));
            scene.run_for(ms(outage));
            scene.impair(|wires| wires.up.mend());
            let heard = scene.hear(SERVER, unordered, seconds(5));
            assert_eq!(heard.len(), usize::from(comes), "{len} bytes, {heard:?}");
            let stats = scene.session(CLIENT).stats();
            assert_eq!(stats.messages_expired, u64::from(!comes), "{stats:?}");
            assert_eq!(stats.queued_messages, 0, "the server knows that it is withdrawn");
        }
    }
}

#[test]
fn credit_of_what_is_withdrawn_comes_back() {
    let mut scene = scene(5, "unordered");
    let unordered = channel("unordered");
    // Many times the credit of the channel, all of it lost at first.
    for round in 0..60 {
        scene.impair(|wires| wires.up.cut());
        for index in 0..10 {
            scene.say(CLIENT, unordered, message(round * 10 + index, 100_000));
        }
        scene.run_for(ms(101));
        scene.impair(|wires| wires.up.mend());
        scene.run_for(ms(500));
    }
    while scene.take(SERVER, unordered).is_some() {}
    scene.say(CLIENT, unordered, message(1_000, 1_000));
    assert_eq!(messages(scene.hear(SERVER, unordered, ms(30))), [message(1_000, 1_000)]);
}

#[test]
fn over_tcp_too_what_waited_longer_than_its_lifetime_does_not_come() {
    for name in ["sequenced", "unordered", "unreliable"] {
        let mut scene = scene(3, name);
        scene.impair(|wires| wires.cut_data());
        for side in [CLIENT, SERVER] {
            scene.say(side, channel("ordered"), message(0, 100));
        }
        scene.run_for(seconds(4));
        scene.impair(|wires| wires.hold_control());
        // Fills what TCP may swallow, so that what comes after has to wait.
        for index in 1..40 {
            scene.say(CLIENT, channel("ordered"), message(index, 1_000));
        }
        scene.say(CLIENT, channel(name), message(0, 100));
        scene.run_for(ms(101));
        scene.say(CLIENT, channel(name), message(1, 100));
        let now = scene.now();
        scene.impair(|wires| wires.release_control(now));
        let heard = messages(scene.hear(SERVER, channel(name), ms(99)));
        assert_eq!(heard, [message(1, 100)], "{name}");
        let stats = scene.session(CLIENT).stats();
        assert_eq!(stats.messages_expired + stats.messages_superseded, 1, "{name}: {stats:?}");
        assert_eq!(scene.hear(SERVER, channel("ordered"), seconds(5)).len(), 40, "{name}");
    }
}

#[test]
fn of_a_long_message_that_is_over_the_rest_does_not_leave() {
    for name in ["sequenced", "unreliable"] {
        let mut scene = scene(4, name);
        let before = scene.session(CLIENT).stats();
        scene.impair(|wires| wires.up.cut());
        // Fills all of the window but a packet or two.
        for index in 0..9 {
            scene.say(CLIENT, channel("ordered"), message(index, 1_100));
        }
        scene.say(CLIENT, channel(name), message(0, 16_000));
        scene.run_for(ms(101));
        scene.impair(|wires| wires.up.mend());
        assert_eq!(scene.hear(SERVER, channel("ordered"), seconds(5)).len(), 9, "{name}");
        let stats = scene.session(CLIENT).stats();
        assert_eq!(stats.messages_expired - before.messages_expired, 1, "{name}: {stats:?}");
        assert!(stats.bytes_sent - before.bytes_sent < 30_000, "{name}: {stats:?}");
        assert!(scene.take(SERVER, channel(name)).is_none());
    }
}
