//! The bytes of one TCP connection, one way.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::cli::MeasureLink;

const PIECE: usize = 64 * 1024;

/// What both sides counted.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    sent: u64,
    received: u64,
    /// From the first arrival to the last.
    bits_per_second: f64,
    seconds: f64,
}

/// Sends for as long as asked and counts what comes.
pub(super) fn measure(
    relay: SocketAddr,
    port: &TcpListener,
    measure: &MeasureLink,
) -> Result<Figures> {
    let length = Duration::from_secs(measure.seconds.into());
    thread::scope(|scope| {
        let writer = scope.spawn(move || write(relay, length));
        let (sink, _) = port.accept().context("the relay's connection")?;
        let (received, between) = read(sink)?;
        let sent = writer.join().map_err(|_| anyhow!("the writer panicked"))??;
        #[expect(clippy::cast_precision_loss, reason = "bits of a few seconds")]
        let bits = received as f64 * 8.0;
        let seconds = between.as_secs_f64();
        Ok(Figures { sent, received, bits_per_second: bits / seconds.max(0.001), seconds })
    })
}

fn write(relay: SocketAddr, length: Duration) -> Result<u64> {
    let mut stream = TcpStream::connect(relay)?;
    let (piece, end) = (vec![0x5a; PIECE], Instant::now() + length);
    let mut sent = 0;
    while Instant::now() < end {
        stream.write_all(&piece)?;
        sent += u64::try_from(PIECE).unwrap_or_default();
    }
    Ok(sent)
}

/// Reads to the end: how much, and in what time.
fn read(mut sink: TcpStream) -> Result<(u64, Duration)> {
    let (mut buffer, mut received) = (vec![0; PIECE], 0);
    let (mut first, mut last) = (None, Instant::now());
    loop {
        let len = sink.read(&mut buffer)?;
        if len == 0 {
            return Ok((received, last - first.unwrap_or(last)));
        }
        last = Instant::now();
        first.get_or_insert(last);
        received += u64::try_from(len).unwrap_or_default();
    }
}
