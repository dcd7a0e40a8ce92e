//! Every cap and deadline of the core, related to each other where they must be.

use core::time::Duration;

use biplane_wire::limits as wire;

/// Size of a datagram before any larger one is proven, in bytes.
pub const DATAGRAM_SIZE: usize = wire::DATAGRAM_MIN;
/// A message is charged this many bytes beside its own, for the slots and headers it takes.
pub const MESSAGE_COST: usize = 64;
/// The longest message of a data channel that goes in one packet, sequence number and all.
pub const DATA_MESSAGE: usize = DATAGRAM_SIZE - biplane_wire::Header::LEN - wire::TAG - 8;
/// The longest message of a `sequenced` or `unreliable` channel.
pub const FRESH_MESSAGE: usize = 16 * 1024;
/// The longest message of a reliable data channel.
pub const RELIABLE_MESSAGE: usize = 4 * 1024 * 1024;
/// No piece of a message is shorter, save its last.
pub const FRAGMENT_MIN: usize = 256;
/// Pieces of one reliable message whose fate is open.
pub const RELIABLE_PIECES: usize = 512;
/// Gaps between the pieces of a reliable message; each is a piece that is open, or was cut anew.
pub const RELIABLE_GAPS: usize = 2 * RELIABLE_PIECES;
/// Gaps between the pieces of a `sequenced` or `unreliable` message.
pub const FRESH_GAPS: usize = 64;
/// Messages of `sequenced` and `unreliable` channels of a session that wait for pieces.
pub const FRESH_PARTIALS: usize = 32;
/// Their bytes.
pub const FRESH_PARTIAL_BYTES: usize = 256 * 1024;
/// They wait no longer than this.
pub const FRESH_AGE: Duration = Duration::from_secs(2);
/// The longest command, request or reply, in bytes, unless its channel says less.
pub const CONTROL_MESSAGE: usize = 256 * 1024;

/// Credit of a reliable channel: cost of the messages that may wait for its application.
pub const CHANNEL_CREDIT: u64 = 1 << 20;
/// Cost of the messages that wait to be sent on one channel.
pub const SEND_QUEUE_BYTES: usize = 1 << 20;
/// Messages that wait to be sent on one reliable channel, those in flight included.
pub const SEND_QUEUE_MESSAGES: usize = 16_384;
/// Messages of a `sequenced` or `unreliable` channel that wait to be sent.
pub const FRESH_QUEUE_MESSAGES: usize = 1_024;
/// How long they wait at the most, where their channel has no lifetime.
pub const FRESH_LIFETIME: Duration = Duration::from_secs(1);
/// Messages of a `sequenced` or `unreliable` channel that wait to be taken.
pub const RECEIVE_QUEUE_MESSAGES: usize = 4_096;
/// Their cost in bytes.
pub const RECEIVE_QUEUE_BYTES: usize = 1 << 20;

/// Numbered control records that are queued or unacknowledged.
pub const CONTROL_QUEUE_RECORDS: usize = 4_096;
/// Their bytes.
pub const CONTROL_QUEUE_BYTES: usize = 1 << 20;
/// Requests of one side that wait for a reply.
pub const REQUESTS_OPEN: usize = 256;
/// Bytes of the peer's requests that wait for the application; beyond, they are refused.
pub const CALLS_BYTES: usize = 1 << 20;
/// How long a request waits for its reply unless it says otherwise.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// A numbered control record is acknowledged after this many bytes, or after [`CONTROL_ACK_DELAY`].
pub const CONTROL_ACK_BYTES: usize = TUNNEL_BYTES / 2;
/// The most that an ack of control records waits.
pub const CONTROL_ACK_DELAY: Duration = Duration::from_millis(50);
/// Bytes of tunnelled messages that may be unacknowledged.
pub const TUNNEL_BYTES: usize = 16 * 1024;

/// Bytes of a message that go into one tunnelled record.
pub const TUNNEL_PIECE: usize = 8 * 1024;

/// Replay window at the start, in packets.
pub const WINDOW_MIN: u64 = 1_024;
/// Replay window at the most, in packets.
pub const WINDOW_MAX: u64 = 131_072;
/// The window covers this much of the flow.
pub const WINDOW_SPAN: Duration = Duration::from_millis(100);
/// Packets one side may have sent without knowing what became of them.
pub const SENT_PACKETS: u64 = 65_536;

/// An ack of packets with reliable frames waits this long at the most.
pub const RELIABLE_ACK_DELAY: Duration = Duration::from_millis(20);
/// Or for this many packets.
pub const RELIABLE_ACK_PACKETS: u32 = 10;
/// An ack of packets with `sequenced` and `unreliable` messages alone waits this long at the most.
pub const UNRELIABLE_ACK_DELAY: Duration = Duration::from_millis(60);
/// Or for this many packets.
pub const UNRELIABLE_ACK_PACKETS: u32 = 32;

/// RTT assumed before the first sample.
pub const INITIAL_RTT: Duration = Duration::from_millis(100);
/// What a timer resolves (RFC 9002, section 6.1.2).
pub const GRANULARITY: Duration = Duration::from_millis(1);
/// The most that probe time-outs back off to while something is outstanding.
pub const PTO_MAX: Duration = Duration::from_secs(1);
/// A message waits this long for company unless it is flushed.
pub const MAX_SEND_DELAY: Duration = Duration::from_millis(1);

/// A packet number's key is left after this many packets (RFC 9001, section 6.6, halved).
pub const KEY_PACKETS: u64 = 1 << 22;
/// A key refuses beyond this many packets.
pub const KEY_PACKETS_MAX: u64 = 1 << 23;

/// After this much quiet a plane says that it is there.
pub const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// TCP is given up after this much silence of the peer.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// TCP is given up when a write makes no progress for this long.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// UDP is given up this long after the oldest packet that wants an answer and has none.
pub const UDP_DEAD: Duration = Duration::from_secs(2);
/// And only after this many probes.
pub const UDP_DEAD_PROBES: u32 = 2;
/// Until the path is validated, `ControlOnly` is declared after this or 3 RTT.
pub const UDP_JOIN: Duration = Duration::from_millis(500);
/// The first repeat of a path challenge; it doubles up to [`CHALLENGE_MAX`].
pub const CHALLENGE_FIRST: Duration = Duration::from_millis(100);
/// The last distance between repeats of a path challenge.
pub const CHALLENGE_MAX: Duration = Duration::from_secs(1);
/// A dead UDP direction is probed this often for [`PROBE_STEADY`], then ever more rarely.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it is probed that often.
pub const PROBE_STEADY: Duration = Duration::from_secs(30);
/// The longest distance between two probes.
pub const PROBE_MAX: Duration = Duration::from_secs(120);
/// A session that closes waits this long for the peer to know.
pub const CLOSE_LINGER: Duration = Duration::from_secs(1);

const _: () = assert!(KEEP_ALIVE.as_millis() * 3 <= IDLE_TIMEOUT.as_millis());
const _: () = assert!(KEY_PACKETS < KEY_PACKETS_MAX);
const _: () = assert!(WINDOW_MIN < WINDOW_MAX);
const _: () = assert!(SENT_PACKETS < 1 << 30);
const _: () = assert!(CHANNEL_CREDIT >= 2 * (CONTROL_MESSAGE + MESSAGE_COST) as u64);
const _: () = assert!((SEND_QUEUE_MESSAGES as u64) < biplane_wire::SequenceNumber::SPAN);
const _: () = assert!(CONTROL_QUEUE_BYTES >= 2 * CONTROL_MESSAGE);
