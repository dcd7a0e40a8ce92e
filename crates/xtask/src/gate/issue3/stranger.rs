//! Somebody who sends random bytes to both ports of a server, for as long as it lives.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};

/// From one burst to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// Datagrams of a burst.
const BURST: u32 = 20;
/// Every so many bursts a connection is made too.
const CONNECT_EVERY: u32 = 10;
/// Longest datagram: more than any packet of ours.
const DATAGRAM_MAX: u64 = 1600;
/// Longest stretch of bytes on a connection.
const SPEECH_MAX: u64 = 20_000;
/// How long it listens to a connection before it hangs up.
const PATIENCE: Duration = Duration::from_millis(20);

/// A stranger on a thread of its own.
#[derive(Debug)]
pub(super) struct Stranger {
    stop: Arc<AtomicBool>,
    life: JoinHandle<Result<Sent>>,
}

/// What it sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sent {
    pub(super) datagrams: u64,
    pub(super) connections: u64,
}

impl Stranger {
    /// Begins; the same bytes each time.
    pub(super) fn begin(server: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let life = thread::spawn(move || pester(server, &is_over));
        Self { stop, life }
    }

    /// Ends, and says what was sent.
    ///
    /// # Errors
    ///
    /// If it could not open its own socket.
    pub(super) fn end(self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.life.join().map_err(|_| anyhow!("the stranger panicked"))?
    }
}

fn pester(server: SocketAddr, is_over: &AtomicBool) -> Result<Sent> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" })?;
    let (mut noise, mut sent, mut bursts) = (Noise(0x9e37_79b9_7f4a_7c15), Sent::default(), 0_u32);
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..BURST {
            // A full buffer is no reason to stop.
            sent.datagrams += u64::from(socket.send_to(&noise.bytes(DATAGRAM_MAX), server).is_ok());
        }
        if bursts.is_multiple_of(CONNECT_EVERY) {
            sent.connections += u64::from(babble(server, &mut noise).is_ok());
        }
        bursts += 1;
        thread::sleep(PAUSE);
    }
    Ok(sent)
}

/// Says something over TCP and hears the answer, if any.
fn babble(server: SocketAddr, noise: &mut Noise) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // The server may hang up before it has heard all of it.
    stream.write_all(&noise.bytes(SPEECH_MAX)).ok();
    io::copy(&mut stream, &mut io::sink()).ok();
    Ok(())
}

/// xorshift64: bytes without rhyme, the same on every run.
#[derive(Debug)]
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From none to `most` bytes.
    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let count = usize::try_from(self.next() % (most + 1)).unwrap_or(0);
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn noise_is_the_same_each_time_and_never_twice() {
        let (mut one, mut other) = (Noise(7), Noise(7));
        let first = one.bytes(5000);
        assert_eq!(first, other.bytes(5000));
        assert_ne!(first, one.bytes(5000));
        assert!((0..1000).all(|_| one.bytes(10).len() <= 10));
    }

    #[test]
    fn both_ports_hear_it_until_it_ends() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(server).unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let stranger = Stranger::begin(server);
        let (mut connection, _) = tcp.accept().unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert!(connection.read(&mut [0; 64]).is_ok());
        assert!(udp.recv(&mut [0; 2048]).is_ok());
        let sent = stranger.end().unwrap();
        assert!(sent.datagrams > 0 && sent.connections > 0, "{sent:?}");
    }
}
