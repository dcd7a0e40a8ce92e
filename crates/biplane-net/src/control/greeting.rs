//! A server and one who comes to its TCP port: TLS, hello, admission, welcome.
//!
//! Each step has its deadline, and until the last there is nothing but a task and its buffers. Who
//! is no client, or speaks another protocol, is told to the operator in words, now and then.

use core::{any::Any, time::Duration};
use std::{io, net::SocketAddr, sync::Arc};

use biplane_proto::{Accepting, HelloError, Role};
use biplane_wire::{Answer, DecodeError, Hello};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::timeout,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    block::{Block, BlockError, read_block},
    connection, contained,
    listener::House,
    terms::{self, Beginning},
    tls,
};
use crate::{Decision, Request, Slot, clock, limits, os, slots::NoPlace, socket::canonical};

type Tls = TlsStream<TcpStream>;
/// What admission gives to a session.
type App = Option<Arc<dyn Any + Send + Sync>>;

/// Why one who came did not become a session.
enum Stranger {
    /// Nothing came, or the connection broke: nobody's fault that can be told.
    Gone(io::Error),
    /// It does not speak Biplane.
    NotBiplane(Box<str>),
    /// It speaks another protocol of the application's.
    Mismatch(Box<str>),
    /// It was told that it may not join.
    Refused(Box<str>),
}

/// Everything of a welcome.
struct Welcomed {
    stream: Tls,
    slot: Arc<Slot>,
    welcome: Vec<u8>,
    early: Vec<u8>,
}

/// Sees one connection through to its end.
pub(super) async fn greet(
    house: Arc<House>,
    stream: TcpStream,
    remote: SocketAddr,
    place: OwnedSemaphorePermit,
) {
    let remote = canonical(remote);
    // Its buffers are for a moment, those of a session's connection for long.
    match Box::pin(join(&house, stream, remote)).await {
        Ok(Welcomed { stream, slot, welcome, early }) => {
            drop(place);
            let present = house.presence.enter();
            connection::run(stream, slot, welcome, early, present).await;
        }
        Err(stranger) => house.note(remote, &stranger),
    }
}

async fn join(house: &House, stream: TcpStream, remote: SocketAddr) -> Result<Welcomed, Stranger> {
    os::prepare_control(&stream).map_err(Stranger::Gone)?;
    let (mut stream, rtt) = within(limits::TLS_DEADLINE, shake_hands(house, stream)).await??;
    let hello = within(limits::HELLO_DEADLINE, read_block(&mut stream, Hello::len_of)).await?;
    let Block { bytes, rest: early } = hello.map_err(Stranger::of_hello)?;
    let accepting = match Accepting::new(&house.protocol.description, &house.digest, bytes) {
        Ok(accepting) => accepting,
        Err(error) => return Err(turn_away(house, stream, error).await),
    };
    let credentials = accepting.credentials().to_vec();
    match admit(house, Request { credentials, remote }).await {
        Ok(app) => welcome(house, stream, accepting, (remote, rtt, app))
            .await
            .map(|welcomed| Welcomed { early, ..welcomed }),
        Err(refusal) => Err(refuse(house, stream, refusal).await),
    }
}

async fn within<T>(deadline: Duration, step: impl Future<Output = T>) -> Result<T, Stranger> {
    timeout(deadline, step).await.map_err(|_| Stranger::Gone(io::ErrorKind::TimedOut.into()))
}

/// TLS, and what its second half took: one round trip and little else.
async fn shake_hands(house: &House, stream: TcpStream) -> Result<(Tls, Duration), Stranger> {
    let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let heard = acceptor.await.map_err(Stranger::of_tls)?;
    let start = clock::now();
    let stream = heard
        .into_stream_with(Arc::clone(&house.tls), |connection| {
            connection.set_buffer_limit(Some(limits::TLS_BUFFER));
        })
        .await
        .map_err(Stranger::of_tls)?;
    let rtt = clock::now().saturating_duration_since(start);
    if stream.get_ref().1.alpn_protocol() == Some(tls::ALPN) {
        Ok((stream, rtt))
    } else {
        Err(Stranger::NotBiplane("it speaks TLS, but not Biplane".into()))
    }
}

/// Asks the limits, then the application.
async fn admit(house: &House, request: Request) -> Result<App, Decision> {
    let hub = &house.hub;
    if !hub.has_room() {
        return Err(refusal(
            503,
            if hub.is_closing() { "the server is closing" } else { "the server is full" },
        ));
    }
    let asked = contained(hub, async { (house.admission)(request).await });
    match timeout(limits::ADMISSION_DEADLINE, asked).await {
        Ok(Some(Decision::Admit(app))) => Ok(app),
        Ok(Some(refused @ Decision::Refuse { .. })) => Err(refused),
        Ok(None) => Err(refusal(500, "the server's admission failed")),
        Err(_) => Err(refusal(504, "the server's admission took too long")),
    }
}

fn refusal(code: u16, text: &str) -> Decision {
    Decision::Refuse { code, text: text.to_owned(), retry_after: None }
}

/// Makes the session; its welcome is the first that its connection writes.
async fn welcome(
    house: &House,
    stream: Tls,
    accepting: Accepting,
    (remote, handshake_rtt, app): (SocketAddr, Duration, App),
) -> Result<Welcomed, Stranger> {
    let reservation = match house.hub.slots().reserve() {
        Ok(reservation) => reservation,
        Err(NoPlace::Full) => {
            return Err(refuse(house, stream, refusal(503, "the server is full")).await);
        }
        Err(NoPlace::NoRandomness) => {
            return Err(refuse(house, stream, refusal(500, "the server is out of order")).await);
        }
    };
    let parameters = terms::parameters(reservation.receive_id());
    let (welcome, agreement) = match accepting.welcome(&terms::aeads(), parameters) {
        Ok(welcomed) => welcomed,
        Err(answer) => {
            part(stream, &answer).await;
            return Err(Stranger::Refused("no AEAD in common".into()));
        }
    };
    let secret = terms::secret(stream.get_ref().1, &agreement).map_err(Stranger::Gone)?;
    let role = Role::Server;
    let beginning = Beginning { role, agreement, secret, remote, udp: None, handshake_rtt, app };
    let slot = terms::begin(&house.hub, &house.protocol, reservation, beginning)
        .map_err(Stranger::Gone)?;
    slot.introduce();
    Ok(Welcomed { stream, slot, welcome, early: Vec::new() })
}

async fn refuse(house: &House, stream: Tls, decision: Decision) -> Stranger {
    house.hub.counters().refused();
    let Decision::Refuse { code, text, retry_after } = decision else {
        return Stranger::Refused("admitted too late".into());
    };
    part(stream, &Accepting::refusal(code, retry_after, &text)).await;
    Stranger::Refused(format!("{code}: {text}").into())
}

/// Answers a hello that cannot be accepted, and finds out why.
async fn turn_away(house: &House, mut stream: Tls, error: HelloError) -> Stranger {
    match error {
        HelloError::Garbled(error) => Stranger::NotBiplane(error.to_string().into()),
        HelloError::Unsupported { answer } => {
            house.hub.counters().refused();
            part(stream, &answer).await;
            Stranger::Mismatch("it speaks other wire versions".into())
        }
        HelloError::Mismatch { answer } => {
            house.hub.counters().refused();
            let words = timeout(limits::PARTING_DEADLINE, compare(house, &mut stream, &answer));
            let words = words.await.ok().flatten();
            Stranger::Mismatch(words.unwrap_or_else(|| "it does not say how".into()))
        }
        other => Stranger::NotBiplane(format!("{other:?}").into()),
    }
}

/// Sends this side's description, reads the client's, and says how they differ.
async fn compare(house: &House, stream: &mut Tls, answer: &[u8]) -> Option<Box<str>> {
    stream.write_all(answer).await.ok()?;
    stream.flush().await.ok()?;
    let theirs = read_block(stream, Answer::len_of).await.ok()?;
    let here = &house.protocol.description;
    let differences = HelloError::differences(here, &theirs.bytes).ok()?;
    let words: Vec<_> = differences.iter().map(ToString::to_string).collect();
    Some(words.join("; ").into())
}

/// Says a last word and waits until it was heard, for closing a socket may destroy it.
async fn part(mut stream: Tls, answer: &[u8]) {
    let parting = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut rest = [0; 256];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether it was heard changes nothing here.
    drop(timeout(limits::PARTING_DEADLINE, parting).await);
}

impl Stranger {
    fn of_tls(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => {
                Self::NotBiplane(format!("it refused this server's TLS: {alert:?}").into())
            }
            Some(error) => Self::NotBiplane(error.to_string().into()),
            None => Self::Gone(error),
        }
    }

    fn of_hello(error: BlockError) -> Self {
        match error {
            BlockError::Io(error) => Self::of_tls(error),
            BlockError::Decode(DecodeError::NotBiplane) => {
                Self::NotBiplane("what it says is no hello".into())
            }
            BlockError::Decode(error) => Self::NotBiplane(error.to_string().into()),
        }
    }
}

impl House {
    fn note(&self, remote: SocketAddr, stranger: &Stranger) {
        let now = clock::now();
        match stranger {
            Stranger::Gone(error) => tracing::debug!(%remote, %error, "a connection ended early"),
            Stranger::Refused(why) => tracing::debug!(%remote, why, "a client was refused"),
            Stranger::NotBiplane(why) => {
                if let Some(suppressed) = self.strangers.pass(now) {
                    tracing::warn!(%remote, why, suppressed, "not a Biplane client");
                }
            }
            Stranger::Mismatch(why) => {
                if let Some(suppressed) = self.mismatches.pass(now) {
                    tracing::warn!(%remote, why, suppressed, "a client speaks another protocol");
                }
            }
        }
    }
}
