//! A session's control connection: two tasks over one TLS stream, neither of which keeps much of
//! a buffer while it waits.
//!
//! The reader feeds the session; it stops for nothing. The writer pulls: it asks the session for
//! bytes when the socket takes some, so what is stale is dropped above and not buffered below. Both
//! end as soon as another connection has taken the place of theirs, or the session gives it up.

use core::{
    cell::Cell,
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::{io, sync::Arc};

use biplane_proto::Session;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split},
    task::{JoinError, JoinHandle},
    time::timeout,
};

use super::{metered::Meter, presence::Present};
use crate::{
    clock, limits,
    slot::{Attached, Pulled},
};

/// One control connection.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    pub(super) attached: Attached,
    /// Of its TCP stream.
    pub(super) meter: Arc<Meter>,
    /// Written before anything of the session's.
    pub(super) first: Vec<u8>,
    /// Read before, and the session's.
    pub(super) early: Vec<u8>,
}

/// Serves the connection until it ends.
///
/// What waits for long is small: neither the stream itself nor how it came to be is part of it.
pub(super) fn run<S>(
    connection: Connection<S>,
    present: Present,
) -> impl Future<Output = ()> + Send + use<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Connection { stream, attached, meter, first, early } = connection;
    let (from, to) = split(stream);
    let writer = tokio::spawn(write(to, attached.clone(), meter, first, present));
    serve(from, writer, attached, early)
}

async fn serve<S: AsyncRead>(
    from: ReadHalf<S>,
    mut writer: JoinHandle<io::Result<()>>,
    attached: Attached,
    early: Vec<u8>,
) {
    let mut reader = core::pin::pin!(read(from, &attached, &early));
    let written = tokio::select! {
        () = &mut reader => None,
        outcome = &mut writer => Some(outcome),
        // A peer that takes nothing would hold the connection for as long as it likes.
        () = attached.left() => return writer.abort(),
    };
    match written {
        None => {
            attached.lose();
            drop(tokio::spawn(wind_up(writer)));
        }
        Some(outcome) if has_said_all(&outcome) && attached.is_current() => {
            // It is read on for a while, for closing a socket with unread bytes destroys what is
            // under way.
            drop(timeout(limits::CONTROL_LINGER, reader).await);
            attached.lose();
        }
        Some(_) => attached.lose(),
    }
}

const fn has_said_all(outcome: &Result<io::Result<()>, JoinError>) -> bool {
    matches!(outcome, Ok(Ok(())))
}

/// The peer has gone. What it can still hear is written, unless it does not listen.
async fn wind_up(mut writer: JoinHandle<io::Result<()>>) {
    if timeout(limits::CONTROL_LINGER, &mut writer).await.is_err() {
        writer.abort();
    }
}

/// Reads until the peer ends the connection, it breaks, or it is not the session's any more.
async fn read<S: AsyncRead>(mut stream: ReadHalf<S>, attached: &Attached, early: &[u8]) {
    let take = |bytes: &[u8]| {
        attached.with(|now, session: &mut Session| session.handle_control(now, bytes)).is_some()
    };
    if !early.is_empty() && !take(early) {
        return;
    }
    while poll_fn(|context| poll_read(&mut stream, context, take)).await {}
}

thread_local! {
    /// What connections of this thread read into, by turns.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads what is there, as far as there is room, and gives it to `take`; whether there may be more.
fn poll_read<S: AsyncRead>(
    stream: &mut ReadHalf<S>,
    context: &mut Context<'_>,
    take: impl Fn(&[u8]) -> bool,
) -> Poll<bool> {
    let mut scratch = SCRATCH.take();
    scratch.resize(limits::CONTROL_READ, 0);
    let mut buffer = ReadBuf::new(&mut scratch);
    let read = loop {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
        let more = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() > before;
        if !more || buffer.remaining() == 0 {
            break read;
        }
    };
    let came = buffer.filled();
    let goes_on = if came.is_empty() || take(came) {
        read.map(|read| read.is_ok() && !came.is_empty())
    } else {
        Poll::Ready(false)
    };
    SCRATCH.set(scratch);
    goes_on
}

/// Writes what the session gives until that is all, then says goodbye in TLS and TCP.
async fn write<S: AsyncWrite>(
    mut stream: WriteHalf<S>,
    attached: Attached,
    meter: Arc<Meter>,
    first: Vec<u8>,
    _present: Present,
) -> io::Result<()> {
    let mut bytes = first;
    // What leaves soon has nothing behind it that waits for long.
    let mut pulls = 1;
    loop {
        if !bytes.is_empty() {
            let begun_at = clock::now();
            write_out(&mut stream, &attached, &meter, &bytes).await?;
            let took = clock::now().saturating_duration_since(begun_at);
            let is_fast = took < limits::CONTROL_PULLS_TIME;
            pulls = if is_fast { limits::CONTROL_PULLS.min(2 * pulls) } else { 1 };
            bytes.clear();
        }
        // Before the pull, so that nothing comes between the two unseen.
        let more = attached.output();
        match attached.pull(pulls, &mut bytes) {
            Pulled::Bytes => {}
            Pulled::Nothing => {
                bytes.shrink_to(limits::CONTROL_KEPT);
                more.await;
            }
            Pulled::End => return stream.shutdown().await,
        }
    }
}

/// Writes `bytes`.
async fn write_out<S: AsyncWrite>(
    stream: &mut WriteHalf<S>,
    attached: &Attached,
    meter: &Meter,
    bytes: &[u8],
) -> io::Result<()> {
    let mut rest = bytes;
    let at_once = poll_fn(|context| Poll::Ready(poll_write(stream, context, &mut rest))).await;
    match at_once {
        Poll::Ready(written) => written,
        // In a box: most connections wait for something to write, and keep no room for this.
        Poll::Pending => Box::pin(write_slowly(stream, attached, meter, rest)).await,
    }
}

/// Writes `rest`. A socket that is slow to take it is not one that takes nothing: the session hears of
/// it, now and then, for as long as bytes come through.
async fn write_slowly<S: AsyncWrite>(
    stream: &mut WriteHalf<S>,
    attached: &Attached,
    meter: &Meter,
    mut rest: &[u8],
) -> io::Result<()> {
    let mut through = meter.through();
    loop {
        let writing = poll_fn(|context| poll_write(stream, context, &mut rest));
        if let Ok(written) = timeout(limits::CONTROL_TOLD, writing).await {
            return written;
        }
        let before = mem::replace(&mut through, meter.through());
        if through != before {
            attached.with(|now, session| session.handle_control_progress(now));
        }
    }
}

/// Writes what is left of `rest`, and flushes.
fn poll_write<S: AsyncWrite>(
    stream: &mut WriteHalf<S>,
    context: &mut Context<'_>,
    rest: &mut &[u8],
) -> Poll<io::Result<()>> {
    while !rest.is_empty() {
        let len = ready!(Pin::new(&mut *stream).poll_write(context, rest))?;
        if len == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *rest = rest.get(len..).unwrap_or_default();
    }
    Pin::new(stream).poll_flush(context)
}
