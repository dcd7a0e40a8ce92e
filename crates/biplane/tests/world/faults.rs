//! Faults that come and go while a game runs.

use biplane::{
    ClientConfig, CloseReason, PlaneMode, Planes,
    sim::{Profile, World},
};

use super::*;

/// What the server is told in that time.
fn told(world: &mut World, server: &Server, client: &Client, time: Duration) -> Vec<String> {
    let mut told = Vec::new();
    world.run_for(time, FRAME, |_| {
        client.events().for_each(drop);
        let news = serve(server).into_iter().filter_map(|event| match event {
            Event::Planes(_, planes) => Some(format!("{planes:?}")),
            Event::Left(_, reason) => Some(reason.name().to_owned()),
            _ => None,
        });
        told.extend(news);
        server.broadcast(server.sessions().iter(), SNAPSHOTS, &(1, vec![0; 100]));
        server.flush();
        while client.recv(SNAPSHOTS).is_some() {}
    });
    told
}

#[test]
fn a_session_goes_on_without_udp_and_comes_back_to_it() {
    let mut world = World::new(1).link(Profile::wifi());
    let (server, client) = pair(&mut world);
    told(&mut world, &server, &client, secs(2));
    let wire = world.wire(&client).unwrap();
    wire.block_udp();
    assert_eq!(told(&mut world, &server, &client, secs(5)), ["ControlOnly"]);
    assert_eq!(server.sessions()[0].planes(), Planes::ControlOnly);
    client.send(CHAT, &"still here".to_owned()).unwrap();
    world.pass(secs(1));
    let mut heard = Vec::new();
    server.drain(CHAT, |_, line| heard.push(line));
    assert_eq!(heard, ["still here"]);
    wire.open_udp();
    assert_eq!(told(&mut world, &server, &client, secs(5)), ["Both"]);
    world.check().unwrap();
}

#[test]
fn a_profile_can_have_a_fault_in_store() {
    let link = "wifi,block-udp=down,after=3s,for=5s".parse().unwrap();
    let mut world = World::new(1).link(link);
    let (server, client) = pair(&mut world);
    assert_eq!(told(&mut world, &server, &client, secs(20)), ["Both", "ControlOnly", "Both"]);
    world.check().unwrap();
}

#[test]
fn a_tcp_connection_that_is_killed_is_replaced_and_its_session_goes_on() {
    let mut world = World::new(1).link("4g,kill-tcp-every=5s".parse().unwrap());
    let (server, client) = pair(&mut world);
    let told = told(&mut world, &server, &client, secs(12));
    assert_eq!(told, ["Both", "DataOnly", "Both", "DataOnly", "Both"]);
    client.send(CHAT, &"still here".to_owned()).unwrap();
    world.pass(secs(1));
    let mut heard = Vec::new();
    server.drain(CHAT, |_, line| heard.push(line));
    assert_eq!(heard, ["still here"]);
    assert_eq!(server.sessions()[0].stats().control.resumes, 2);
}

#[test]
fn stalled_tcp_is_late_and_nothing_is_lost() {
    let mut world = World::new(1);
    let (server, client) = pair(&mut world);
    let wire = world.wire(&client).unwrap();
    wire.stall_tcp();
    for number in 0..10 {
        client.send(CHAT, &number.to_string()).unwrap();
    }
    world.pass(secs(5));
    let mut heard = 0;
    server.drain(CHAT, |_, _| heard += 1);
    assert_eq!(heard, 0);
    wire.resume_tcp();
    world.pass(secs(1));
    server.drain(CHAT, |_, line| {
        assert_eq!(line, heard.to_string());
        heard += 1;
    });
    assert_eq!(heard, 10);
}

#[test]
fn who_moves_behind_its_nat_keeps_its_session_on_one_plane_at_least() {
    let mut world = World::new(1).link(Profile::wifi());
    let (server, client) = pair(&mut world);
    told(&mut world, &server, &client, secs(1));
    world.wire(&client).unwrap().rebind_udp(true);
    told(&mut world, &server, &client, secs(10));
    assert_eq!(server.sessions().len(), 1);
    world.check().unwrap();
}

#[test]
fn a_server_that_goes_is_missed() {
    let mut world = World::new(1).link(Profile::lan());
    let (server, client) = pair(&mut world);
    drop(server);
    let mut left = Vec::new();
    world.run_for(secs(1), FRAME, |_| {
        left.extend(client.events().filter_map(|event| match event {
            Event::Left(_, reason) => Some(reason),
            _ => None,
        }));
    });
    assert_eq!(left, [CloseReason::Dropped]);
}

#[test]
fn a_farewell_is_heard_with_its_words() {
    let mut world = World::new(1).link(Profile::satellite());
    let (server, client) = pair(&mut world);
    let mut closed = server.close("maintenance");
    assert!(closed.try_take().is_none());
    world.pass(secs(2));
    assert!(closed.try_take().is_some());
    let reasons: Vec<_> = client.events().map(|event| format!("{event:?}")).collect();
    assert!(reasons.last().unwrap().contains("maintenance"), "{reasons:?}");
}

#[test]
fn a_client_that_requires_udp_leaves_where_it_dies() {
    let mut world = World::new(1).link(Profile::wifi());
    let server = world.server(&protocol()).unwrap();
    let config = ClientConfig::default().planes(PlaneMode::RequireData);
    let mut joining = world.client_with(&server, &protocol(), config);
    world.pass(secs(2));
    let client = joining.try_take().unwrap().unwrap();
    assert_eq!(client.planes(), Planes::Both);
    let wire = world.wire(&client).unwrap();
    wire.block_udp();
    let told = told(&mut world, &server, &client, secs(5));
    assert_eq!(told.last().map(String::as_str), Some("data_plane_lost"), "{told:?}");
    assert!(server.sessions().is_empty());
}
