//! One run: datagrams from some senders to some readers, and what became of each.
//!
//! No more is under way at a time than half of the receive buffer holds, so that what is lost was
//! lost and did not run over. What does not come for a while is no longer waited for, so that a
//! socket that loses datagrams does not stop the run.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use biplane_proto::Path;

use super::{
    ledger::{Findings, Ledger, View},
    stamp::Stamp,
    wires::{Fault, Mouth, Wires},
};
use crate::{
    clock, os,
    socket::{DatagramSocket, ReceiveBuffers, Run, UdpDatagrams},
};

/// No system moves more datagrams a second through one socket: bounds the ledger.
const RATE_MAX: u64 = 16_000_000;
/// How often it is looked whether the run goes on.
const LOOK: Duration = Duration::from_millis(5);
/// After so long without one that came, what is under way is not waited for.
const SILENCE: Duration = Duration::from_millis(100);
/// How often a sender without room, or a reader without a datagram, gives its turn away before it
/// rests.
const TURNS: u32 = 16;
const REST: Duration = Duration::from_micros(50);
/// A sender that is refused so often in a row ends.
const REFUSALS: u64 = 1_000;

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) receivers: usize,
    pub(super) senders: usize,
    /// Whether each reader has a socket of its own.
    pub(super) reuseport: bool,
    /// Bytes of a datagram: a multiple of 8, 24 at least.
    pub(super) size: usize,
    /// Datagrams in one call.
    pub(super) segments: usize,
    pub(super) warm_up: Duration,
    pub(super) measured: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Datagrams the kernel took.
    pub(super) sent: u64,
    /// Datagrams it refused.
    pub(super) refused: u64,
    /// What became of those sent; over all readers.
    pub(super) findings: Findings,
    /// Datagrams of each reader.
    pub(super) shares: Vec<u64>,
    /// The most datagrams that came in one piece.
    pub(super) longest_run: u64,
    pub(super) kernel_dropped: Option<u64>,
    pub(super) pace: Pace,
}

/// What was measured between warm-up and end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    pub(super) per_second: f64,
    /// Of all threads of the process, for each datagram that came.
    pub(super) cpu_ns: Option<f64>,
}

/// What the threads of a run share.
#[derive(Debug)]
struct Floor {
    ledger: Ledger,
    capacity: u64,
    window: u64,
    /// Datagrams on their way or there: counted before they are handed to the kernel.
    begun: Apart,
    /// Datagrams that came, whole or torn.
    arrived: Apart,
    /// Datagrams not waited for any longer.
    forgiven: AtomicU64,
    sending_is_over: AtomicBool,
    reading_is_over: AtomicBool,
}

/// A count with cache lines of its own: who sends writes one, who reads another.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// Runs `plan`.
pub(super) fn run(plan: &Plan, run: u32, fault: Option<&Fault>) -> io::Result<Outcome> {
    let wires = match plan.reuseport {
        true => Wires::reuseport(plan.receivers, fault)?,
        false => Wires::plain(fault)?,
    };
    let floor = Floor::new(plan, run, wires.room());
    let outcome = thread::scope(|scope| {
        let outcome = floor.conduct(scope, plan, (run, &wires));
        // However it ended, the threads do.
        floor.sending_is_over.store(true, Ordering::Relaxed);
        floor.dismiss_readers(&wires);
        outcome
    })?;
    Ok(Outcome { kernel_dropped: wires.kernel_drops(), ..outcome })
}

impl Floor {
    fn new(plan: &Plan, run: u32, room: usize) -> Self {
        let span = plan.warm_up + plan.measured + Duration::from_millis(500);
        let capacity = RATE_MAX * u64::try_from(span.as_millis()).unwrap_or(u64::MAX) / 1_000;
        let window = room / 2 / footprint(plan.size);
        Self {
            ledger: Ledger::new(run, plan.senders, capacity),
            capacity,
            window: window.max(plan.segments) as u64,
            begun: Apart::default(),
            arrived: Apart::default(),
            forgiven: AtomicU64::new(0),
            sending_is_over: AtomicBool::new(false),
            reading_is_over: AtomicBool::new(false),
        }
    }

    fn conduct<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        plan: &'scope Plan,
        (run, wires): (u32, &'scope Wires),
    ) -> io::Result<Outcome> {
        let readers = start(scope, plan.receivers, move |index| {
            let mouth = wires.mouth(index)?;
            Ok(Reader::new(self, &wires.from).read(mouth))
        })?;
        let senders = start(scope, plan.senders, move |index| {
            let sender = u16::try_from(index).map_err(io::Error::other)?;
            let stamp = Stamp { run, sender, number: 0 };
            Ok(self.send(plan, stamp, (&wires.sources_of(index, plan.senders), wires.to)))
        })?;
        let pace = self.measure(plan);
        self.sending_is_over.store(true, Ordering::Relaxed);
        let mut outcome = Outcome { pace, ..Outcome::default() };
        for (sent, refused) in joined(senders)? {
            outcome.sent += sent;
            outcome.refused += refused;
        }
        self.watch(None);
        self.dismiss_readers(wires);
        for (findings, longest) in joined(readers)? {
            outcome.shares.push(findings.once);
            outcome.findings = outcome.findings.and(&findings);
            outcome.longest_run = outcome.longest_run.max(longest);
        }
        Ok(outcome)
    }

    fn dismiss_readers(&self, wires: &Wires) {
        self.reading_is_over.store(true, Ordering::Relaxed);
        wires.stop();
    }

    fn measure(&self, plan: &Plan) -> Pace {
        self.watch(Some(clock::now() + plan.warm_up));
        let look =
            || (clock::now(), self.arrived.0.load(Ordering::Relaxed), clock::processor_time());
        let before = look();
        self.watch(Some(before.0 + plan.measured));
        let after = look();
        let came = (after.1 - before.1) as f64;
        let cpu = after.2.zip(before.2).map(|(after, before)| after.saturating_sub(before));
        Pace {
            per_second: came / after.0.saturating_duration_since(before.0).as_secs_f64(),
            cpu_ns: cpu.filter(|_| came > 0.0).map(|cpu| cpu.as_secs_f64() * 1e9 / came),
        }
    }

    /// Waits for `end`, or until nothing is under way; forgives what is silent.
    fn watch(&self, end: Option<Instant>) {
        let mut last = (clock::now(), self.arrived.0.load(Ordering::Relaxed));
        loop {
            let now = clock::now();
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(now));
            if left.is_zero() || (end.is_none() && self.under_way() == 0) {
                return;
            }
            clock::pause(left.min(LOOK));
            let arrived = self.arrived.0.load(Ordering::Relaxed);
            if arrived != last.1 {
                last = (now, arrived);
            } else if now.saturating_duration_since(last.0) >= SILENCE {
                self.forgiven.fetch_add(self.under_way(), Ordering::Relaxed);
                last.0 = now;
            }
        }
    }

    fn under_way(&self) -> u64 {
        let done = self.arrived.0.load(Ordering::Relaxed) + self.forgiven.load(Ordering::Relaxed);
        self.begun.0.load(Ordering::Relaxed).saturating_sub(done)
    }

    /// Waits until `count` more may be under way; how many then may, or `None` when sending is over.
    fn admits(&self, count: u64) -> Option<u64> {
        let mut turns = 0;
        while !self.sending_is_over.load(Ordering::Relaxed) {
            let room = self.window.saturating_sub(self.under_way());
            if room >= count {
                return Some(room);
            }
            turns += 1;
            if turns <= TURNS { thread::yield_now() } else { clock::pause(REST) }
        }
        None
    }

    /// Sends until the run is over; how many the kernel took, and refused.
    fn send(
        &self,
        plan: &Plan,
        mut stamp: Stamp,
        (sources, remote): (&[&dyn DatagramSocket], SocketAddr),
    ) -> (u64, u64) {
        let path = Path { remote, local: None };
        let (count, mut bytes) = (plan.segments as u64, vec![0; plan.size * plan.segments]);
        let (mut unsent, mut refused, mut in_a_row) = (0, 0, 0);
        // How many may go before it is looked again: each look fetches what readers write.
        let mut room = 0;
        for source in sources.iter().cycle() {
            if stamp.number + count > self.capacity || in_a_row > REFUSALS {
                break;
            }
            if room < count {
                let Some(all) = self.admits(count) else { break };
                room = (all / plan.senders as u64).max(count);
            }
            room -= count;
            if self.sending_is_over.load(Ordering::Relaxed) {
                break;
            }
            for datagram in bytes.chunks_exact_mut(plan.size) {
                stamp.write(datagram);
                stamp.number += 1;
            }
            self.begun.0.fetch_add(count, Ordering::Relaxed);
            match self.insist(*source, Run { path, bytes: &bytes, segment: plan.size, ecn: None }) {
                Ok(true) => {
                    in_a_row = 0;
                    continue;
                }
                Ok(false) => unsent += count,
                Err(_) => {
                    in_a_row += 1;
                    refused += count;
                }
            }
            self.forgiven.fetch_add(count, Ordering::Relaxed);
        }
        (stamp.number - unsent - refused, refused)
    }

    /// Sends `run`, waiting for room until sending is over; whether the kernel took it.
    fn insist(&self, socket: &dyn DatagramSocket, run: Run<'_>) -> io::Result<bool> {
        loop {
            match socket.send(run) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.wait_writable(SILENCE);
                }
                Err(error) if os::is_out_of_buffers(&error) => clock::pause(REST),
                Err(error) => return Err(error),
            }
            if self.sending_is_over.load(Ordering::Relaxed) {
                return Ok(false);
            }
        }
    }
}

/// What the kernel charges a socket for a waiting datagram of `size` bytes, at the most: Linux rounds
/// data with its 320 bytes of shared state and head room up to a power of two, and adds 256.
const fn footprint(size: usize) -> usize {
    (size + 448).next_power_of_two() + 256
}

/// One reader at work.
struct Reader<'a> {
    floor: &'a Floor,
    from: &'a [SocketAddr],
    view: View<'a>,
    longest: u64,
}

impl<'a> Reader<'a> {
    fn new(floor: &'a Floor, from: &'a [SocketAddr]) -> Self {
        Self { floor, from, view: floor.ledger.view(), longest: 0 }
    }

    /// Reads until reading is over and nothing is left; what it found, and the longest run.
    fn read(mut self, mouth: &Mouth) -> (Findings, u64) {
        let mut buffers = ReceiveBuffers::new(UdpDatagrams::BATCH);
        let mut turns = 0;
        loop {
            match mouth.socket.recv(&mut buffers) {
                Ok(()) => {
                    turns = 0;
                    self.take(&mut buffers);
                }
                Err(_) if self.floor.reading_is_over.load(Ordering::Relaxed) => break,
                // To wake a thread costs more than a datagram, and is not what is asked here.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && turns < TURNS => {
                    turns += 1;
                    thread::yield_now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    mouth.poller.wait(mouth.socket.socket());
                }
                Err(_) => clock::pause(LOOK),
            }
        }
        (self.view.findings, self.longest)
    }

    fn take(&mut self, buffers: &mut ReceiveBuffers) {
        let before = self.view.findings.once + self.view.findings.torn;
        for index in 0..buffers.len() {
            let Some(arrival) = buffers.arrival(index) else { continue };
            if !self.from.contains(&arrival.from) {
                continue;
            }
            let mut count = 0;
            for (offset, len) in arrival.datagrams() {
                self.view.take(buffers.datagram(index, offset, len));
                count += 1;
            }
            self.longest = self.longest.max(count);
        }
        let after = self.view.findings.once + self.view.findings.torn;
        self.floor.arrived.0.fetch_add(after - before, Ordering::Relaxed);
    }
}

type Worker<'scope, T> = ScopedJoinHandle<'scope, io::Result<T>>;

/// Starts `count` threads, each of which is told its index.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    count: usize,
    work: impl Fn(usize) -> io::Result<T> + Clone + Send + 'scope,
) -> io::Result<Vec<Worker<'scope, T>>> {
    let one = |index| {
        let work = work.clone();
        thread::Builder::new()
            .name("biplane-doctor".into())
            .spawn_scoped(scope, move || work(index))
    };
    (0..count).map(one).collect()
}

fn joined<T>(workers: Vec<Worker<'_, T>>) -> io::Result<Vec<T>> {
    let panicked = |_| io::Error::other("a thread of the examination panicked");
    workers.into_iter().map(|worker| worker.join().map_err(panicked)?).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_datagram_is_charged_is_what_the_kernel_was_seen_to_charge() {
        // SO_MEMINFO on Linux 6.18, 64-bit: 768 and 2,304 bytes.
        assert_eq!((footprint(64), footprint(1_200)), (768, 2_304));
    }
}
