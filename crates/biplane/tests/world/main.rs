//! The public face in virtual time: what a user's own tests would do, and notice.

#![expect(clippy::unwrap_used, reason = "so a test fails")]

mod doors;
mod faults;
mod game;
mod overload;
mod quiet;
mod sharing;
mod waiting;

use std::time::Duration;

use biplane::{Channel, Client, Event, Payload, Protocol, Request, Server, sim::World};
use serde::{Deserialize, Serialize};

const CHAT: Channel<String> = Channel::command("chat");
const HITS: Channel<u32> = Channel::reliable_ordered("hits");
const LOOT: Channel<u32> = Channel::reliable_unordered("loot");
const INPUTS: Channel<u32> = Channel::sequenced("inputs");
const SNAPSHOTS: Channel<(u32, Vec<u8>)> = Channel::unreliable("snapshots");
const BULK: Channel<Payload> = Channel::reliable_ordered("bulk");

#[derive(Debug, Serialize, Deserialize)]
struct Double(u32);

impl Request for Double {
    const NAME: &'static str = "double";
    type Reply = u32;
}

const FRAME: Duration = Duration::from_micros(16_667);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn protocol() -> Protocol {
    Protocol::new("world", 1)
        .channel(CHAT)
        .channel(HITS)
        .channel(LOOT)
        .channel(INPUTS)
        .channel(SNAPSHOTS)
        .channel(BULK)
        .request::<Double>()
}

/// A server and a client of it.
fn pair(world: &mut World) -> (Server, Client) {
    let server = world.server(&protocol()).unwrap();
    let client = world.join(&server, &protocol()).unwrap();
    server.events().for_each(drop);
    (server, client)
}

/// Answers what is asked, and gives what else there is to tell.
fn serve(server: &Server) -> Vec<Event> {
    let answer = |event| match event {
        Event::Called(call) => {
            call.answer(|_, Double(number)| number * 2).unwrap();
            None
        }
        event => Some(event),
    };
    server.events().filter_map(answer).collect()
}
