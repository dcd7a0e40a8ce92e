//! Clients of a side that joins, takes messages and finds room as it is told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::*;
use crate::{
    Heard, Means, Peer, Served, Side, line::Settings, part::desk::Seat, shared::SharedFile,
    stamp::Stamp,
};

/// Between the call of one client and of the next.
const CALLS: Duration = Duration::from_millis(5);
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, Default)]
struct Told {
    is_full: Arc<AtomicBool>,
    /// How long a message takes.
    slow: Duration,
    /// This client is refused.
    refused: Option<Peer>,
    sent: Arc<Mutex<Vec<Stamp>>>,
}

#[derive(Debug)]
struct TheirSide {
    told: Told,
    /// Who is still to join.
    joining: std::ops::Range<usize>,
}

impl System for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn version(&self) -> String {
        String::new()
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, _: &Means) -> String {
        String::new()
    }

    fn longest(&self, _: Class) -> Option<usize> {
        None
    }

    fn serve(&self, _: &Means) -> Result<Served> {
        unreachable!("there are clients alone")
    }

    fn join(&self, means: &Means, _: &str) -> Result<Box<dyn Side>> {
        Ok(Box::new(TheirSide { told: self.clone(), joining: 0..means.clients }))
    }
}

impl Side for TheirSide {
    fn turn(&mut self, _: Duration, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        thread::sleep(TURN);
        for peer in self.joining.by_ref() {
            let is_refused = self.told.refused == Some(peer);
            hear(if is_refused { Heard::Left(peer) } else { Heard::Joined(peer) });
        }
        Ok(())
    }

    fn send(&mut self, _: Peer, _: Class, message: &[u8]) -> Result<bool> {
        if self.told.is_full.load(Ordering::Relaxed) {
            return Ok(false);
        }
        thread::sleep(self.told.slow);
        self.told.sent.lock().unwrap().extend(Stamp::read(message));
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn begun_after(&self, peer: Peer) -> Duration {
        CALLS * u32::try_from(peer).unwrap()
    }

    fn why_not(&self) -> Option<String> {
        self.told.refused.map(|_| "full".to_owned())
    }
}

fn clients(told: &Told, work: Work, clients: usize) -> Clients {
    let file = SharedFile::create(clients).unwrap();
    let settings = Settings {
        system: told.name().to_owned(),
        plan: Plan { clients, ..Plan::new(work) },
        shared: file.path().to_owned(),
        address: Some("nowhere".to_owned()),
    };
    Clients::open(told, &settings, Shared::map(file.path()).unwrap()).unwrap()
}

#[test]
fn what_must_arrive_and_finds_no_room_counts_from_when_it_was_due() {
    let told = Told::default();
    let work = Work::Flow { class: Class::Reliable, size: 64, rate: Some(100.0) };
    let mut clients = clients(&told, work, 1);
    while !clients.have_joined().unwrap() {}
    told.is_full.store(true, Ordering::Relaxed);
    clients.begin();
    clients.work().unwrap();
    thread::sleep(Duration::from_millis(50));
    told.is_full.store(false, Ordering::Relaxed);
    let since = meter::now();
    clients.work().unwrap();
    let sent = told.sent.lock().unwrap().clone();
    let times: Vec<_> = sent.iter().filter_map(|stamp| stamp.sent).collect();
    assert!(times.len() >= 5 && times[4] <= since, "{times:?}");
    assert!(times[0] + Duration::from_millis(49) <= since, "{times:?}");
}

#[test]
fn every_client_of_a_match_has_its_turn_though_steps_are_left_out() {
    let told = Told { slow: Duration::from_millis(6), ..Told::default() };
    let mut clients = clients(&told, Work::Game(Game::default()), 4);
    while !clients.have_joined().unwrap() {}
    clients.begin();
    for _ in 0..8 {
        clients.work().unwrap();
    }
    let sent = |seat: &Seat| seat.sent;
    assert_eq!(clients.desk.seats.iter().map(sent).collect::<Vec<_>>(), [2; 4]);
    clients.stop(Spent::default());
    // The side's turns alone take five steps each.
    assert!(clients.report().missed >= 16, "{}", clients.report().missed);
}

#[test]
fn a_client_takes_from_its_own_call_to_its_session() {
    let mut clients = clients(&Told::default(), Work::Connect, 3);
    while !clients.have_joined().unwrap() {}
    clients.time_joining();
    let took: Vec<_> = clients.report().latencies.iter().map(|bucket| bucket.nanos).collect();
    assert_eq!(took.len(), 3, "{took:?}");
    for pair in took.windows(2) {
        let apart = Duration::from_nanos(pair[1] - pair[0]);
        assert!(apart.abs_diff(CALLS) < CALLS / 2, "{took:?}");
    }
}

#[test]
fn a_client_has_joined_when_both_sides_say_so() {
    let file = SharedFile::create(3).unwrap();
    let shared = Shared::map(file.path()).unwrap();
    let side = Box::new(TheirSide { told: Told::default(), joining: 0..3 });
    let books = Books::new(false, 64, 3).unwrap();
    let mut server = Desk::new(side, books, shared, meter::now()).of_server(false);
    assert_eq!(file.total(Total::Met), 0);
    server.turn(NO_ROOM).unwrap();
    assert_eq!((file.total(Total::Met), file.total(Total::Joined)), (3, 0));
}

#[test]
fn who_is_refused_is_counted_where_joining_is_the_work_and_else_ends_it() {
    let told = Told { refused: Some(1), ..Told::default() };
    let mut joining = clients(&told, Work::Connect, 3);
    while !joining.have_joined().unwrap() {}
    let sessions = joining.report().sessions;
    assert_eq!((sessions.joined, sessions.failed, sessions.left), (2, 1, 0));
    let error = clients(&told, Work::Idle, 3).have_joined().unwrap_err().to_string();
    assert_eq!(error, "1 clients could not join: full");
}
