//! Packet numbers that pass a wrap of what travels of them.

use biplane_proto::{CloseReason, Event, FirstNumbers, Planes, Reply};
use biplane_sim::{ClientConfig, EndConfig, LinkConfig, Pair, WiresConfig, index_of};
use biplane_wire::{PacketNumber, RequestId};
use bytes::Bytes;

use crate::tools::*;

#[test]
fn a_session_does_not_notice_a_wrap_of_its_packet_numbers() {
    for bits in [8, 16, 31, 32, 48] {
        let end =
            EndConfig { first_packet: PacketNumber((1 << bits) - 20), ..EndConfig::default() };
        let link = LinkConfig { jitter: ms(10), keeps_order: false, ..LinkConfig::clean(ms(20)) };
        let config =
            ClientConfig { client: end, server: end, ..ClientConfig::new(WiresConfig::of(link)) };
        let mut scene = Scene::dialing(bits, config);
        scene.run_for(seconds(1));
        for index in 0..100 {
            Pair::SIDES.iter().for_each(|side| {
                scene.say(*side, channel("ordered"), message(index, 50));
            });
            scene.run_for(ms(20));
        }
        for side in Pair::SIDES {
            assert_eq!(scene.planes(side), Some(Planes::Both), "2^{bits}, {side}");
            let heard = scene.hear(side, channel("ordered"), seconds(1));
            assert_eq!(heard.len(), 100, "2^{bits}, {side}");
        }
        assert_eq!(scene.server_tally().drops.total(), 0, "2^{bits}");
    }
}

#[test]
fn a_session_whose_packet_numbers_run_out_ends_by_name_and_loses_its_tail_alone() {
    for before in [10, 100, 1_000] {
        let end = EndConfig {
            first_packet: PacketNumber(PacketNumber::MAX.0 - before),
            ..EndConfig::default()
        };
        let wires = WiresConfig::of(LinkConfig::clean(ms(20)));
        let config = ClientConfig { client: end, server: end, ..ClientConfig::new(wires) };
        let mut scene = Scene::dialing(before, config);
        let ordered = channel("ordered");
        let (mut left, mut heard) = (None, Vec::new());
        for index in 0..2 * before + 100 {
            scene.run_for(ms(20));
            if scene.has_joined() && scene.send(CLIENT, ordered, message(index, 50)).is_ok() {
                scene.flush(CLIENT);
            }
            heard.extend(core::iter::from_fn(|| scene.take(SERVER, ordered)));
            let events = scene.events(CLIENT);
            left = left.or_else(|| events.into_iter().find(|it| matches!(it, Event::Left(_))));
        }
        assert_eq!(left, Some(Event::Left(CloseReason::KeysExhausted)), "{before} before");
        // Both sides use numbers up: messages here, acks there.
        let first = heard.first().map_or(0, |first| index_of(&first.0).unwrap());
        let whole: Vec<_> = (first..).take(heard.len()).map(|index| message(index, 50)).collect();
        assert_eq!(heard, whole, "{before} before");
        assert!(heard.len() as u64 >= before / 4, "{} of {before}", heard.len());
    }
}

#[test]
fn requests_begin_anew_after_their_last_number() {
    let numbers = FirstNumbers { request: RequestId(u32::MAX - 2), ..FirstNumbers::default() };
    let end = EndConfig { numbers, ..EndConfig::default() };
    let wires = WiresConfig::clean(ms(20));
    let config = ClientConfig { client: end, server: end, ..ClientConfig::new(wires) };
    let mut scene = Scene::dialing(1, config);
    assert!(scene.join());
    for turn in 0..6_u8 {
        let id = scene.request(CLIENT, 0, Bytes::from(vec![turn]), seconds(5)).unwrap();
        assert_eq!(id.0, (u32::MAX - 2).wrapping_add(turn.into()));
        scene.run_for(ms(30));
        let call = scene.events(SERVER).into_iter().find_map(|event| match event {
            Event::Called(call) => Some(call),
            _ => None,
        });
        let call = call.unwrap();
        assert_eq!((call.id, &call.payload[..]), (id, &[turn][..]));
        scene.reply(SERVER, id, Reply::Answer(call.payload)).unwrap();
        scene.run_for(ms(30));
        let answers = scene.take_answers(CLIENT);
        assert_eq!(answers.len(), 1, "request {turn}");
        assert_eq!(answers[0].outcome.as_deref(), Ok(&[turn][..]));
    }
}
