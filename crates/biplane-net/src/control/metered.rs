//! A TCP stream that counts. What it wrote: how much the peer's system has acknowledged. What it
//! read, until the peer is admitted: when that was last, and no more than a bound.

use core::{
    pin::Pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    task::{Context, Poll, ready},
};
use std::{error, fmt, io, net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{clock, os, wheel::Epoch};

/// No bound: it is admitted.
const UNBOUNDED: usize = usize::MAX;

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Meter {
    epoch: Epoch,
    /// Milliseconds of the epoch.
    heard: AtomicU64,
    /// Bytes that the peer may still say.
    left: AtomicUsize,
    /// Bytes that the socket took; wraps.
    taken: AtomicUsize,
    /// Of those, bytes that the peer's system had when the socket last took no more.
    through: AtomicUsize,
}

/// A socket, as far as it is asked how slow it is.
pub(super) trait Socket {
    /// Bytes that it took and that the peer's system does not have yet.
    fn under_way(&self) -> usize;
}

impl Socket for TcpStream {
    fn under_way(&self) -> usize {
        os::under_way(self)
    }
}

/// Why a stream ends that was read too far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent;

/// A stream with a meter.
#[derive(Debug)]
pub(super) struct Metered<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl Meter {
    /// For one who comes now and may say `bytes`.
    pub(super) fn new(epoch: Epoch, bytes: usize) -> Arc<Self> {
        let heard = AtomicU64::new(epoch.reached(clock::now()));
        let [taken, through] = [0, 0].map(AtomicUsize::new);
        Arc::new(Self { epoch, heard, left: AtomicUsize::new(bytes), taken, through })
    }

    /// For one who is trusted: the side that dials, of its server.
    pub(super) fn unbounded() -> Arc<Self> {
        Self::new(Epoch(clock::now()), UNBOUNDED)
    }

    /// How many bytes had come through when the socket last took no more; wraps.
    pub(super) fn through(&self) -> usize {
        self.through.load(Ordering::Relaxed)
    }

    /// When it spoke last, in milliseconds of the epoch.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Lets it say so much more.
    pub(super) fn allow(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It is admitted.
    pub(super) fn open(&self) {
        self.left.store(UNBOUNDED, Ordering::Relaxed);
    }

    fn said(&self, left: usize, bytes: usize) {
        self.left.store(left - bytes, Ordering::Relaxed);
        self.heard.store(self.epoch.reached(clock::now()), Ordering::Relaxed);
    }

    /// What came of a write to `socket`.
    fn note<S: Socket>(&self, socket: &S, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(bytes)) => drop(self.taken.fetch_add(*bytes, Ordering::Relaxed)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let taken = self.taken.load(Ordering::Relaxed);
                self.through.store(taken.wrapping_sub(socket.under_way()), Ordering::Relaxed);
            }
        }
    }
}

impl Metered<TcpStream> {
    /// The peer's address; `None` if it is gone.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.inner.peer_addr().ok().map(|peer| peer.ip())
    }
}

impl<S> Metered<S> {
    pub(super) const fn new(inner: S, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    pub(super) const fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.meter.left.load(Ordering::Relaxed);
        if left == UNBOUNDED {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(Spent)));
        }
        let room = left.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut part))?;
        let bytes = part.filled().len();
        buffer.advance(bytes);
        self.meter.said(left, bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Socket + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.meter.note(&self.inner, &written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.meter.note(&self.inner, &written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it says too much before it is admitted")
    }
}

impl error::Error for Spent {}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn read(meter: &Arc<Meter>, said: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut heard = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut stream = Metered::new(said, Arc::clone(meter));
        let outcome = runtime.block_on(stream.read_to_end(&mut heard));
        (heard, outcome)
    }

    fn meter(bytes: usize) -> Arc<Meter> {
        Meter::new(Epoch(clock::now()), bytes)
    }

    #[test]
    fn as_much_as_it_may_say_is_heard_and_no_byte_more() {
        let (heard, outcome) = read(&meter(11), b"ten bytes.");
        assert_eq!((&heard[..], outcome.unwrap()), (&b"ten bytes."[..], 10));
        let (heard, outcome) = read(&meter(9), b"ten bytes.");
        assert_eq!(&heard[..], b"ten bytes");
        assert!(outcome.unwrap_err().get_ref().unwrap().is::<Spent>());
    }

    #[test]
    fn more_may_be_allowed_and_one_who_is_admitted_has_no_bound() {
        let some = meter(1);
        some.allow(10);
        assert_eq!(read(&some, b"ten bytes.").1.unwrap(), 10);
        let any = meter(1);
        any.open();
        assert_eq!(read(&any, &[7; 100_000]).1.unwrap(), 100_000);
    }
}
