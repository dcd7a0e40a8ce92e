//! Below the seal: pieces of messages in any order, against a model of what may come of them.
//!
//! ```text
//! { | flags 1 | sequence number 2 | offset 2 | length in fives 1 | [how often 1] | } …
//! ```
//!
//! A message is as long as its sequence number says, and its bytes say which one it is. Every piece
//! comes in one of two variants: a peer may contradict itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use biplane_proto::limits;
use biplane_wire::{Fragment, Frame, KeyPhase, Message, PacketNumber};
use bytes::Bytes;

use crate::{
    duo::{self, Duo, ORDERED, Packet, SEQUENCED, UNORDERED, UNRELIABLE},
    labels,
    script::Script,
};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "CreditOverrun",
    "SequenceRange",
    "TooManyGaps",
    "TotalChanged",
    "left: closed_here",
    "left: timed_out",
    "none given up",
    "some given up",
    "taken of 1",
    "taken of 2",
    "taken of 3",
    "taken of 4",
];

/// Which channel: the first data channel and so many more.
const CHANNEL: u8 = 3;
/// The other variant of the bytes.
const VARIANT: u8 = 4;
/// One byte more in all than the message's other pieces say.
const LONGER: u8 = 8;
/// Several packets: the piece and those behind it.
const RUN: u8 = 16;
/// Several packets: the same piece of the messages that follow.
const ACROSS: u8 = 32;
/// 300 ms pass before it.
const LATER: u8 = 64;
/// The application takes what has come, afterwards.
const TAKE: u8 = 128;

const SERVER: usize = 1;
/// Numbers from here on are far from those of the honest start.
const FIRST: u64 = 500;
/// The longest piece, so that a packet could have carried it.
const PIECE: usize = 1_100;
/// Packets of one input: enough to reach every cap, and few enough to be quick.
const MOST: u64 = 1_100;

/// What one message ahead of a missing one may take in its channel's list, grown by doubling.
const PLACE: usize = 2 * 48;
/// What slots, nodes and this model may take.
const SLACK: usize = 256 * 1024;

/// One message, as far as its pieces were sent.
#[derive(Debug, Default)]
struct Sent {
    totals: BTreeSet<usize>,
    variants: BTreeSet<bool>,
    /// In the order they were sent, as long as the server took them in.
    pieces: Vec<Piece>,
}

/// What was sent and what was taken.
#[derive(Debug, Default)]
struct Model {
    sent: BTreeMap<(u8, u16), Sent>,
    taken: BTreeSet<(u8, u16)>,
    /// The last of each channel.
    last: BTreeMap<u8, u16>,
}

/// A piece, as the script says.
#[derive(Clone, Copy, Debug)]
struct Piece {
    channel: u8,
    sequence: u16,
    variant: bool,
    total: usize,
    offset: usize,
    len: usize,
}

/// Runs `data` as pieces of messages to a server.
pub fn reassembly(data: &[u8]) {
    let (mut duo, mut model) = (Duo::joined(), Model::default());
    let before = duo.held();
    let mut script = Script(data);
    let mut number = FIRST;
    while let Some(flags) = script.next().filter(|_| number < FIRST + MOST) {
        let mut piece = read_piece(flags, &mut script);
        let often = if flags & (RUN | ACROSS) == 0 { 0 } else { script.byte() };
        if flags & LATER != 0 {
            duo.wait(Duration::from_millis(300));
        }
        for _ in 0..=often {
            number += 1;
            hear(&mut duo, &mut model, number, piece);
            piece = if flags & ACROSS == 0 { piece.next() } else { piece.across() };
        }
        if flags & TAKE != 0 {
            take(&mut duo, &mut model);
        }
        duo.drain_all();
        model.check_memory(&duo, before);
    }
    take(&mut duo, &mut model);
    if duo.sides[SERVER].left.is_none() {
        model.check_come();
    }
    let unfinished = duo.sides[SERVER].session.stats().messages_unfinished;
    labels::note(|| if unfinished > 0 { "some given up" } else { "none given up" }.into());
    duo.finish();
}

fn read_piece(flags: u8, script: &mut Script<'_>) -> Piece {
    let (sequence, offset, len) = (script.number(), script.number(), script.byte());
    let longer = usize::from(flags & LONGER != 0);
    let piece = Piece {
        channel: ORDERED + (flags & CHANNEL),
        sequence,
        variant: flags & VARIANT != 0,
        total: 0,
        offset: offset.into(),
        len: 5 * usize::from(len) + 1,
    };
    piece.of_total(total(sequence) + longer)
}

/// How long message `sequence` is: short and long ones in turns.
fn total(sequence: u16) -> usize {
    5 + usize::from(sequence) * 977 % if sequence.is_multiple_of(2) { 16_000 } else { 1_300 }
}

/// What the bytes of all messages are taken from, in either variant.
static PATTERNS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [0, 0x55]
        .map(|variant| (0..17_000_u32).map(|at| (at % 251).to_be_bytes()[3] ^ variant).collect())
});

/// The bytes of a message from `offset` on; its first three say which message it is.
fn content(message: (u8, u16), variant: bool, offset: usize, len: usize) -> Vec<u8> {
    let (channel, sequence) = message;
    let [high, low] = sequence.to_be_bytes();
    let start = usize::from(low) + offset;
    let mut bytes = PATTERNS[usize::from(variant)][start..start + len].to_vec();
    for (byte, told) in bytes.iter_mut().zip([channel, high, low].into_iter().skip(offset)) {
        *byte = told;
    }
    bytes
}

impl Piece {
    /// The same piece, cut so that it fits a message of `total` bytes.
    fn of_total(self, total: usize) -> Self {
        let offset = self.offset % total;
        let len = self.len.min(total - offset).min(PIECE);
        Self { total, offset, len, ..self }
    }

    /// The piece behind this one, of the same length.
    fn next(self) -> Self {
        Self { offset: self.offset + self.len, ..self }.of_total(self.total)
    }

    /// The same piece of the next message.
    fn across(self) -> Self {
        let sequence = self.sequence.wrapping_add(1);
        Self { sequence, ..self }.of_total(total(sequence))
    }

    fn bytes(self) -> Vec<u8> {
        let Self { channel, sequence, variant, offset, len, .. } = self;
        content((channel, sequence), variant, offset, len)
    }

    fn plaintext(self) -> Vec<u8> {
        let (channel, payload) = (duo::channel(self.channel), self.bytes());
        let mut plaintext = Vec::new();
        let frame = if payload.len() == self.total {
            let sequence = (self.channel != UNRELIABLE).then_some(self.sequence.into());
            let (after, clock, delimited) = (None, None, false);
            Frame::Message(Message {
                channel,
                sequence,
                after,
                clock,
                delimited,
                payload: &payload,
            })
        } else {
            Frame::Fragment(Fragment {
                channel,
                sequence: self.sequence.into(),
                offset: u32::try_from(self.offset).unwrap_or(u32::MAX),
                total: u32::try_from(self.total).unwrap_or(u32::MAX),
                after: None,
                clock: None,
                delimited: false,
                payload: &payload,
            })
        };
        frame.encode(&mut plaintext);
        plaintext
    }
}

fn hear(duo: &mut Duo, model: &mut Model, number: u64, piece: Piece) {
    let sent = model.sent.entry((piece.channel, piece.sequence)).or_default();
    sent.totals.insert(piece.total);
    sent.variants.insert(piece.variant);
    let (number, phase) = (PacketNumber(number), KeyPhase::FIRST);
    let packet = Packet { number, phase, plaintext: piece.plaintext() };
    sent.pieces.push(piece);
    // A session that is over drops it; `Side` asserts that it says so.
    duo.sides[SERVER].hear(duo.now, &packet).ok();
}

fn take(duo: &mut Duo, model: &mut Model) {
    for channel in ORDERED..=UNRELIABLE {
        for message in duo.sides[SERVER].take(duo.now, channel) {
            model.on_taken(channel, &message);
        }
    }
}

impl Sent {
    /// What a reliable channel makes of the pieces: the first content of each byte, unless the
    /// message comes whole before it is. `None` as long as bytes are missing.
    fn whole(&self) -> Option<Vec<u8>> {
        let mut bytes: Vec<Option<u8>> = vec![None; self.pieces.first()?.total];
        for piece in &self.pieces {
            let new = piece.bytes();
            if new.len() == bytes.len() {
                return Some(new);
            }
            for (byte, new) in bytes[piece.offset..].iter_mut().zip(new) {
                byte.get_or_insert(new);
            }
            if bytes.iter().all(Option::is_some) {
                break;
            }
        }
        bytes.into_iter().collect()
    }
}

impl Model {
    /// Asserts that what is reliable and whole has been given out, of an ordered channel in its
    /// turn.
    fn check_come(&self) {
        let is_whole =
            |key: &(u8, u16)| self.sent.get(key).is_some_and(|sent| sent.whole().is_some());
        let unordered = self.sent.keys().filter(|(channel, _)| *channel == UNORDERED);
        let ordered = (0..=u16::MAX).map(|sequence| (ORDERED, sequence)).take_while(is_whole);
        for key in unordered.filter(|key| is_whole(key)).copied().chain(ordered) {
            assert!(self.taken.contains(&key), "{key:?} is whole and did not come");
        }
    }

    /// Asserts that the server holds no more than what waits to be taken, what reliable channels
    /// have credit for, and the cap of pieces that may never be whole.
    fn check_memory(&self, duo: &Duo, before: usize) {
        let untaken = duo.sides[SERVER].session.stats().untaken_bytes;
        let reliable = self.sent.keys().filter(|(channel, _)| *channel < SEQUENCED);
        let farthest = reliable.map(|(_, sequence)| usize::from(*sequence) + 1).max();
        let places = 2 * PLACE * farthest.unwrap_or(0);
        let pieces = 2 * duo::RELIABLE_CREDIT + limits::FRESH_PARTIAL_BYTES;
        let allowed = usize::try_from(untaken).unwrap_or(usize::MAX) + places + pieces + SLACK;
        let held = duo.held() - before.min(duo.held());
        assert!(held <= allowed, "{held} bytes held, {allowed} allowed");
    }

    /// Asserts that a message was sent, byte for byte, and that its channel keeps its promise.
    fn on_taken(&mut self, channel: u8, message: &Bytes) {
        let sequence = u16::from_be_bytes([message[1], message[2]]);
        let sent = self.sent.get(&(channel, sequence)).expect("a message that was sent");
        assert!(sent.totals.contains(&message.len()), "message {sequence} of another length");
        if channel < SEQUENCED {
            assert_eq!(sent.whole().as_deref(), Some(&message[..]), "message {sequence}");
        }
        let all = |variant: &bool| content((channel, sequence), *variant, 0, message.len());
        let variants: Vec<_> = sent.variants.iter().map(all).collect();
        let whole = variants.iter().any(|bytes| bytes == message);
        let each = |at: usize| variants.iter().any(|bytes| bytes[at] == message[at]);
        assert!(whole || (0..message.len()).all(each), "bytes of message {sequence}");
        labels::note(|| format!("taken of {channel}"));
        let new = self.taken.insert((channel, sequence));
        let last = self.last.insert(channel, sequence);
        match channel {
            ORDERED => assert_eq!(sequence, last.map_or(0, |last| last + 1)),
            SEQUENCED => assert!(last.is_none_or(|last| last < sequence)),
            UNRELIABLE => {}
            _ => assert!(new, "message {sequence} twice"),
        }
    }
}
