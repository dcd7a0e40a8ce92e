//! Bots before a lobby that is slow or unkind, in virtual time.

use biplane::{
    Call, Event, Request, Server,
    sim::{Profile, World},
};

use super::*;
use crate::protocol::{
    Account, Create, Introduce, Join, Leave, Ledger, List, NoSeat, Phase, QuickMatch, Seat, Welcome,
};

/// From one tick to the next.
const TICK: Duration = Duration::from_millis(16);
const WELCOME: Welcome = Welcome { tick_hz: 60, commands: 0, inputs: 0 };

/// One bot, and a server that a test plays.
struct Scene {
    world: World,
    server: Server,
    crowd: Crowd,
}

impl Scene {
    fn new(length: Duration) -> Self {
        let mut world = World::new(1).link(Profile::wifi());
        let server = world.server(&protocol()).unwrap();
        let settings = Settings {
            link: server.link().clone(),
            count: 1,
            length: Some(length),
            join_rate: Rate(200.0),
            seed: Some(1),
        };
        let (endpoint, now) = (world.endpoint(), world.now());
        let crowd = Crowd::of(endpoint, settings, fastrand::Rng::with_seed(1), now);
        Self { world, server, crowd }
    }

    /// Runs until the bot is done; `serve` sees each tick, and the call that came, if one did.
    fn play(mut self, mut serve: impl FnMut(&Server, Duration, Option<Call>)) -> BotsReport {
        let Self { world, server, crowd } = &mut self;
        world.run_while(Duration::from_secs(120), TICK, |tick| {
            serve(server, tick.elapsed, None);
            for event in server.events() {
                if let Event::Called(call) = event {
                    serve(server, tick.elapsed, Some(call));
                }
            }
            server.flush();
            crowd.tick(tick.now, false).unwrap();
            !crowd.is_over(tick.now)
        });
        let now = self.world.now();
        self.crowd.report(now)
    }
}

/// Answers a request for a seat, whichever it is.
fn answer_seat(call: Call, answer: &Result<Seat, NoSeat>) {
    call.answer(|_, _: QuickMatch| answer.clone())
        .or_else(|call| call.answer(|_, _: Create| answer.clone()))
        .or_else(|call| call.answer(|_, _: Join| answer.clone()))
        .unwrap();
}

#[test]
fn a_bot_whose_seat_came_too_late_gives_it_up_and_asks_again() {
    let late = Duration::from_secs(11);
    let seat = Seat { room: 1, name: "red".to_owned(), seat: 0, phase: Phase::Running };
    let (mut held, mut asked_at, mut leaves) = (None, None, 0);
    Scene::new(Duration::from_secs(40)).play(|_, elapsed, call| {
        if asked_at.is_some_and(|asked_at| elapsed > asked_at + late)
            && let Some(call) = held.take()
        {
            answer_seat(call, &Ok(seat.clone()));
        }
        let Some(call) = call else { return };
        let call = call
            .answer(|_, _: Introduce| Ok(WELCOME))
            .or_else(|call| call.answer(|_, _: List| Vec::new()))
            .or_else(|call| call.answer(|_, _: Ledger| Account::default()))
            .or_else(|call| {
                leaves += u32::from(call.name() == Leave::NAME);
                call.answer(|_, _: Leave| Account::default())
            });
        // What is left asks for a seat: the first has one that it does not know of.
        let Err(call) = call else { return };
        if asked_at.is_none() {
            (held, asked_at) = (Some(call), Some(elapsed));
        } else if leaves == 0 {
            answer_seat(call, &Err(NoSeat::Seated));
        } else {
            answer_seat(call, &Err(NoSeat::RoomFull));
        }
    });
    assert_eq!(leaves, 1);
}

#[test]
fn a_bot_that_the_lobby_refuses_breaks_a_promise() {
    let report = Scene::new(Duration::from_secs(2)).play(|_, _, call| {
        if let Some(call) = call {
            call.answer(|_, _: Introduce| Err(NoSeat::BadName)).unwrap();
        }
    });
    assert_eq!(report.broken_promises(), ["1 joins were refused"]);
}

#[test]
fn a_bot_that_asks_in_vain_at_first_joins_from_its_first_packet_on() {
    let report = Scene::new(Duration::from_secs(1)).play(|server, elapsed, call| {
        if elapsed.is_zero() {
            server.maintenance(Duration::from_millis(100));
        } else if elapsed > Duration::from_secs(1) {
            server.reopen();
        }
        if let Some(call) = call {
            call.answer(|_, _: Introduce| Err(NoSeat::BadName)).unwrap();
        }
    });
    let joins = report.joins;
    assert!(joins.joined == 1 && joins.rejected > 1, "{joins:?}");
    assert!(joins.join_ms.max.unwrap() >= 1000.0, "{joins:?}");
}

#[test]
fn an_account_that_nobody_can_have_is_told_and_nothing_more() {
    let (mut commands, mut inputs) = (Commands::default(), Inputs::default());
    for _ in 0..2 {
        inputs.add(Inputs { sent: 1, applied: u64::MAX });
        commands.add(Commands { sent: 1, lost: u64::MAX, ..Commands::default() });
    }
    assert_eq!((inputs.applied, commands.lost), (u64::MAX, u64::MAX));
}
