//! How late a timer is, and how long a thread that waits for a socket takes to wake.

use std::{
    io,
    net::UdpSocket,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::wires::{Mouth, Wires, loopback};
use crate::clock;

/// How long a timer is set: a game's shortest wait.
const NAP: Duration = Duration::from_millis(1);
/// Between two wake-ups: long enough for the other thread to fall asleep.
const LULL: Duration = Duration::from_micros(300);
/// A datagram on loopback that takes longer is lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// After so many that were refused or lost, no more are sent.
const SILENCES: usize = 3;

/// The middle and the worst but one per cent of many durations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quantiles {
    /// Half are no longer.
    pub p50: Duration,
    /// 99 of a hundred are no longer.
    pub p99: Duration,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timing {
    /// By how much a sleep of a millisecond is too long.
    pub jitter: Option<Quantiles>,
    /// From one thread's send to the moment when another, asleep on the socket, knows of it.
    pub wakeup: Option<Quantiles>,
}

impl Quantiles {
    fn of(mut all: Vec<Duration>) -> Option<Self> {
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() * percent / 100).min(all.len() - 1)).copied();
        if all.is_empty() { None } else { Some(Self { p50: at(50)?, p99: at(99)? }) }
    }
}

/// Measures both, so many times.
pub(super) fn examine(times: usize) -> io::Result<Timing> {
    let wakings = wakings(times, &Wires::plain(None)?)?;
    Ok(Timing { jitter: Quantiles::of(naps(times)), wakeup: Quantiles::of(wakings) })
}

fn naps(times: usize) -> Vec<Duration> {
    let nap = || {
        let before = clock::now();
        clock::pause(NAP);
        clock::now().saturating_duration_since(before).saturating_sub(NAP)
    };
    core::iter::repeat_with(nap).take(times).collect()
}

/// How long each of so many datagrams took to wake a thread; fewer where they do not come.
fn wakings(times: usize, wires: &Wires) -> io::Result<Vec<Duration>> {
    let mouth = wires.mouth(0)?;
    let writer = UdpSocket::bind(loopback(0))?;
    let (woken, heard) = mpsc::channel();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        thread::Builder::new()
            .name("biplane-doctor".into())
            .spawn_scoped(scope, || sleep_and_tell(mouth, &is_over, &woken))?;
        let (mut all, mut silences) = (Vec::with_capacity(times), 0);
        for number in 0..u32::try_from(times).unwrap_or(u32::MAX) {
            clock::pause(LULL);
            let sent = clock::now();
            let is_sent = writer.send_to(&number.to_ne_bytes(), wires.to).is_ok();
            match is_sent.then(|| woke(&heard, number)).flatten() {
                Some(woke) => all.push(woke.saturating_duration_since(sent)),
                None => silences += 1,
            }
            if silences >= SILENCES {
                break;
            }
        }
        is_over.store(true, Ordering::Release);
        wires.stop();
        Ok(all)
    })
}

/// When datagram `number` was known of. Those before it, which came too late, are not asked for.
fn woke(heard: &mpsc::Receiver<(u32, Instant)>, number: u32) -> Option<Instant> {
    let end = clock::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(clock::now());
        let (known, woke) = heard.recv_timeout(left).ok()?;
        if known == number {
            return Some(woke);
        }
    }
}

/// Waits, and says when it woke and for which datagram; until it is over.
fn sleep_and_tell(mouth: &Mouth, is_over: &AtomicBool, woken: &mpsc::Sender<(u32, Instant)>) {
    let mut number = [0; size_of::<u32>()];
    while !is_over.load(Ordering::Acquire) {
        mouth.poller.wait(mouth.socket.socket());
        let now = clock::now();
        let came = mouth.socket.socket().recv(&mut number);
        if came.is_ok_and(|len| len == number.len()) {
            // Whoever asked may have given up.
            woken.send((u32::from_ne_bytes(number), now)).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_never_early_and_a_thread_wakes() {
        let timing = examine(20).unwrap();
        let (jitter, wakeup) = (timing.jitter.unwrap(), timing.wakeup.unwrap());
        assert!(jitter.p50 <= jitter.p99 && wakeup.p50 <= wakeup.p99);
        assert!(wakeup.p50 > Duration::ZERO);
    }

    #[test]
    fn where_no_datagram_passes_it_is_given_up_and_the_sleeper_is_woken() {
        let nobody = UdpSocket::bind(loopback(0)).unwrap();
        let begun = clock::now();
        // Nothing can be sent to port 0, and what goes elsewhere wakes nobody here.
        for to in [loopback(0), nobody.local_addr().unwrap()] {
            let wires = Wires { to, ..Wires::plain(None).unwrap() };
            assert!(wakings(250, &wires).unwrap().is_empty());
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn one_that_wakes_late_is_not_taken_for_the_next() {
        let (woken, heard) = mpsc::channel();
        let (late, now) = (clock::now(), clock::now() + LULL);
        woken.send((6, late)).unwrap();
        woken.send((7, now)).unwrap();
        assert_eq!(woke(&heard, 7), Some(now));
    }

    #[test]
    fn quantiles_of_nothing_are_nothing() {
        assert_eq!(Quantiles::of(Vec::new()), None);
        let ms = Duration::from_millis;
        let all = (1..=100).map(ms).collect();
        assert_eq!(Quantiles::of(all), Some(Quantiles { p50: ms(51), p99: ms(100) }));
    }
}
