//! What follows hello and welcome on the control connection.
//!
//! ```text
//! | length of what follows 2 | type 1 | body … |
//! ```
//!
//! | type | record | body |
//! |---|---|---|
//! | `02`, `03`, `06`–`08` | a frame: ack, close, credit, taken | as in a packet |
//! | `40` | acked | next control number expected 4 (low half) |
//! | `41`, `42` | ping, pong | token 4 |
//! | `43` | planes | what the sender sends on 1 |
//! | `44` | receive id | key phase 1, receive id 4 |
//! | `45` | given up | next control number 4 (low half) |
//! | `60` | command | number 4, chunk 1, channel 1, bytes … |
//! | `61` | request | number 4, chunk 1, request id 4, kind 1, bytes … |
//! | `62` | reply | number 4, chunk 1, request id 4, outcome 1, bytes … |
//! | `63` | tunnelled | number 4, then a message or fragment frame |
//! | `64` | transfer offered | number 4, transfer id 4, length 8, name … |
//! | `65` | transfer accepted | number 4, transfer id 4 |
//! | `66` | checksum of a transfer | number 4, transfer id 4, SHA-256 32 |
//! | `67` | end of a transfer | number 4, transfer id 4, side 1, outcome 1 |
//!
//! Records from `60` up are numbered: one sequence per direction, acknowledged and, after a
//! resume, sent again. The others speak for this connection only.

mod transfer;

pub use transfer::{TransferId, TransferOutcome, TransferStep};

use crate::{
    ChannelId, ControlNumber, DecodeError, Frame, KeyPhase, ReceiveId, codec::Reader,
    frame::kind as frame_kind, limits,
};

/// A request in the words of the side that asks: counts up from 0.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u32);

/// Where in its message a piece stands; longer messages than a record are cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk {
    /// The message begins with it.
    pub first: bool,
    /// The message ends with it.
    pub last: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum ReplyOutcome {
    /// The bytes are the answer.
    Answered,
    /// The application refused it; the bytes are text.
    Refused,
    /// The application let go of it.
    Unanswered,
}

/// One record of the control connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Record<'a> {
    /// An ack, close, credit or taken frame that rides TCP.
    Frame(Frame<'a>),
    /// Which numbered records have arrived: all below `next`.
    Acked {
        /// The low half of the control number expected next.
        next: u32,
    },
    /// Asks for a pong.
    Ping {
        /// Comes back in the pong.
        token: u32,
    },
    /// Answers a ping.
    Pong {
        /// The ping's.
        token: u32,
    },
    /// Which planes the sender sends on: bit 0 control, bit 1 data.
    Planes {
        /// The two bits.
        bits: u8,
    },
    /// Reserved: another receive id of the sender's.
    ReceiveId {
        /// The phase of the key that opens its packets.
        phase: KeyPhase,
        /// The id.
        id: ReceiveId,
    },
    /// Numbered records below `next` that have not come will not: they were tunnelled messages
    /// under way when an earlier connection was lost.
    GivenUp {
        /// The low half of the next control number.
        next: u32,
    },
    /// A message, or a piece of one, of a `command` channel.
    Command {
        /// Its number.
        number: u32,
        /// Which piece.
        chunk: Chunk,
        /// The channel.
        channel: ChannelId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A request, or a piece of one.
    Request {
        /// Its number.
        number: u32,
        /// Which piece.
        chunk: Chunk,
        /// Names it in the reply.
        id: RequestId,
        /// Its kind's place in the description.
        kind: u8,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A reply, or a piece of one.
    Reply {
        /// Its number.
        number: u32,
        /// Which piece.
        chunk: Chunk,
        /// The request's.
        id: RequestId,
        /// What became of it.
        outcome: ReplyOutcome,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A message or fragment frame of a data channel.
    Tunnelled {
        /// Its number.
        number: u32,
        /// The frame.
        frame: Frame<'a>,
    },
    /// A step of a transfer.
    Transfer {
        /// Its number.
        number: u32,
        /// The step.
        step: TransferStep<'a>,
    },
}

mod kind {
    pub(super) const ACKED: u8 = 0x40;
    pub(super) const PING: u8 = 0x41;
    pub(super) const PONG: u8 = 0x42;
    pub(super) const PLANES: u8 = 0x43;
    pub(super) const RECEIVE_ID: u8 = 0x44;
    pub(super) const GIVEN_UP: u8 = 0x45;
    pub(super) const COMMAND: u8 = 0x60;
    pub(super) const REQUEST: u8 = 0x61;
    pub(super) const REPLY: u8 = 0x62;
    pub(super) const TUNNELLED: u8 = 0x63;
}

impl<'a> Record<'a> {
    /// The two bytes of length before each record.
    pub const HEAD: usize = 2;
    /// Bytes of a command, request or reply that fit one record beside everything else.
    pub const CHUNK: usize = limits::RECORD - 16;

    /// Reads one record off the front of `bytes`; returns it with the bytes it took, or `None`
    /// while it is not whole.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] as soon as its head or, once it is whole, its body is not what
    /// [`Record::encode`] writes.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        first_of(bytes, Self::read)
    }

    /// So many bytes at least are missing to the record that `bytes` begins; 0 if it is whole.
    #[must_use]
    pub fn missing(bytes: &[u8]) -> usize {
        match split_length(bytes) {
            Some((len, body)) => len.saturating_sub(body.len()),
            None => Self::HEAD - bytes.len(),
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = reader.u8()?;
        Ok(match kind {
            frame_kind::ACK
            | frame_kind::ACK_ECN
            | frame_kind::CLOSE
            | frame_kind::CREDIT
            | frame_kind::TAKEN => Self::Frame(Frame::read_kind(kind, reader)?),
            kind::ACKED => Self::Acked { next: reader.u32()? },
            kind::PING => Self::Ping { token: reader.u32()? },
            kind::PONG => Self::Pong { token: reader.u32()? },
            kind::PLANES => Self::Planes { bits: read_bits(reader, "planes")? },
            kind::RECEIVE_ID => {
                Self::ReceiveId { phase: read_phase(reader)?, id: ReceiveId(reader.u32()?) }
            }
            kind::GIVEN_UP => Self::GivenUp { next: reader.u32()? },
            kind::COMMAND | kind::REQUEST | kind::REPLY => Self::read_numbered(kind, reader)?,
            kind::TUNNELLED => Self::read_tunnelled(reader)?,
            kind if TransferStep::KINDS.contains(&kind) => {
                Self::Transfer { number: reader.u32()?, step: TransferStep::read(kind, reader)? }
            }
            other => return Err(DecodeError::UnknownType(other)),
        })
    }

    fn read_numbered(kind: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let number = reader.u32()?;
        let chunk = Chunk::read(reader)?;
        Ok(match kind {
            kind::COMMAND => Self::Command {
                number,
                chunk,
                channel: ChannelId::read(reader)?,
                bytes: reader.rest(),
            },
            kind::REQUEST => Self::Request {
                number,
                chunk,
                id: RequestId(reader.u32()?),
                kind: reader.u8()?,
                bytes: reader.rest(),
            },
            _ => Self::Reply {
                number,
                chunk,
                id: RequestId(reader.u32()?),
                outcome: ReplyOutcome::read(reader)?,
                bytes: reader.rest(),
            },
        })
    }

    fn read_tunnelled(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let number = reader.u32()?;
        let frame = Frame::read(reader)?;
        let rides = match &frame {
            Frame::Message(message) => !message.delimited,
            Frame::Fragment(fragment) => !fragment.delimited,
            Frame::Padding
            | Frame::Ping
            | Frame::Ack(_)
            | Frame::PathChallenge(_)
            | Frame::PathResponse(_)
            | Frame::Close(_)
            | Frame::Credit { .. }
            | Frame::Taken(_) => false,
        };
        if rides {
            Ok(Self::Tunnelled { number, frame })
        } else {
            Err(DecodeError::OutOfRange { field: "tunnelled frame" })
        }
    }

    /// Appends the record with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        framed(out, |out| self.write(out));
    }

    fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Frame(frame) => frame.encode(out),
            Self::Acked { next } => put(out, kind::ACKED, next),
            Self::Ping { token } => put(out, kind::PING, token),
            Self::Pong { token } => put(out, kind::PONG, token),
            Self::Planes { bits } => out.extend([kind::PLANES, bits]),
            Self::ReceiveId { phase, id } => {
                out.extend([kind::RECEIVE_ID, u8::try_from(phase.index()).unwrap_or(0)]);
                out.extend(id.0.to_be_bytes());
            }
            Self::GivenUp { next } => put(out, kind::GIVEN_UP, next),
            Self::Command { number, chunk, channel, bytes } => {
                put(out, kind::COMMAND, number);
                out.extend([chunk.bits(), channel.byte()]);
                out.extend_from_slice(bytes);
            }
            Self::Request { number, chunk, id, kind, bytes } => {
                put(out, kind::REQUEST, number);
                put(out, chunk.bits(), id.0);
                out.push(kind);
                out.extend_from_slice(bytes);
            }
            Self::Reply { number, chunk, id, outcome, bytes } => {
                put(out, kind::REPLY, number);
                put(out, chunk.bits(), id.0);
                out.push(outcome as u8);
                out.extend_from_slice(bytes);
            }
            Self::Tunnelled { number, frame } => {
                put(out, kind::TUNNELLED, number);
                frame.encode(out);
            }
            Self::Transfer { number, step } => step.write(number, out),
        }
    }

    /// The low half of the record's control number, if it is a numbered one.
    #[must_use]
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Command { number, .. }
            | Self::Request { number, .. }
            | Self::Reply { number, .. }
            | Self::Tunnelled { number, .. }
            | Self::Transfer { number, .. } => Some(*number),
            Self::Frame(_)
            | Self::Acked { .. }
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::Planes { .. }
            | Self::ReceiveId { .. }
            | Self::GivenUp { .. } => None,
        }
    }

    /// An [`Record::Acked`] that asks for `next`.
    #[must_use]
    pub const fn acked(next: ControlNumber) -> Self {
        Self::Acked { next: next.truncated() }
    }
}

impl Chunk {
    /// A message in one piece.
    pub const WHOLE: Self = Self { first: true, last: true };

    const fn bits(self) -> u8 {
        self.first as u8 | (self.last as u8) << 1
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bits = read_bits(reader, "chunk")?;
        Ok(Self { first: bits & 1 != 0, last: bits & 2 != 0 })
    }
}

impl ReplyOutcome {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Answered),
            1 => Ok(Self::Refused),
            2 => Ok(Self::Unanswered),
            _ => Err(DecodeError::OutOfRange { field: "reply outcome" }),
        }
    }
}

/// The record at the front of `bytes`, as `read` reads its whole body, with the bytes it took; `None`
/// while it is not whole.
pub(crate) fn first_of<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<(T, usize)>, DecodeError> {
    let Some((body, len)) = body_of(bytes)? else { return Ok(None) };
    let mut reader = Reader(body);
    let record = read(&mut reader)?;
    reader.finish()?;
    Ok(Some((record, len)))
}

/// What stands behind the length at the front of `bytes`, and how long it is with that; `None`
/// while it is not whole.
fn body_of(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, DecodeError> {
    let Some((len, rest)) = split_length(bytes) else { return Ok(None) };
    if len == 0 {
        return Err(DecodeError::OutOfRange { field: "record length" });
    }
    if len > limits::RECORD {
        return Err(DecodeError::TooLong { field: "record", limit: limits::RECORD });
    }
    Ok(rest.get(..len).map(|body| (body, Record::HEAD + len)))
}

/// The length at the front of `bytes`, once it is whole, and what has come behind it.
fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_be_bytes(*head)), rest))
}

/// Appends what `write` writes, with its length before it.
pub(crate) fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0, 0]);
    write(out);
    let len = u16::try_from(out.len() - start - Record::HEAD).unwrap_or(u16::MAX);
    for (byte, value) in out.iter_mut().skip(start).zip(len.to_be_bytes()) {
        *byte = value;
    }
}

fn read_bits(reader: &mut Reader<'_>, field: &'static str) -> Result<u8, DecodeError> {
    let bits = reader.u8()?;
    if bits > 0b11 { Err(DecodeError::OutOfRange { field }) } else { Ok(bits) }
}

fn read_phase(reader: &mut Reader<'_>) -> Result<KeyPhase, DecodeError> {
    let index = read_bits(reader, "key phase")?;
    Ok((0..index).fold(KeyPhase::FIRST, |phase, _| phase.next()))
}

fn put(out: &mut Vec<u8>, kind: u8, number: u32) {
    out.push(kind);
    out.extend(number.to_be_bytes());
}

#[cfg(test)]
mod tests;
