//! One direction between two TCP sockets: a bounded buffer, and the end of a stream passed on.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    ops::Range,
};

/// How many bytes lie in a pipe at the most. Small, so that what is between the namespaces governs,
/// and not what is buffered beside it.
const CHUNK: usize = 16 * 1024;
/// How many chunks pass before others have their turn.
const TURN: usize = 16;

/// Bytes read from one socket that the other has not taken yet.
#[derive(Debug)]
pub(super) struct Pipe {
    chunk: Box<[u8; CHUNK]>,
    waiting: Range<usize>,
    state: State,
}

/// How far a pipe has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    /// The source has said that nothing more comes.
    Ended,
    /// The sink has been told.
    Shut,
}

/// Why a pipe moves no more for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pause {
    /// One of its sockets has to become ready first.
    Blocked,
    /// It has had its turn.
    Turn,
    /// Nothing will ever come again.
    Done,
}

impl Pipe {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { chunk: Box::new([0; CHUNK]), waiting: 0..0, state: State::Open }
    }

    /// Whether all there was has been passed on, the end too.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Shut
    }

    /// Moves what can be moved, and adds to `bytes` what `sink` has taken.
    ///
    /// # Errors
    ///
    /// If one of the two connections is broken.
    pub(super) fn pump(
        &mut self,
        source: &TcpStream,
        sink: &TcpStream,
        bytes: &mut u64,
    ) -> io::Result<Pause> {
        for _ in 0..TURN {
            let moved = match self.step(source, sink) {
                Ok(moved) => moved,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Pause::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
            *bytes += moved as u64;
            if self.is_done() {
                return Ok(Pause::Done);
            }
        }
        Ok(Pause::Turn)
    }

    /// Reads once or writes once; how much was written.
    fn step(&mut self, mut source: &TcpStream, mut sink: &TcpStream) -> io::Result<usize> {
        if let Some(waiting) = self.chunk.get(self.waiting.clone()).filter(|some| !some.is_empty())
        {
            let taken = sink.write(waiting)?;
            self.waiting.start += taken;
            return Ok(taken);
        }
        match self.state {
            State::Open => {
                self.waiting = 0..source.read(self.chunk.as_mut_slice())?;
                if self.waiting.is_empty() {
                    self.state = State::Ended;
                }
            }
            State::Ended => {
                sink.shutdown(Shutdown::Write)?;
                self.state = State::Shut;
            }
            State::Shut => {}
        }
        Ok(0)
    }
}
