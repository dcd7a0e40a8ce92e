//! One session of a bot, from admission to its end: what it asks, plays and says.

use std::time::{Duration, Instant};

use biplane::{Client, Event, Pending, Planes, RequestError};

use super::{
    Step,
    brain::Next,
    flight::Flight,
    persona::Persona,
    pilot::Pilot,
    tally::{Carried, Tally},
    waiting::Waiting,
};
use crate::protocol::{
    Account, CHAT, Create, INPUTS, Join, Leave, Ledger, Line, List, Member, NoSeat, Phase,
    QuickMatch, ROOM, RoomEntry, SNAPSHOTS, Seat, Welcome, Who,
};

/// How long a bot waits after a request that came to nothing.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

type Answer<T> = Pending<Result<T, RequestError>>;

/// A session and what its bot is doing in it.
#[derive(Debug)]
pub(super) struct Online {
    client: Client,
    began: Instant,
    flight: Flight,
    /// The last room of which it heard that the match runs.
    started: Option<u32>,
    task: Task,
}

/// What a bot is doing.
#[derive(Debug)]
enum Task {
    Introducing(Answer<Result<Welcome, NoSeat>>),
    Idle { until: Instant },
    Listing(Answer<Vec<RoomEntry>>),
    Seating(Answer<Result<Seat, NoSeat>>),
    LookingAround { seat: Seat, answer: Answer<Vec<Member>> },
    Waiting { waiting: Box<Waiting>, leave_at: Instant },
    Playing(Box<Playing>),
    Leaving(Answer<Account>),
    Accounting(Answer<Account>),
    Closing(Pending<()>),
    Over,
}

#[derive(Debug)]
struct Playing {
    pilot: Pilot,
    leave_at: Instant,
    speak_at: Instant,
}

/// How a session stands after a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// It goes on.
    Flying,
    /// It ended without the bot's doing.
    Broken,
    /// The bot is done for good.
    Finished,
}

impl Online {
    /// The bot was admitted: it says who it is.
    pub(super) fn new(client: Client, now: Instant, bot: &Persona) -> Self {
        let task = Task::Introducing(client.request(&bot.introduction()));
        Self { client, began: now, flight: Flight::default(), started: None, task }
    }

    /// Whether it waits for the server's account.
    pub(super) const fn asks(&self) -> bool {
        matches!(self.task, Task::Leaving(_) | Task::Accounting(_))
    }

    /// The worse of its two directions; this side's while the other is not known.
    pub(super) fn planes(&self) -> Planes {
        self.flight.planes().unwrap_or_else(|| self.client.planes())
    }

    /// The worst that it has flown on since this was asked last.
    pub(super) fn take_worst(&mut self) -> Planes {
        let now = self.planes();
        self.flight.take_worst(now, self.client.stats().control.resumes)
    }

    /// One tick of the bot's life.
    pub(super) fn step(&mut self, step: &Step<'_>, bot: &mut Persona, tally: &mut Tally) -> State {
        let is_closing = matches!(self.task, Task::Closing(_) | Task::Over);
        // Its own close is told as an end too, before the server knows of it.
        if self.has_left(tally) && !is_closing {
            return State::Broken;
        }
        self.hear(tally);
        self.see(step, bot, tally);
        self.act(step, bot, tally);
        if matches!(self.task, Task::Over) { State::Finished } else { State::Flying }
    }

    /// Adds the session's own figures to those of all; once, at its end.
    pub(super) fn settle(&self, now: Instant, tally: &mut Tally) {
        let stats = self.client.stats();
        tally.carried.add(Carried {
            up: stats.bytes_sent + stats.control.bytes_sent,
            down: stats.bytes_received + stats.control.bytes_received,
            lasted: now.saturating_duration_since(self.began),
        });
        tally.resumes += stats.control.resumes;
    }

    /// Adds a sample of the round trip.
    pub(super) fn sample(&self, tally: &mut Tally) {
        let rtt = self.client.stats().rtt;
        if !rtt.is_zero() {
            tally.rtt.record(rtt);
        }
    }

    fn has_left(&mut self, tally: &mut Tally) -> bool {
        let mut has_left = false;
        for event in self.client.events() {
            match event {
                Event::Planes(_, planes) => {
                    tally.plane_changes += u64::from(self.flight.changes_to(planes));
                }
                Event::Left(_, reason) => {
                    tracing::info!(%reason, "a bot's session is over");
                    has_left = true;
                }
                _ => {}
            }
        }
        has_left
    }

    fn hear(&mut self, tally: &mut Tally) {
        while self.client.recv(CHAT).is_some() {
            tally.heard += 1;
        }
        while let Some(news) = self.client.recv(ROOM) {
            if news.phase == Phase::Running {
                self.started = Some(news.room);
            }
        }
    }

    fn see(&mut self, step: &Step<'_>, bot: &mut Persona, tally: &mut Tally) {
        // Those that come while it does not play are taken too, and let go.
        while let Some(snapshot) = self.client.recv(SNAPSHOTS) {
            if let Task::Playing(playing) = &mut self.task {
                playing.pilot.see(step.now, &snapshot, &mut bot.brain, &mut tally.received);
            }
        }
    }

    fn act(&mut self, step: &Step<'_>, bot: &mut Persona, tally: &mut Tally) {
        let next = match &mut self.task {
            Task::Introducing(answer) => answer.try_take().map(|answer| match answer {
                Ok(Ok(welcome)) => {
                    tally.hear_tick_hz(welcome.tick_hz);
                    Task::Idle { until: step.now }
                }
                Ok(Err(_)) | Err(RequestError::Refused { .. } | RequestError::Unanswered) => {
                    tally.entries.rejected();
                    Task::Closing(self.client.close("the lobby does not know me"))
                }
                // It hears next that its session is over, or asks once more.
                Err(_) => Task::Introducing(self.client.request(&bot.introduction())),
            }),
            Task::Idle { until } => (step.is_closing || step.now >= *until)
                .then(|| self.look_for_something_to_do(step, bot)),
            Task::Listing(answer) => {
                answer.try_take().map(|rooms| self.pick_a_room(rooms.unwrap_or_default(), bot))
            }
            Task::Seating(answer) => answer.try_take().map(|seat| match seat {
                Ok(Ok(seat)) => self.sit_down(seat, step, bot, tally),
                // It asked before, and the answer did not come in time; or its leave did not go.
                Ok(Err(NoSeat::Seated)) => self.leave(bot),
                _ => Task::Idle { until: step.now + AFTER_FAILURE },
            }),
            Task::LookingAround { seat, answer } => {
                answer.try_take().map(|_| settle_in(seat.clone(), step, bot))
            }
            Task::Waiting { .. } => self.wait(step, bot),
            Task::Playing(playing) => {
                tally.played += step.length;
                playing.play(&self.client, step, bot)
            }
            Task::Leaving(answer) => answer.try_take().map(|account| {
                account.into_iter().for_each(|account| bot.vouch(account));
                Task::Idle { until: step.now }
            }),
            Task::Accounting(answer) => answer.try_take().map(|account| {
                account.into_iter().for_each(|account| bot.vouch(account));
                Task::Closing(self.client.close("done"))
            }),
            Task::Closing(closed) => closed.try_take().map(|()| Task::Over),
            Task::Over => None,
        };
        if let Some(next) = next {
            self.task = next;
        }
    }

    fn look_for_something_to_do(&self, step: &Step<'_>, bot: &mut Persona) -> Task {
        if step.is_closing {
            let commands = bot.commands();
            return Task::Accounting(self.client.request(&Ledger { commands }));
        }
        match bot.brain.next() {
            Next::QuickMatch => Task::Seating(self.client.request(&QuickMatch)),
            Next::Browse => Task::Listing(self.client.request(&List)),
            Next::Open => {
                let room = format!("{}'s", bot.introduction().name);
                let seats = bot.brain.seats();
                Task::Seating(self.client.request(&Create { room, seats }))
            }
        }
    }

    fn pick_a_room(&self, rooms: Vec<RoomEntry>, bot: &mut Persona) -> Task {
        let open: Vec<RoomEntry> =
            rooms.into_iter().filter(|room| room.players < room.seats).collect();
        Task::Seating(match bot.brain.pick(&open) {
            Some(entry) => self.client.request(&Join { room: entry.name.clone() }),
            None => self.client.request(&QuickMatch),
        })
    }

    fn sit_down(&self, seat: Seat, step: &Step<'_>, bot: &mut Persona, tally: &mut Tally) -> Task {
        tally.rooms.insert(seat.room);
        if bot.brain.is_curious() {
            return Task::LookingAround { seat, answer: self.client.request(&Who) };
        }
        settle_in(seat, step, bot)
    }

    fn wait(&mut self, step: &Step<'_>, bot: &mut Persona) -> Option<Task> {
        let Task::Waiting { waiting, leave_at } = &mut self.task else { return None };
        let is_told = self.started == Some(waiting.seat().room);
        if waiting.step(&self.client, step.now, &mut bot.brain) || is_told {
            return Some(play(waiting.seat(), step, bot));
        }
        (step.is_closing || step.now >= *leave_at).then(|| self.leave(bot))
    }

    fn leave(&self, bot: &Persona) -> Task {
        Task::Leaving(self.client.request(&Leave { commands: bot.commands() }))
    }
}

impl Playing {
    fn play(&mut self, client: &Client, step: &Step<'_>, bot: &mut Persona) -> Option<Task> {
        if step.is_closing || step.now >= self.leave_at {
            self.pilot.settle();
        } else if step.now >= self.speak_at {
            self.speak_at = step.now + Duration::from_secs_f32(bot.brain.silence_seconds());
            say_something(client, bot);
        }
        let Some(inputs) = self.pilot.tick() else {
            return Some(Task::Leaving(client.request(&Leave { commands: bot.commands() })));
        };
        // What does not go now comes again with the next.
        client.send(INPUTS, inputs).ok();
        bot.inputs = self.pilot.made();
        None
    }
}

/// Into the match where it runs, else to those who wait for it.
fn settle_in(seat: Seat, step: &Step<'_>, bot: &mut Persona) -> Task {
    match seat.phase {
        Phase::Running => play(&seat, step, bot),
        Phase::Waiting { .. } => Task::Waiting {
            leave_at: step.now + Duration::from_secs_f32(bot.brain.stay_seconds()),
            waiting: Box::new(Waiting::new(seat, step.now, &mut bot.brain)),
        },
    }
}

fn play(seat: &Seat, step: &Step<'_>, bot: &mut Persona) -> Task {
    Task::Playing(Box::new(Playing {
        pilot: Pilot::new(seat, bot.inputs),
        leave_at: step.now + Duration::from_secs_f32(bot.brain.stay_seconds()),
        speak_at: step.now + Duration::from_secs_f32(bot.brain.silence_seconds()),
    }))
}

fn say_something(client: &Client, bot: &mut Persona) {
    let text = bot.brain.line().to_owned();
    let line = Line { number: bot.next_command(), by: String::new(), text };
    if client.send(CHAT, &line).is_ok() {
        bot.count_command();
    }
}
