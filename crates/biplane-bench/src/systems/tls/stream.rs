//! One connection: TCP, TLS on it, and messages on that.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Write as _},
    net::TcpStream,
};

use anyhow::{Result, bail};
use rustls::Connection;

use crate::systems::frames::{Inbox, Outbox};

/// What is read in one call.
const READ: usize = 64 << 10;
/// What is sealed and written at once.
const WRITE: usize = 64 << 10;
/// What may wait to be written before there is no room.
const WAITING: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Stream {
    tcp: BufReader<TcpStream>,
    tls: Connection,
    inbox: Inbox,
    outbox: Outbox,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, tls: impl Into<Connection>) -> Result<Self> {
        tcp.set_nodelay(true)?;
        let tcp = BufReader::with_capacity(READ, tcp);
        Ok(Self { tcp, tls: tls.into(), inbox: Inbox::default(), outbox: Outbox::default() })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        self.tcp.get_ref()
    }

    pub(super) fn has_joined(&self) -> bool {
        !self.tls.is_handshaking()
    }

    /// Queues a message; false if too much waits already.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<bool> {
        if self.outbox.len() >= WRITE {
            self.write()?;
        }
        let has_room = self.outbox.len() < WAITING;
        if has_room {
            self.outbox.add(message);
        }
        Ok(has_room)
    }

    /// Writes what waits; false if the kernel has no room for all of it.
    pub(super) fn write(&mut self) -> Result<bool> {
        loop {
            while self.tls.wants_write() {
                match self.tls.write_tls(self.tcp.get_mut()) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error.into()),
                }
            }
            if !self.has_joined() || self.outbox.len() == 0 {
                return Ok(true);
            }
            let waiting = self.outbox.unwritten();
            let written = self.tls.writer().write(&waiting[..waiting.len().min(WRITE)])?;
            self.outbox.on_written(written);
        }
    }

    /// Reads once, and hands out the messages that are whole.
    pub(super) fn read(&mut self, hear: &mut dyn FnMut(&[u8])) -> Result<()> {
        loop {
            match self.tls.read_tls(&mut self.tcp) {
                Ok(0) => bail!("the other side closed the connection"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.tls.process_new_packets()?;
            self.take(hear)?;
            if self.tcp.buffer().is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes everything that is opened.
    fn take(&mut self, hear: &mut dyn FnMut(&[u8])) -> Result<()> {
        let mut reader = self.tls.reader();
        loop {
            let count = match reader.fill_buf() {
                Ok(opened) => {
                    self.inbox.take(opened, hear);
                    opened.len()
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                bail!("the other side ended the session");
            }
            reader.consume(count);
        }
    }
}
