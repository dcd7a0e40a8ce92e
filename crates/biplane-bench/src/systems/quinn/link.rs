//! One connection: datagrams, and a stream in each direction with messages on it.

use std::task::{Context, Poll, Waker};
use std::{iter, pin::Pin, pin::pin};

use anyhow::{Result, bail};
use biplane_load::Peer;
use bytes::Bytes;
use quinn::{Connection, ConnectionError, Incoming, RecvStream, SendDatagramError, SendStream};
use tokio::sync::mpsc::Sender;

use crate::systems::frames::{Inbox, Outbox};

/// Datagrams handed over together at the most.
const BATCH: usize = 64;
/// What may wait to be written to the stream before there is no room.
const WAITING: usize = 256 << 10;

/// What the connections' tasks have to tell.
#[derive(Debug)]
pub(super) enum Told {
    /// A connection stands; to a client with its number.
    Joined(Option<Peer>, Connection, SendStream),
    /// Datagrams came.
    Datagrams(Peer, Vec<Bytes>),
    /// A piece of the stream came.
    Piece(Peer, Bytes),
    /// A connection is gone, or could not be made.
    Left(Peer),
}

#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    stream: SendStream,
    pub(super) inbox: Inbox,
    outbox: Outbox,
    /// Bytes that are written to the stream at once, where there are so many.
    gathers: usize,
}

impl Link {
    /// A connection that stands; its tasks tell what comes. It `gathers` so many bytes before it
    /// writes unasked; 1: it writes each message.
    pub(super) fn begin(
        peer: Peer,
        connection: Connection,
        stream: SendStream,
        gathers: usize,
        tell: &Sender<Told>,
    ) -> Self {
        tokio::spawn(read_datagrams(peer, connection.clone(), tell.clone()));
        tokio::spawn(read_stream(peer, connection.clone(), tell.clone()));
        Self { connection, stream, inbox: Inbox::default(), outbox: Outbox::default(), gathers }
    }

    /// Queues a datagram; false if there is no room but in the place of another.
    pub(super) fn send_datagram(&self, message: &[u8]) -> Result<bool> {
        if self.connection.datagram_send_buffer_space() < message.len() {
            return Ok(false);
        }
        match self.connection.send_datagram(Bytes::copy_from_slice(message)) {
            Ok(()) => Ok(true),
            // That it is lost is told by its tasks.
            Err(SendDatagramError::ConnectionLost(_)) => Ok(false),
            Err(error) => bail!(error),
        }
    }

    /// Queues a message on the stream; false if too much waits already.
    pub(super) fn send_on_stream(&mut self, message: &[u8]) -> bool {
        if self.outbox.len() >= self.gathers {
            self.write();
        }
        let has_room = self.outbox.len() < WAITING;
        if has_room {
            self.outbox.add(message);
        }
        has_room
    }

    /// Writes to the stream what it takes now; whether that is all.
    pub(super) fn write(&mut self) -> bool {
        self.poll_write(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Writes to the stream, until everything is written or it takes no more for now.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.outbox.len() > 0 {
            let stream = Pin::new(&mut self.stream);
            let written = std::task::ready!(stream.poll_write(context, self.outbox.unwritten()));
            // That it is lost is told by its tasks; what waits is of no use then.
            self.outbox.on_written(written.unwrap_or_else(|_| self.outbox.len()));
        }
        Poll::Ready(())
    }
}

/// Accepts a client, or gives up on it.
pub(super) async fn accept(incoming: Incoming, tell: Sender<Told>) {
    let joined = async {
        let connection = incoming.await?;
        let stream = connection.open_uni().await?;
        Ok::<_, ConnectionError>((connection, stream))
    };
    if let Ok((connection, stream)) = joined.await {
        tell.send(Told::Joined(None, connection, stream)).await.ok();
    }
}

/// Connects one client.
pub(super) async fn connect(peer: Peer, connecting: quinn::Connecting, tell: Sender<Told>) {
    let joined = async {
        let connection = connecting.await?;
        let stream = connection.open_uni().await?;
        Ok::<_, ConnectionError>((connection, stream))
    };
    let told = match joined.await {
        Ok((connection, stream)) => Told::Joined(Some(peer), connection, stream),
        Err(_) => Told::Left(peer),
    };
    tell.send(told).await.ok();
}

async fn read_datagrams(peer: Peer, connection: Connection, tell: Sender<Told>) {
    while let Ok(first) = connection.read_datagram().await {
        // What else is there already is taken with it.
        let more = iter::from_fn(|| {
            let mut context = Context::from_waker(Waker::noop());
            match pin!(connection.read_datagram()).poll(&mut context) {
                Poll::Ready(Ok(datagram)) => Some(datagram),
                Poll::Ready(Err(_)) | Poll::Pending => None,
            }
        });
        let datagrams = iter::once(first).chain(more).take(BATCH).collect();
        if tell.send(Told::Datagrams(peer, datagrams)).await.is_err() {
            return;
        }
    }
    tell.send(Told::Left(peer)).await.ok();
}

async fn read_stream(peer: Peer, connection: Connection, tell: Sender<Told>) {
    let Ok(mut stream) = connection.accept_uni().await else { return };
    while let Some(piece) = next_piece(&mut stream).await {
        if tell.send(Told::Piece(peer, piece)).await.is_err() {
            return;
        }
    }
}

async fn next_piece(stream: &mut RecvStream) -> Option<Bytes> {
    let piece = stream.read_chunk(usize::MAX, true).await.ok()??;
    Some(piece.bytes)
}
