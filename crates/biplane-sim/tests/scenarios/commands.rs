//! Commands come once each, in the order issued, over all command channels.

use biplane_sim::{Outage, StreamConfig, index_of};
use bytes::Bytes;

use crate::tools::*;

#[test]
fn commands_keep_their_order_over_channels() {
    let mut scene = Scene::clean(1);
    let channels = [channel("chat"), channel("orders")];
    for index in 0..50_usize {
        let issued = scene.send(CLIENT, channels[index % 2], message(index as u64, 20));
        assert_eq!(issued, Ok(()));
    }
    // After every piece of input, what can be taken is a beginning of what was issued.
    let mut taken = Vec::new();
    scene.run_until(seconds(1), |world| {
        taken.extend(world.take_all(SERVER));
        let mut indices: Vec<_> = taken.iter().map(|(_, message)| index_of(message)).collect();
        indices.sort();
        assert!(indices.iter().copied().eq((0..).map(Some).take(indices.len())), "{indices:?}");
        false
    });
    assert_eq!(taken.len(), 50);
}

#[test]
fn a_long_command_is_cut_and_comes_whole_and_in_its_turn() {
    let mut scene = Scene::clean(2);
    let chat = channel("chat");
    let sent = [message(0, 20), message(1, 200_000), message(2, 16 * 1024), message(3, 20)];
    for message in &sent {
        assert_eq!(scene.send(CLIENT, chat, message.clone()), Ok(()));
    }
    assert_eq!(messages(scene.hear(SERVER, chat, seconds(5))), sent);
}

#[test]
fn a_request_passes_between_the_pieces_of_a_long_command() {
    let mut scene = Scene::clean(3);
    assert_eq!(scene.send(CLIENT, channel("chat"), message(0, 256 * 1024)), Ok(()));
    let asked = scene.request(CLIENT, 0, Bytes::from_static(b"now"), seconds(10));
    assert!(asked.is_ok());
    let called = scene.time_to_event(SERVER, seconds(5), |event| {
        matches!(event, biplane_proto::Event::Called(_))
    });
    // 64 KiB are under way when it is asked; the first room, a round trip later, is its.
    assert_eq!(called, Some(ms(40 + 20)));
    let whole = scene.hear(SERVER, channel("chat"), seconds(5));
    assert!(whole[0].0 > ms(20), "more windows later: {whole:?}");
}

#[test]
fn a_stall_delays_commands_and_loses_none() {
    let mut scene = Scene::clean(4);
    let chat = channel("chat");
    let elapsed = scene.elapsed();
    let outage = Outage { from: elapsed, until: elapsed + seconds(4) };
    scene.impair(|wires| {
        let config = StreamConfig { outages: vec![outage], ..StreamConfig::clean(ms(20)) };
        wires.control_up.reconfigure(config);
    });
    for index in 0..100 {
        assert_eq!(scene.send(CLIENT, chat, message(index, 100)), Ok(()));
    }
    let heard = scene.hear(SERVER, chat, seconds(6));
    assert!(heard[0].0 > seconds(4));
    let sent: Vec<_> = (0..100).map(|index| message(index, 100)).collect();
    assert_eq!(messages(heard), sent);
}
