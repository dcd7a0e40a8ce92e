//! Somebody honest, who plays and chats on a thread of its own and notices what goes wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use biplane::{Client, Event, Link};

use crate::{
    child::eventually,
    protocol::{
        Account, CHAT, Create, Heading, INPUTS, INTENTS_MAX, Inputs, Intent, Introduce, Join,
        Ledger, Line, NoSeat, Ready, SEATS_MAX, SNAPSHOTS, protocol,
    },
};

/// From one input to the next.
const TICK: Duration = Duration::from_millis(16);
/// Ticks from one line of chat to the next.
const SPEAK_EVERY: u32 = 8;
/// It plays at least so long, so that a rate can be told.
const AT_LEAST: Duration = Duration::from_secs(2);
/// Between two snapshots at the most: the tests share two processors with all their servers.
const GAP_MAX: Duration = Duration::from_millis(1500);
/// Snapshots a second at the least, of 20, for the same reason.
const RATE_MIN: f64 = 12.0;

/// An honest player.
#[derive(Debug)]
pub(crate) struct Witness {
    stop: Arc<AtomicBool>,
    life: JoinHandle<Seen>,
}

/// What it saw.
#[derive(Debug, Default)]
struct Seen {
    snapshots: u32,
    longest_gap: Duration,
    lasted: Duration,
    /// Of its own, in the last snapshot.
    inputs_shown: u32,
    commands: u32,
    account: Account,
    left: Option<String>,
}

impl Witness {
    /// Joins the room that all tests use, and plays.
    pub(crate) fn play(link: &Link) -> Self {
        let client = Self::sit_down(link);
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let life = thread::spawn(move || live(&client, &is_over));
        Self { stop, life }
    }

    /// Joins the room that all tests use, and does nothing.
    pub(crate) fn sit_down(link: &Link) -> Client {
        let client = Client::connect(link, &protocol()).wait().unwrap();
        let introduction = Introduce { name: "witness".to_owned(), key: fastrand::u64(..) };
        client.request(&introduction).wait().unwrap().unwrap();
        let room = "court".to_owned();
        let create = Create { room: room.clone(), seats: SEATS_MAX };
        match client.request(&create).wait().unwrap() {
            Err(NoSeat::NameTaken) => client.request(&Join { room }).wait().unwrap().unwrap(),
            created => created.unwrap(),
        };
        client.request(&Ready { is_ready: true }).wait().unwrap().unwrap();
        client
    }

    /// Ends its game; nothing must have disturbed it.
    pub(crate) fn assert_that_nothing_happened(self) {
        self.stop.store(true, Ordering::Relaxed);
        eventually("the witness's end", || self.life.is_finished().then_some(()));
        let seen = self.life.join().unwrap();
        assert_eq!(seen.left, None);
        let rate = f64::from(seen.snapshots) / seen.lasted.as_secs_f64();
        assert!(rate >= RATE_MIN, "{rate} Hz: {seen:?}");
        assert!(seen.longest_gap <= GAP_MAX, "{seen:?}");
        assert!(seen.inputs_shown > 0, "{seen:?}");
        assert_eq!(seen.account.commands_seen, seen.commands, "{seen:?}");
        assert_eq!(seen.account.commands_duplicated, 0, "{seen:?}");
    }
}

fn live(client: &Client, is_over: &AtomicBool) -> Seen {
    let (mut seen, mut inputs) = (Seen::default(), Inputs::default());
    let began = Instant::now();
    let mut last = began;
    while seen.left.is_none() && (!is_over.load(Ordering::Relaxed) || began.elapsed() < AT_LEAST) {
        make_input(client, &mut inputs);
        if inputs.newest.is_multiple_of(SPEAK_EVERY) {
            say(client, &mut seen);
        }
        client.flush();
        thread::sleep(TICK);
        look(client, &mut seen, &mut last);
    }
    seen.lasted = began.elapsed();
    if let Ok(account) = client.request(&Ledger { commands: seen.commands }).wait() {
        seen.account = account;
    }
    client.close("seen enough").wait();
    seen
}

fn make_input(client: &Client, inputs: &mut Inputs) {
    let heading = Heading::new(u8::try_from(inputs.newest / 16 % 16).unwrap());
    inputs.newest += 1;
    inputs.intents.push(Intent::towards(heading));
    if inputs.intents.len() > INTENTS_MAX {
        inputs.intents.remove(0);
    }
    client.send(INPUTS, inputs).ok();
}

fn say(client: &Client, seen: &mut Seen) {
    let line = Line { number: seen.commands + 1, by: String::new(), text: "hm".to_owned() };
    if client.send(CHAT, &line).is_ok() {
        seen.commands += 1;
    }
}

fn look(client: &Client, seen: &mut Seen, last: &mut Instant) {
    for event in client.events() {
        if let Event::Left(_, reason) = event {
            seen.left = Some(reason.to_string());
        }
    }
    while client.recv(CHAT).is_some() {}
    while let Some(snapshot) = client.recv(SNAPSHOTS) {
        let now = Instant::now();
        seen.snapshots += 1;
        seen.longest_gap = seen.longest_gap.max(now - *last);
        *last = now;
        let shown = snapshot.players.iter().map(|player| player.input).max();
        seen.inputs_shown = shown.unwrap_or_default();
    }
}
