//! Messages and their fragments.
//!
//! Bits of the type, beside `10` (message) or `20` (fragment):
//!
//! | bit | says |
//! |---|---|
//! | 1 | a length follows; without it the payload ends with the packet |
//! | 2 | a sequence number follows (always in a fragment, where the bit must be zero) |
//! | 4 | `after_commands`: the low 16 bits of a count follow |
//! | 8 | the sender's session clock follows, in microseconds |

use crate::{
    ChannelId, DecodeError,
    codec::{Reader, put_u24, put_varint, varint_len},
    frame::kind,
    limits,
};

const LENGTH: u8 = 1;
const SEQUENCE: u8 = 2;
const AFTER: u8 = 4;
const CLOCK: u8 = 8;

/// The type of a message in a row.
const ROW: u8 = kind::MESSAGE | LENGTH;

/// A whole message.
///
/// ```text
/// | 10 + bits | channel 1 | [sequence 3] | [after 2] | [clock 4] | [length varint] | payload … |
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// The low 24 bits of its sequence number; `unreliable` channels have none without `notify`.
    pub sequence: Option<u32>,
    /// The low 16 bits of the count of commands it comes after.
    pub after: Option<u16>,
    /// When it was sent, on the sender's session clock in microseconds.
    pub clock: Option<u32>,
    /// Whether its length is written, so that other frames may follow.
    pub delimited: bool,
    /// What the application sent.
    pub payload: &'a [u8],
}

/// A piece of a message too large for one packet.
///
/// ```text
/// | 20 + bits | channel 1 | sequence 3 | offset varint | total varint | [after 2] | [clock 4] | [length varint] | payload … |
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fragment<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// The low 24 bits of its message's sequence number.
    pub sequence: u32,
    /// Where in the message the piece begins.
    pub offset: u32,
    /// How long the whole message is. `offset` + length of the piece never exceed it.
    pub total: u32,
    /// The low 16 bits of the count of commands the message comes after.
    pub after: Option<u16>,
    /// When the message was sent, on the sender's session clock in microseconds.
    pub clock: Option<u32>,
    /// Whether its length is written, so that other frames may follow.
    pub delimited: bool,
    /// The piece: never the whole message, and empty at its end alone, where it says that the message
    /// is withdrawn: nothing more of it comes.
    pub payload: &'a [u8],
}

/// Messages of one channel that stand one behind the other with nothing but their lengths and
/// payloads, as those of an `unreliable` channel without `notify` do in a packet. What is the same
/// for all of them is done once for a row.
///
/// ```text
/// | 11 | channel 1 | length varint | payload … | 11 | channel 1 | length varint | payload … | …
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageRow<'a> {
    /// The frames.
    pub frames: &'a [u8],
    /// How many they are.
    pub count: usize,
    /// How many of their bytes are payload.
    pub payload: usize,
    /// How many are the last one's payload.
    pub last: usize,
}

impl<'a> MessageRow<'a> {
    /// Longer messages do not stand in a row.
    pub const LONGEST: usize = 0x3fff;
    /// The most that a frame takes beside its payload.
    pub const HEAD: usize = 4;

    /// The longest row on `channel` that `bytes` begins with, of messages of at most `longest` bytes;
    /// none begins at `until` or behind it. Empty if there is none.
    #[inline]
    #[must_use]
    pub fn read(bytes: &'a [u8], channel: ChannelId, longest: usize, until: usize) -> Self {
        let mut row = Self::default();
        let mut end = 0;
        while end < until
            && let Some(rest) = bytes.get(end..)
            && let [ROW, of, ..] = rest
            && *of == channel.byte()
            && let Some((head, payload)) = Self::first(rest)
            && payload <= longest
            && payload <= rest.len() - head
        {
            row.count += 1;
            row.payload += payload;
            row.last = payload;
            end += head + payload;
        }
        row.frames = bytes.get(..end).unwrap_or_default();
        row
    }

    /// Of the first of `frames`: how many bytes stand before its payload, and how long that is.
    #[inline]
    #[must_use]
    pub const fn first(frames: &[u8]) -> Option<(usize, usize)> {
        match frames {
            [_, _, len @ 0..=0x3f, ..] => Some((3, *len as usize)),
            [_, _, high @ 0x40..=0x7f, low, ..] => {
                let len = (*high as usize & 0x3f) << 8 | *low as usize;
                // A varint has its shortest form.
                if len > 0x3f { Some((4, len)) } else { None }
            }
            _ => None,
        }
    }

    /// Appends the frame of a message of at most [`MessageRow::LONGEST`] bytes.
    #[inline]
    pub fn push(frames: &mut Vec<u8>, channel: ChannelId, payload: &[u8]) {
        debug_assert!(payload.len() <= Self::LONGEST, "it does not stand in a row");
        frames.extend_from_slice(&[ROW, channel.byte()]);
        put_varint(frames, payload.len() as u64);
        frames.extend_from_slice(payload);
    }
}

impl<'a> Message<'a> {
    /// Bytes that a frame takes beside its payload, for a plain message without `after` and
    /// `clock`: type, channel, sequence number if `sequenced`, and length if `delimited`.
    #[must_use]
    pub const fn overhead(sequenced: bool, delimited: bool, payload: usize) -> usize {
        let sequence = if sequenced { 3 } else { 0 };
        let length = if delimited { varint_len(payload as u64) } else { 0 };
        2 + sequence + length
    }

    #[inline]
    pub(super) fn read(kind: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let channel = ChannelId::read(reader)?;
        let sequence = if kind & SEQUENCE != 0 { Some(reader.u24()?) } else { None };
        let after = read_after(kind, reader)?;
        let clock = read_clock(kind, reader)?;
        let payload = read_payload(kind, reader)?;
        Ok(Self { channel, sequence, after, clock, delimited: kind & LENGTH != 0, payload })
    }

    /// The same with its type, if it is one on `channel` without `after` and `clock`.
    #[inline]
    pub(super) fn read_plain(channel: ChannelId, reader: &mut Reader<'a>) -> Option<Self> {
        let kind = reader.u8().ok()?;
        let is_plain = kind & !(LENGTH | SEQUENCE) == kind::MESSAGE;
        let is_on_it = reader.0.first() == Some(&channel.byte());
        (is_plain && is_on_it).then(|| Self::read(kind, reader).ok()).flatten()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let bits = bits(self.delimited, self.after, self.clock);
        let sequence = if self.sequence.is_some() { SEQUENCE } else { 0 };
        out.extend_from_slice(&[kind::MESSAGE | bits | sequence, self.channel.byte()]);
        if let Some(sequence) = self.sequence {
            put_u24(out, sequence);
        }
        write_tail(out, self.after, self.clock, self.delimited, self.payload);
    }
}

impl<'a> Fragment<'a> {
    pub(super) fn read(kind: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if kind & SEQUENCE != 0 {
            return Err(DecodeError::UnknownType(kind));
        }
        let channel = ChannelId::read(reader)?;
        let sequence = reader.u24()?;
        let offset = reader.varint_u32("fragment offset")?;
        let total = reader.count("fragment total", limits::MESSAGE)?;
        let after = read_after(kind, reader)?;
        let clock = read_clock(kind, reader)?;
        let payload = read_payload(kind, reader)?;
        let room = total.checked_sub(usize::try_from(offset).unwrap_or(usize::MAX));
        let fits = match payload.len() {
            // The end of a message is no piece of it: it is withdrawn.
            0 => room == Some(0),
            len => len != total && room.is_some_and(|room| len <= room),
        };
        if !fits || total == 0 {
            return Err(DecodeError::OutOfRange { field: "fragment" });
        }
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let delimited = kind & LENGTH != 0;
        Ok(Self { channel, sequence, offset, total, after, clock, delimited, payload })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let bits = bits(self.delimited, self.after, self.clock);
        out.extend([kind::FRAGMENT | bits, self.channel.byte()]);
        put_u24(out, self.sequence);
        put_varint(out, u64::from(self.offset));
        put_varint(out, u64::from(self.total));
        write_tail(out, self.after, self.clock, self.delimited, self.payload);
    }
}

/// Takes the length out of the message or fragment that `out` ends with, of which `payload` of its
/// `frame` bytes are payload: nothing may follow it then.
pub fn leave_open(out: &mut Vec<u8>, frame: usize, payload: usize) {
    let end = out.len();
    if let Some(kind) = end.checked_sub(frame).and_then(|start| out.get_mut(start)) {
        *kind &= !LENGTH;
    }
    let to = (end - payload).saturating_sub(varint_len(payload as u64));
    out.copy_within(end - payload.., to);
    out.truncate(to + payload);
}

const fn bits(delimited: bool, after: Option<u16>, clock: Option<u32>) -> u8 {
    (if delimited { LENGTH } else { 0 })
        | (if after.is_some() { AFTER } else { 0 })
        | (if clock.is_some() { CLOCK } else { 0 })
}

#[inline]
fn read_after(kind: u8, reader: &mut Reader<'_>) -> Result<Option<u16>, DecodeError> {
    if kind & AFTER != 0 { reader.u16().map(Some) } else { Ok(None) }
}

#[inline]
fn read_clock(kind: u8, reader: &mut Reader<'_>) -> Result<Option<u32>, DecodeError> {
    if kind & CLOCK != 0 { reader.u32().map(Some) } else { Ok(None) }
}

#[inline]
fn read_payload<'a>(kind: u8, reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    if kind & LENGTH == 0 {
        return Ok(reader.rest());
    }
    let len = reader.count("message", limits::DATAGRAM_MAX)?;
    reader.bytes(len)
}

fn write_tail(
    out: &mut Vec<u8>,
    after: Option<u16>,
    clock: Option<u32>,
    delimited: bool,
    payload: &[u8],
) {
    if let Some(after) = after {
        out.extend(after.to_be_bytes());
    }
    if let Some(clock) = clock {
        out.extend(clock.to_be_bytes());
    }
    if delimited {
        put_varint(out, payload.len() as u64);
    }
    out.extend_from_slice(payload);
}
