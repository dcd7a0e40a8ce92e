//! Sessions in which nobody says anything, and how often they say that they are there.

use biplane::{ClientConfig, Planes, ServerConfig, sim::World};

use super::*;

/// A session both of whose ends are set to `keep_alive`, and that has been quiet for a while.
fn quiet(world: &mut World, keep_alive: Duration) -> (Server, Client) {
    let config = ServerConfig::default().keep_alive(keep_alive);
    let server = world.server_with(&protocol(), config).unwrap();
    let config = ClientConfig::default().keep_alive(keep_alive);
    let mut client = world.client_with(&server, &protocol(), config);
    world.pass(secs(60));
    let client = client.try_take().unwrap().unwrap();
    server.events().for_each(drop);
    client.events().for_each(drop);
    (server, client)
}

/// How long it is until the client is told of these planes, at most 100 s.
fn told_after(world: &mut World, client: &Client, planes: Planes) -> Duration {
    let mut after = Duration::ZERO;
    world.run_while(secs(100), FRAME, |_| {
        after += FRAME;
        !client.events().any(|event| matches!(event, Event::Planes(_, told) if told == planes))
    });
    after
}

#[test]
fn a_session_says_that_it_is_there_as_often_as_it_is_set_to() {
    for (keep_alive, words) in [(1, 50..=70), (3, 16..=22), (20, 2..=3), (25, 2..=3), (600, 2..=3)]
    {
        let mut world = World::new(1);
        let (server, client) = quiet(&mut world, secs(keep_alive));
        let session = server.sessions()[0].clone();
        let heard = || session.stats().packets_received;
        let before = heard();
        world.pass(secs(60));
        let heard = heard() - before;
        assert!(words.contains(&heard), "{heard} in a minute at {keep_alive} s");
        assert_eq!(server.events().count() + client.events().count(), 0, "nothing is amiss");
    }
}

#[test]
fn a_quiet_session_that_speaks_often_knows_sooner_of_a_dead_path() {
    let known_after = |keep_alive| {
        let mut world = World::new(1);
        let (_server, client) = quiet(&mut world, secs(keep_alive));
        world.wire(&client).unwrap().block_udp();
        told_after(&mut world, &client, Planes::ControlOnly)
    };
    let (soon, late) = (known_after(1), known_after(25));
    assert!(soon < ms(3_500), "{soon:?}");
    assert!(late > secs(10) && late < ms(27_500), "{late:?}");
}

#[test]
fn a_quiet_session_whose_tcp_falls_silent_waits_for_longer_than_three_words() {
    for (keep_alive, silence) in [(1, 10), (3, 10), (20, 66)] {
        let mut world = World::new(1);
        let (_server, client) = quiet(&mut world, secs(keep_alive));
        world.wire(&client).unwrap().stall_tcp();
        let after = told_after(&mut world, &client, Planes::DataOnly);
        let range = secs(silence - keep_alive) - ms(100)..=secs(silence) + ms(100);
        assert!(range.contains(&after), "{after:?} at {keep_alive} s");
    }
}
