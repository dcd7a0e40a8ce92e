//! Accepts connections for as long as the endpoint lives, whatever the system says to it.
//!
//! One connection's failure is its own, and the next is accepted at once. What the system wants for
//! is waited out, 10 ms and doubling up to 100, so that the loop neither ends nor spins. A spare
//! descriptor is kept for when there are none: it is given up for a moment, so that who waits at
//! the door is told that it is shut and not left standing there.

use core::{
    future::poll_fn,
    task::{Context, Poll},
};
use std::{fs::File, io, net::SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use crate::{clock, limits, os};

/// Where connections come from; tests stand in for the system.
pub(super) trait Accept {
    type Stream;

    fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        Self::poll_accept(self, context)
    }
}

/// A listener that does not give up.
#[derive(Debug)]
pub(super) struct Door<A> {
    listener: A,
    spare: Option<File>,
    /// In a row.
    failures: u32,
}

/// A failure to accept, after which it goes on all the same.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: io::Error,
    /// It fails again and again: somebody should know.
    pub(super) lasts: bool,
}

impl<A: Accept> Door<A> {
    pub(super) fn new(listener: A) -> Self {
        Self { listener, spare: spare(), failures: 0 }
    }

    /// The next connection, or why there is none; then it has waited as long as it should.
    pub(super) async fn next(&mut self) -> Result<(A::Stream, SocketAddr), Failure> {
        match poll_fn(|context| self.listener.poll_accept(context)).await {
            Ok(accepted) => {
                self.failures = 0;
                Ok(accepted)
            }
            Err(error) => {
                self.failures += 1;
                self.back_off(&error).await;
                Err(Failure { error, lasts: self.failures == limits::ACCEPT_FAILURES })
            }
        }
    }

    async fn back_off(&mut self, error: &io::Error) {
        if self.failures < limits::ACCEPT_FAILURES && !os::is_out_of_resources(error) {
            return;
        }
        if os::is_out_of_descriptors(error) {
            self.turn_one_away().await;
        }
        let (first, most) = limits::ACCEPT_BACK_OFF;
        let doubled = first.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        clock::rest(doubled.min(most)).await;
    }

    async fn turn_one_away(&mut self) {
        if self.spare.take().is_some() {
            // Accepted and closed.
            drop(poll_fn(|context| Poll::Ready(self.listener.poll_accept(context))).await);
        }
        self.spare = spare();
    }
}

/// A descriptor to give up; none where the system has no such file, or no descriptor left.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests;
