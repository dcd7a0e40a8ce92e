//! One direction of a connection: a socket that is read, a stream, a socket that is written.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Instant,
};

use biplane_sim::{Inflow, Stream};

/// Arrived bytes are written in pieces of up to so many.
const WRITE: usize = 64 * 1024;

/// Bytes on their way from one socket to the other.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) stream: Stream,
    /// What has arrived and not been written.
    out: Vec<u8>,
    written: u64,
    source_ended: bool,
    /// The end has come out of the stream.
    ended: bool,
    /// Whoever writes has been told so.
    told: bool,
    /// The end is a reset: the source is gone without a goodbye.
    resets: bool,
}

/// How it stands with a half after its socket was written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Delivery {
    /// Nothing more has arrived, or the socket takes no more for now.
    GoesOn,
    /// All that ever came is written, and the end has come: told once.
    Ended,
    /// The end has come, and is a reset: that waits for nobody to read what came before it.
    Reset,
    /// The socket is broken.
    Broken,
}

impl Half {
    pub(super) const fn new(stream: Stream) -> Self {
        Self {
            stream,
            out: Vec::new(),
            written: 0,
            source_ended: false,
            ended: false,
            told: false,
            resets: false,
        }
    }

    /// Reads from `source` into the stream, as far as there is room. `false` if it is broken.
    pub(super) fn fill(&mut self, now: Instant, source: &TcpStream, buffer: &mut [u8]) -> bool {
        let room = self.room(now).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room).filter(|buffer| !buffer.is_empty()) else {
            return true;
        };
        match (&mut &*source).read(buffer) {
            Ok(0) => {
                self.source_ended = true;
                self.stream.finish(now);
            }
            Ok(len) => self.stream.write(now, buffer.get(..len).unwrap_or_default()),
            Err(error) if is_passing(&error) => {}
            Err(_) => {
                self.reset(now);
                return false;
            }
        }
        true
    }

    /// Reads what a `source` that is gone has left, as far as there is room; a reset follows it.
    pub(super) fn drain(&mut self, now: Instant, source: &TcpStream, buffer: &mut [u8]) {
        let mut before = None;
        while before != Some(self.stream.written()) {
            before = Some(self.stream.written());
            self.fill(now, source, buffer);
        }
        self.reset(now);
    }

    /// Writes to `sink` what has arrived.
    pub(super) fn deliver(&mut self, now: Instant, sink: &TcpStream) -> Delivery {
        loop {
            self.collect(now);
            if self.write(sink).is_err() {
                return Delivery::Broken;
            }
            if self.ended && (self.resets || !self.is_stuck()) {
                self.told = true;
                return if self.resets { Delivery::Reset } else { Delivery::Ended };
            }
            if self.is_stuck() || self.arrives().is_none_or(|at| at > now) {
                return Delivery::GoesOn;
            }
        }
    }

    /// What there is still room for: in the window, of which what nobody has written yet is a part,
    /// and in the queue of the bottleneck.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        let held = usize::try_from(self.under_way()).unwrap_or(usize::MAX);
        let window = self.stream.config().window.saturating_sub(held);
        self.stream.room(now).min(window)
    }

    /// Whether its source is to be read at all.
    pub(super) const fn wants_more(&self) -> bool {
        !self.source_ended && self.stream.is_open()
    }

    /// Whether its sink has to take what has arrived before anything else happens.
    pub(super) const fn is_stuck(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether its sink has been told of the end.
    pub(super) const fn is_over(&self) -> bool {
        self.told
    }

    /// When something arrives.
    pub(super) fn arrives(&self) -> Option<Instant> {
        self.stream.next_arrival()
    }

    /// When it is to be looked at: something arrives, or there is room again for a source that has
    /// more and `is_readable`.
    pub(super) fn next_moment(&self, now: Instant, is_readable: bool) -> Option<Instant> {
        if self.told || self.is_stuck() && !self.resets {
            return None;
        }
        let room = self.stream.next_room().filter(|_| is_readable && self.wants_more());
        let room = room.filter(|at| *at > now);
        [self.arrives().map(|at| at.max(now)), room].into_iter().flatten().min()
    }

    /// Its source is gone: a reset follows what is under way.
    pub(super) fn reset(&mut self, now: Instant) {
        self.will_reset();
        self.source_ended = true;
        self.stream.finish(now);
    }

    /// Its source is gone, but may have left something to be drained.
    pub(super) const fn will_reset(&mut self) {
        self.resets = true;
    }

    /// Whether its source is gone and is still to be drained.
    pub(super) const fn is_drying_up(&self) -> bool {
        self.resets && !self.source_ended
    }

    /// Forgets what is under way, and is over: nobody is there to be told anything.
    pub(super) fn close(&mut self, now: Instant) {
        self.out.clear();
        self.source_ended = true;
        self.stream.kill(now);
        self.told = true;
    }

    /// Whether what is under way, its end perhaps, never arrives.
    pub(super) fn is_cut_off(&self) -> bool {
        !self.told && self.stream.is_cut_off()
    }

    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Bytes read and not written.
    pub(super) fn under_way(&self) -> u64 {
        self.stream.under_way() + u64::try_from(self.out.len()).unwrap_or(u64::MAX)
    }

    /// Takes what has arrived, as far as one write goes, or a reset.
    fn collect(&mut self, now: Instant) {
        while (self.resets || self.out.len() < WRITE) && !self.ended {
            match self.stream.pop(now) {
                Some(Inflow::Bytes(bytes)) => self.out.extend(bytes),
                Some(_) => self.ended = true,
                None => break,
            }
        }
    }

    fn write(&mut self, mut sink: &TcpStream) -> io::Result<()> {
        while !self.out.is_empty() {
            match sink.write(&self.out) {
                Ok(len) => {
                    self.written += u64::try_from(len).unwrap_or(u64::MAX);
                    self.out.drain(..len);
                }
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether trying again later may do.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
