//! The lobby before clients of every kind, in virtual time.

use std::iter;

use biplane::{
    Client, CloseReason, Request,
    sim::{Profile, World},
};

use super::*;
use crate::protocol::{
    Create, Inputs, Intent, Introduce, Join, Leave, Ledger, Line, NoSeat, QuickMatch, Ready,
    SEATS_MAX, Seat, TEXT_MAX, Welcome,
};

/// From one tick to the next.
const TICK: Duration = Duration::from_millis(16);
/// Longer than any deadline that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lobby in a world of its own.
struct Scene {
    world: World,
    lobby: LobbyServer,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(1);
        let server = world.server(&protocol()).unwrap();
        let lobby = LobbyServer::of(server, 60, 2000, world.now());
        Self { world, lobby }
    }

    /// Lets time pass, tick by tick, until `is_done` says so.
    fn run(&mut self, time: Duration, every: Duration, mut is_done: impl FnMut() -> bool) -> bool {
        let Self { world, lobby } = self;
        !world.run_while(time, every, |tick| {
            lobby.tick(tick.now);
            !is_done()
        })
    }

    fn ask<R: Request>(&mut self, client: &Client, request: &R) -> R::Reply {
        let mut answer = client.request(request);
        let mut taken = None;
        self.run(PATIENCE, TICK, || {
            taken = answer.try_take();
            taken.is_some()
        });
        taken.expect("an answer").unwrap()
    }

    fn join(&mut self) -> Client {
        self.world.join(&self.lobby.server, &protocol()).unwrap()
    }

    /// A player of that key comes, for the first time or again.
    fn enter(&mut self, key: u64) -> (Client, Welcome) {
        let client = self.join();
        let welcome = self.ask(&client, &introduction(key)).unwrap();
        (client, welcome)
    }

    /// A player who sits in the room that all sit in.
    fn seated(&mut self, key: u64) -> Client {
        let (client, _) = self.enter(key);
        let room = "court".to_owned();
        let create = Create { room: room.clone(), seats: SEATS_MAX };
        if self.ask(&client, &create) == Err(NoSeat::NameTaken) {
            self.ask(&client, &Join { room }).unwrap();
        }
        client
    }

    /// The lines that reach `client` in a second.
    fn heard_by(&mut self, client: &Client) -> Vec<u32> {
        let mut heard = Vec::new();
        self.run(Duration::from_secs(1), TICK, || {
            heard.extend(iter::from_fn(|| client.recv(CHAT)).map(|line| line.number));
            false
        });
        heard
    }

    fn report(&self) -> ServerReport {
        let ticks = Ticks::new(TICK, self.world.now());
        self.lobby.report(&ticks, self.world.now())
    }
}

fn introduction(key: u64) -> Introduce {
    Introduce { name: format!("player {key}"), key }
}

fn say(client: &Client, number: u32, text: &str) -> bool {
    let line = Line { number, by: String::new(), text: text.to_owned() };
    client.send(CHAT, &line).is_ok()
}

fn end_of(client: &Client) -> Option<CloseReason> {
    client.events().find_map(|event| match event {
        biplane::Event::Left(_, reason) => Some(reason),
        _ => None,
    })
}

#[test]
fn who_talks_without_end_is_let_go_and_nobody_else() {
    let mut scene = Scene::new();
    let talker = scene.seated(1);
    scene.world.set_link("delay=50ms".parse::<Profile>().unwrap());
    let witness = scene.seated(2);
    let (mut number, mut heard, mut ended) = (0, 0, None);
    scene.run(Duration::from_secs(10), TICK, || {
        while ended.is_none() && say(&talker, number + 1, "hm") {
            number += 1;
        }
        talker.flush();
        iter::from_fn(|| talker.recv(CHAT)).for_each(drop);
        heard += iter::from_fn(|| witness.recv(CHAT)).count();
        ended = ended.take().or_else(|| end_of(&talker));
        false
    });
    let ended = ended.expect("it is let go").to_string();
    assert!(ended.contains("you talk too much"), "{ended}");
    assert!((1..=100).contains(&heard), "{heard} of {number}");
    assert_eq!(end_of(&witness), None);
    assert_eq!(scene.lobby.status(scene.world.now()).players, 1);
}

#[test]
fn a_client_that_takes_no_message_is_let_go_when_its_queue_is_full() {
    let mut scene = Scene::new();
    let deaf = scene.seated(0);
    let talkers: Vec<Client> = (1..u64::from(SEATS_MAX)).map(|key| scene.seated(key)).collect();
    let (mut number, mut ended, text) = (0, None, "!".repeat(TEXT_MAX));
    // As fast as everybody may talk for long.
    scene.run(Duration::from_secs(300), Duration::from_millis(125), || {
        number += 1;
        for talker in &talkers {
            assert!(say(talker, number, &text), "it hears what it is told");
            talker.flush();
            iter::from_fn(|| talker.recv(CHAT)).for_each(drop);
        }
        ended = ended.take().or_else(|| end_of(&deaf));
        ended.is_some()
    });
    let ended = ended.expect("it is let go").to_string();
    assert!(ended.contains("you do not listen"), "{ended}");
    assert!(talkers.iter().all(|talker| end_of(talker).is_none()));
}

#[test]
fn a_line_without_words_is_not_passed_on() {
    let mut scene = Scene::new();
    let (talker, witness) = (scene.seated(1), scene.seated(2));
    for (number, text) in (1..).zip(["", "  ", &"x".repeat(TEXT_MAX + 1), "hm"]) {
        assert!(say(&talker, number, text));
    }
    assert_eq!(scene.heard_by(&witness), [4]);
    assert_eq!(scene.ask(&talker, &Ledger { commands: 4 }).commands_seen, 4, "counted they are");
}

#[test]
fn a_number_that_comes_twice_is_heard_once_and_told_and_breaks_no_promise() {
    let mut scene = Scene::new();
    let (talker, witness) = (scene.seated(1), scene.seated(2));
    for number in [1, 2, 1, 2, 3] {
        assert!(say(&talker, number, "hm"));
    }
    assert_eq!(scene.heard_by(&witness), [1, 2, 3]);
    let report = scene.report();
    assert_eq!((report.commands.received, report.commands.duplicated), (5, 2));
    assert_eq!(report.broken_promises(), Vec::<String>::new());
}

#[test]
fn who_comes_back_goes_on_from_the_numbers_it_is_welcomed_with() {
    let mut scene = Scene::new();
    let witness = scene.seated(2);
    let player = scene.seated(1);
    scene.ask(&player, &Ready { is_ready: true }).unwrap();
    scene.ask(&witness, &Ready { is_ready: true }).unwrap();
    assert!((1..=3).all(|number| say(&player, number, "hm")));
    player.send(INPUTS, &Inputs { newest: 5, intents: vec![Intent::REST; 5] }).unwrap();
    assert_eq!(scene.heard_by(&witness), [1, 2, 3]);
    drop(player);

    let (player, welcome) = scene.enter(1);
    assert_eq!((welcome.commands, welcome.inputs), (3, 5));
    scene.ask(&player, &Join { room: "court".to_owned() }).unwrap();
    assert!(say(&player, welcome.commands + 1, "hm again"));
    let inputs = Inputs { newest: welcome.inputs + 1, intents: vec![Intent::REST] };
    player.send(INPUTS, &inputs).unwrap();
    assert_eq!(scene.heard_by(&witness), [4]);
    let account = scene.ask(&player, &Leave { commands: 4 });
    assert_eq!((account.commands_lost, account.commands_duplicated), (0, 0));
    assert_eq!(account.inputs_applied, 6);
}

#[test]
fn an_introduction_that_is_repeated_has_the_same_answer() {
    let mut scene = Scene::new();
    let client = scene.join();
    let welcome = scene.ask(&client, &introduction(7)).unwrap();
    assert_eq!(scene.ask(&client, &introduction(7)), Ok(welcome));
    assert_eq!(scene.ask(&client, &introduction(8)), Err(NoSeat::Seated), "another key");
}

#[test]
fn what_a_player_asks_is_answered_in_the_order_in_which_it_asks() {
    let mut scene = Scene::new();
    let player = scene.seated(1);
    let mut left = player.request(&Leave { commands: 0 });
    let mut seat = player.request(&QuickMatch);
    let mut taken: Option<Result<Seat, NoSeat>> = None;
    scene.run(PATIENCE, TICK, || {
        taken = seat.try_take().map(Result::unwrap);
        taken.is_some()
    });
    assert!(left.try_take().is_some_and(|account| account.is_ok()));
    assert_eq!(taken.unwrap().unwrap().name, "arena 2");
}
