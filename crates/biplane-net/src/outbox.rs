//! Fill, seal, send: what the holder of a session's sender role does.
//!
//! Packets are filled under the session's lock, sealed and sent after it. Each is sealed once; what
//! the kernel refuses is offered again as it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use biplane_proto::{Ecn, KeyEpoch, Path, SealJob, Sealer, Transmit};
use biplane_wire::KeyPhase;

use crate::{
    counters::Sent,
    hub::Hub,
    limits,
    slot::{Aftermath, Holder, Slot},
    socket::{DatagramSocket, Run, deliver},
};

/// The buffers of one thread that sends.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: Arc<dyn DatagramSocket>,
    hub: Arc<Hub>,
    patience: Duration,
    /// Which sender's it is, if it is a sender's.
    sender: Option<usize>,
    bytes: Vec<u8>,
    filled: Vec<Filled>,
}

/// A packet in the buffer.
#[derive(Debug)]
struct Filled {
    /// Gone once it is sealed.
    job: Option<SealJob>,
    path: Path,
    start: usize,
    len: usize,
    ecn: Option<Ecn>,
}

impl Outbox {
    /// One that waits for room in the kernel no longer than `patience`.
    pub(crate) fn new(socket: Arc<dyn DatagramSocket>, hub: Arc<Hub>, patience: Duration) -> Self {
        Self { socket, hub, patience, sender: None, bytes: Vec::new(), filled: Vec::new() }
    }

    /// The same of the sender with this number, for whom what leaves is counted.
    pub(crate) fn of_sender(self, index: usize) -> Self {
        Self { sender: Some(index), ..self }
    }

    /// Sends what `slot` wants to send; leaves it to who does so already.
    pub(crate) fn serve(&mut self, now: Instant, slot: &Arc<Slot>) {
        if let Some(holder) = slot.role().take() {
            self.serve_as(holder, now, slot, false);
        }
    }

    /// Flushes `slot`, and sends.
    pub(crate) fn flush(&mut self, now: Instant, slot: &Arc<Slot>) {
        slot.begin_flush();
        if let Some(holder) = slot.role().take() {
            return self.serve_as(holder, now, slot, true);
        }
        // Who holds the role must look after the flush, so it comes first.
        let ((), aftermath) = slot.enter(now, |session| session.flush(now));
        if slot.follow_in(&self.hub, aftermath) {
            self.serve(now, slot);
        }
    }

    fn serve_as(&mut self, holder: Holder<'_>, now: Instant, slot: &Arc<Slot>, flush: bool) {
        let mut holder = Some(holder);
        let mut flush = flush;
        for _ in 0..limits::FILL_ROUNDS {
            let Some(held) = holder else { return };
            let more = self.round(now, slot, core::mem::take(&mut flush));
            holder = if more { Some(held) } else { held.give_back() };
        }
        if holder.is_some() {
            // Others wait. The role goes first: who asks for another look from here on finds it
            // free, or the job.
            drop(holder);
            self.hub.serve_later(Arc::clone(slot));
        }
    }

    /// One lock hold's packets; whether there are more.
    fn round(&mut self, now: Instant, slot: &Arc<Slot>, flush: bool) -> bool {
        let aftermath = self.fill(now, slot, flush);
        let filled = !self.filled.is_empty();
        self.seal(slot);
        let too_big = self.send();
        let more = slot.follow_in(&self.hub, aftermath);
        let shortened = too_big.is_some_and(|len| shorten(now, slot, len));
        // What gave no packet will give none if it is asked again at once.
        (more || shortened) && filled
    }

    fn fill(&mut self, now: Instant, slot: &Slot, flush: bool) -> Aftermath {
        self.bytes.clear();
        self.filled.clear();
        let Self { bytes, filled, .. } = self;
        let mut start = bytes.len();
        let until = (limits::FILL_PACKETS, limits::FILL_BYTES);
        let each = |Transmit { job, path, len, ecn }| {
            filled.push(Filled { job: Some(job), path, start, len, ecn });
            start += len;
        };
        let ((), aftermath) = slot.enter(now, |session| {
            if flush {
                session.flush_packets(now, until, bytes, each);
            } else {
                session.poll_packets(now, until, bytes, each);
            }
        });
        aftermath
    }

    /// Seals what was filled. What finds its key replaced does not leave: the session was resumed
    /// twice since.
    fn seal(&mut self, slot: &Slot) {
        let mut key: Option<((KeyEpoch, KeyPhase), Arc<Sealer>)> = None;
        let Self { bytes, filled, .. } = self;
        filled.retain_mut(|packet| {
            let Some(job) = packet.job.take() else { return false };
            let of = (job.epoch(), job.phase());
            if key.as_ref().is_none_or(|(other, _)| *other != of) {
                key = slot.keys().sealer(of.0, of.1).map(|sealer| (of, sealer));
            }
            let Some((_, sealer)) = &key else { return false };
            let place = bytes.get_mut(packet.start..packet.start + packet.len);
            let sealed = place.is_some_and(|place| sealer.seal(job, place).is_ok());
            debug_assert!(sealed, "a packet under another key, or no packet");
            sealed
        });
    }

    /// Sends what was sealed. Returns the length of a datagram that the interface does not carry.
    fn send(&mut self) -> Option<usize> {
        let mut too_big = None;
        let mut rest = self.filled.as_slice();
        let mut sent = Sent::default();
        while let Some(first) = rest.first() {
            let count = run_length(rest, self.socket.max_segments());
            let (run, after) = rest.split_at(count);
            rest = after;
            let end = run.last().map_or(first.start, |last| last.start + last.len);
            let bytes = self.bytes.get(first.start..end).unwrap_or_default();
            let run = Run { path: first.path, bytes, segment: first.len, ecn: first.ecn };
            let delivery = deliver(&*self.socket, run, self.patience);
            sent.datagrams += delivery.sent;
            sent.bytes += delivery.bytes;
            sent.unsent += delivery.unsent;
            too_big = delivery.too_big.into_iter().chain(too_big).min();
            sent.split += u64::from(delivery.split);
            sent.runs += 1;
        }
        if sent.runs > 0 {
            self.hub.counters().sender(self.sender).sent(&sent);
        }
        too_big
    }
}

/// Tells the session that datagrams of `len` bytes do not leave; whether it has something to send
/// then.
fn shorten(now: Instant, slot: &Slot, len: usize) -> bool {
    let ((), aftermath) = slot.enter(now, |session| session.handle_too_big(now, len));
    slot.follow_but(aftermath)
}

/// How many packets from the first on make one run: neighbours to the same place, of equal length
/// but for the last, which may be shorter.
fn run_length(packets: &[Filled], max_segments: usize) -> usize {
    let Some(first) = packets.first() else { return 0 };
    let most = max_segments.min(limits::SEND_RUN / first.len.max(1)).max(1);
    let mut count = 1;
    for (last, next) in packets.iter().zip(packets.iter().skip(1)).take(most - 1) {
        let joins = next.path == first.path
            && next.ecn == first.ecn
            && next.start == last.start + last.len
            && last.len == first.len
            && next.len <= first.len;
        if !joins {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
#[cfg(biplane_loom)]
pub(crate) mod models;
#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn packets(lens: &[usize]) -> Vec<Filled> {
        let path = Path { remote: SocketAddr::from(([127, 0, 0, 1], 1)), local: None };
        let starts = lens.iter().scan(0, |start, len| {
            let this = *start;
            *start += len;
            Some(this)
        });
        let whole = starts.zip(lens);
        let filled =
            |(start, len): (usize, &usize)| Filled { job: None, path, start, len: *len, ecn: None };
        whole.map(filled).collect()
    }

    #[test]
    fn equal_neighbours_make_a_run_and_a_shorter_one_ends_it() {
        assert_eq!(run_length(&packets(&[1_200, 1_200, 300, 300]), 64), 3);
        assert_eq!(run_length(&packets(&[300, 1_200]), 64), 1);
        assert_eq!(run_length(&packets(&[40]), 64), 1);
    }

    #[test]
    fn a_run_is_as_long_as_the_kernel_takes() {
        assert_eq!(run_length(&packets(&[1_200; 64]), 64), 54);
        assert_eq!(run_length(&packets(&[1_452; 64]), 64), 45);
        assert_eq!(run_length(&packets(&[40; 100]), 64), 64);
        assert_eq!(run_length(&packets(&[40; 100]), 1), 1);
    }

    #[test]
    fn another_path_a_gap_or_another_mark_begins_another_run() {
        let mut elsewhere = packets(&[100, 100, 100]);
        elsewhere[1].path.remote.set_port(2);
        assert_eq!(run_length(&elsewhere, 64), 1);
        let mut marked = packets(&[100, 100, 100]);
        marked[2].ecn = Some(Ecn::Ect0);
        assert_eq!(run_length(&marked, 64), 2);
        let mut gap = packets(&[100, 100, 100]);
        gap.remove(1);
        assert_eq!(run_length(&gap, 64), 1);
    }
}
