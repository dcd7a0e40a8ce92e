//! Many clients: on one machine, behind one line, and each with its own.

use biplane::sim::World;

use super::*;

/// How many bytes of bulk each of two clients gets through in ten seconds.
fn bulk(world: &mut World, clients: &[Client], server: &Server) -> Vec<usize> {
    let mut came = vec![0; clients.len()];
    world.run_for(secs(10), FRAME, |_| {
        serve(server);
        for client in clients {
            client.events().for_each(drop);
            while client.send(BULK, &Payload::from(vec![7; 8_000])).is_ok() {}
            client.flush();
        }
        for (session, came) in server.sessions().iter().zip(&mut came) {
            while let Some(bytes) = session.recv(BULK) {
                *came += bytes.0.len();
            }
        }
    });
    world.check().unwrap();
    came
}

#[test]
fn each_machine_has_its_own_link_unless_it_is_shared() {
    let link = || "delay=20ms,rate=8mbit,queue=64KiB".parse().unwrap();
    let run = |mut world: World| {
        let server = world.server(&protocol()).unwrap();
        let clients = [0, 1].map(|_| world.join(&server, &protocol()).unwrap());
        bulk(&mut world, &clients, &server)
    };
    let whole = 10_000_000.0;
    let own = run(World::new(3).link(link()));
    assert!(own.iter().all(|came| *came as f64 > 0.6 * whole), "{own:?}");
    let shared = run(World::new(3).shared_link(link()));
    let total = shared.iter().sum::<usize>() as f64;
    assert!((0.6 * whole..whole).contains(&total), "{shared:?}");
    assert!(shared.iter().all(|came| *came as f64 > 0.1 * whole), "{shared:?}");
}

#[test]
fn clients_of_one_endpoint_hear_of_their_own_sessions_alone() {
    let mut world = World::new(1).link("wifi".parse().unwrap());
    let server = world.server(&protocol()).unwrap();
    let endpoint = world.endpoint();
    let joining: Vec<_> = (0..50).map(|_| endpoint.connect(server.link(), &protocol())).collect();
    world.pass(secs(1));
    let clients: Vec<Client> =
        joining.into_iter().map(|mut client| client.try_take().unwrap().unwrap()).collect();
    serve(&server);
    assert_eq!(server.sessions().len(), 50);
    for (number, session) in server.sessions().iter().enumerate() {
        session.send(CHAT, &number.to_string()).unwrap();
    }
    server.flush();
    world.pass(secs(1));
    let mut heard: Vec<String> = clients
        .iter()
        .map(|client| {
            let joined = client.events().filter(|event| matches!(event, Event::Joined(_)));
            assert_eq!(joined.count(), 1);
            client.recv(CHAT).unwrap()
        })
        .collect();
    heard.sort_by_key(|line| line.parse::<u32>().unwrap());
    assert_eq!(heard, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(endpoint.stats().sessions.current, 50);
    let mut closed = endpoint.close("all go");
    world.pass(secs(2));
    assert!(closed.try_take().is_some());
    serve(&server);
    assert_eq!(server.stats().sessions.left["closed"], 50);
}

#[test]
fn servers_stand_side_by_side() {
    let mut world = World::new(1);
    let (one, two) = (world.server(&protocol()).unwrap(), world.server(&protocol()).unwrap());
    assert_ne!(one.link().host, two.link().host);
    let _client = world.join(&two, &protocol()).unwrap();
    let joined =
        |server: &Server| server.events().filter(|event| matches!(event, Event::Joined(_))).count();
    assert_eq!((joined(&one), joined(&two)), (0, 1));
}
