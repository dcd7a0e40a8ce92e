//! A client on its way to a server: name, TCP, TLS, hello, welcome.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    time::{Duration, Instant},
};

use biplane_proto::{Agreement, Dialing, JoinError, Role, SessionConfig};
use biplane_wire::{Answer, DecodeError};
use rustls::pki_types::ServerName;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, spawn_blocking},
    time::{timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    block::{Block, BlockError, read_block},
    contained,
    metered::{Meter, Metered},
    presence::Presence,
    resumer::{self, Origin},
    terms::{self, Beginning},
    tls::{self, PinVerifier},
};
use crate::{
    ConnectError, DialConfig, Link, Milestone, Slot, Step, Watch, clock,
    hub::Hub,
    limits, os,
    slot::Attached,
    slots::{NoPlace, Reservation},
    socket::canonical,
};

pub(super) type Tls = TlsStream<Metered<TcpStream>>;
/// Who waits for the session.
pub(crate) type Done = Box<dyn FnOnce(Result<Arc<Slot>, ConnectError>) + Send>;

/// Tells who waits, once; that the endpoint closed, if nothing else comes.
pub(super) struct Pending(Option<Done>);

impl Pending {
    pub(super) fn new(done: Done) -> Self {
        Self(Some(done))
    }

    fn tell(mut self, outcome: Result<Arc<Slot>, ConnectError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(ConnectError::Closed));
        }
    }
}

/// A TCP connection to a server.
pub(super) struct Reached {
    stream: TcpStream,
    remote: SocketAddr,
    rtt: Duration,
}

/// A welcome.
pub(super) struct Welcomed {
    pub(super) stream: Tls,
    pub(super) attached: Attached,
    pub(super) early: Vec<u8>,
}

/// Sees one session through, from its dialing to the end of its last control connection.
pub(super) async fn connect(
    hub: Arc<Hub>,
    config: DialConfig,
    pending: Pending,
    presence: Presence,
) {
    // Its buffers are for a moment, those of a session for long.
    let dialed = contained(&hub, Box::pin(dial(&hub, config))).await;
    match dialed.unwrap_or(Err(ConnectError::Closed)) {
        Ok((welcomed, origin)) => {
            let slot = Arc::clone(welcomed.attached.slot());
            pending.tell(Ok(Arc::clone(&slot)));
            slot.introduce();
            drop(slot);
            let seen = resumer::see_through(Arc::clone(&hub), welcomed, origin, presence);
            contained(&hub, seen).await;
        }
        Err(error) => pending.tell(Err(error)),
    }
}

/// The time that a dial has for all its steps, and who is told of them.
struct Course {
    deadline: Instant,
    watch: Option<Watch>,
}

impl Course {
    fn begin(watch: Option<Watch>) -> Self {
        Self { deadline: clock::now() + limits::CONNECT_DEADLINE, watch }
    }

    /// Takes one step in what is left of the time.
    async fn take<T>(
        &self,
        step: Step,
        taking: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let seconds = limits::CONNECT_DEADLINE.as_secs();
        let taken = timeout_at(self.deadline.into(), taking).await;
        taken.unwrap_or(Err(ConnectError::TimedOut { seconds, step }))
    }

    fn tell(&self, milestone: Milestone) {
        if let Some(watch) = &self.watch {
            watch(milestone);
        }
    }
}

async fn dial(hub: &Arc<Hub>, config: DialConfig) -> Result<(Welcomed, Origin), ConnectError> {
    let session = session_config(hub, &config);
    let DialConfig { link, protocol, credentials, watch, .. } = config;
    protocol.check()?;
    let reservation = reserve(hub)?;
    let course = Course::begin(watch);
    let addresses = course.take(Step::Name, resolve(hub, &link)).await?;
    course.tell(Milestone::Found { addresses: addresses.clone() });
    let reached = course.take(Step::Tcp, reach(addresses, &link)).await?;
    let (remote, rtt) = (reached.remote, reached.rtt);
    course.tell(Milestone::Reached { address: remote, rtt });
    let mut stream = course.take(Step::Tls, shake_hands(reached, &link)).await?;
    course.tell(Milestone::Secured);

    let mut parameters = terms::parameters(Role::Client, reservation.receive_id(), &session);
    parameters.credentials = credentials;
    let dialing = Dialing::new(protocol.description.clone(), terms::aeads().to_vec(), parameters);
    let asked = course.take(Step::Admission, ask(&mut stream, dialing.hello(), remote));
    let Block { bytes, rest: early } = asked.await?;
    let (stream, agreement) = agree(stream, &dialing, &bytes)?;

    let broken = |source| broken(Step::Admission, remote, source);
    let secret = terms::secret(stream.get_ref().1, &agreement).map_err(broken)?;
    // The same host, whatever it says; with the name of the interface, if the address needs it.
    let mut udp = remote;
    udp.set_port(agreement.peer.udp_port.unwrap_or_else(|| remote.port()));
    let beginning = Beginning {
        role: Role::Client,
        secret,
        remote,
        udp: Some(udp),
        handshake_rtt: rtt,
        protocol: 0,
        app: None,
        config: session,
        agreement,
    };
    if hub.is_closing() {
        return Err(ConnectError::Closed);
    }
    let attached = terms::begin(hub, &protocol, reservation, beginning).map_err(broken)?;
    let origin = Origin { remote, rtt, link, description: protocol.description };
    Ok((Welcomed { stream, attached, early }, origin))
}

/// What the session is told: what its endpoint is, but for what is said of it alone.
fn session_config(hub: &Hub, dial: &DialConfig) -> SessionConfig {
    let common = hub.session_config().clone();
    let own = dial.max_datagram.unwrap_or(common.max_datagram);
    SessionConfig {
        grace: dial.grace.unwrap_or(common.grace),
        keep_alive: dial.keep_alive.unwrap_or(common.keep_alive),
        planes: dial.planes,
        max_datagram: own.clamp(limits::DATAGRAM_MIN, hub.longest_datagram()),
        ..common
    }
}

fn reserve(hub: &Hub) -> Result<Reservation, ConnectError> {
    if hub.is_closing() {
        return Err(ConnectError::Closed);
    }
    let full = ConnectError::Full { limit: hub.slots().limit() };
    if !hub.has_room() {
        return Err(full);
    }
    hub.slots().reserve().map_err(|error| match error {
        NoPlace::Full => full,
        NoPlace::NoRandomness => no_randomness(),
    })
}

pub(super) fn no_randomness() -> ConnectError {
    ConnectError::Tls("the system gives no random bytes".into())
}

/// Says hello, and hears the answer: at once unless the server's admission takes its time.
pub(super) async fn ask(
    stream: &mut Tls,
    hello: &[u8],
    remote: SocketAddr,
) -> Result<Block, ConnectError> {
    let broken = |source| broken(Step::Admission, remote, source);
    stream.write_all(hello).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let answer = read_block(stream, Answer::len_of).await;
    answer.map_err(|error| no_answer(error, remote))
}

pub(super) const fn broken(step: Step, address: SocketAddr, source: io::Error) -> ConnectError {
    ConnectError::Broken { step, address, source }
}

/// Finds the host's addresses of the socket's family.
async fn resolve(hub: &Hub, link: &Link) -> Result<Vec<SocketAddr>, ConnectError> {
    let unresolved = |source| ConnectError::Unresolved { host: link.host.as_str().into(), source };
    let found = look_up(hub, link).await.map_err(unresolved)?;
    let reachable = |address: &SocketAddr| is_reachable(hub.own().ip(), address.ip());
    let addresses: Vec<_> = found.into_iter().map(canonical).filter(reachable).collect();
    if addresses.is_empty() { Err(unresolved(no_address())) } else { Ok(addresses) }
}

/// Looks the host up on a thread of its own, unless it is an address. Who gives that up has the thread
/// go on, so its turn is over with the thread's work.
async fn look_up(hub: &Hub, link: &Link) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = link.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, link.port)]);
    }
    let turn = Arc::clone(&hub.blocking().names).acquire_owned().await;
    let (host, port) = (link.host.clone(), link.port);
    let looking = spawn_blocking(move || {
        let _turn = turn;
        (host.as_str(), port).to_socket_addrs().map(Iterator::collect)
    });
    looking.await.map_err(io::Error::other)?
}

fn no_address() -> io::Error {
    let why = "it has no address of the UDP socket's family";
    io::Error::new(io::ErrorKind::AddrNotAvailable, why)
}

/// Connects to the first of the addresses that answers. One that does not answer soon is not waited
/// for: the next is tried beside it (RFC 8305, section 5).
async fn reach(addresses: Vec<SocketAddr>, link: &Link) -> Result<Reached, ConnectError> {
    let mut addresses = addresses.into_iter();
    let (mut attempts, mut failed) = (JoinSet::new(), None);
    loop {
        let next = addresses.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(attempt(address));
        }
        match first_of(&mut attempts, more).await {
            Some(Ok(reached)) => return Ok(reached),
            Some(Err(error)) => failed = Some(error),
            None if more => {}
            None => break,
        }
    }
    Err(failed.unwrap_or_else(|| ConnectError::Unresolved {
        host: link.host.as_str().into(),
        source: no_address(),
    }))
}

/// The next outcome; none if there is none soon, while there is something else to try, and none if
/// all are told.
async fn first_of(
    attempts: &mut JoinSet<Result<Reached, ConnectError>>,
    more: bool,
) -> Option<Result<Reached, ConnectError>> {
    let outcome = attempts.join_next();
    let outcome =
        if more { timeout(limits::DIAL_STAGGER, outcome).await.ok()? } else { outcome.await };
    // An attempt that panicked was no attempt.
    outcome?.ok()
}

pub(super) async fn attempt(address: SocketAddr) -> Result<Reached, ConnectError> {
    let reached = connect_to(address, clock::now()).await;
    reached.map_err(|source| ConnectError::Unreachable { address, source })
}

async fn connect_to(remote: SocketAddr, start: Instant) -> io::Result<Reached> {
    let stream = TcpStream::connect(remote).await?;
    let rtt = clock::now().saturating_duration_since(start);
    os::prepare_control(&stream)?;
    Ok(Reached { stream, remote, rtt })
}

/// Whether datagrams from a socket bound to `own` get to `ip` at all.
fn is_reachable(own: IpAddr, ip: IpAddr) -> bool {
    own.is_ipv4() == ip.is_ipv4() || (own.is_ipv6() && own.is_unspecified())
}

pub(super) async fn shake_hands(reached: Reached, link: &Link) -> Result<Tls, ConnectError> {
    let Reached { stream, remote, .. } = reached;
    let verifier = PinVerifier::new(link.pin);
    let config = tls::client(Arc::clone(&verifier))
        .map_err(|error| ConnectError::Tls(error.to_string().into()))?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = Metered::new(stream, Meter::unbounded());
    let shaken = connector
        .connect_with(server_name(&link.host), stream, |connection| {
            connection.set_buffer_limit(Some(limits::TLS_BUFFER));
        })
        .await;
    if let Some(got) = verifier.other() {
        return Err(ConnectError::WrongPin { expected: link.pin, got });
    }
    let stream = shaken.map_err(|error| no_handshake(Step::Tls, error, remote))?;
    match stream.get_ref().1.alpn_protocol() {
        Some(tls::ALPN) => Ok(stream),
        Some(_) | None => Err(ConnectError::NotBiplane { step: Step::Tls }),
    }
}

/// Names that TLS cannot carry are not needed: the pin says who it is.
fn server_name(host: &str) -> ServerName<'static> {
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(IpAddr::from([0; 4]).into()))
}

fn no_handshake(step: Step, error: io::Error, address: SocketAddr) -> ConnectError {
    use rustls::{AlertDescription, Error};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => ConnectError::NotTls { address },
        Some(
            Error::AlertReceived(AlertDescription::NoApplicationProtocol)
            | Error::NoApplicationProtocol
            | Error::PeerIncompatible(_),
        ) => ConnectError::NotBiplane { step },
        Some(error) => ConnectError::Tls(error.to_string().into()),
        None => broken(step, address, error),
    }
}

fn no_answer(error: BlockError, address: SocketAddr) -> ConnectError {
    match error {
        BlockError::Io(error) => no_handshake(Step::Admission, error, address),
        BlockError::Decode(DecodeError::NotBiplane) => {
            ConnectError::NotBiplane { step: Step::Protocol }
        }
        BlockError::Decode(error) => JoinError::Garbled(error).into(),
    }
}

/// Reads the answer. The stream is needed for the client's own description where the protocols
/// differ, so that the server's operator learns of it too.
fn agree(stream: Tls, dialing: &Dialing, answer: &[u8]) -> Result<(Tls, Agreement), ConnectError> {
    match dialing.handle_answer(answer) {
        Ok(agreement) => Ok((stream, agreement)),
        Err(error) => {
            if matches!(error, JoinError::Mismatch { .. }) {
                drop(tokio::spawn(describe(stream, dialing.description())));
            }
            Err(error.into())
        }
    }
}

async fn describe(mut stream: Tls, description: Vec<u8>) {
    let told = async {
        stream.write_all(&description).await?;
        stream.shutdown().await
    };
    // Whether the server's operator learns of it changes nothing here.
    drop(timeout(limits::PARTING_DEADLINE, told).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_reachable_in_the_sockets_family() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(is_reachable(ip("0.0.0.0"), ip("192.0.2.1")));
        assert!(!is_reachable(ip("127.0.0.1"), ip("::1")));
        assert!(is_reachable(ip("::"), ip("192.0.2.1")));
        assert!(!is_reachable(ip("::1"), ip("192.0.2.1")));
    }

    #[test]
    fn a_dial_that_is_let_go_of_tells_who_waits() {
        let (told, heard) = std::sync::mpsc::channel();
        drop(Pending::new(Box::new(move |outcome| told.send(outcome.is_err()).unwrap())));
        assert_eq!(heard.try_recv(), Ok(true));
    }
}
