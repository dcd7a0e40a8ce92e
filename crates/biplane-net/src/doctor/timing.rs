//! How late a timer is, and how long a thread that waits for a socket takes to wake.

use std::{
    io,
    net::UdpSocket,
    sync::mpsc,
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
    Ok(Timing { jitter: Quantiles::of(naps(times)), wakeup: Quantiles::of(wakings(times)?) })
}

fn naps(times: usize) -> Vec<Duration> {
    let nap = || {
        let before = clock::now();
        clock::pause(NAP);
        clock::now().saturating_duration_since(before).saturating_sub(NAP)
    };
    core::iter::repeat_with(nap).take(times).collect()
}

fn wakings(times: usize) -> io::Result<Vec<Duration>> {
    let wires = Wires::plain(None)?;
    let mouth = wires.mouth(0)?;
    let writer = UdpSocket::bind(loopback(0))?;
    let (woken, heard) = mpsc::channel();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("biplane-doctor".into())
            .spawn_scoped(scope, move || sleep_and_tell(mouth, &woken))?;
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            clock::pause(LULL);
            let sent = clock::now();
            let known = writer.send_to(&[1], wires.to).ok().and_then(|_| {
                let woke = heard.recv_timeout(PATIENCE).ok()?;
                Some(woke.saturating_duration_since(sent))
            });
            all.extend(known);
        }
        drop(heard);
        // Woken once more, it finds that nobody listens.
        writer.send_to(&[0], wires.to).map(|_| all)
    })
}

/// Waits, says when it woke, and takes what came; until nobody listens.
fn sleep_and_tell(mouth: &Mouth, woken: &mpsc::Sender<Instant>) {
    loop {
        mouth.poller.wait(mouth.socket.socket());
        let now = clock::now();
        let came = mouth.socket.socket().recv(&mut [0]).is_ok();
        if came && woken.send(now).is_err() {
            return;
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
    fn quantiles_of_nothing_are_nothing() {
        assert_eq!(Quantiles::of(Vec::new()), None);
        let ms = Duration::from_millis;
        let all = (1..=100).map(ms).collect();
        assert_eq!(Quantiles::of(all), Some(Quantiles { p50: ms(51), p99: ms(100) }));
    }
}
