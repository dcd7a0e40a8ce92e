//! A game over links with faults: every channel keeps its promise, and a seed names its run.

use biplane::{
    Client, Server,
    sim::{Profile, World},
};

use super::*;

/// Ten seconds of a small game; what came of it.
fn play(seed: u64, link: Profile) -> (u64, [u32; 4]) {
    let mut world = World::new(seed).link(link);
    let (server, client) = pair(&mut world);
    let (mut came, mut asked) = ([0; 4], None);
    world.run_for(secs(10), FRAME, |tick| {
        let number = u32::try_from(tick.number).unwrap();
        client_frame(&client, number);
        if number.is_multiple_of(60) {
            asked = Some((number, client.request(&Double(number))));
        }
        if let Some((number, answer)) = &mut asked
            && let Some(answer) = answer.try_take()
        {
            assert_eq!(answer.unwrap(), 2 * *number);
            came[3] += 1;
            asked = None;
        }
        server_frame(&server, number, &mut came);
        while client.recv(SNAPSHOTS).is_some() {
            came[2] += 1;
        }
    });
    // What is under way comes.
    world.run_for(secs(10), FRAME, |_| {
        server.drain(HITS, |_, _| came[0] += 1);
        server.drain(INPUTS, |_, _| came[1] += 1);
        server.drain(LOOT, |_, _| {});
        server.drain(CHAT, |_, _| {});
        while client.recv(SNAPSHOTS).is_some() {}
    });
    world.check().unwrap();
    let stats = server.stats().datagrams;
    assert_eq!(stats.received, stats.delivered + stats.drops.total());
    assert!(stats.received > 100);
    (world.transcript(), came)
}

fn client_frame(client: &Client, number: u32) {
    client.events().for_each(drop);
    client.send(HITS, &number).unwrap();
    client.send(LOOT, &number).unwrap();
    client.send(INPUTS, &number).unwrap();
    if number.is_multiple_of(30) {
        client.send(CHAT, &format!("line {number}")).unwrap();
    }
    client.flush();
}

fn server_frame(server: &Server, number: u32, came: &mut [u32; 4]) {
    serve(server);
    server.drain(HITS, |_, hit| {
        assert_eq!(hit, came[0], "in order, and none is missing");
        came[0] += 1;
    });
    server.drain(INPUTS, |_, _| came[1] += 1);
    server.drain(LOOT, |_, _| {});
    server.drain(CHAT, |_, _| {});
    server.broadcast(server.sessions().iter(), SNAPSHOTS, &(number, vec![7; 300]));
    server.flush();
}

#[test]
fn every_named_link_keeps_every_promise() {
    for link in ["lan", "fibre", "wifi", "wifi-busy", "4g", "4g-driving", "3g", "satellite"] {
        let (_, [hits, inputs, snapshots, answers]) = play(5, link.parse().unwrap());
        assert_eq!(hits, 600, "{link}");
        assert!(inputs > 500 && snapshots > 500, "{link}: {inputs} inputs, {snapshots} snapshots");
        assert!(answers >= 8, "{link}: {answers} answers");
    }
}

#[test]
fn a_seed_names_its_run() {
    let busy = Profile::wifi_busy;
    assert_eq!(play(1, busy()), play(1, busy()));
    assert_ne!(play(1, busy()).0, play(2, busy()).0);
}

#[test]
fn a_minute_of_virtual_time_is_a_minute_for_the_game() {
    let mut world = World::new(1);
    let (start, mut ticks) = (world.now(), Vec::new());
    world.run_for(secs(60), ms(16), |tick| ticks.push((tick.now, tick.elapsed)));
    assert_eq!((world.now() - start, world.elapsed()), (secs(60), secs(60)));
    assert_eq!(ticks.len(), 3_750);
    assert_eq!(ticks[1], (start + ms(16), ms(16)));
    assert!(!world.run_while(secs(60), ms(16), |tick| tick.number < 10));
    assert_eq!(world.elapsed(), secs(60) + ms(160));
}

#[test]
fn a_message_that_comes_after_a_request_is_there_when_the_call_was_told_and_not_before() {
    let mut world = World::new(1);
    let (server, client) = pair(&mut world);
    let _answers = [1, 2].map(|number| client.request(&Double(number)));
    client.send_after_commands(HITS, &3).unwrap();
    client.flush();
    world.pass(secs(1));
    let heard = || {
        let mut hits = Vec::new();
        server.drain(HITS, |_, hit| hits.push(hit));
        hits
    };
    let called = || server.events().find(|event| matches!(event, Event::Called(_)));
    assert!(heard().is_empty());
    let _first = called().unwrap();
    assert!(heard().is_empty(), "the second was not told");
    let _second = called().unwrap();
    assert_eq!(heard(), [3]);
}
