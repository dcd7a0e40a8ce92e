//! Threads that block until something comes, on whichever threads that is received.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use biplane::{
    Channel, Client, ClientConfig, ConnectError, Endpoint, Pending, Protocol, Server, ServerConfig,
    Threading,
};

use crate::support::{PATIENCE, Pair, joined, until};

const LINES: Channel<String> = Channel::command("lines");
const SHOTS: Channel<u32> = Channel::reliable_ordered("shots");

const ALL: [Threading; 3] = [Threading::Dedicated, Threading::Shared, Threading::Inline];
/// Sooner than a keep-alive would end a wait, most likely.
const SOON: Duration = Duration::from_secs(1);

fn protocol() -> Protocol {
    Protocol::new("waiting", 1).channel(LINES).channel(SHOTS)
}

/// A pair that has nothing to say any more.
fn pair(threading: Threading) -> Pair {
    let server = ServerConfig::default().threading(threading);
    let client = ClientConfig::default().threading(threading);
    let mut pair = Pair::with(&protocol(), &protocol(), server, client);
    pair.until_both_planes();
    while pair.server.wait(Duration::from_millis(50)) {
        pair.server.events().for_each(drop);
    }
    pair
}

/// Whether `server` is told of something soon, while `act` runs on another thread.
fn is_told(server: &Server, act: impl FnOnce() + Send) -> bool {
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            // It sleeps by then, most likely.
            thread::sleep(Duration::from_millis(50));
            act();
        });
        server.wait(PATIENCE) && begun.elapsed() < SOON
    })
}

#[test]
fn what_comes_on_either_plane_ends_a_wait() {
    for threading in ALL {
        let pair = pair(threading);
        let line = || pair.client.send(LINES, &"over TCP".to_owned()).unwrap();
        assert!(is_told(&pair.server, line), "{threading:?}");
        pair.server.drain(LINES, |_, _| ());
        pair.server.events().for_each(drop);
        let shot = || {
            pair.client.send(SHOTS, &1).unwrap();
            pair.client.flush();
        };
        assert!(is_told(&pair.server, shot), "{threading:?}");
    }
}

#[test]
fn a_close_ends_a_wait() {
    for threading in ALL {
        let pair = pair(threading);
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                while pair.server.wait(PATIENCE) {
                    pair.server.events().for_each(drop);
                }
            });
            thread::sleep(Duration::from_millis(50));
            pair.server.close("that is all").wait();
        });
        assert!(begun.elapsed() < SOON, "{threading:?}");
    }
}

/// Takes what there is.
fn count(server: &Server, taken: &AtomicU32) {
    server.events().for_each(drop);
    let one = || {
        taken.fetch_add(1, Ordering::SeqCst);
    };
    server.drain(SHOTS, |_, _| one());
    server.drain(LINES, |_, _| one());
}

#[test]
fn of_several_who_wait_one_is_told() {
    ALL.into_iter().for_each(several_wait);
}

/// A message after the other, each when the one before was taken, for several who wait: somebody
/// is told of each.
fn several_wait(threading: Threading) {
    const MESSAGES: u32 = 200;
    let pair = pair(threading);
    let taken = AtomicU32::new(0);
    let wait = || {
        while taken.load(Ordering::SeqCst) < MESSAGES {
            let _something = pair.server.wait(Duration::from_millis(500));
            count(&pair.server, &taken);
        }
    };
    let begun = Instant::now();
    thread::scope(|scope| {
        (0..3).for_each(|_| drop(scope.spawn(wait)));
        for number in 0..MESSAGES {
            if number % 2 == 0 {
                pair.client.send(SHOTS, &number).unwrap();
            } else {
                pair.client.send(LINES, &number.to_string()).unwrap();
            }
            pair.client.flush();
            until(|| (taken.load(Ordering::SeqCst) > number).then_some(()));
        }
    });
    // Nobody was left asleep until its time was over: that alone would be 100 s.
    assert!(begun.elapsed() < PATIENCE, "{threading:?}: {:?}", begun.elapsed());
}

#[test]
fn who_waited_and_is_busy_now_neglects_nothing() {
    for threading in ALL {
        let pair = pair(threading);
        let send = |numbers: Range<u32>| {
            numbers.for_each(|number| pair.session.send(SHOTS, &number).unwrap());
            pair.server.flush();
        };
        // It takes in some itself, and then waits until all is quiet.
        for number in 0..20 {
            send(number..number + 1);
            let mut came = false;
            until(|| {
                let _something = pair.client.wait(SOON);
                pair.client.events().for_each(drop);
                pair.client.drain(SHOTS, |_| came = true);
                came.then_some(())
            });
        }
        while pair.client.wait(Duration::from_millis(300)) {
            pair.client.events().for_each(drop);
        }
        let begun = Instant::now();
        send(20..1_020);
        // The client does not call: its acks leave all the same.
        until(|| {
            let _something = pair.server.wait(Duration::from_millis(5));
            (pair.session.channel_stats(SHOTS).queued_messages == 0).then_some(())
        });
        assert!(begun.elapsed() < SOON, "{threading:?}: {:?}", begun.elapsed());
        let lost = pair.session.stats().path.lost_spuriously;
        assert_eq!(lost, 0, "{threading:?}: {lost} of them went again for nothing");
    }
}

#[test]
fn each_of_many_clients_on_a_socket_waits_for_its_own() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let joining = [(); 4].map(|()| endpoint.connect(server.link(), &protocol()));
    let clients: Result<Vec<Client>, ConnectError> =
        joining.map(Pending::wait).into_iter().collect();
    let clients = clients.unwrap();
    let sessions = [(); 4].map(|()| joined(&server));
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| {
                let begun = Instant::now();
                let mut shots = 0;
                while shots < 50 && begun.elapsed() < PATIENCE {
                    assert!(client.wait(PATIENCE), "{shots} came");
                    client.events().for_each(drop);
                    client.drain(SHOTS, |_| shots += 1);
                }
                assert_eq!(shots, 50);
            });
        }
        for number in 0..50 {
            sessions.iter().for_each(|session| session.send(SHOTS, &number).unwrap());
            server.flush();
            thread::sleep(Duration::from_millis(3));
        }
    });
}
