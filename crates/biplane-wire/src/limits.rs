//! Every cap and deadline, of all crates, in one place: related to each other where they must be.
//!
//! What the format fixes comes first, then the session, its control plane, the shell with its
//! sockets and handshakes, and the face. The other crates name this module as their own. To change
//! one of the first group is to change the wire version; `docs/limits.md` lists them all.
//!
//! Sizes are in bytes unless said otherwise. A [`Duration`] is a number with its unit: nothing here
//! knows what time it is.

use core::time::Duration;

use crate::{Header, SequenceNumber};

// The wire format.

/// The AEAD tag at the end of a packet.
pub const TAG: usize = 16;
/// Every packet is at least this long, so that one packet always pays for one challenge.
pub const PACKET_MIN: usize = 40;
/// What the first packets of a join are padded to, and the datagram every path must carry
/// (RFC 9000, section 14).
pub const DATAGRAM_MIN: usize = 1_200;
/// The largest UDP payload over IPv4.
pub const DATAGRAM_MAX: usize = 65_507;
/// Ranges in one ack frame.
pub const ACK_RANGES: usize = 32;
/// Ranges in one taken frame.
pub const TAKEN_RANGES: usize = 32;
/// Channels in one protocol.
pub const CHANNELS: usize = 64;
/// Kinds of request in one protocol.
pub const REQUESTS: usize = 256;
/// UTF-8 bytes in the name of an application, a channel or a request; at least 1.
pub const NAME: usize = 64;
/// A whole description.
pub const DESCRIPTION: usize = 16 * 1024;
/// A hello, with its credentials.
pub const HELLO: usize = 8 * 1024;
/// Credentials in a hello.
pub const CREDENTIALS: usize = 4 * 1024;
/// A control record, without its two bytes of length.
pub const RECORD: usize = 16 * 1024;
/// UTF-8 bytes of the text in a close, a refusal or a refused request.
pub const TEXT: usize = 256;
/// UTF-8 bytes in the name of a transfer; at least 1.
pub const TRANSFER_NAME: usize = 255;
/// Bytes of one transfer.
pub const TRANSFER_BYTES: u64 = 1 << 40;
/// Transfers that a side may have open, offered ones included.
pub const TRANSFERS_OPEN: usize = 16;
/// The longest message that the wire format has room for.
pub const MESSAGE: usize = 16 * 1024 * 1024;
/// How far above the oldest message that is missing on a reliable channel another may be.
pub const SEQUENCE_AHEAD: u64 = 1 << 15;
/// The longest that a peer may say it holds an ack.
pub const ACK_DELAY_MAX: Duration = Duration::from_secs(1);
/// After how much quiet a peer may say that it says it is there: the least and the most.
pub const KEEP_ALIVE_RANGE: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(25));
/// After how much silence a peer may say that it gives TCP up: the least and the most.
pub const IDLE_TIMEOUT_RANGE: (Duration, Duration) =
    (Duration::from_secs(3), Duration::from_secs(600));

const _: () = assert!(CREDENTIALS + 512 <= HELLO);
const _: () = assert!(DESCRIPTION + 16 <= u16::MAX as usize);
const _: () = assert!(RECORD <= u16::MAX as usize);
const _: () = assert!(TRANSFER_NAME < RECORD);
const _: () = assert!(SEQUENCE_AHEAD < SequenceNumber::SPAN);
const _: () = assert!(PACKET_MIN > Header::LEN + TAG);
const _: () = assert!(REQUESTS == u8::MAX as usize + 1, "a kind of request is one byte");

// The session: messages.

/// Length of a datagram before any longer one is proven.
pub const DATAGRAM_SIZE: usize = DATAGRAM_MIN;
/// A message is charged this many bytes beside its own, for the slots and headers it takes.
pub const MESSAGE_COST: usize = 64;
/// The longest message of a data channel that goes in one packet on every path, sequence number and
/// all.
pub const DATA_MESSAGE: usize = DATAGRAM_SIZE - Header::LEN - TAG - 8;
/// The longest message that is copied to stand beside others while it waits, where it could be shared
/// with who gave it.
pub const SHORT_MESSAGE: usize = 512;
/// The same where it must be copied anyway.
pub const SHELVED_MESSAGE: usize = 1_472;
/// Bytes of such that stand beside each other in one allocation.
pub const BOARD: usize = 8 * 1024;
/// The longest message of a `sequenced` or `unreliable` channel.
pub const FRESH_MESSAGE: usize = 16 * 1024;
/// The longest message of a reliable data channel.
pub const RELIABLE_MESSAGE: usize = 4 * 1024 * 1024;
/// The longest message of a reliable data channel that declares none.
pub const RELIABLE_MESSAGE_BY_DEFAULT: usize = 256 * 1024;
/// The longest command, request or reply, unless its channel says less.
pub const CONTROL_MESSAGE: usize = 256 * 1024;

/// The longest memory of a message that is used again.
pub const SPARE_BUFFER: usize = 32 * 1024;
/// Such that is kept for one channel, and for commands: half of what a queue holds.
pub const SPARE_BYTES: usize = 512 * 1024;

const _: () = assert!(SHORT_MESSAGE <= DATA_MESSAGE && DATA_MESSAGE <= SHELVED_MESSAGE);
const _: () = assert!(SHELVED_MESSAGE <= BOARD);
const _: () = assert!(FRESH_MESSAGE <= RELIABLE_MESSAGE && RELIABLE_MESSAGE <= MESSAGE);
const _: () = assert!(RELIABLE_MESSAGE_BY_DEFAULT <= RELIABLE_MESSAGE);
const _: () = assert!(CONTROL_MESSAGE <= MESSAGE);

// The session: pieces of messages.

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

const _: () = assert!(FRAGMENT_MIN <= DATA_MESSAGE);
const _: () = assert!(FRESH_GAPS * FRAGMENT_MIN >= FRESH_MESSAGE, "honest pieces fit");
const _: () = assert!(FRESH_PARTIAL_BYTES >= FRESH_MESSAGE);

// The session: queues and credit.

/// Credit of a reliable channel: cost of the messages that may wait for its application.
pub const CHANNEL_CREDIT: u64 = 2 << 20;
/// Cost of the messages that wait to be sent on one channel. Where half of it is free, a reliable
/// message of any length finds room.
pub const SEND_QUEUE_BYTES: usize = 1 << 20;
/// Messages that wait to be sent on one reliable channel, those in flight included.
pub const SEND_QUEUE_MESSAGES: usize = 16_384;
/// Messages of a `sequenced` or `unreliable` channel that wait to be sent.
pub const FRESH_QUEUE_MESSAGES: usize = 1_024;
/// How long they wait at the most, where their channel has no lifetime.
pub const FRESH_LIFETIME: Duration = Duration::from_secs(1);
/// Bytes of frames that the lightest channel sends in a turn among those of its priority; the others
/// send in proportion to their weights.
pub const TURN_BYTES: u32 = 256;
/// What a channel owes at the most to those of its priority, in bytes of frames.
pub const DEBT_BYTES: u32 = 16 * 1024;
/// Messages of a `sequenced` or `unreliable` channel that wait to be taken.
pub const RECEIVE_QUEUE_MESSAGES: usize = 4_096;
/// Their cost in bytes.
pub const RECEIVE_QUEUE_BYTES: usize = 1 << 20;
/// Delivery notices of a session that are open, or that the application has not taken.
pub const NOTICES: usize = 4_096;
/// A `sequenced` or `unreliable` message that arrived counts as lost when the peer's application has
/// not taken it for so long.
pub const NOTICE_PATIENCE: Duration = Duration::from_secs(3);
/// What the application took is told the peer within this.
pub const TAKEN_DELAY: Duration = Duration::from_millis(20);
/// Runs of messages of a `sequenced` or `unreliable` channel that were taken and that the peer was
/// not told of.
pub const TAKEN_RUNS: usize = 1_024;
/// Cost of the messages of a session that wait for the commands they come after.
pub const HELD_BYTES: usize = 256 * 1024;
/// They wait no longer than this.
pub const HELD_AGE: Duration = Duration::from_secs(1);

const _: () = assert!(TURN_BYTES < DEBT_BYTES && TUNNEL_PIECE < DEBT_BYTES as usize);
const _: () = assert!(HELD_BYTES >= FRESH_MESSAGE + MESSAGE_COST);
const _: () = assert!(ms(TAKEN_DELAY) + 2 * ms(PTO_MAX) < ms(NOTICE_PATIENCE), "word may be lost");
const _: () = assert!(TAKEN_RANGES <= TAKEN_RUNS);
const _: () = assert!(CHANNEL_CREDIT >= 2 * SEND_QUEUE_BYTES as u64, "no grant is waited for");
const _: () = assert!(CHANNEL_CREDIT >= 2 * (CONTROL_MESSAGE + MESSAGE_COST) as u64);
const _: () = assert!(2 * SEND_QUEUE_MESSAGES as u64 <= SEQUENCE_AHEAD, "we keep far below it");
const _: () = assert!(RECEIVE_QUEUE_BYTES >= FRESH_MESSAGE + MESSAGE_COST);

// The session: the data plane.

/// Replay window at the start, in packets.
pub const WINDOW_MIN: u64 = 1_024;
/// Replay window at the most, in packets.
pub const WINDOW_MAX: u64 = 131_072;
/// The window covers this much of the flow.
pub const WINDOW_SPAN: Duration = Duration::from_millis(100);
/// Packets one side may have sent without knowing what became of them.
pub const SENT_PACKETS: u64 = 65_536;
/// Lost packets that are remembered, so that an ack that comes after all is seen.
pub const LOST_PACKETS: usize = 128;
/// Packets for one number that is skipped, on average, while the window is small.
pub const SKIP_MEAN: u64 = 500;
/// And with a large window.
pub const SKIP_MEAN_MIN: u64 = 128;
/// Skipped numbers that are remembered beside those in flight.
pub const SKIPPED_NUMBERS: usize = 32;
/// An ack of packets with reliable frames waits this long at the most.
pub const RELIABLE_ACK_DELAY: Duration = Duration::from_millis(20);
/// Or for this many packets.
pub const RELIABLE_ACK_PACKETS: u32 = 10;
/// An ack of packets with `sequenced` and `unreliable` messages alone waits this long at the most.
pub const UNRELIABLE_ACK_DELAY: Duration = Duration::from_millis(60);
/// Or for this many packets.
pub const UNRELIABLE_ACK_PACKETS: u32 = 32;
/// Such numbers of packets bring no two acks within this.
pub const ACKS_APART: Duration = Duration::from_micros(500);
/// RTT assumed before the first sample.
pub const INITIAL_RTT: Duration = Duration::from_millis(100);
/// What a timer resolves (RFC 9002, section 6.1.2).
pub const GRANULARITY: Duration = Duration::from_millis(1);
/// The most that probe time-outs back off to while something is outstanding.
pub const PTO_MAX: Duration = Duration::from_secs(1);
/// A message waits this long for company unless it is flushed.
pub const MAX_SEND_DELAY: Duration = Duration::from_millis(1);
/// The longest that a message may be told to wait for company.
pub const SEND_DELAY_MAX: Duration = Duration::from_millis(20);
/// A packet number's key is left after this many packets (RFC 9001, section 6.6, halved).
pub const KEY_PACKETS: u64 = 1 << 22;
/// A key refuses beyond this many packets.
pub const KEY_PACKETS_MAX: u64 = 1 << 23;
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
/// The shortest distance between two challenges to addresses that a peer may have moved to.
pub const MOVE_INTERVAL: Duration = Duration::from_secs(1);
/// Path challenges of a peer that acknowledges nothing meanwhile; one more ends the session.
pub const CHALLENGES_UNACKED: u32 = 1_000;
/// In this time one of them is forgotten.
pub const CHALLENGE_LEAK: Duration = Duration::from_millis(10);
/// A dead UDP direction is probed this often for [`PROBE_STEADY`] and while messages wait for it,
/// then ever more rarely.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it is probed that often.
pub const PROBE_STEADY: Duration = Duration::from_secs(30);
/// The longest distance between two probes.
pub const PROBE_MAX: Duration = Duration::from_secs(120);
/// Soundings of a session that wait for their response, and round trips that wait to be taken.
pub const SOUNDINGS: usize = 256;
/// Length probes of one length in a row that are lost before the path counts as too narrow for
/// it (RFC 8899, section 5.1.2).
pub const MTU_PROBES: u32 = 3;
/// Lengths that differ by less are not told apart.
pub const MTU_STEP: usize = 4;
/// After a search a longer length is asked once more in so long (RFC 8899, section 5.1.1).
pub const MTU_RAISE: Duration = Duration::from_secs(600);
/// Rounds in a row whose long packets were all lost before the path counts as narrower than it was.
pub const MTU_ROUNDS: u32 = 3;
/// A path that comes to be narrower twice within this is not asked again before it is over.
pub const MTU_COOLDOWN: Duration = Duration::from_secs(60);

const _: () = assert!(WINDOW_MIN < WINDOW_MAX);
const _: () = assert!(SENT_PACKETS < 1 << 30, "a truncated number tells them apart");
const _: () = assert!(WINDOW_MAX < 1 << 30);
const _: () = assert!(SENT_PACKETS < KEY_PACKETS, "what is open lies under two keys at the most");
const _: () = assert!(2 * KEY_PACKETS <= KEY_PACKETS_MAX, "a key may be left late");
const _: () = assert!(ms(RELIABLE_ACK_DELAY) <= ms(UNRELIABLE_ACK_DELAY));
const _: () = assert!(ms(UNRELIABLE_ACK_DELAY) <= ms(ACK_DELAY_MAX));
const _: () = assert!(ms(MAX_SEND_DELAY) <= ms(SEND_DELAY_MAX));
const _: () = assert!(ms(GRANULARITY) <= ms(INITIAL_RTT) && ms(INITIAL_RTT) <= ms(PTO_MAX));
const _: () = assert!(ms(PTO_MAX) < ms(UDP_DEAD), "UDP is probed before it is given up");
const _: () = assert!(ms(CHALLENGE_FIRST) <= ms(CHALLENGE_MAX));
const _: () = assert!(ms(CHALLENGE_LEAK) < ms(CHALLENGE_FIRST), "who repeats one is not flooding");
const _: () = assert!(ms(PROBE_INTERVAL) <= ms(PROBE_STEADY) && ms(PROBE_STEADY) <= ms(PROBE_MAX));
const _: () = assert!(MTU_STEP >= 2 && MTU_PROBES > 0 && MTU_ROUNDS > 0);
const _: () = assert!(ms(MTU_COOLDOWN) <= ms(MTU_RAISE));

// The control plane.

/// Numbered control records that are queued or unacknowledged, and as many tunnelled messages.
pub const CONTROL_QUEUE_RECORDS: usize = 4_096;
/// Their bytes.
pub const CONTROL_QUEUE_BYTES: usize = 1 << 20;
/// What one pull writes at the most before the socket is asked again.
pub const CONTROL_PULL: usize = 16 * 1024;
/// Pulls in a row, at the most, while the socket takes them in less than [`CONTROL_PULLS_TIME`].
pub const CONTROL_PULLS: usize = 4;
/// How often a session hears that a slow connection takes what it was given.
pub const CONTROL_TOLD: Duration = Duration::from_millis(250);
/// So fast must a connection be that more than one pull is written at a time.
pub const CONTROL_PULLS_TIME: Duration = Duration::from_millis(5);
/// Bytes of tunnelled messages that may be unacknowledged, or what is acknowledged in
/// [`TUNNEL_SPAN`] if that is more; half of what the peer takes at the most.
pub const TUNNEL_BYTES: usize = 16 * 1024;
/// So much of what the control connection carries may be under way.
pub const TUNNEL_SPAN: Duration = Duration::from_millis(100);
/// For so long and up to twice as long it is remembered how fast stamps of the peer's clock came.
pub const PEER_CLOCK_WINDOW: Duration = Duration::from_secs(30);
/// Bytes of a message that go into one tunnelled record.
pub const TUNNEL_PIECE: usize = 8 * 1024;
/// A numbered control record is acknowledged after this many bytes, or after [`CONTROL_ACK_DELAY`].
pub const CONTROL_ACK_BYTES: usize = TUNNEL_BYTES / 2;
/// The most that an ack of control records waits.
pub const CONTROL_ACK_DELAY: Duration = Duration::from_millis(50);
/// Steps of transfers that wait to be written: a peer that offers faster than it takes answers
/// breaks a rule.
pub const TRANSFER_STEPS: usize = 256;
/// Bytes of a transfer that may come before the application takes them.
pub const TRANSFER_WINDOW: u64 = 1 << 20;
/// What has come of a transfer is told after this many bytes.
pub const TRANSFER_TOLD: u64 = 16 * 1024;
/// A transfer holds back while round trips take this much longer than the shortest.
pub const YIELD_DELAY: Duration = Duration::from_millis(25);
/// How often a transfer looks how long they take.
pub const YIELD_INTERVAL: Duration = Duration::from_millis(50);
/// For so long and up to twice as long the shortest round trip is remembered.
pub const YIELD_WINDOW: Duration = Duration::from_secs(30);
/// Bytes per second at which a transfer begins.
pub const YIELD_FIRST: u64 = 256 * 1024;
/// Bytes per second below which it never falls, so that it ends.
pub const YIELD_LEAST: u64 = 16 * 1024;
/// Requests of one side that wait for a reply.
pub const REQUESTS_OPEN: usize = 256;
/// How long a request waits for its reply unless it says otherwise.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// The longest that an application may have a request or a message wait; what is longer counts as
/// this, so that no clock ends before it.
pub const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Bytes of the peer's requests that wait for the application; beyond, they are refused.
pub const CALLS_BYTES: usize = 1 << 20;
/// After this much quiet a client says on a plane that it is there, unless it is set.
pub const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// A server waits a tenth longer: by then it has answered the client's keep-alive, which resets its
/// own.
pub const KEEP_ALIVE_SERVER: Duration = Duration::from_millis(3_300);
/// Sessions that are quiet speak at the same multiples of this, up to so much earlier: a thread that
/// serves thousands of them wakes sixteen times a second.
pub const KEEP_ALIVE_STEP: Duration = Duration::from_micros(62_500);
/// TCP is given up after this much silence of the peer, or three times a server's keep-alive interval
/// if that is longer.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// TCP is given up when a write makes no progress for this long.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// A client opens another connection beside one that has taken nothing for this long.
pub const CONTROL_REPLACE: Duration = Duration::from_secs(3);
/// A session lives this long without a control connection.
pub const GRACE: Duration = Duration::from_secs(30);
/// And one of a server that has not heard its client yet no longer than this: the welcome may have
/// been lost.
pub const GRACE_UNHEARD: Duration = Duration::from_secs(3);
/// The longest that a session may be set to live without a control connection.
pub const GRACE_MAX: Duration = Duration::from_secs(600);
/// Close frames that go again, one for each packet, to a peer that TCP cannot tell.
pub const FAREWELLS: u8 = 3;
/// A session that closes waits this long for the peer to know.
pub const CLOSE_LINGER: Duration = Duration::from_secs(1);

const _: () = assert!(CONTROL_QUEUE_BYTES >= 2 * CONTROL_MESSAGE);
const _: () = assert!(CALLS_BYTES >= CONTROL_MESSAGE);
const _: () =
    assert!(TRANSFER_STEPS >= 8 * TRANSFERS_OPEN && TRANSFER_STEPS < CONTROL_QUEUE_RECORDS);
const _: () =
    assert!(4 * TRANSFER_TOLD <= TRANSFER_WINDOW, "what has come is told before it is all");
const _: () = assert!(YIELD_LEAST <= YIELD_FIRST);
const _: () = assert!(ms(YIELD_INTERVAL) < ms(YIELD_WINDOW));
const _: () = assert!(TUNNEL_PIECE <= TUNNEL_BYTES && TUNNEL_PIECE < RECORD);
const _: () = assert!(TUNNEL_BYTES <= CONTROL_QUEUE_BYTES);
const _: () = assert!(ms(CONTROL_ACK_DELAY) < ms(TUNNEL_SPAN), "the tunnel's rate is seen");
const _: () = assert!(ms(WRITE_STALL) < ms(PEER_CLOCK_WINDOW), "no stall is taken for a path");
const _: () = assert!(ms(CONTROL_REPLACE) < ms(WRITE_STALL) && ms(WRITE_STALL) < ms(GRACE));
const _: () = assert!(ms(GRACE_UNHEARD) <= ms(GRACE) && ms(GRACE) <= ms(GRACE_MAX));
const _: () = assert!(CONTROL_PULL <= RECORD, "no pull holds up the next for long");
const _: () = assert!(ms(KEEP_ALIVE) * 11 / 10 == ms(KEEP_ALIVE_SERVER));
const _: () = assert!(3 * ms(KEEP_ALIVE_SERVER) <= ms(IDLE_TIMEOUT));
const _: () = assert!(is_within(KEEP_ALIVE, KEEP_ALIVE_RANGE));
const _: () = assert!(ms(KEEP_ALIVE_STEP) < ms(KEEP_ALIVE_RANGE.0));
const _: () = assert!(1_000_000_000 % KEEP_ALIVE_STEP.as_nanos() == 0, "a second is whole steps");
const _: () = assert!(is_within(IDLE_TIMEOUT, IDLE_TIMEOUT_RANGE));
const _: () = assert!(ms(UDP_DEAD) < ms(IDLE_TIMEOUT), "a plane that is left is known before");

// The shell: datagrams and workers.

/// The longest datagram that is accepted and sent, unless it is set: Ethernet less the headers of
/// IPv6 and UDP.
pub const DATAGRAM: usize = 1_452;
/// The longest that it may be set to: jumbo frames less the headers of IPv4 and UDP.
pub const DATAGRAM_LARGEST: usize = 8_972;
/// A receive slot: no run that the kernel puts together is longer.
pub const RECEIVE_SLOT: usize = 65_535;
/// Slots that the kernel is asked to fill where little comes.
pub const RECEIVE_FIRST: usize = 4;
/// One UDP send, however many datagrams the kernel makes of it.
pub const SEND_RUN: usize = DATAGRAM_MAX;
/// Packets of one session that are committed in one lock hold.
pub const COMMIT_PACKETS: usize = 128;
/// Packets that are filled in one lock hold.
pub const FILL_PACKETS: usize = 64;
/// Bytes that are filled in one lock hold, give or take a packet.
pub const FILL_BYTES: usize = 64 * 1024;
/// Fills of one session before it queues behind the others.
pub const FILL_ROUNDS: usize = 4;
/// Jobs, and timers, of one pass of a sender.
pub const SENDER_PASS: usize = 64;
/// Sessions a receiver answers itself after a batch; more go to the senders.
pub const INLINE_SESSIONS: usize = 4;
/// How long an application that does its endpoint's work itself may leave it alone before the
/// control thread stands in.
pub const INLINE_PATIENCE: Duration = Duration::from_millis(50);
/// It need not do it again within this where it asks for events or takes messages, channel by channel.
pub const INLINE_APART: Duration = Duration::from_micros(100);
/// Passes of a receiver and a sender each time that it does.
pub const INLINE_PASSES: usize = 16;
/// Sessions that one hand-over of a flush names.
pub const FLUSH_CHUNK: usize = 32;
/// Asked of the kernel for what waits to be read off the socket, unless it is set.
pub const RECEIVE_BUFFER: usize = 8 << 20;
/// Asked of the kernel for what waits to be sent, unless it is set.
pub const SEND_BUFFER: usize = 4 << 20;
/// The least that may be asked for.
pub const SOCKET_BUFFER_MIN: usize = 4 * 1024;
/// The most that may be asked for.
pub const SOCKET_BUFFER_MAX: usize = 1 << 30;
/// A kernel's receive stamp older than this is not believed: the wall clock was set.
pub const STAMP_AGE: Duration = Duration::from_millis(100);
/// How long a worker waits for room in the kernel before what it holds counts as unsent.
pub const WORKER_PATIENCE: Duration = Duration::from_millis(100);
/// How long the application's own thread does.
pub const CALLER_PATIENCE: Duration = Duration::from_millis(2);
/// Back-off after the kernel ran out of something.
pub const BACK_OFF: Duration = Duration::from_millis(1);
/// Most workers of a kind.
pub const WORKERS: usize = 64;
/// Most workers of a kind unless they are set: light load costs one, and few machines fill two.
pub const WORKERS_BY_DEFAULT: usize = 2;
/// A receiver that took as many datagrams as fill a batch so often in a row calls another.
pub const LARGE_BATCHES: u32 = 16;
/// Datagrams of a pass after which a receiver looks [`LINGER_LOOKS`] times more before it sleeps.
pub const LINGER_DATAGRAMS: u64 = 16;
/// See [`LINGER_DATAGRAMS`].
pub const LINGER_LOOKS: u32 = 2;
/// A receiver that was away for longer when it gave way before a look does without for
/// [`LINGER_REST`].
pub const LINGER_AWAY: Duration = Duration::from_millis(1);
/// See [`LINGER_AWAY`].
pub const LINGER_REST: Duration = Duration::from_millis(100);
/// A receiver that sleeps is put on watch by this many batches of the others in [`WATCH_SPAN`].
pub const WATCH_BATCHES: u64 = 64;
/// See [`WATCH_BATCHES`]; after as long without traffic it sleeps again.
pub const WATCH_SPAN: Duration = Duration::from_millis(100);
/// How often one on watch looks whether anybody is at the socket.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(5);
/// A caller that waits takes in what comes by itself, however long it is away between two waits, up
/// to so many datagrams in [`CALLER_SPAN`]: what may come in the worst [`WATCH_INTERVAL`] waits in
/// any socket's buffer.
pub const CALLER_DATAGRAMS: u64 = 640;
/// See [`CALLER_DATAGRAMS`].
pub const CALLER_SPAN: Duration = Duration::from_millis(100);
/// Where more comes, a caller does so that keeps up. After it was behind it does not for so long;
/// and not after a receiver had to stand in for it, each time for twice as long, up to
/// [`CALLER_REST_MAX`], if that is no longer ago than it lasted.
pub const CALLER_REST: Duration = Duration::from_millis(100);
/// See [`CALLER_REST`].
pub const CALLER_REST_MAX: Duration = Duration::from_millis(3_200);
/// A caller is behind when a batch fills one part in so many of the socket's buffer; and, where
/// receivers have processors of their own, after [`LARGE_BATCHES`].
pub const CALLER_ROOM: usize = 4;
/// Most sessions that an endpoint may be set to.
pub const SESSIONS: usize = 1 << 20;
/// Sessions of an endpoint that does not listen, those on their way included.
pub const DIALED_SESSIONS: usize = 16_384;
/// Entries that a list of sessions holds beyond two for each session.
pub const LIST_SLACK: usize = 1_024;
/// Faults that wait to be taken; more are dropped.
pub const FAULTS: usize = 16;
/// Answers that wait for who asked.
pub const EARLY_ANSWERS: usize = REQUESTS_OPEN;
/// Distance between two warnings of a kind.
pub const WARN_INTERVAL: Duration = Duration::from_secs(5);

const _: () = assert!(DATAGRAM_SIZE <= DATAGRAM && DATAGRAM <= DATAGRAM_LARGEST);
const _: () = assert!(DATAGRAM_LARGEST <= DATAGRAM_MAX);
const _: () = assert!(DATAGRAM_MAX <= RECEIVE_SLOT);
const _: () = assert!(FILL_BYTES >= DATAGRAM_LARGEST && FILL_PACKETS * DATAGRAM_SIZE >= FILL_BYTES);
const _: () = assert!((COMMIT_PACKETS as u64) < WINDOW_MIN, "one hold cannot pass the window");
const _: () = assert!(WORKERS_BY_DEFAULT <= WORKERS);
const _: () = assert!(SOCKET_BUFFER_MIN <= SEND_BUFFER && SEND_BUFFER <= SOCKET_BUFFER_MAX);
const _: () = assert!(SOCKET_BUFFER_MIN <= RECEIVE_BUFFER && RECEIVE_BUFFER <= SOCKET_BUFFER_MAX);
const _: () = assert!(ms(STAMP_AGE) <= ms(WINDOW_SPAN), "the window covers what may have lain");
const _: () = assert!(ms(BACK_OFF) <= ms(CALLER_PATIENCE));
const _: () = assert!(ms(CALLER_PATIENCE) <= ms(WORKER_PATIENCE));
const _: () = assert!(ms(WATCH_INTERVAL) < ms(WATCH_SPAN));
const _: () = assert!(ms(CALLER_REST) <= ms(CALLER_REST_MAX));
const _: () = assert!(2 * ms(WATCH_INTERVAL) < ms(RELIABLE_ACK_DELAY), "no caller makes acks late");
const _: () = assert!(DIALED_SESSIONS <= SESSIONS);

// The shell: joins and control connections.

/// TCP connections that the system keeps until they are accepted.
pub const BACKLOG: i32 = 1_024;
/// TLS handshakes that are computed before everybody else has a turn on the control thread.
pub const HANDSHAKES: usize = 64;
/// TCP connections that wait for a stranger's bytes: of TLS, of the hello, of its last words.
pub const WAITING: usize = 2_048;
/// Bytes that are taken from a connection before its client is admitted.
pub const WAITING_BYTES: usize = 16 * 1024;
/// Further bytes for the description of a client that speaks another protocol.
pub const MISMATCH_BYTES: usize = DESCRIPTION + 4 * 1024;
/// TCP connections of one address that are not yet sessions.
pub const UNADMITTED_PER_ADDRESS: usize = 64;
/// Accepted connections that wait until their address has room.
pub const PARKED: usize = 1_024;
/// How long they wait: clients give up after [`CONNECT_DEADLINE`].
pub const PARKED_DEADLINE: Duration = Duration::from_secs(10);
/// Clients that the application's admission looks at, at a time.
pub const ADMISSIONS: usize = 1_024;
/// Protocols that a listener accepts.
pub const PROTOCOLS: usize = 4;
/// From accepted to the end of the TLS handshake.
pub const TLS_DEADLINE: Duration = Duration::from_secs(5);
/// From there until the hello is whole.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(2);
/// For the application's admission.
pub const ADMISSION_DEADLINE: Duration = Duration::from_secs(10);
/// For what a stranger is told before it is let go, and what it says to that.
pub const PARTING_DEADLINE: Duration = Duration::from_secs(2);
/// From connect to session.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// For one try of a client to replace a control connection: TCP, TLS and the answer.
pub const RESUME_TRY: Duration = Duration::from_secs(3);
/// Those who lost theirs together make their first try within this.
pub const RESUME_SPREAD: Duration = Duration::from_millis(50);
/// The pause before the second try and the most that it doubles to, each less up to a half of it. A
/// connection that lasted for the latter is replaced as if it were the first.
pub const RESUME_BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(2));
/// A host's next address is tried when the one before has not answered for so long.
pub const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// Threads that look names up.
pub const RESOLVERS: usize = 4;
/// Back-off of the listener when the system is out of something: doubles from one to the other.
pub const ACCEPT_BACK_OFF: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(100));
/// Failures of accept in a row after which even those of single connections are waited out.
pub const ACCEPT_FAILURES: u32 = 16;
/// How long TCP retransmits into silence, or into a closed window, before the connection counts as
/// broken: longer than a session waits for a peer that does not read, which has a reason of its own.
pub const TCP_SILENCE: Duration = Duration::from_secs(15);
/// Bytes below us that are not yet sent: the less, the fresher what we pull.
pub const TCP_UNSENT: u32 = 16 * 1024;
/// Bytes that rustls holds: all of what was pulled, so that it goes in one call.
pub const TLS_BUFFER: usize = 128 * 1024;
/// What is taken off a control connection at a time.
pub const CONTROL_READ: usize = 128 * 1024;
/// Bytes that a control connection keeps room for while it has nothing to write.
pub const CONTROL_KEPT: usize = 1024;
/// How long a closed connection is still read, so that closing it does not destroy what is on its
/// way to the peer.
pub const CONTROL_LINGER: Duration = Duration::from_secs(1);
/// An attached connection on which no transfer is under way is closed after this.
pub const ATTACH_LINGER: Duration = Duration::from_secs(5);
/// After this much quiet a side says on an attached connection that it is there.
pub const ATTACH_KEEP_ALIVE: Duration = Duration::from_secs(3);
/// An attached connection is given up after this much silence of the peer.
pub const ATTACH_SILENCE: Duration = Duration::from_secs(10);
/// Threads that read what is transferred.
pub const TRANSFER_READERS: usize = 4;
/// One read of what is transferred.
pub const TRANSFER_READ: usize = 64 * 1024;
/// Bytes of a transfer that wait to be taken in one piece, unless they are the first or the last.
pub const TRANSFER_FEW: usize = 4 * 1024;
/// One read off an attached connection.
pub const ATTACH_READ: usize = 32 * 1024;
/// How long the end of an endpoint waits for its control connections to say so.
pub const FAREWELL: Duration = Duration::from_millis(100);
/// How long a close of all sessions waits for the last.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

const _: () = assert!(ms(CONTROL_TOLD) < ms(CONTROL_REPLACE), "a slow connection is not replaced");
const _: () = assert!(TLS_BUFFER >= CONTROL_PULLS * (CONTROL_PULL + RECORD), "pulls fit");
const _: () = assert!(WAITING_BYTES >= HELLO + 4 * 1024, "TLS comes before the hello");
const _: () = assert!(MISMATCH_BYTES > DESCRIPTION);
const _: () = assert!(UNADMITTED_PER_ADDRESS <= WAITING && HANDSHAKES <= WAITING);
const _: () = assert!(ms(PARKED_DEADLINE) <= ms(CONNECT_DEADLINE), "who gave up waits no more");
const _: () = assert!(ms(TLS_DEADLINE) + ms(HELLO_DEADLINE) < ms(CONNECT_DEADLINE));
const _: () = assert!(ms(ADMISSION_DEADLINE) <= ms(CONNECT_DEADLINE));
const _: () = assert!(ms(DIAL_STAGGER) < ms(CONNECT_DEADLINE));
const _: () = assert!(ms(ACCEPT_BACK_OFF.0) <= ms(ACCEPT_BACK_OFF.1));
const _: () = assert!(ms(RESUME_SPREAD) < ms(RESUME_BACK_OFF.0));
const _: () = assert!(ms(RESUME_BACK_OFF.0) <= ms(RESUME_BACK_OFF.1));
const _: () = assert!(3 * (ms(RESUME_TRY) + ms(RESUME_BACK_OFF.1)) < ms(GRACE), "more than once");
const _: () = assert!(ms(TCP_SILENCE) > ms(WRITE_STALL));
const _: () = assert!(3 * ms(ATTACH_KEEP_ALIVE) <= ms(ATTACH_SILENCE));
const _: () = assert!(ATTACH_READ >= RECORD);
const _: () =
    assert!(TRANSFER_FEW <= RECORD / 2, "what goes in whole records is handed out at once");
const _: () = assert!(ms(CLOSE_DEADLINE) > ms(CLOSE_LINGER));
const _: () = assert!(ms(CLOSE_DEADLINE) >= ms(CONTROL_LINGER));

// The face: what an application's own types may ask for.

/// Values inside each other that a message is decoded to.
pub const DECODE_DEPTH: usize = 64;
/// A thread's buffer for encoding that grew larger than this is given back.
pub const ENCODE_BUFFER: usize = 64 * 1024;
/// Events that one call hands out at the most; what is left comes with the next.
pub const EVENTS_AT_ONCE: usize = 16_384;
/// How long a diagnosis sounds the path, unless it is set.
pub const DIAGNOSIS: Duration = Duration::from_secs(5);
/// The least and the most that it may be set to.
pub const DIAGNOSIS_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// When the first sounding leaves: a path that works is validated by then, or its challenge has gone
/// unanswered twice.
pub const SOUNDING_FIRST: Duration = Duration::from_millis(250);
/// Distance between two soundings.
pub const SOUNDING_INTERVAL: Duration = Duration::from_millis(20);
/// How long the acks and responses of the last are waited for.
pub const SOUNDING_LINGER: Duration = Duration::from_secs(1);
/// Packets in a hundred that may be lost in either direction before a diagnosis finds fault.
pub const LOSS_BEARABLE: usize = 10;

const _: () = assert!(is_within(DIAGNOSIS, DIAGNOSIS_RANGE));
const _: () = assert!(ms(SOUNDING_FIRST) > 2 * ms(CHALLENGE_FIRST), "two challenges went before");
const _: () = assert!(ms(SOUNDING_FIRST) < ms(DIAGNOSIS_RANGE.0));
const _: () = assert!(ms(SOUNDING_INTERVAL) > ms(CHALLENGE_LEAK), "nor is who is diagnosed");
const _: () = assert!(LOSS_BEARABLE <= 100);

const fn ms(time: Duration) -> u128 {
    time.as_millis()
}

const fn is_within(time: Duration, (least, most): (Duration, Duration)) -> bool {
    ms(least) <= ms(time) && ms(time) <= ms(most)
}
