//! A sender that wants more than the link carries is told so, and loses what is worth least.

use biplane_proto::{ChannelStats, Event, SendError};
use biplane_sim::{BottleneckConfig, LinkConfig, Side};

use crate::tools::*;

/// A session over a link of 1 Mbit/s, on the plane that is left.
fn narrow(seed: u64, over_tcp: bool) -> Scene {
    let narrow = BottleneckConfig { bytes_per_second: 125_000, queue_bytes: 20_000 };
    let link = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::clean(ms(20)) };
    let mut scene = Scene::joined(seed, link);
    if over_tcp {
        scene.impair(|wires| wires.cut_data());
        for side in [CLIENT, SERVER] {
            scene.say(side, channel("unordered"), message(0, 100));
        }
        scene.run_for(seconds(4));
        for side in [CLIENT, SERVER] {
            drop(scene.events(side));
            scene.take_all(side);
        }
    }
    scene
}

fn stats(scene: &mut Scene, name: &str) -> ChannelStats {
    let stats = scene.act(CLIENT, |now, core| {
        core.session_mut().channel_stats(now, channel(name)).expect("there is such a channel")
    });
    stats.expect("the session has begun")
}

#[test]
fn of_unreliable_messages_the_oldest_go_and_are_counted() {
    for over_tcp in [false, true] {
        let mut scene = narrow(1, over_tcp);
        let name = "unreliable";
        let before = stats(&mut scene, name);
        assert!(before.has_room);
        for index in 0..3_000 {
            assert_eq!(scene.send(CLIENT, channel(name), message(index, 300)), Ok(()));
        }
        let full = stats(&mut scene, name);
        assert!(!full.has_room && full.queued_messages >= 1_000, "{full:?}");
        assert!(full.overflowed >= 1_900, "{full:?}");
        let heard = messages(scene.hear(SERVER, channel(name), seconds(5)));
        let after = stats(&mut scene, name);
        assert_eq!((after.sent - before.sent, after.refused, after.superseded), (3_000, 0, 0));
        let dropped = after.overflowed + after.expired;
        // The link drops too: packets of three.
        let lost = scene.wires(0).map_or(0, |wires| wires.up.stats().queue_dropped * 3);
        let missing = 3_000 - heard.len() as u64 - dropped;
        assert!(missing <= lost, "over TCP: {over_tcp}, {missing} and {lost}, {after:?}");
        // TCP carries all of the queue in less than a second here.
        let expires = if over_tcp { 0 } else { 100 };
        assert!(after.expired >= expires && after.queued_messages == 0, "{after:?}");
        let session = scene.session(CLIENT).stats();
        assert_eq!(session.messages_overflowed, after.overflowed);
        assert_eq!(session.messages_expired, after.expired);
    }
}

#[test]
fn the_newest_of_what_overflowed_comes() {
    for over_tcp in [false, true] {
        let mut scene = narrow(2, over_tcp);
        for index in 0..3_000 {
            assert_eq!(scene.send(CLIENT, channel("unreliable"), message(index, 20)), Ok(()));
        }
        scene.flush(CLIENT);
        let heard = messages(scene.hear(SERVER, channel("unreliable"), seconds(5)));
        assert_eq!(heard.last(), Some(&message(2_999, 20)), "over TCP: {over_tcp}");
        let newest: Vec<_> = (2_000..3_000).map(|index| message(index, 20)).collect();
        assert!(heard.ends_with(&newest), "over TCP: {over_tcp}, {} came", heard.len());
    }
}

#[test]
fn reliable_messages_are_refused_and_then_welcome_again() {
    for (name, over_tcp) in
        [("ordered", false), ("unordered", false), ("ordered", true), ("unordered", true)]
    {
        let mut scene = narrow(3, over_tcp);
        drop(scene.events(CLIENT));
        let (mut taken, mut had_room) = (0, true);
        while scene.send(CLIENT, channel(name), message(taken, 1_000)) == Ok(()) {
            taken += 1;
            had_room = stats(&mut scene, name).has_room;
        }
        assert!(!had_room, "who asks is told in time");
        let refused = scene.send(CLIENT, channel(name), message(taken, 1_000));
        assert_eq!(refused, Err(SendError::QueueFull));
        assert_eq!(stats(&mut scene, name).refused, 2);
        let writable = |scene: &mut Scene, side: Side| {
            scene.events(side).iter().filter(|event| **event == Event::Writable).count()
        };
        assert_eq!(writable(&mut scene, CLIENT), 0);
        let mut heard = messages(scene.hear(SERVER, channel(name), seconds(7)));
        assert_eq!(writable(&mut scene, CLIENT), 1, "{name}");
        assert!(stats(&mut scene, name).has_room);
        heard.extend(messages(scene.hear(SERVER, channel(name), seconds(20))));
        let all: Vec<_> = (0..taken).map(|index| message(index, 1_000)).collect();
        assert_eq!(heard.len(), all.len(), "{name}, over TCP: {over_tcp}");
        assert!(all.iter().all(|message| heard.contains(message)), "{name}");
    }
}

#[test]
fn what_is_over_makes_room_for_what_is_new() {
    let mut protocol = biplane_sim::Protocol::of_every_kind();
    let place = protocol.channel("unordered").unwrap().index();
    protocol.channels[place].lifetime = Some(ms(100));
    let mut scene = Scene::speaking(4, protocol, LinkConfig::clean(ms(20)));
    scene.impair(|wires| wires.up.cut());
    let lane = channel("unordered");
    while scene.send(CLIENT, lane, message(0, 1_000)) == Ok(()) {}
    scene.run_for(ms(101));
    assert_eq!(scene.send(CLIENT, lane, message(1, 1_000)), Ok(()));
    let stats = stats(&mut scene, "unordered");
    assert!(stats.expired > 900 && stats.waiting < ms(100), "{stats:?}");
    assert!(stats.queued_messages < 100, "what has left and waits for its ack: {stats:?}");
}

#[test]
fn how_long_the_oldest_waits_can_be_read() {
    let mut scene = narrow(5, false);
    for index in 0..200 {
        assert_eq!(scene.send(CLIENT, channel("ordered"), message(index, 1_000)), Ok(()));
    }
    scene.flush(CLIENT);
    scene.run_for(ms(300));
    let some = stats(&mut scene, "ordered");
    assert_eq!(some.waiting, ms(300), "{some:?}");
    scene.run_for(seconds(5));
    assert_eq!(stats(&mut scene, "ordered").waiting, ms(0));
    assert_eq!(scene.hear(SERVER, channel("ordered"), ms(1)).len(), 200);
}
