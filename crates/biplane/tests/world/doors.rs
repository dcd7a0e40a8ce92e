//! Who joins, who does not, and what each is told: as over real sockets.

use std::{
    future::{pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use biplane::{
    ClientConfig, ConnectError, Hello, ServerConfig, Verdict,
    sim::{Profile, World},
};

use super::*;

#[test]
fn admission_sees_credentials_and_gives_an_application_its_own() {
    let mut world = World::new(1).link(Profile::four_g());
    let config = ServerConfig::default().admission(|hello: Hello| async move {
        match hello.credentials.as_slice() {
            b"ann" => Verdict::admit_as(7_u8),
            _ => Verdict::refuse(401, "who are you?").retry_after(secs(5)),
        }
    });
    let server = world.server_with(&protocol(), config).unwrap();
    let join = |credentials: &str| ClientConfig::default().credentials(credentials);
    let mut ann = world.client_with(&server, &protocol(), join("ann"));
    let mut eve = world.client_with(&server, &protocol(), join("eve"));
    world.pass(secs(1));
    let _ann = ann.try_take().unwrap().unwrap();
    let Err(ConnectError::Refused { code: 401, text, retry_after }) = eve.try_take().unwrap()
    else {
        panic!()
    };
    assert_eq!((&*text, retry_after), ("who are you?", Some(secs(5))));
    serve(&server);
    let sessions = server.sessions();
    let [session] = &*sessions else { panic!("{sessions:?}") };
    assert_eq!(session.app::<u8>(), Some(&7));
    let stats = server.stats().sessions;
    assert_eq!((stats.current, stats.admitted, stats.refused), (1, 1, 1));
}

#[test]
fn admission_may_take_its_time_but_not_for_ever() {
    let mut world = World::new(1);
    let config = ServerConfig::default().admission(|_| async { pending::<Verdict>().await });
    let server = world.server_with(&protocol(), config).unwrap();
    let mut client = world.client(&server, &protocol());
    world.pass(ms(9_900));
    assert!(client.try_take().is_none());
    world.pass(ms(200));
    assert!(client.try_take().unwrap().is_err());
}

/// A server whose admission waits for a word.
fn slow_to_admit(world: &mut World, config: ServerConfig) -> (Server, Arc<AtomicBool>) {
    let word = Arc::new(AtomicBool::new(false));
    let said = Arc::clone(&word);
    let config = config.admission(move |_| {
        let said = Arc::clone(&said);
        poll_fn(move |_| match said.load(Ordering::Relaxed) {
            true => Poll::Ready(Verdict::admit()),
            false => Poll::Pending,
        })
    });
    (world.server_with(&protocol(), config).unwrap(), word)
}

#[test]
fn nobody_joins_whose_admission_was_under_way_when_the_server_shut() {
    for closes in [true, false] {
        let mut world = World::new(1);
        let (server, word) = slow_to_admit(&mut world, ServerConfig::default());
        let mut client = world.client(&server, &protocol());
        world.pass(secs(1));
        if closes {
            drop(server.close("bye"));
        } else {
            server.maintenance(secs(9));
        }
        word.store(true, Ordering::Relaxed);
        world.pass(secs(1));
        let told = client.try_take().unwrap().unwrap_err().to_string();
        let expected = if closes { "the server is closing" } else { "under maintenance" };
        assert!(told.contains(expected), "{told}");
        assert_eq!(server.stats().sessions.admitted, 0);
    }
}

#[test]
fn no_more_are_admitted_at_once_than_there_is_room_for() {
    let mut world = World::new(1);
    let config = ServerConfig::default().max_sessions(1);
    let (server, word) = slow_to_admit(&mut world, config);
    let mut clients = [(); 3].map(|()| world.client(&server, &protocol()));
    world.pass(secs(1));
    word.store(true, Ordering::Relaxed);
    world.pass(secs(1));
    let joined = clients.each_mut().map(|client| client.try_take().unwrap());
    assert_eq!(joined.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    server.events().for_each(drop);
    assert_eq!(server.sessions().len(), 1);
}

#[test]
fn an_admission_that_is_overdue_may_own_what_is_of_the_world() {
    let mut world = World::new(1);
    let home = world.server(&protocol()).unwrap();
    let own = Mutex::new(Some(world.join(&home, &protocol()).unwrap()));
    let config = ServerConfig::default().admission(move |_| {
        let own = own.lock().unwrap().take();
        async move {
            let verdict = pending::<Verdict>().await;
            drop(own);
            verdict
        }
    });
    let server = world.server_with(&protocol(), config).unwrap();
    let mut client = world.client(&server, &protocol());
    world.pass(secs(11));
    assert!(client.try_take().unwrap().is_err());
    let (joined, left) = (home.stats().sessions.admitted, home.stats().sessions.current);
    assert_eq!((joined, left), (1, 0), "what admission owned is gone with it");
}

#[test]
fn an_admission_that_panics_refuses_its_client_alone() {
    let mut world = World::new(1);
    let config = ServerConfig::default().admission(|hello: Hello| async move {
        assert!(hello.credentials.is_empty(), "as it should");
        Verdict::admit()
    });
    let server = world.server_with(&protocol(), config).unwrap();
    let bad = ClientConfig::default().credentials("x");
    let mut bad = world.client_with(&server, &protocol(), bad);
    world.pass(ms(10));
    assert!(matches!(bad.try_take(), Some(Err(ConnectError::Refused { code: 500, .. }))));
    world.join(&server, &protocol()).unwrap();
}

#[test]
fn another_protocol_is_told_by_name() {
    let mut world = World::new(1);
    let server = world.server(&protocol()).unwrap();
    let other = Protocol::new("world", 1).channel(CHAT);
    let Err(ConnectError::Mismatch { differences, .. }) = world.join(&server, &other) else {
        panic!()
    };
    assert!(differences.iter().any(|it| it.to_string().contains("`hits`")), "{differences:?}");
}

#[test]
fn a_server_may_speak_several_protocols() {
    let mut world = World::new(1);
    let old = || Protocol::new("world", 0).channel(CHAT);
    let server = world.server_with(&protocol(), ServerConfig::default().also(old())).unwrap();
    let (client, _other) =
        (world.join(&server, &old()).unwrap(), world.join(&server, &protocol()).unwrap());
    serve(&server);
    let speaks: Vec<_> =
        server.sessions().iter().map(|session| session.send(HITS, &1).is_ok()).collect();
    assert_eq!(speaks, [false, true]);
    drop(client);
}

#[test]
fn a_full_a_maintained_a_closed_and_a_missing_server_say_so() {
    let mut world = World::new(1);
    let config = ServerConfig::default().max_sessions(1);
    let server = world.server_with(&protocol(), config).unwrap();
    let _one = world.join(&server, &protocol()).unwrap();
    let refused = |outcome| match outcome {
        Err(ConnectError::Refused { code: 503, text, .. }) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(&*refused(world.join(&server, &protocol())), "the server is full");
    server.maintenance(secs(60));
    let text = refused(world.join(&server, &protocol()));
    assert_eq!(&*text, "the server is under maintenance");

    let link = server.link().clone();
    let endpoint = world.endpoint();
    drop(server);
    let mut late = endpoint.connect(&link, &protocol());
    assert!(matches!(late.try_take(), Some(Err(ConnectError::Unreachable(_)))));
    let mut nowhere =
        endpoint.connect("biplane://192.0.2.99:1#".to_owned() + &"A".repeat(43), &protocol());
    assert!(matches!(nowhere.try_take(), Some(Err(ConnectError::Unreachable(_)))));
}

#[test]
fn a_link_with_another_pin_is_another_server() {
    let mut world = World::new(1);
    let server = world.server(&protocol()).unwrap();
    let link =
        format!("biplane://{}:{}#{}", server.link().host, server.link().port, "A".repeat(43));
    let mut joining = world.endpoint().connect(link, &protocol());
    assert!(matches!(joining.try_take(), Some(Err(ConnectError::WrongPin { .. }))));
}

#[test]
fn where_nothing_comes_through_joining_ends_after_ten_seconds() {
    let mut world = World::new(1).link("block-tcp".parse().unwrap());
    let server = world.server(&protocol()).unwrap();
    let began = world.elapsed();
    let joined = world.join(&server, &protocol());
    assert!(matches!(joined, Err(ConnectError::TimedOut { seconds: 10, .. })), "{joined:?}");
    assert_eq!(world.elapsed() - began, secs(10));
}
