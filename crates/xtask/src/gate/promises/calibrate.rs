//! What this machine does, for gates whose figures depend on it: loopback datagrams a second, the
//! cost of a seal, how late a timer fires.
//!
//! The measurements of sockets and timers stand here, with `std` alone; that of the seals is the
//! simulator's, since nothing here may depend on our crates. Each is the median of three.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::super::document;
use super::super::{Run, Wanted};

/// What crosses the loopback, in bytes.
const LEN: usize = 64;
/// How many sleeps are timed, and how long each is meant to be.
const SLEEPS: usize = 200;
const SLEEP: Duration = Duration::from_millis(1);
/// A reader that hears nothing looks whether it is to end.
const READ: Duration = Duration::from_millis(50);

/// Measures, and wants no more than that the machine can run the others at all.
pub(super) fn measure(run: &mut Run) -> Result<()> {
    let length = run.form(Duration::from_secs(3), Duration::from_secs(1));
    let ceiling = median(|| loopback(length))?;
    run.judge("loopback datagrams of 64 B a second", Wanted::AtLeast(10_000.0), ceiling);
    let seals = run.finish("target/release/biplane-sim aead --json")?;
    let told = run.document("aead", &seals)?;
    for algorithm in ["aes_128_gcm", "chacha20_poly1305"] {
        for step in ["seal_ns", "open_ns"] {
            let name = format!("aead.{algorithm}.{step}");
            run.judge_at(&told, &name, Wanted::AtMost(100_000.0));
        }
        let opened = document::at(&told, &format!("aead.{algorithm}.opened"));
        let all = document::at(&told, "packets");
        run.judge(format!("aead.{algorithm}.opened"), Wanted::Exactly(all), opened);
    }
    let late = median(|| Ok(lateness()))?;
    run.judge("a sleep of 1 ms is late by, p99, in ms", Wanted::AtMost(100.0), late);
    Ok(())
}

/// The middle one of three.
fn median(mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = [measure()?, measure()?, measure()?];
    all.sort_by(f64::total_cmp);
    let [_, middle, _] = all;
    Ok(middle)
}

/// Datagrams a second that one thread sends and another reads, one system call each.
fn loopback(length: Duration) -> Result<f64> {
    let there = UdpSocket::bind("127.0.0.1:0").context("no loopback socket")?;
    there.set_read_timeout(Some(READ))?;
    let here = UdpSocket::bind("127.0.0.1:0")?;
    here.connect(there.local_addr()?)?;
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let read = thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&there, &stop));
        while begin.elapsed() < length {
            for _ in 0..64 {
                // A full buffer is the reader's to empty: what counts is what it reads.
                here.send(&[0x40; LEN]).ok();
            }
        }
        stop.store(true, Ordering::Relaxed);
        reader.join()
    });
    let read = read.ok().context("the reader panicked")?;
    Ok(read as f64 / length.as_secs_f64())
}

fn read_until(socket: &UdpSocket, stop: &AtomicBool) -> u64 {
    let (mut read, mut buffer) = (0, [0; 2 * LEN]);
    while !stop.load(Ordering::Relaxed) {
        read += u64::from(socket.recv(&mut buffer).is_ok());
    }
    read
}

/// By how much the latest but a hundredth of some sleeps are late, in milliseconds.
fn lateness() -> f64 {
    let mut late: Vec<Duration> = (0..SLEEPS).map(|_| late_by(SLEEP)).collect();
    late.sort_unstable();
    let place = SLEEPS - SLEEPS / 100 - 1;
    late.get(place).map_or(0.0, |late| late.as_secs_f64() * 1e3)
}

fn late_by(length: Duration) -> Duration {
    let begin = Instant::now();
    thread::sleep(length);
    begin.elapsed().saturating_sub(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let mut all = [3.0, 1.0, 2.0].into_iter();
        assert_eq!(median(|| Ok(all.next().unwrap())).unwrap().to_string(), "2");
        assert!(median(|| anyhow::bail!("no")).is_err());
    }

    #[test]
    fn datagrams_cross_the_loopback_and_sleeps_are_late() {
        assert!(loopback(Duration::from_millis(100)).unwrap() > 100.0);
        assert!(late_by(SLEEP) > Duration::ZERO);
    }
}
