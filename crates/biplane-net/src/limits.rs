//! Every cap and deadline of this crate.

use core::time::Duration;

/// The largest datagram that is accepted, in bytes: Ethernet less the headers of IPv6 and UDP.
pub(crate) const DATAGRAM: usize = 1_452;
/// Bytes of a receive slot: no run that the kernel puts together is longer.
pub(crate) const RECEIVE_SLOT: usize = 65_535;
/// Bytes of one UDP send, however many datagrams the kernel makes of it.
pub(crate) const SEND_RUN: usize = 65_507;
/// Packets of one session that are committed in one lock hold.
pub(crate) const COMMIT_PACKETS: usize = 64;
/// Packets that are filled in one lock hold.
pub(crate) const FILL_PACKETS: usize = 64;
/// Bytes that are filled in one lock hold, give or take a packet.
pub(crate) const FILL_BYTES: usize = 64 * 1024;
/// Fills of one session before it queues behind the others.
pub(crate) const FILL_ROUNDS: usize = 4;
/// Sessions a receiver answers itself after a batch; more go to the senders.
pub(crate) const INLINE_SESSIONS: usize = 4;
/// Sessions that one hand-over of a flush names.
pub(crate) const FLUSH_CHUNK: usize = 32;

/// Asked of the kernel for what waits to be read off the socket, in bytes, unless it is set.
pub(crate) const RECEIVE_BUFFER: usize = 8 << 20;
/// Asked of the kernel for what waits to be sent, in bytes, unless it is set.
pub(crate) const SEND_BUFFER: usize = 4 << 20;
/// The least that may be asked for, in bytes.
pub(crate) const SOCKET_BUFFER_MIN: usize = 4 * 1024;
/// The most that may be asked for, in bytes.
pub(crate) const SOCKET_BUFFER_MAX: usize = 1 << 30;
/// A kernel's receive stamp older than this is not believed: the wall clock was set.
pub(crate) const STAMP_AGE: Duration = Duration::from_millis(100);
/// How long a worker waits for room in the kernel before what it holds counts as unsent.
pub(crate) const WORKER_PATIENCE: Duration = Duration::from_millis(100);
/// How long the application's own thread does.
pub(crate) const CALLER_PATIENCE: Duration = Duration::from_millis(2);
/// Back-off after the kernel ran out of something.
pub(crate) const BACK_OFF: Duration = Duration::from_millis(1);

/// Most workers of a kind.
pub(crate) const WORKERS: usize = 64;
/// Most workers of a kind unless they are set: light load costs one, and few machines fill two.
pub(crate) const WORKERS_BY_DEFAULT: usize = 2;
/// A receiver that sleeps is put on watch by this many batches of the others in [`WATCH_SPAN`].
pub(crate) const WATCH_BATCHES: u64 = 64;
/// See [`WATCH_BATCHES`]; after as long without traffic it sleeps again.
pub(crate) const WATCH_SPAN: Duration = Duration::from_millis(100);
/// How often one on watch looks whether anybody is at the socket.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(5);
/// Most sessions that an endpoint may be set to.
pub(crate) const SESSIONS: usize = 1 << 20;
/// Protocols that a listener accepts.
pub(crate) const PROTOCOLS: usize = 4;
/// Sessions of an endpoint that does not listen, those on their way included.
pub(crate) const DIALED_SESSIONS: usize = 16_384;
/// Entries that a list of sessions holds beyond two for each session.
pub(crate) const LIST_SLACK: usize = 1_024;
/// Faults that wait to be taken; more are dropped.
pub(crate) const FAULTS: usize = 16;
/// Answers that wait for who asked.
pub(crate) const EARLY_ANSWERS: usize = biplane_proto::limits::REQUESTS_OPEN;

/// TLS handshakes that are computed before everybody else has a turn on the control thread.
pub(crate) const HANDSHAKES: usize = 64;
/// TCP connections that wait for a stranger's bytes: of TLS, of the hello, of its last words.
pub(crate) const WAITING: usize = 2_048;
/// Bytes that are taken from a connection before its client is admitted.
pub(crate) const WAITING_BYTES: usize = 16 * 1024;
/// Further bytes for the description of a client that speaks another protocol.
pub(crate) const MISMATCH_BYTES: usize = biplane_wire::limits::DESCRIPTION + 4 * 1024;
/// TCP connections of one address that are not yet sessions.
pub(crate) const UNADMITTED_PER_ADDRESS: usize = 64;
/// Accepted connections that wait until their address has room.
pub(crate) const PARKED: usize = 1_024;
/// How long they wait: clients give up after [`CONNECT_DEADLINE`].
pub(crate) const PARKED_DEADLINE: Duration = CONNECT_DEADLINE;
/// Clients that the application's admission looks at, at a time.
pub(crate) const ADMISSIONS: usize = 1_024;
/// From accepted to the end of the TLS handshake.
pub(crate) const TLS_DEADLINE: Duration = Duration::from_secs(5);
/// From there until the hello is whole.
pub(crate) const HELLO_DEADLINE: Duration = Duration::from_secs(2);
/// For the application's admission.
pub(crate) const ADMISSION_DEADLINE: Duration = Duration::from_secs(10);
/// For what a stranger is told before it is let go, and what it says to that.
pub(crate) const PARTING_DEADLINE: Duration = Duration::from_secs(2);
/// From connect to session.
pub(crate) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A host's next address is tried when the one before has not answered for so long.
pub(crate) const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// Back-off of the listener when the system is out of something: doubles from one to the other.
pub(crate) const ACCEPT_BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(100));
/// How long TCP retransmits into silence, or into a closed window, before the connection counts as
/// broken: longer than a session waits for a peer that does not read, which has a reason of its own.
pub(crate) const TCP_SILENCE: Duration = Duration::from_secs(15);
/// Bytes below us that are not yet sent: the less, the fresher what we pull.
pub(crate) const TCP_UNSENT: u32 = 16 * 1024;
/// Bytes that rustls holds.
pub(crate) const TLS_BUFFER: usize = 16 * 1024;
/// Bytes of one read off a control connection.
pub(crate) const CONTROL_READ: usize = 8 * 1024;
/// How long a closed connection is still read, so that closing it does not destroy what is on its
/// way to the peer.
pub(crate) const CONTROL_LINGER: Duration = Duration::from_secs(1);
/// How long the end of an endpoint waits for its control connections to say so.
pub(crate) const FAREWELL: Duration = Duration::from_millis(100);
/// How long a close of all sessions waits for the last.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// Distance between two warnings of a kind.
pub(crate) const WARN_INTERVAL: Duration = Duration::from_secs(5);

const _: () =
    assert!(WAITING_BYTES >= biplane_wire::limits::HELLO + 4 * 1024, "TLS comes before the hello");
const _: () = assert!(TCP_SILENCE.as_secs() > biplane_proto::limits::WRITE_STALL.as_secs());
const _: () = assert!(UNADMITTED_PER_ADDRESS <= WAITING);
const _: () = assert!(WORKERS_BY_DEFAULT <= WORKERS);
const _: () = assert!(SOCKET_BUFFER_MIN <= SEND_BUFFER && SEND_BUFFER <= SOCKET_BUFFER_MAX);
const _: () = assert!(SOCKET_BUFFER_MIN <= RECEIVE_BUFFER && RECEIVE_BUFFER <= SOCKET_BUFFER_MAX);
const _: () = assert!(DATAGRAM >= biplane_proto::limits::DATAGRAM_SIZE);
const _: () = assert!(CLOSE_DEADLINE.as_millis() > biplane_proto::limits::CLOSE_LINGER.as_millis());
