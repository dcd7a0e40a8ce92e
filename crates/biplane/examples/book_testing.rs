//! The book's game on a bad network: `docs/testing.md` shows the pieces.

use std::time::Duration;

// ANCHOR: game
use biplane::{Channel, Event, Protocol, Server, Session};

/// How far a player walks in this tick.
const STEPS: Channel<i32> = Channel::sequenced("steps");
/// Where everybody is.
const PLACES: Channel<Vec<(u64, i32)>> = Channel::unreliable("places");
/// Who has won: said once, to everybody.
const WINNER: Channel<u64> = Channel::command("winner");

const GOAL: i32 = 1_000;

fn protocol() -> Protocol {
    Protocol::new("race", 1).channel(STEPS).channel(PLACES).channel(WINNER)
}

/// The game as it runs on a real server: it never blocks and reads no clock.
#[derive(Default)]
struct Race {
    runners: Vec<(Session, i32)>,
    winner: Option<u64>,
}

impl Race {
    fn tick(&mut self, server: &Server) {
        for event in server.events() {
            match event {
                Event::Joined(session) => self.runners.push((session, 0)),
                Event::Left(session, _) => self.runners.retain(|(runner, _)| *runner != session),
                _ => {}
            }
        }
        server.drain(STEPS, |session, steps| {
            let runner = self.runners.iter_mut().find(|(runner, _)| runner == session);
            runner.into_iter().for_each(|(_, place)| *place += steps.clamp(0, 3));
        });
        let places: Vec<_> =
            self.runners.iter().map(|(who, at)| (who.id().number(), *at)).collect();
        if self.winner.is_none()
            && let Some((winner, _)) = places.iter().find(|(_, place)| *place >= GOAL)
        {
            self.winner = Some(*winner);
            server.broadcast(self.runners.iter().map(|(runner, _)| runner), WINNER, winner);
        }
        server.broadcast(self.runners.iter().map(|(runner, _)| runner), PLACES, &places);
        server.flush();
    }
}
// ANCHOR_END: game

// ANCHOR: test
use biplane::sim::{Profile, World};

/// In your own tests: `#[test] fn everybody_hears_who_won()`.
fn everybody_hears_who_won() -> Result<(), Box<dyn std::error::Error>> {
    let mut world = World::new(17).link(Profile::wifi_busy());
    let server = world.server(&protocol())?;
    let runners = [
        world.join(&server, &protocol())?,
        world.join(&server, &protocol())?,
        world.join(&server, &protocol())?,
    ];
    let (mut race, mut heard) = (Race::default(), Vec::new());
    world.run_for(Duration::from_secs(30), Duration::from_millis(16), |_| {
        race.tick(&server);
        for (pace, runner) in (1..).zip(&runners) {
            runner.events().for_each(drop);
            runner.send(STEPS, &pace).ok();
            runner.flush();
            while runner.recv(PLACES).is_some() {}
            heard.extend(runner.recv(WINNER));
        }
    });
    assert_eq!(heard, [3, 3, 3], "the fastest wins, and everybody hears of it once");
    world.check()?;
    Ok(())
}
// ANCHOR_END: test

// ANCHOR: faults
/// A player's UDP is blocked for five seconds, and then its phone moves to another network.
fn a_bad_ride() -> Result<(), Box<dyn std::error::Error>> {
    let mut world = World::new(4).link("4g-driving,up-loss=2%".parse()?);
    let server = world.server(&protocol())?;
    let player = world.join(&server, &protocol())?;
    let wire = world.wire(&player).ok_or("the player's link")?;
    let (mut race, mut planes) = (Race::default(), Vec::new());
    world.run_for(Duration::from_secs(30), Duration::from_millis(16), |tick| {
        match tick.number {
            600 => wire.block_udp(),
            900 => wire.open_udp(),
            1_500 => wire.rebind_udp(true),
            _ => {}
        }
        race.tick(&server);
        planes.extend(player.events().filter_map(|event| match event {
            Event::Planes(_, planes) => Some((tick.elapsed, planes)),
            _ => None,
        }));
        while player.recv(PLACES).is_some() {}
    });
    println!("{planes:?}");
    assert_eq!(race.runners.len(), 1, "the session goes on through all of it");
    world.check()?;
    Ok(())
}
// ANCHOR_END: faults

fn main() -> Result<(), Box<dyn std::error::Error>> {
    everybody_hears_who_won()?;
    a_bad_ride()
}
