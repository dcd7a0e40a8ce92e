//! Datagrams one way, each with its number and the time it was sent.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use biplane_link::Relay;
use serde::Serialize;
use socket2::SockRef;

use super::{settle, stamp::Stamp};
use crate::cli::MeasureLink;

/// The sender sends what is due this often, all at once.
const TICK: Duration = Duration::from_micros(500);
const BUFFER: usize = 32 << 20;

/// What both sides counted.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    sent: u64,
    /// Different ones that came, as they were sent.
    received: u64,
    /// That came once more.
    duplicated: u64,
    /// That came after one that was sent later.
    reordered: u64,
    /// That came with other bytes.
    corrupted: u64,
    /// From sending to reading, of those that came first.
    delay_ms: Option<Delay>,
    /// Payload that came, from the first arrival to the last.
    bits_per_second: f64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Delay {
    min: f64,
    mean: f64,
    p50: f64,
    p99: f64,
    max: f64,
}

/// What has come.
#[derive(Debug, Default)]
struct Arrived {
    seen: Vec<bool>,
    delays: Vec<Duration>,
    duplicated: u64,
    reordered: u64,
    corrupted: u64,
    expected: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// Sends as asked and counts what comes.
pub(super) fn measure(relay: &Relay, sink: &UdpSocket, measure: &MeasureLink) -> Result<Figures> {
    sink.set_read_timeout(Some(Duration::from_millis(50)))?;
    // Less room is granted on some systems, and to some users; what does not fit shows as loss.
    drop(SockRef::from(sink).set_recv_buffer_size(BUFFER));
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_socket_recv_buffer_size_force(sink, BUFFER).ok();
    let (start, done) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(sink, start, &done));
        let sent = send(relay.address(), start, measure);
        settle(relay);
        done.store(true, Ordering::Relaxed);
        let arrived = reader.join().map_err(|_| anyhow!("the reader panicked"))??;
        Ok(arrived.figures(sent?, measure.seconds.into()))
    })
}

fn send(to: SocketAddr, start: Instant, measure: &MeasureLink) -> Result<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("a socket to send from")?;
    socket.connect(to)?;
    let mut datagram = vec![0x5a; measure.size.into()];
    let total = u64::from(measure.seconds) * u64::from(measure.per_second);
    let mut sent = 0;
    while sent < total {
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let due = (micros * u64::from(measure.per_second) / 1_000_000).min(total);
        for number in sent..due {
            Stamp::now(number, start).write(&mut datagram);
            socket.send(&datagram).context("sending")?;
        }
        sent = due;
        thread::sleep(TICK);
    }
    Ok(sent)
}

fn read(sink: &UdpSocket, start: Instant, done: &AtomicBool) -> io::Result<Arrived> {
    let (mut arrived, mut buffer) = (Arrived::default(), vec![0; 65_535]);
    while !done.load(Ordering::Relaxed) {
        match sink.recv(&mut buffer) {
            Ok(len) => {
                let datagram = buffer.get(..len).unwrap_or_default();
                arrived.take(Instant::now(), start, datagram);
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(arrived)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

impl Arrived {
    fn take(&mut self, now: Instant, start: Instant, datagram: &[u8]) {
        if self.first.is_some() {
            // What comes first only says when the counting begins.
            self.bytes += u64::try_from(datagram.len()).unwrap_or_default();
        }
        self.first.get_or_insert(now);
        self.last = Some(now);
        let Some(stamp) = Stamp::read(datagram) else {
            self.corrupted += 1;
            return;
        };
        let Ok(index) = usize::try_from(stamp.number) else { return };
        if index >= self.seen.len() {
            self.seen.resize(index + 1, false);
        }
        self.reordered += u64::from(stamp.number + 1 < self.expected);
        self.expected = self.expected.max(stamp.number + 1);
        match self.seen.get_mut(index) {
            Some(seen) if *seen => self.duplicated += 1,
            Some(seen) => {
                *seen = true;
                self.delays.push((now - start).saturating_sub(stamp.sent));
            }
            None => {}
        }
    }

    fn figures(mut self, sent: u64, seconds: f64) -> Figures {
        self.delays.sort_unstable();
        let between = self.first.zip(self.last).map_or(Duration::ZERO, |(a, b)| b - a);
        #[expect(clippy::cast_precision_loss, reason = "bits of a few seconds")]
        let bits = self.bytes as f64 * 8.0;
        Figures {
            sent,
            received: u64::try_from(self.delays.len()).unwrap_or(u64::MAX),
            duplicated: self.duplicated,
            reordered: self.reordered,
            corrupted: self.corrupted,
            delay_ms: Delay::of(&self.delays),
            bits_per_second: bits / between.as_secs_f64().max(0.001),
            seconds,
        }
    }
}

impl Delay {
    /// Of delays in order.
    fn of(sorted: &[Duration]) -> Option<Self> {
        let ms = |delay: &Duration| delay.as_secs_f64() * 1_000.0;
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).map(ms);
        let count = u32::try_from(sorted.len()).ok()?;
        Some(Self {
            min: ms(sorted.first()?),
            mean: ms(&(sorted.iter().sum::<Duration>() / count.max(1))),
            p50: at(50)?,
            p99: at(99)?,
            max: ms(sorted.last()?),
        })
    }
}
