//! Sessions whose control connection is lost, and that go on over another.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use biplane_net::{DialConfig, Endpoint, Identity, ListenConfig, Slot};
use biplane_proto::{CloseReason, DropReason, Event, Planes, limits};
use biplane_wire::ChannelKind;

use crate::{
    forwarder::{Cut, Forwarder},
    patience::{eventually, until},
    support::{
        CHAT, INPUTS, Pair, address, channel_id, client, config, connect, dial, everybody, join,
        listen, protocol_with, receive, send,
    },
    talk::{Fault, Talk},
};

/// A session through a forwarder.
struct Scene {
    server: Endpoint,
    client: Endpoint,
    forwarder: Forwarder,
    pair: Pair,
}

impl Scene {
    fn new() -> Self {
        Self::of(config(everybody()), None)
    }

    fn of(config: ListenConfig, grace: Option<Duration>) -> Self {
        let protocol = config.protocol.clone();
        let (server, client) = (listen(config), client());
        let forwarder = Forwarder::to(address(&server));
        let link = forwarder.on_the_way_to(server.link().unwrap());
        let here = connect(&client, DialConfig { protocol, grace, ..dial(link) }).unwrap();
        let there = Arc::clone(server.sessions().last().unwrap());
        let scene = Self { server, client, forwarder, pair: Pair { here, there } };
        scene.flies_on(Planes::Both);
        scene
    }

    fn sides(&self) -> [&Arc<Slot>; 2] {
        [&self.pair.here, &self.pair.there]
    }

    fn flies_on(&self, planes: Planes) {
        let does = || self.sides().iter().all(|slot| slot.with(|_, s| s.planes()) == planes);
        until(&format!("{planes:?}"), does);
    }

    /// Waits until each side has resumed so often, and flies on both planes.
    fn has_resumed(&self, times: u64) {
        for endpoint in [&self.client, &self.server] {
            until("a resume", || endpoint.stats().sessions.resumed >= times);
            assert_eq!(endpoint.stats().sessions.resumed, times);
        }
        self.flies_on(Planes::Both);
    }

    /// Says something on a channel each way, and hears it.
    fn talk(&self, channel: u8, text: &str) {
        let [here, there] = self.sides();
        for (from, to) in [(here, there), (there, here)] {
            send(from, channel, text);
            self.client.flush();
            self.server.flush();
            assert_eq!(receive(to, channel), text);
        }
    }

    fn drops(&self, reason: DropReason) -> u64 {
        self.server.stats().datagrams.drops.count(reason)
    }
}

fn reason(slot: &Slot) -> CloseReason {
    eventually("the end of a session", || match slot.with(|_, session| session.poll_event())? {
        Event::Left(reason) => Some(reason),
        _ => None,
    })
}

#[test]
fn a_connection_that_is_cut_is_replaced_and_every_word_arrives_once() {
    for cut in [Cut::Fin, Cut::Reset, Cut::HalfOpen] {
        let scene = Scene::new();
        let [here, there] = scene.sides();
        let mut talk = Talk::between(here, there);
        for times in 1..=3 {
            talk.go_on_until(|talk| talk.heard() >= times * 10);
            scene.forwarder.cut(cut);
            scene.has_resumed(times as u64);
        }
        talk.ends();
        let admitted = scene.server.stats().sessions.admitted;
        assert_eq!((admitted, scene.server.sessions().len()), (1, 1), "{cut:?}");
        for endpoint in [&scene.server, &scene.client] {
            assert_eq!(endpoint.stats().panics, 0);
        }
    }
}

#[test]
fn a_connection_that_is_slow_and_moves_is_not_replaced() {
    const RATE: f64 = 6_000.0;
    let scene = Scene::new();
    scene.forwarder.slow_down(RATE);
    scene.forwarder.cut(Cut::Reset);
    scene.has_resumed(1);
    // More than the kernels hold, and for longer than a connection may take nothing.
    let words: Vec<_> = (0..60).map(|number| format!("{number:0>1000}")).collect();
    let [here, there] = scene.sides();
    let begun = Instant::now();
    words.iter().for_each(|word| send(here, CHAT, word));
    words.iter().for_each(|word| assert_eq!(receive(there, CHAT), *word));
    assert!(begun.elapsed() > limits::CONTROL_REPLACE * 2, "{:?}", begun.elapsed());
    assert_eq!(scene.client.stats().sessions.resumed, 1, "it was replaced");
}

#[test]
fn without_tcp_datagrams_fly_on_and_words_wait() {
    let scene = Scene::new();
    scene.forwarder.shut(true);
    scene.forwarder.cut(Cut::Reset);
    scene.flies_on(Planes::DataOnly);
    let [here, there] = scene.sides();
    let mut talk = Talk::between(here, there);
    talk.begin();
    for round in 0..100 {
        scene.talk(INPUTS, &format!("input {round}"));
    }
    assert_eq!(talk.heard(), 0, "TCP is not there");
    scene.forwarder.shut(false);
    scene.has_resumed(1);
    talk.ends();
}

#[test]
fn no_datagram_is_lost_by_a_resume() {
    let mut config = config(everybody());
    config.protocol = protocol_with(ChannelKind::Unreliable);
    let scene = Scene::of(config, None);
    let [here, there] = scene.sides();
    let take = |slot: &Slot| slot.with(|now, s| s.take(now, channel_id(INPUTS))).is_some();
    let mut taken = [0, 0];
    let mut sent = 0;
    let count = |taken: &mut [u64; 2]| {
        for (slot, taken) in [here, there].into_iter().zip(taken) {
            while take(slot) {
                *taken += 1;
            }
        }
    };
    for times in 1..=3 {
        scene.forwarder.cut(Cut::Reset);
        // As many as there is time for; never more than one each way that was not taken.
        while scene.client.stats().sessions.resumed < times || sent < times * 500 {
            for slot in scene.sides() {
                send(slot, INPUTS, "a datagram");
            }
            sent += 1;
            scene.client.flush();
            scene.server.flush();
            until("the datagrams", || {
                count(&mut taken);
                taken == [sent; 2]
            });
        }
        scene.has_resumed(times);
    }
    assert_eq!(taken, [sent; 2]);
}

#[test]
fn a_half_open_connection_is_displaced_at_once() {
    let scene = Scene::new();
    scene.forwarder.cut(Cut::HalfOpen);
    // The server knows nothing of it until the client comes.
    scene.has_resumed(1);
    until("the old connection's end", || scene.forwarder.half_open() == 0);
    scene.talk(CHAT, "here I am");
    assert_eq!(scene.pair.there.with(|_, session| session.planes()), Planes::Both);
}

#[test]
fn a_connection_that_takes_nothing_is_replaced_by_one_beside_it() {
    /// Above what lies in sockets and buffers, below what a queue takes.
    const COMMANDS: usize = 600;
    let scene = Scene::new();
    scene.forwarder.cut(Cut::Freeze);
    let start = Instant::now();
    let text = |number: usize| format!("{number:>900}");
    (0..COMMANDS).for_each(|number| send(&scene.pair.here, CHAT, &text(number)));
    scene.client.flush();
    scene.has_resumed(1);
    // Nobody was told of a loss, and nobody waited until the connection counted as one.
    let after = start.elapsed();
    assert!((limits::CONTROL_REPLACE..limits::WRITE_STALL).contains(&after), "{after:?}");
    for number in 0..COMMANDS {
        assert_eq!(receive(&scene.pair.there, CHAT), text(number));
    }
    scene.talk(CHAT, "and that is all");
}

#[test]
fn each_resume_brings_another_receive_id_and_the_one_before_is_forgotten() {
    let scene = Scene::new();
    for times in 1..=4 {
        let before = scene.forwarder.up();
        scene.forwarder.cut(Cut::Fin);
        scene.has_resumed(times);
        scene.talk(INPUTS, "under the new keys");
        let now = scene.forwarder.up();
        assert_eq!(now.len(), before.len() + 1, "one more id");
        // What was caught under the ids before is nobody's, once nothing of it can be under way.
        let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let old = now.get(before.len() - 1).unwrap();
        until("the old id to be unknown", || {
            let count = scene.drops(DropReason::UnknownSession);
            let received = scene.server.stats().datagrams.received;
            stranger.send_to(old, address(&scene.server)).unwrap();
            until("it", || scene.server.stats().datagrams.received > received);
            scene.drops(DropReason::UnknownSession) > count
        });
    }
}

#[test]
fn a_session_whose_tcp_does_not_come_back_ends_with_its_grace_and_frees_its_place() {
    const GRACE: Duration = Duration::from_secs(1);
    /// A busy machine may take longer.
    const SLACK: Duration = Duration::from_secs(2);
    let mut config = config(everybody());
    config.endpoint.session.grace = GRACE;
    config.max_sessions = 1;
    let scene = Scene::of(config, Some(GRACE));
    scene.forwarder.shut(true);
    let start = Instant::now();
    scene.forwarder.cut(Cut::Reset);
    let ends = scene.sides().map(|slot| reason(slot));
    assert!(start.elapsed() >= GRACE && start.elapsed() < GRACE + SLACK);
    // Whichever ends first tells the other over UDP.
    let told =
        |end: &CloseReason| matches!(end, CloseReason::TimedOut | CloseReason::ConnectionLost);
    assert!(ends.iter().all(told) && ends.contains(&CloseReason::TimedOut), "{ends:?}");
    until("no session", || {
        scene.server.sessions().is_empty() && scene.client.sessions().is_empty()
    });
    assert!(start.elapsed() < GRACE + Duration::from_secs(1) + SLACK);
    // Its place is another's.
    connect(&scene.client, dial(scene.server.link().unwrap())).unwrap();
}

#[test]
fn a_server_that_was_restarted_refuses_the_resume_and_the_client_is_told() {
    let identity = Identity::generate().unwrap();
    let config = || ListenConfig { identity: identity.clone(), ..config(everybody()) };
    let scene = Scene::of(config(), None);
    let anew = listen(config());
    scene.forwarder.lead_to(address(&anew));
    scene.forwarder.cut(Cut::Reset);
    let text = "no such session".into();
    assert_eq!(reason(&scene.pair.here), CloseReason::ResumeRefused { text });
    until("no session", || scene.client.sessions().is_empty());
    until("the refusal is counted", || anew.stats().connections.resume_refused == 1);
    let stats = anew.stats();
    assert_eq!(stats.sessions.refused, 1);
    assert_eq!((stats.sessions.admitted, stats.sessions.resumed), (0, 0));
    // Whoever joins anew is as welcome as ever.
    join(&anew, &scene.client);
}

#[test]
fn a_stranger_in_the_servers_place_is_not_believed() {
    let scene = Scene::new();
    let stranger = listen(config(everybody()));
    scene.forwarder.lead_to(address(&stranger));
    scene.forwarder.cut(Cut::Reset);
    until("three tries", || scene.forwarder.carried().len() >= 4);
    assert_eq!(stranger.stats().connections.resume_refused, 0, "no hello was said to it");
    scene.forwarder.lead_to(address(&scene.server));
    scene.has_resumed(1);
    scene.talk(CHAT, "still here");
}

#[test]
fn maintenance_and_a_full_house_turn_away_nobody_who_comes_back() {
    let config = ListenConfig { max_sessions: 1, ..config(everybody()) };
    let scene = Scene::of(config, None);
    scene.server.set_maintenance(Some(Duration::from_secs(9)));
    connect(&scene.client, dial(scene.server.link().unwrap())).unwrap_err();
    scene.forwarder.cut(Cut::Fin);
    scene.has_resumed(1);
    scene.talk(CHAT, "back again");
}

#[test]
fn the_sessions_of_a_client_endpoint_all_come_back() {
    const SESSIONS: usize = 100;
    let (server, client) = (listen(config(everybody())), client());
    let forwarder = Forwarder::to(address(&server));
    let link = forwarder.on_the_way_to(server.link().unwrap());
    let (told, heard) = mpsc::channel();
    for _ in 0..SESSIONS {
        let told = told.clone();
        client.connect(dial(link.clone()), Box::new(move |slot| told.send(slot).unwrap()));
    }
    let here: Vec<_> = (0..SESSIONS).map(|_| heard.recv().unwrap().unwrap()).collect();
    let lively = |slots: &[Arc<Slot>]| {
        slots.iter().all(|slot| slot.with(|_, session| session.planes()) == Planes::Both)
    };
    until("both planes", || lively(&here) && lively(&server.sessions()));
    forwarder.cut(Cut::Reset);
    until("all to resume", || server.stats().sessions.resumed == SESSIONS as u64);
    until("both planes", || lively(&here) && lively(&server.sessions()));
    for slot in &here {
        send(slot, CHAT, "here I am");
    }
    client.flush();
    for slot in server.sessions().iter() {
        assert_eq!(receive(slot, CHAT), "here I am");
    }
    drop(client);
    until("no session", || server.sessions().is_empty());
    for slot in here {
        assert_eq!(Arc::strong_count(&slot), 1, "nobody keeps it");
    }
}

/// Numbers that look random, by their seed (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % end as u64).unwrap()
    }

    fn cut(&mut self, length: usize) -> (usize, Cut) {
        let cuts = [Cut::Fin, Cut::Reset, Cut::HalfOpen];
        (1 + self.below(length), cuts[self.below(cuts.len())])
    }
}

/// What became of a draw.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// The connection broke before the client had its session.
    unjoined: u64,
    resumed: u64,
}

/// Commands that both sides of a talk hear before it ends.
const COMMANDS: usize = 20;

/// Bytes of a connection that is not cut.
#[derive(Clone, Copy, Debug)]
struct Length {
    /// Until the client has its session.
    greeting: usize,
    whole: usize,
}

/// One talk over connections that are cut as planned, and how long its first was.
fn talk_through(plan: &[(usize, Cut)]) -> (Course, Length) {
    let (server, client) = (listen(config(everybody())), client());
    let forwarder = Forwarder::to(address(&server));
    let link = forwarder.on_the_way_to(server.link().unwrap());
    forwarder.plan(plan.iter().copied());
    let mut course = Course::default();
    let here = loop {
        match connect(&client, dial(link.clone())) {
            Ok(slot) => break slot,
            Err(error) => assert!(course.unjoined < plan.len() as u64, "{error}"),
        }
        course.unjoined += 1;
    };
    let greeting = forwarder.carried()[0];
    let there = Arc::clone(server.sessions().last().unwrap());
    let mut talk = Talk::between(&here, &there);
    talk.go_on_until(|talk| talk.heard() >= COMMANDS || talk.left() != [None, None]);
    talk.ends();
    course.resumed = client.stats().sessions.resumed;
    assert_eq!((client.stats().panics, server.stats().panics), (0, 0));
    (course, Length { greeting, whole: forwarder.carried()[0] })
}

/// A number from the environment, to replay a run or to make it longer.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// `BIPLANE_DRAWS` is how many draws are made, 100 unless it is set; `BIPLANE_SEED` is the first's.
#[test]
fn tcp_may_be_cut_after_any_byte() {
    const THREADS: u64 = 4;
    let (draws, seed) = (setting("BIPLANE_DRAWS", 100), setting("BIPLANE_SEED", 1));
    let (course, length) = talk_through(&[]);
    assert_eq!((course.unjoined, course.resumed), (0, 0));
    let share = |thread: u64| {
        let mut all = Course::default();
        for seed in (seed..seed + draws).filter(|seed| seed % THREADS == thread) {
            let mut draws = Draws(seed);
            // The first connection, and the one that takes its place: anywhere, or half resumed.
            let second = if seed % 2 == 0 { length.whole } else { length.greeting };
            let plan = [draws.cut(length.whole), draws.cut(second)];
            let run = std::panic::AssertUnwindSafe(|| talk_through(&plan));
            let Ok((course, _)) = std::panic::catch_unwind(run) else {
                panic!("BIPLANE_SEED={seed} BIPLANE_DRAWS=1: {plan:?}");
            };
            all.unjoined += course.unjoined;
            all.resumed += course.resumed;
        }
        all
    };
    let shares = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || share(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let resumed: u64 = shares.iter().map(|course| course.resumed).sum();
    let unjoined: u64 = shares.iter().map(|course| course.unjoined).sum();
    println!("figure draws {draws}, resumes {resumed}, unjoined {unjoined}; whole: {length:?}");
    assert!(resumed >= draws / 2, "{resumed} resumes");
}

#[test]
fn a_talk_that_did_not_go_as_it_should_is_found_out() {
    for fault in [Fault::Twice, Fault::Swapped] {
        let scene = Scene::new();
        let [here, there] = scene.sides();
        let mut talk = Talk::between(here, there);
        talk.go_on_until(|talk| talk.heard() >= COMMANDS);
        talk.plant(fault);
        let ends = std::panic::AssertUnwindSafe(|| talk.ends());
        assert!(std::panic::catch_unwind(ends).is_err(), "{fault:?}");
    }
}
