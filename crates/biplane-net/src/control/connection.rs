//! A session's control connection: two tasks over one TLS stream, a buffer each.
//!
//! The reader feeds the session; it stops for nothing. The writer pulls: it asks the session for
//! bytes when the socket takes some, so what is stale is dropped above and not buffered below.

use std::{io, sync::Arc};

use biplane_proto::ControlLoss;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    time::timeout,
};

use super::presence::Present;
use crate::{Slot, clock, limits};

/// Serves the connection until it ends. `first` is written before anything of the session's;
/// `early` was read before and belongs to it.
pub(super) async fn run<S>(
    stream: S,
    slot: Arc<Slot>,
    first: Vec<u8>,
    early: Vec<u8>,
    present: Present,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (from, to) = split(stream);
    let mut writer = tokio::spawn(write(to, Arc::clone(&slot), first, present));
    let mut reader = core::pin::pin!(read(from, &slot, &early));
    let written = tokio::select! {
        () = &mut reader => None,
        outcome = &mut writer => Some(outcome),
        // A peer that takes nothing would hold the connection for as long as it likes.
        () = slot.over().notified() => return writer.abort(),
    };
    match written {
        // The peer has gone. What it can still hear is written, unless it does not listen.
        None => {
            lose(&slot);
            slot.unplug();
            if timeout(limits::CONTROL_LINGER, &mut writer).await.is_err() {
                writer.abort();
            }
        }
        // All is said; it is read on for a while, for closing a socket with unread bytes destroys
        // what is under way.
        Some(Ok(Ok(()))) => {
            drop(timeout(limits::CONTROL_LINGER, reader).await);
            lose(&slot);
        }
        Some(_) => lose(&slot),
    }
}

fn lose(slot: &Slot) {
    slot.with(|now, session| session.handle_control_lost(now, ControlLoss::Broken));
}

/// Reads until the peer ends the connection, or it breaks.
async fn read<S: AsyncRead>(mut stream: ReadHalf<S>, slot: &Slot, early: &[u8]) {
    if !early.is_empty() {
        slot.with(|now, session| session.handle_control(now, early));
    }
    let mut buffer = vec![0; limits::CONTROL_READ];
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        let bytes = buffer.get(..len).unwrap_or_default();
        slot.with(|now, session| session.handle_control(now, bytes));
    }
}

/// Writes what the session gives until it has finished, then says goodbye in TLS and TCP.
async fn write<S: AsyncWrite>(
    mut stream: WriteHalf<S>,
    slot: Arc<Slot>,
    first: Vec<u8>,
    _present: Present,
) -> io::Result<()> {
    let mut bytes = first;
    loop {
        if !bytes.is_empty() {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            bytes.clear();
        }
        let (wrote, finished) = pull(&slot, &mut bytes);
        if wrote {
            continue;
        }
        if finished || slot.is_unplugged() {
            return stream.shutdown().await;
        }
        slot.control().notified().await;
    }
}

fn pull(slot: &Slot, bytes: &mut Vec<u8>) -> (bool, bool) {
    let now = clock::now();
    let (outcome, aftermath) = slot
        .enter(now, |session| (session.poll_control(now, bytes), session.control_is_finished()));
    slot.follow_writer(aftermath);
    outcome
}
