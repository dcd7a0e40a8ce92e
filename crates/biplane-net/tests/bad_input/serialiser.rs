//! Input 32: bytes that are no message of the application's, below its types.
//!
//! The peer speaks a protocol that looks alike and carries opaque bytes where the victim has a type.

use std::time::{Duration, Instant};

use biplane::{
    Channel, Client, CloseReason, Endpoint, Event, Payload, Protocol, Server, Session, Violation,
};
use serde::{Deserialize, Serialize};

use crate::rig::{PATIENCE, nobody_reserved_by_a_claim, taken_here, until};

/// Everything that can be wrong has its variant.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Said {
    Number(u64),
    Small(u16),
    Bytes(Vec<u8>),
    Words(Vec<String>),
    Nothing(Vec<()>),
    Tree(Tree),
    Text(String),
    Flag(bool),
    Maybe(Option<u8>),
    Letter(char),
}

/// As deep as a peer likes.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Tree(Option<Box<Self>>);

const DEPTH: usize = 10_000;
/// The longest message of a command channel here: room for every bad one.
const LONG: u32 = 16 * 1_024;
/// That of the other kinds: as much as the facade lets them have, and no room for the deepest.
const SHORT: u32 = 1_167;
/// What one message may take of a processor, and of one that checks every step.
const AT_ONCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 1 });
/// What a look, a good message and the end of a session take of memory whatever was sent.
const HANDLING: usize = 4 * 1_024;

/// What does not decode, and why.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let long_count = [0x80, 0x80, 0x80, 0x80, 0x10];
    let of = |variant: u8, bytes: &[u8]| [&[variant][..], bytes].concat();
    vec![
        ("nothing", Vec::new()),
        ("an over-long varint", of(0, &[0x80, 0])),
        ("an over-long variant", vec![0x80, 0, 5]),
        ("ten times 0xff", of(0, &[0xff; 10])),
        ("eleven times 0xff", of(0, &[0xff; 11])),
        ("a varint cut short", of(0, &[0xff; 3])),
        ("a number too large for its type", of(1, &[0xff, 0xff, 0x7f])),
        ("a length of more than is left", of(2, &[100, 1, 2, 3])),
        ("2^32 bytes", of(2, &long_count)),
        ("2^32 elements", of(3, &long_count)),
        ("2^32 elements of no size", of(4, &long_count)),
        ("2^64 - 1 elements of no size", of(4, &[&[0xff; 9][..], &[1]].concat())),
        ("more elements of no size than bytes", of(4, &[100])),
        ("10,000 levels", of(5, &[&[1; DEPTH][..], &[0]].concat())),
        ("10,000 levels without an end", of(5, &[1; DEPTH])),
        ("65 levels", of(5, &[&[1; 65][..], &[0]].concat())),
        ("text that is not UTF-8", of(6, &[2, 0xff, 0xfe])),
        ("half a character", of(6, &[1, 0xc3])),
        ("a bool that is none", of(7, &[2])),
        ("an option that is none", of(8, &[2, 1])),
        ("a char that is a surrogate", of(9, &[3, 0xed, 0xa0, 0x80])),
        ("a char of two", of(9, &[2, b'a', b'b'])),
        ("a variant that is none", of(10, &[1])),
        ("the last variant that could be", of(0xff, &[0xff, 0xff, 0xff, 0x0f])),
        ("bytes left over", of(7, &[1, 0])),
        ("many bytes left over", of(7, &[1; 5_000])),
    ]
}

/// A channel as the victim has it, and as its peer does.
struct Kind {
    typed: Channel<Said>,
    opaque: Channel<Payload>,
    reliable: bool,
    longest: u32,
}

impl Kind {
    /// The bad messages that it carries.
    fn bad(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut bad = bad();
        bad.retain(|(_, bytes)| bytes.len() <= usize::try_from(self.longest).unwrap());
        assert!(bad.len() >= 20);
        bad
    }
}

const fn kind(
    typed: Channel<Said>,
    opaque: Channel<Payload>,
    reliable: bool,
    longest: u32,
) -> Kind {
    let (typed, opaque) = (typed.max_message(longest), opaque.max_message(longest));
    Kind { typed, opaque, reliable, longest }
}

const KINDS: [Kind; 5] = [
    kind(Channel::command("x"), Channel::command("x"), true, LONG),
    kind(Channel::reliable_ordered("x"), Channel::reliable_ordered("x"), true, SHORT),
    kind(Channel::reliable_unordered("x"), Channel::reliable_unordered("x"), true, SHORT),
    kind(Channel::sequenced("x"), Channel::sequenced("x"), false, SHORT),
    kind(Channel::unreliable("x"), Channel::unreliable("x"), false, SHORT),
];

const LINES: Channel<String> = Channel::reliable_ordered("lines");

fn protocols(kind: &Kind) -> [Protocol; 2] {
    let protocol = || Protocol::new("bad input 32", 1);
    [protocol().channel(kind.typed).channel(LINES), protocol().channel(kind.opaque).channel(LINES)]
}

/// Asks one session for its next message, after one of `len` bytes: that must cost little time, and
/// no more memory than it has bytes, twice.
fn recv<T>(session: &Session, channel: Channel<T>, len: usize) -> Option<T>
where
    T: biplane::Incoming,
{
    let (time, memory) = (time_here(), taken_here());
    let message = session.recv(channel);
    let (time, memory) = (time_here() - time, taken_here() - memory);
    assert!(time <= AT_ONCE, "{time:?} for {len} bytes");
    assert!(memory <= 2 * len + HANDLING, "{memory} bytes for {len}");
    message
}

/// What this thread has taken of a processor; what a busy machine does in between is not its fault.
#[cfg(target_os = "linux")]
fn time_here() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Where that is not known, the time it took.
#[cfg(not(target_os = "linux"))]
fn time_here() -> Duration {
    use std::{sync::LazyLock, time::Instant};
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn joined(server: &Server) -> Session {
    let mut found = None;
    until("a session", || {
        let _something = server.wait(Duration::from_millis(2));
        found = found.take().or_else(|| {
            server.events().find_map(|event| match event {
                Event::Joined(session) => Some(session),
                _ => None,
            })
        });
        found.is_some()
    });
    found.unwrap()
}

fn left(events: impl Iterator<Item = Event>) -> Option<CloseReason> {
    events
        .filter_map(|event| if let Event::Left(_, reason) = event { Some(reason) } else { None })
        .last()
}

/// A session with a peer of each kind, and an honest one beside it.
struct Table {
    server: Server,
    honest: [Session; 2],
    _client: Client,
}

impl Table {
    fn set(protocol: &Protocol) -> Self {
        let server = Server::bind("127.0.0.1:0", protocol).unwrap();
        let client = Client::connect(server.link(), protocol).wait().unwrap();
        let there = joined(&server);
        Self { server, honest: [Session::clone(&client), there], _client: client }
    }

    fn go_on(&self) {
        let [here, there] = &self.honest;
        for (from, to) in [(here, there), (there, here)] {
            from.send(LINES, &"still here".to_owned()).unwrap();
            until("an honest line", || recv(to, LINES, 16).is_some());
        }
    }

    fn left(&self, name: &str) -> u64 {
        self.server.stats().sessions.left.get(name).copied().unwrap_or(0)
    }
}

fn send_bytes(session: &Session, kind: &Kind, bytes: &[u8]) {
    session.send(kind.opaque, &Payload::from(bytes.to_vec())).unwrap();
}

#[test]
fn bad_input_32_a_server_ends_the_session_of_what_does_not_decode_where_all_must_arrive() {
    for kind in KINDS.iter().filter(|kind| kind.reliable) {
        let [typed, opaque] = protocols(kind);
        let table = Table::set(&typed);
        let crowd = Endpoint::bind("127.0.0.1:0").unwrap();
        for (count, (what, bytes)) in (1..).zip(kind.bad()) {
            let client = crowd.connect(table.server.link(), &opaque).wait().unwrap();
            let session = joined(&table.server);
            send_bytes(&client, kind, &[7, 1]);
            send_bytes(&client, kind, &bytes);
            let mut got = Vec::new();
            let mut reason = None;
            until("the session's end", || {
                got.extend(recv(&session, kind.typed, bytes.len()));
                reason = reason.take().or_else(|| left(table.server.events()));
                reason.is_some()
            });
            assert!(
                matches!(reason, Some(CloseReason::Violation(Violation::Undecodable(_)))),
                "{what}: {reason:?}"
            );
            // Nothing of it was seen; what came before it may have been.
            got.extend(core::iter::from_fn(|| recv(&session, kind.typed, bytes.len())));
            assert!(got.iter().all(|said| *said == Said::Flag(true)), "{what}: {got:?}");
            drop(client);
            until("the count", || table.left("violation") == count);
        }
        table.go_on();
        nobody_reserved_by_a_claim();
        assert_eq!(table.server.stats().sessions.left.len(), 1);
        assert_eq!(table.server.stats().panics, 0);
    }
}

#[test]
fn bad_input_32_a_server_counts_and_drops_what_does_not_decode_where_some_may_be_lost() {
    for kind in KINDS.iter().filter(|kind| !kind.reliable) {
        let [typed, opaque] = protocols(kind);
        let table = Table::set(&typed);
        let client = Client::connect(table.server.link(), &opaque).wait().unwrap();
        let session = joined(&table.server);
        for (count, (what, bytes)) in (1..).zip(kind.bad()) {
            send_bytes(&client, kind, &bytes);
            until(what, || {
                assert_eq!(recv(&session, kind.typed, bytes.len()), None, "{what}");
                session.stats().messages_undecodable == count
            });
        }
        send_bytes(&client, kind, &[7, 1]);
        until("a good one", || recv(&session, kind.typed, 2) == Some(Said::Flag(true)));
        table.go_on();
        assert!(table.server.stats().sessions.left.is_empty());
        assert_eq!(table.server.stats().panics, 0);
    }
}

#[test]
fn bad_input_32_a_client_does_the_same() {
    for kind in &KINDS {
        let [typed, opaque] = protocols(kind);
        let table = Table::set(&opaque);
        for (count, (what, bytes)) in (1..).zip(kind.bad()) {
            let client = Client::connect(table.server.link(), &typed).wait().unwrap();
            let session = joined(&table.server);
            send_bytes(&session, kind, &bytes);
            let mut ended = None;
            until(what, || {
                assert_eq!(recv(&client, kind.typed, bytes.len()), None, "{what}");
                ended = ended.take().or_else(|| left(client.events()));
                ended.is_some() || client.stats().messages_undecodable == 1
            });
            if kind.reliable {
                until("the accusation", || table.left("accused") == count);
            } else {
                send_bytes(&session, kind, &[7, 1]);
                until("a good one", || recv(&client, kind.typed, 2) == Some(Said::Flag(true)));
            }
        }
        table.go_on();
        assert_eq!(table.server.stats().panics, 0);
    }
}

#[test]
fn bad_input_32_what_is_just_within_the_bounds_decodes() {
    let good = [
        ("64 bytes", Said::Bytes(vec![9; 64])),
        ("the largest number", Said::Number(u64::MAX)),
        ("none of no size", Said::Nothing(Vec::new())),
        ("a word", Said::Words(vec!["word".to_owned()])),
        ("a letter", Said::Letter('ß')),
        ("nothing", Said::Maybe(None)),
        ("a leaf", Said::Tree(Tree(None))),
    ];
    for kind in &KINDS {
        let [typed, _] = protocols(kind);
        let table = Table::set(&typed);
        let [here, there] = &table.honest;
        let start = Instant::now();
        for (what, said) in &good {
            here.send(kind.typed, said).unwrap();
            until(what, || recv(there, kind.typed, 100).as_ref() == Some(said));
        }
        assert!(start.elapsed() < PATIENCE);
        table.go_on();
    }
}
