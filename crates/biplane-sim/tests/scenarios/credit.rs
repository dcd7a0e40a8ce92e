//! A peer that never takes stops the sender, and costs nobody more than was granted.

use biplane_proto::{Event, SendError, limits};
use biplane_sim::{LinkConfig, Protocol, Side};
use biplane_wire::ChannelId;

use crate::tools::*;

const LEN: usize = 1_000;
const COST: usize = LEN + limits::MESSAGE_COST;

/// Sends until the queue stays full for a second; how many messages it took. Events are taken.
fn fill(scene: &mut Scene, side: Side, channel: ChannelId) -> usize {
    let mut sent = 0;
    loop {
        match scene.send(side, channel, message(sent as u64, LEN)) {
            Ok(()) => sent += 1,
            Err(error) => {
                assert_eq!(error, SendError::QueueFull);
                scene.flush(side);
                scene.run_for(seconds(1));
                if scene.send(side, channel, message(sent as u64, LEN)).is_err() {
                    drop(scene.events(side));
                    return sent;
                }
                sent += 1;
            }
        }
    }
}

#[test]
fn a_peer_that_never_takes_stops_the_sender_and_writable_comes_when_it_does() {
    for name in ["ordered", "unordered", "chat"] {
        let mut protocol = Protocol::of_every_kind();
        for channel in &mut protocol.channels {
            channel.max_message = u32::try_from(LEN).unwrap();
        }
        let mut scene = Scene::speaking(1, protocol, LinkConfig::clean(ms(20)));
        let channel = channel(name);
        let sent = fill(&mut scene, CLIENT, channel);
        let granted = usize::try_from(limits::CHANNEL_CREDIT).unwrap();
        let most = (granted + limits::SEND_QUEUE_BYTES.max(limits::CONTROL_QUEUE_BYTES)) / LEN;
        assert!((granted / COST..=most).contains(&sent), "{name}: {sent} messages");
        scene.run_for(seconds(5));
        assert!(!scene.events(CLIENT).contains(&Event::Writable), "{name}");
        // Others are not held up.
        scene.say(CLIENT, self::channel("unreliable"), message(0, 20));
        let other = scene.hear(SERVER, self::channel("unreliable"), ms(100));
        assert_eq!(other.len(), 1, "{name}");

        let heard = scene.hear(SERVER, channel, seconds(20));
        assert_eq!(heard.len(), sent, "{name}");
        assert!(scene.events(CLIENT).contains(&Event::Writable), "{name}");
        assert_eq!(scene.send(CLIENT, channel, message(0, LEN)), Ok(()), "{name}");
    }
}

#[test]
fn one_command_channel_without_credit_waits_alone() {
    let mut scene = Scene::clean(2);
    let (chat, orders) = (channel("chat"), channel("orders"));
    // More than the credit, less than the queue.
    let filled = usize::try_from(limits::CHANNEL_CREDIT).unwrap() / COST + 10;
    let mut sent = 0;
    while sent < filled {
        match scene.send(CLIENT, chat, message(sent as u64, LEN)) {
            Ok(()) => sent += 1,
            Err(_) => scene.run_for(ms(50)),
        }
    }
    scene.run_for(seconds(1));
    scene.say(CLIENT, orders, message(0, 100));
    assert_eq!(scene.hear(SERVER, orders, ms(100)), [(ms(20), message(0, 100))]);
    assert_eq!(scene.hear(SERVER, chat, seconds(5)).len(), filled);
}

#[test]
fn unreliable_messages_that_nobody_takes_give_way_to_newer_ones() {
    let mut scene = Scene::clean(3);
    let unreliable = channel("unreliable");
    let sent = u64::try_from(limits::RECEIVE_QUEUE_MESSAGES).unwrap() + 500;
    for index in 0..sent {
        scene.say(CLIENT, unreliable, message(index, 20));
        scene.run_for(ms(1));
    }
    scene.run_for(seconds(1));
    let untaken = scene.session(SERVER).stats().messages_untaken;
    assert!(untaken >= 400, "{untaken}");
    let taken = core::iter::from_fn(|| scene.take(SERVER, unreliable)).count();
    assert!(taken <= limits::RECEIVE_QUEUE_MESSAGES, "{taken}");
}
