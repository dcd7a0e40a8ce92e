//! A server and one who comes to its TCP port: TLS, hello, admission, welcome. One who comes back to
//! its session is welcomed by `returning`.
//!
//! Each step has its deadline, and until the last there is nothing but a task and its buffers, whose
//! place another may take while bytes are waited for. Who is no client, or speaks another protocol,
//! is told to the operator in words, now and then.

use core::{
    any::Any,
    future::{Future, poll_fn},
    time::Duration,
};
use std::{io, net::SocketAddr, sync::Arc};

use biplane_proto::{Accepting, HelloError, Role};
use biplane_wire::{Answer, DecodeError, Hello};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    attached::{self, Attachment},
    attaching,
    backlog::Comer,
    block::{Block, BlockError, read_block},
    connection::{self, Connection},
    contained,
    crowd::Seat,
    house::{Accepted, House},
    metered::{Metered, Spent},
    returning, spawn,
    terms::{self, Beginning},
    tls,
};
use crate::{
    Decision, Request, clock,
    hub::Hub,
    limits, os,
    slot::Attached,
    slots::{NoPlace, random},
    socket::canonical,
};

pub(super) type Tls = TlsStream<Metered<TcpStream>>;
/// What admission gives to a session.
type App = Option<Arc<dyn Any + Send + Sync>>;

/// Why one who came did not become a session.
pub(super) enum Stranger {
    /// The connection broke: nobody's fault that can be told.
    Gone(io::Error),
    /// It missed a deadline.
    Late,
    /// It made room for another.
    Evicted,
    /// It says too much before it is admitted.
    TooLong,
    /// It does not speak Biplane.
    NotBiplane(Box<str>),
    /// It speaks another protocol of the application's.
    Mismatch(Box<str>),
    /// It was told that it may not join.
    Refused(Box<str>),
    /// It was told that there is no such session to resume.
    NoSession,
    /// It was told that there is no such session to attach a connection to.
    NoAttachment,
}

/// One who said what it wants.
pub(super) struct Heard {
    pub(super) stream: Tls,
    pub(super) remote: SocketAddr,
    handshake_rtt: Duration,
    pub(super) accepted: Accepted,
    pub(super) early: Vec<u8>,
}

/// Everything of a welcome.
pub(super) struct Welcomed {
    pub(super) stream: Tls,
    pub(super) attached: Attached,
    pub(super) welcome: Vec<u8>,
    pub(super) early: Vec<u8>,
}

/// What became of one that is no stranger.
enum Known {
    /// It is a session's control connection.
    Control(Welcomed),
    /// It carries the bytes of a session's transfers.
    Attached(Attachment<Tls>),
}

/// Sees one connection through until it is a session's, or gone.
pub(super) async fn greet(house: Arc<House>, comer: Comer<TcpStream>) {
    let Comer { stream, remote, place } = comer;
    let remote = canonical(remote);
    let joined = join(&house, stream, remote).await;
    house.count_present();
    drop(place);
    // A session's connection lives for long: its tasks are its own, and smaller than this one.
    match joined {
        Ok(Known::Attached(attachment)) => spawn(&house.hub, attached::run(attachment)),
        Ok(Known::Control(Welcomed { stream, attached, welcome, early })) => {
            let present = house.presence.enter();
            let meter = Arc::clone(stream.get_ref().0.meter());
            let connection = Connection { stream, attached, meter, first: welcome, early };
            spawn(&house.hub, connection::run(connection, present));
        }
        Err(stranger) => house.note(remote, &stranger),
    }
}

async fn join(house: &House, stream: TcpStream, remote: SocketAddr) -> Result<Known, Stranger> {
    os::prepare_control(&stream).map_err(Stranger::Gone)?;
    let seat = house.crowd.enter(remote.ip());
    house.count_present();
    let stream = Metered::new(stream, Arc::clone(seat.meter()));
    let meter = Arc::clone(seat.meter());
    let heard = tokio::select! {
        heard = hear(house, stream, remote, &seat) => heard?,
        () = seat.evicted() => return Err(Stranger::Evicted),
    };
    if let Some(claim) = heard.accepted.accepting.claim() {
        drop(seat);
        house.count_present();
        return returning::take_back(house, heard, claim, &meter).await.map(Known::Control);
    }
    if let Some(claim) = heard.accepted.accepting.attach_claim() {
        drop(seat);
        house.count_present();
        let attaching = Box::pin(attaching::take_on(house, heard, claim, &meter));
        return attaching.await.map(Known::Attached);
    }
    let deadline = house.config.admission_deadline;
    let waiting = clock::now();
    // Until the application looks at it, another may take its seat.
    let permit = tokio::select! {
        permit = timeout(deadline, Arc::clone(&house.admitting).acquire_owned()) => permit,
        () = seat.evicted() => return Err(Stranger::Evicted),
    };
    drop(seat);
    house.count_present();
    let left = deadline.saturating_sub(clock::now().saturating_duration_since(waiting));
    let credentials = heard.accepted.accepting.credentials().to_vec();
    let verdict = match &permit {
        Ok(_) => admit(house, Request { credentials, remote }, left).await,
        Err(_) => Err(refusal(503, "the server is busy")),
    };
    // The application has looked at it: nobody's turn waits until its last word was heard.
    drop(permit);
    match verdict {
        Ok(app) => {
            meter.open();
            welcome(house, heard, app).await.map(Known::Control)
        }
        Err(refusal) => Err(refuse(house, heard.stream, refusal).await),
    }
}

/// TLS and the hello; a client that cannot be spoken to is answered.
async fn hear(
    house: &House,
    stream: Metered<TcpStream>,
    remote: SocketAddr,
    seat: &Seat,
) -> Result<Heard, Stranger> {
    let config = &house.config;
    let (mut stream, handshake_rtt) =
        within(config.tls_deadline, shake_hands(house, stream)).await??;
    let hello = within(config.hello_deadline, read_block(&mut stream, Hello::len_of)).await?;
    let Block { bytes, rest: early } = hello.map_err(Stranger::of_hello)?;
    match house.accept(bytes) {
        Ok(accepted) => Ok(Heard { stream, remote, handshake_rtt, accepted, early }),
        Err(error) => {
            seat.meter().allow(limits::MISMATCH_BYTES);
            Err(turn_away(house, stream, error).await)
        }
    }
}

async fn within<T>(deadline: Duration, step: impl Future<Output = T>) -> Result<T, Stranger> {
    timeout(deadline, step).await.map_err(|_| Stranger::Late)
}

/// TLS, and what its second half took: one round trip and little else.
async fn shake_hands(
    house: &House,
    stream: Metered<TcpStream>,
) -> Result<(Tls, Duration), Stranger> {
    let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let heard = acceptor.await.map_err(Stranger::of_tls)?;
    let mut answered_at = None;
    let mut handshake =
        core::pin::pin!(heard.into_stream_with(Arc::clone(&house.tls), |connection| {
            connection.set_buffer_limit(Some(limits::TLS_BUFFER))
        },));
    let step = poll_fn(|context| {
        let outcome = handshake.as_mut().poll(context);
        answered_at.get_or_insert_with(clock::now);
        outcome
    });
    let stream = house.turns.take(step).await.map_err(Stranger::of_tls)?;
    let rtt = answered_at.map_or(Duration::ZERO, |at| clock::now().saturating_duration_since(at));
    if stream.get_ref().1.alpn_protocol() == Some(tls::ALPN) {
        Ok((stream, rtt))
    } else {
        Err(Stranger::NotBiplane("it speaks TLS, but not Biplane".into()))
    }
}

/// Asks the limits, then the application.
async fn admit(house: &House, request: Request, left: Duration) -> Result<App, Decision> {
    let hub = &house.hub;
    if let Some(refused) = shut(hub) {
        return Err(refused);
    }
    if !hub.has_room() {
        return Err(refusal(503, "the server is full"));
    }
    let asked = contained(hub, async { (house.admission)(request).await });
    match timeout(left, asked).await {
        Ok(Some(Decision::Admit(app))) => Ok(app),
        Ok(Some(refused @ Decision::Refuse { .. })) => Err(refused),
        Ok(None) => Err(refusal(500, "the server's admission failed")),
        Err(_) => Err(refusal(504, "the server's admission took too long")),
    }
}

/// What everybody is told who wants to join now, if nobody may.
fn shut(hub: &Hub) -> Option<Decision> {
    if let Some(after) = hub.maintenance() {
        let text = "the server is under maintenance".to_owned();
        return Some(Decision::Refuse { code: 503, text, retry_after: Some(after) });
    }
    hub.is_closing().then(|| refusal(503, "the server is closing"))
}

fn refusal(code: u16, text: &str) -> Decision {
    Decision::Refuse { code, text: text.to_owned(), retry_after: None }
}

/// Makes the session; its welcome is the first that its connection writes.
async fn welcome(house: &House, heard: Heard, app: App) -> Result<Welcomed, Stranger> {
    let Heard { stream, remote, handshake_rtt, accepted, early } = heard;
    let Accepted { accepting, protocol } = accepted;
    // Again: the application's admission may have taken its time.
    if let Some(refused) = shut(&house.hub) {
        return Err(refuse(house, stream, refused).await);
    }
    let reservation = match house.hub.slots().reserve() {
        Ok(reservation) => reservation,
        Err(NoPlace::Full) => {
            return Err(refuse(house, stream, refusal(503, "the server is full")).await);
        }
        Err(NoPlace::NoRandomness) => return Err(out_of_order(house, stream).await),
    };
    let config = house.hub.session_config().clone();
    let mut parameters = terms::parameters(Role::Server, reservation.receive_id(), &config);
    parameters.session = random();
    let (welcome, agreement) = match accepting.welcome(&terms::aeads(), parameters) {
        Ok(welcomed) => welcomed,
        Err(answer) => return Err(no_aead(house, stream, &answer).await),
    };
    let beginning = Beginning {
        role: Role::Server,
        secret: terms::secret(stream.get_ref().1, &agreement).map_err(Stranger::Gone)?,
        agreement,
        remote,
        udp: None,
        handshake_rtt,
        protocol,
        app,
        config,
    };
    let attached = terms::begin(&house.hub, house.protocol(protocol), reservation, beginning)
        .map_err(Stranger::Gone)?;
    attached.slot().introduce();
    Ok(Welcomed { stream, attached, welcome, early })
}

pub(super) async fn no_aead(house: &House, stream: Tls, answer: &[u8]) -> Stranger {
    house.hub.counters().refused();
    part(house, stream, answer).await;
    Stranger::Refused("no AEAD in common".into())
}

pub(super) async fn out_of_order(house: &House, stream: Tls) -> Stranger {
    refuse(house, stream, refusal(500, "the server is out of order")).await
}

async fn refuse(house: &House, stream: Tls, decision: Decision) -> Stranger {
    house.hub.counters().refused();
    let Decision::Refuse { code, text, retry_after } = decision else {
        return Stranger::Refused("admitted too late".into());
    };
    part(house, stream, &Accepting::refusal(code, retry_after, &text)).await;
    Stranger::Refused(format!("{code}: {text}").into())
}

/// Answers a hello that cannot be accepted, and finds out why.
async fn turn_away(house: &House, mut stream: Tls, error: HelloError) -> Stranger {
    match error {
        HelloError::Garbled(error) => Stranger::NotBiplane(error.to_string().into()),
        HelloError::Unsupported { answer } => {
            house.hub.counters().refused();
            part(house, stream, &answer).await;
            Stranger::Mismatch("it speaks other wire versions".into())
        }
        HelloError::Mismatch { answer } => {
            house.hub.counters().refused();
            let words = timeout(limits::PARTING_DEADLINE, compare(house, &mut stream, &answer));
            let words = words.await.ok().flatten();
            Stranger::Mismatch(words.unwrap_or_else(|| "it does not say how".into()))
        }
        HelloError::NoSession { answer } => {
            house.hub.counters().refused();
            part(house, stream, &answer).await;
            Stranger::NoSession
        }
        other => Stranger::NotBiplane(format!("{other:?}").into()),
    }
}

/// Sends this side's description, reads the client's, and says how they differ.
async fn compare(house: &House, stream: &mut Tls, answer: &[u8]) -> Option<Box<str>> {
    stream.write_all(answer).await.ok()?;
    stream.flush().await.ok()?;
    let theirs = read_block(stream, Answer::len_of).await.ok()?;
    let here = &house.protocol(0).description;
    let differences = HelloError::differences(here, &theirs.bytes).ok()?;
    let words: Vec<_> = differences.iter().map(ToString::to_string).collect();
    Some(words.join("; ").into())
}

/// Says a last word and waits until it was heard, for closing a socket may destroy it. Until then it
/// has a stranger's seat, which may go to another.
pub(super) async fn part(house: &House, mut stream: Tls, answer: &[u8]) {
    let Some(ip) = stream.get_ref().0.ip() else { return };
    let seat = house.crowd.enter(ip);
    let parting = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut rest = [0; 256];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    tokio::select! {
        // Whether it was heard changes nothing here.
        _ = timeout(limits::PARTING_DEADLINE, parting) => {}
        () = seat.evicted() => {}
    }
}

impl Stranger {
    fn of_tls(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Spent>()) {
            return Self::TooLong;
        }
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
