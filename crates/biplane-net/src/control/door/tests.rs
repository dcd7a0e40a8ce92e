//! A system that errs by plan.

use core::{cell::RefCell, time::Duration};
use std::{collections::VecDeque, time::Instant};

use super::*;

const EMFILE: i32 = 24;
const ENFILE: i32 = 23;
const ENOBUFS: i32 = 105;
const ENOMEM: i32 = 12;
const ECONNABORTED: i32 = 103;
const EPROTO: i32 = 71;

/// Answers each call with the next of its plan; 0 is a connection.
struct Planned(RefCell<VecDeque<i32>>);

impl Planned {
    fn answers(plan: impl IntoIterator<Item = i32>) -> Self {
        Self(RefCell::new(plan.into_iter().collect()))
    }
}

impl Accept for Planned {
    type Stream = ();

    fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<((), SocketAddr)>> {
        Poll::Ready(match self.0.borrow_mut().pop_front().expect("asked too often") {
            0 => Ok(((), SocketAddr::from(([127, 0, 0, 1], 9)))),
            errno => Err(io::Error::from_raw_os_error(errno)),
        })
    }
}

/// Lets the door go on until its plan is over; what it gave, and how long it took.
fn run(door: &mut Door<Planned>) -> (Vec<Result<(), Failure>>, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let start = Instant::now();
    let mut given = Vec::new();
    while !door.listener.0.borrow().is_empty() {
        given.push(runtime.block_on(door.next()).map(drop));
    }
    (given, start.elapsed())
}

fn least(durations: &[u64]) -> Duration {
    Duration::from_millis(durations.iter().sum())
}

#[test]
fn want_of_anything_is_waited_out_for_10_to_100_ms() {
    for errno in [ENOBUFS, ENOMEM] {
        let mut door = Door::new(Planned::answers([errno; 6].into_iter().chain([0])));
        let (given, took) = run(&mut door);
        assert_eq!(given.iter().filter(|outcome| outcome.is_err()).count(), 6);
        assert!(given[6].is_ok() && door.failures == 0);
        let wanted = least(&[10, 20, 40, 80, 100, 100]);
        assert!(took >= wanted, "{took:?}");
    }
}

#[test]
fn out_of_descriptors_one_is_turned_away_and_the_spare_is_back() {
    for errno in [EMFILE, ENFILE] {
        // The second answer of each pair is to the accept in the spare's place.
        let mut door = Door::new(Planned::answers([errno, 0, errno, errno, 0]));
        assert!(door.spare.is_some());
        let (given, took) = run(&mut door);
        assert_eq!(given.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
        assert!(door.spare.is_some() && took >= least(&[10, 20]), "{took:?}");
    }
}

#[test]
fn a_connection_that_failed_alone_holds_up_nobody() {
    let plan = [ECONNABORTED, EPROTO, 0].into_iter().cycle().take(30);
    let (given, took) = run(&mut Door::new(Planned::answers(plan)));
    assert_eq!(given.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn what_lasts_is_told_once_and_does_not_spin() {
    let mut door = Door::new(Planned::answers([ECONNABORTED; 19].into_iter().chain([0])));
    let (given, took) = run(&mut door);
    let lasts = |outcome: &Result<(), Failure>| matches!(outcome, Err(failure) if failure.lasts);
    assert_eq!(given.iter().filter(|outcome| lasts(outcome)).count(), 1);
    assert!(lasts(&given[15]) && given[19].is_ok());
    assert!(took >= least(&[100, 100, 100, 100]), "{took:?}");
}
