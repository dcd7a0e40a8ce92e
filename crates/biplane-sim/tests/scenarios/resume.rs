//! A session loses its control connection and goes on over another.

use biplane_proto::{Event, Planes, Reply};
use biplane_sim::{LinkConfig, Loss, Pair};
use bytes::Bytes;

use crate::tools::*;

#[test]
fn a_command_issued_while_tcp_is_gone_arrives_once_when_it_is_back() {
    let mut scene = Scene::clean(1);
    scene.impair(|wires| wires.hold_control());
    scene.lose_control();
    for side in Pair::SIDES {
        scene.say(side, channel("chat"), message(0, 100));
        scene.say(side, channel("orders"), message(1, 50_000));
    }
    scene.run_for(seconds(5));
    for side in Pair::SIDES {
        assert_eq!(scene.take(side, channel("chat")), None, "{side}");
    }
    let now = scene.now();
    scene.impair(|wires| wires.release_control(now));
    scene.run_for(seconds(3));
    assert_eq!(scene.resumes(CLIENT.client()), 1);
    for side in Pair::SIDES {
        assert_eq!(scene.take(side, channel("chat")), Some(message(0, 100)), "{side}");
        assert_eq!(scene.take(side, channel("orders")), Some(message(1, 50_000)), "{side}");
        assert_eq!(scene.take(side, channel("chat")), None, "{side}");
        assert_eq!(scene.take(side, channel("orders")), None, "{side}");
    }
}

#[test]
fn a_broken_connection_is_replaced_in_four_round_trips() {
    for seed in 0..10 {
        let mut scene = Scene::clean(seed);
        let now = scene.now();
        scene.impair(|wires| wires.kill_control(now));
        let took = scene.resume_within(seconds(5)).expect("it comes back");
        // Half a trip until the client knows, up to 50 ms of patience, then TCP, TLS and the hello.
        assert!((ms(20 + 120)..=ms(20 + 50 + 120)).contains(&took), "seed {seed}: {took:?}");
    }
}

#[test]
fn both_sides_are_told_that_tcp_is_gone_and_that_it_is_back() {
    let mut scene = Scene::clean(2);
    let now = scene.now();
    scene.impair(|wires| wires.kill_control(now));
    for planes in [Planes::DataOnly, Planes::Both] {
        for side in Pair::SIDES {
            let is = |event: &Event| *event == Event::Planes(planes);
            assert!(scene.time_to_event(side, seconds(1), is).is_some(), "{side}: {planes:?}");
        }
    }
    scene.run_for(seconds(30));
    for side in Pair::SIDES {
        assert_eq!(scene.events(side), [], "{side}");
    }
}

#[test]
fn datagrams_do_not_notice_the_loss_of_tcp() {
    let mut scene = Scene::clean(3);
    scene.impair(|wires| wires.hold_control());
    scene.lose_control();
    for index in 0..100 {
        for side in Pair::SIDES {
            for name in ["unreliable", "sequenced", "ordered", "unordered"] {
                scene.say(side, channel(name), message(index, 100));
            }
        }
        scene.run_for(ms(20));
        for side in Pair::SIDES {
            for name in ["unreliable", "sequenced", "ordered", "unordered"] {
                assert_eq!(scene.take(side, channel(name)), Some(message(index, 100)), "{name}");
            }
        }
    }
    assert_eq!(scene.planes(CLIENT), Some(Planes::DataOnly));
}

#[test]
fn requests_and_replies_cross_any_number_of_losses_once() {
    let mut scene = Scene::clean(4);
    let (mut asked, mut called, mut answered) = (Vec::new(), 0, Vec::new());
    for round in 0..200_u64 {
        for side in Pair::SIDES {
            let id = scene.request(side, 0, Bytes::from(vec![7; 300]), seconds(60)).unwrap();
            asked.push((side, id));
        }
        if round % 7 == 0 {
            let now = scene.now();
            scene.impair(|wires| wires.kill_control(now));
        }
        scene.run_for(ms(37));
        for side in Pair::SIDES {
            for event in scene.events(side) {
                if let Event::Called(call) = event {
                    called += 1;
                    scene.reply(side, call.id, Reply::Answer(call.payload)).unwrap();
                }
            }
        }
    }
    scene.run_until(seconds(10), |world| {
        for side in Pair::SIDES {
            while let Some(event) = world.poll_event(side) {
                if let Event::Called(call) = event {
                    called += 1;
                    world.reply(side, call.id, Reply::Answer(call.payload)).unwrap();
                }
            }
            answered.extend(world.take_answers(side).into_iter().map(|it| (side, it)));
        }
        false
    });
    assert!(scene.resumes(CLIENT.client()) >= 20, "{}", scene.resumes(CLIENT.client()));
    assert_eq!((called, answered.len()), (asked.len(), asked.len()));
    for (side, answer) in answered {
        assert!(answer.outcome.is_ok(), "{side}: {answer:?}");
        let place = asked.iter().position(|it| *it == (side, answer.id)).expect("asked once");
        asked.swap_remove(place);
    }
}

#[test]
fn commands_keep_their_order_over_losses_on_a_bad_link() {
    for seed in 0..5 {
        let link =
            LinkConfig { loss: Loss::Independent { share: 0.2 }, ..LinkConfig::clean(ms(30)) };
        let mut scene = Scene::joined(seed, link);
        let mut heard = Vec::new();
        for index in 0..300 {
            scene.say(CLIENT, channel("chat"), message(index, 400));
            if index % 40 == 0 {
                let now = scene.now();
                scene.impair(|wires| wires.kill_control(now));
            }
            heard.extend(messages(scene.hear(SERVER, channel("chat"), ms(20))));
        }
        heard.extend(messages(scene.hear(SERVER, channel("chat"), seconds(10))));
        assert_eq!(heard, (0..300).map(|index| message(index, 400)).collect::<Vec<_>>());
    }
}
