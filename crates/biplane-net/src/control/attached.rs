//! An attached connection: the bytes of a session's transfers, and nothing else.
//!
//! It is the session's for as long as no other is attached. The reader takes whatever comes, which
//! the windows of the transfers bound; the writer writes as fast as the session's rate says, in
//! pieces so small, over a kernel that holds so little, that what it yields to need not wait.

use core::{num::Saturating, time::Duration};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use biplane_proto::{Session, TransferError, TransferSide};
use biplane_wire::Bulk;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    Slot, clock, limits,
    slot::{BulkPulled as Pulled, Heard, Reading},
};

/// One attached connection.
pub(super) struct Attachment<S> {
    pub(super) stream: S,
    pub(super) slot: Arc<Slot>,
    /// Its number among those of its session.
    pub(super) number: u64,
    /// Written before anything else.
    pub(super) first: Vec<u8>,
    /// Read before.
    pub(super) early: Vec<u8>,
    /// It ends where nothing is under way: the client's does, which can attach another.
    pub(super) lingers: bool,
}

/// Serves the connection until it ends, another is attached, or the session is over.
pub(super) async fn run<S: AsyncRead + AsyncWrite>(attachment: Attachment<S>) {
    let Attachment { stream, slot, number, first, early, lingers } = attachment;
    let (from, to) = split(stream);
    let served = Served { slot: &slot, number };
    tokio::select! {
        () = served.read(from, early) => {}
        // What is left of the connection ends with it either way.
        _ = served.write(to, first, lingers) => {}
        () = slot.bulk().displaced(number) => {}
        () = slot.connections().done() => {}
    }
}

#[derive(Clone, Copy)]
struct Served<'a> {
    slot: &'a Arc<Slot>,
    number: u64,
}

impl Served<'_> {
    /// Reads until the peer ends the connection, says what it may not, or says nothing.
    async fn read<S: AsyncRead>(&self, mut stream: ReadHalf<S>, mut buffer: Vec<u8>) {
        loop {
            if !self.take(&mut buffer) {
                return;
            }
            buffer.reserve(limits::ATTACH_READ);
            let read = timeout(limits::ATTACH_SILENCE, stream.read_buf(&mut buffer)).await;
            if !matches!(read, Ok(Ok(1..))) {
                return;
            }
        }
    }

    /// Takes the whole records off the front; false if the peer broke a rule.
    fn take(&self, buffer: &mut Vec<u8>) -> bool {
        let mut taken = 0;
        loop {
            match Bulk::decode(buffer.get(taken..).unwrap_or_default()) {
                Ok(Some((record, len))) => {
                    taken += len;
                    if !self.handle(&record) {
                        return false;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.slot.with(|now, session| session.violate(now, error.into()));
                    return false;
                }
            }
        }
        buffer.drain(..taken);
        true
    }

    fn handle(&self, record: &Bulk<'_>) -> bool {
        let violation = match self.slot.bulk().handle(clock::now(), self.number, record) {
            Heard::Well => return true,
            Heard::Whole(id, holds) => {
                self.slot.end_whole(id, holds);
                return true;
            }
            Heard::Unknown(side, id) => self.slot.with(|_, session| match side {
                TransferSide::Own => session.check_transfer_have(id).err(),
                TransferSide::Peer => session.check_transfer_bytes(id).err(),
            }),
            Heard::Violation(violation) => Some(violation),
        };
        let Some(violation) = violation else { return true };
        self.slot.with(|now, session| session.violate(now, violation));
        false
    }

    /// Writes what there is, as fast as it may.
    async fn write<S: AsyncWrite>(
        &self,
        mut stream: WriteHalf<S>,
        first: Vec<u8>,
        lingers: bool,
    ) -> io::Result<()> {
        let (mut out, bulk) = (first, self.slot.bulk());
        let mut pace = Pace::new(clock::now());
        let (mut wanted_at, mut written_at) = (clock::now(), clock::now());
        loop {
            if !out.is_empty() {
                let written = async {
                    stream.write_all(&out).await?;
                    stream.flush().await
                };
                // A peer that takes nothing does not keep it for ever.
                timeout(limits::WRITE_STALL, written).await??;
                out.clear();
                written_at = clock::now();
            }
            // Before the pull, so that nothing comes between the two unseen.
            let changed = bulk.changed();
            let now = clock::now();
            let budget = pace.budget(now, bulk.rate());
            let pause = match bulk.pull(self.number, budget, &mut out) {
                Pulled::Bytes(bytes) => {
                    pace.spend(bytes);
                    if bytes > 0 {
                        self.look(&mut pace, now);
                    }
                    wanted_at = now;
                    continue;
                }
                Pulled::Summed(id, sha256) => {
                    self.slot.with(|now, session| session.sum_transfer(now, id, sha256));
                    continue;
                }
                Pulled::Read(reading) => {
                    let slot = Arc::clone(self.slot);
                    drop(tokio::spawn(restock_in_turn(slot, reading)));
                    continue;
                }
                Pulled::Waits => {
                    self.look(&mut pace, now);
                    pace.pause(bulk.rate())
                }
                Pulled::Nothing => limits::ATTACH_KEEP_ALIVE,
                Pulled::End => return Ok(()),
            };
            let quiet = now.saturating_duration_since(written_at);
            let pause = pause.min(limits::ATTACH_KEEP_ALIVE.saturating_sub(quiet));
            // Whether it was woken or the time is over, it looks again.
            drop(timeout(pause, changed).await);
            let now = clock::now();
            if now.saturating_duration_since(written_at) >= limits::ATTACH_KEEP_ALIVE {
                Bulk::Here.encode(&mut out);
            }
            if bulk.is_wanted() {
                wanted_at = now;
            }
            let idle = now.saturating_duration_since(wanted_at);
            if lingers && idle >= limits::ATTACH_LINGER {
                return stream.shutdown().await;
            }
        }
    }

    /// Sees now and then what round trips take.
    fn look(&self, pace: &mut Pace, now: Instant) {
        if pace.looks(now)
            && let Some(trip) = self.slot.with(|now, session: &mut Session| session.round_trip(now))
        {
            self.slot.bulk().on_round_trip(now, trip);
        }
    }
}

/// Reads more of a transfer on a thread of its own, once there is one.
async fn restock_in_turn(slot: Arc<Slot>, reading: Reading) {
    let Some(hub) = slot.hub() else { return };
    // Closed it never is.
    let _turn = hub.blocking().sources.acquire().await;
    drop(spawn_blocking(move || restock(&slot, reading)).await);
}

/// Reads more of a transfer, on a thread that may wait for it.
fn restock(slot: &Slot, reading: Reading) {
    let id = reading.id;
    let read = catch_unwind(AssertUnwindSafe(|| reading.run()));
    if read.is_err() {
        slot.count_panic();
    }
    if let Ok(Some((reader, bytes))) = read {
        return slot.bulk().restock(id, reader, bytes);
    }
    let unreadable = Err(TransferError::Unreadable);
    slot.with(|now, session| session.end_transfer(now, (TransferSide::Own, id), unreadable));
}

/// How many bytes may be written now.
struct Pace {
    allowed: Saturating<u64>,
    at: Instant,
    looked: Option<Instant>,
}

impl Pace {
    const fn new(now: Instant) -> Self {
        Self { allowed: Saturating(0), at: now, looked: None }
    }

    /// Bytes that go in one piece at `rate` bytes per second: those of 20 ms.
    fn piece(rate: u64) -> u64 {
        (rate / 50).clamp(1024, Bulk::CHUNK as u64)
    }

    /// What may be written: nothing while it is less than a piece.
    fn budget(&mut self, now: Instant, rate: u64) -> usize {
        let since = now.saturating_duration_since(self.at);
        let earned = u128::from(rate) * since.as_micros() / 1_000_000;
        if earned > 0 {
            self.at = now;
            self.allowed += u64::try_from(earned).unwrap_or(u64::MAX);
            // What was not written is not saved up.
            self.allowed.0 = self.allowed.0.min((rate / 50).max(2 * Self::piece(rate)));
        }
        let is_enough = self.allowed.0 >= Self::piece(rate);
        if is_enough { usize::try_from(self.allowed.0).unwrap_or(usize::MAX) } else { 0 }
    }

    fn spend(&mut self, bytes: u64) {
        self.allowed -= bytes;
    }

    /// Until the next piece may go.
    fn pause(&self, rate: u64) -> Duration {
        let missing = Self::piece(rate).saturating_sub(self.allowed.0);
        Duration::from_micros(missing * 1_000_000 / rate.max(1)).max(Duration::from_millis(1))
    }

    /// Whether it is time to look what round trips take.
    fn looks(&mut self, now: Instant) -> bool {
        let is_time = self
            .looked
            .is_none_or(|at| now.saturating_duration_since(at) >= limits::YIELD_INTERVAL);
        if is_time {
            self.looked = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_written_as_the_rate_says_in_pieces_of_20_ms() {
        for (rate, piece) in [(16_384, 1_024), (262_144, 5_242), (50_000_000, Bulk::CHUNK as u64)] {
            let start = Instant::now();
            let (mut now, mut pace, mut written) = (start, Pace::new(start), 0);
            while now < start + Duration::from_secs(10) {
                match pace.budget(now, rate) {
                    0 => now += pace.pause(rate),
                    budget => {
                        assert!(budget as u64 >= piece, "{budget} at {rate}");
                        let bytes = (budget as u64).min(Bulk::CHUNK as u64);
                        pace.spend(bytes);
                        written += bytes;
                    }
                }
            }
            assert!((rate * 98 / 10..=rate * 102 / 10).contains(&written), "{written} at {rate}");
        }
    }

    #[test]
    fn what_could_not_be_written_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let late = start + Duration::from_secs(60);
        assert_eq!(pace.budget(late, 1_000_000), 2 * Bulk::CHUNK);
    }
}
