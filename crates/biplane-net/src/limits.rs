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

/// Asked of the kernel for what waits to be read off the socket, in bytes.
pub(crate) const RECEIVE_BUFFER: usize = 8 << 20;
/// Asked of the kernel for what waits to be sent.
pub(crate) const SEND_BUFFER: usize = 4 << 20;
/// How long a worker waits for room in the kernel before what it holds counts as unsent.
pub(crate) const WORKER_PATIENCE: Duration = Duration::from_millis(100);
/// How long the application's own thread does.
pub(crate) const CALLER_PATIENCE: Duration = Duration::from_millis(2);
/// Back-off after the kernel ran out of something.
pub(crate) const BACK_OFF: Duration = Duration::from_millis(1);

/// Most workers of a kind.
pub(crate) const WORKERS: usize = 64;
/// Sessions of an endpoint that does not listen, those on their way included.
pub(crate) const DIALED_SESSIONS: usize = 16_384;
/// Entries that a list of sessions holds beyond two for each session.
pub(crate) const LIST_SLACK: usize = 1_024;
/// Faults that wait to be taken; more are dropped.
pub(crate) const FAULTS: usize = 16;
/// Answers that wait for who asked.
pub(crate) const EARLY_ANSWERS: usize = biplane_proto::limits::REQUESTS_OPEN;

/// TCP connections that are not yet sessions.
pub(crate) const UNADMITTED: usize = 2_048;
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
/// Back-off of the listener when the system is out of something: doubles from one to the other.
pub(crate) const ACCEPT_BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(100));
/// How long TCP retransmits into silence before the connection counts as broken.
pub(crate) const TCP_SILENCE: Duration = Duration::from_secs(10);
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

const _: () = assert!(DATAGRAM >= biplane_proto::limits::DATAGRAM_SIZE);
const _: () = assert!(CLOSE_DEADLINE.as_millis() > biplane_proto::limits::CLOSE_LINGER.as_millis());
