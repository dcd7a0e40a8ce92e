//! What a packet carries, and what of it may ride the control connection too.
//!
//! | type | frame | body |
//! |---|---|---|
//! | `00` | padding | zero bytes to the end of the packet |
//! | `01` | ping | |
//! | `02`, `03` | ack, with ECN counts | see [`Ack`] |
//! | `04`, `05` | path challenge, path response | 8 bytes |
//! | `06` | close | see [`Close`] |
//! | `07` | credit | channel 1, bytes granted so far varint |
//! | `08` | taken | see [`Taken`] |
//! | `10`–`1f` | message | see [`Message`] |
//! | `20`–`2f` | fragment | see [`Fragment`] |

mod ack;
mod message;

pub use ack::{Ack, AckRange, AckRanges, EcnCounts, Taken};
pub use message::{Fragment, Message, MessageRow, leave_open};

use crate::{
    DecodeError,
    codec::{Reader, clipped, put_varint},
    limits,
};

/// A channel's place in the sorted list of its protocol: 0 to 63.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelId(u8);

impl ChannelId {
    /// `None` from [`limits::CHANNELS`] up.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if (id as usize) < limits::CHANNELS { Some(Self(id)) } else { None }
    }

    /// Its place in the list.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(reader.u8()?).ok_or(DecodeError::OutOfRange { field: "channel" })
    }

    pub(crate) const fn byte(self) -> u8 {
        self.0
    }
}

/// A typed item in a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Frame<'a> {
    /// Zero bytes, to the end of the packet.
    Padding,
    /// Asks for an ack and nothing else.
    Ping,
    /// Which packets have arrived.
    Ack(Ack<'a>),
    /// Asks for the same eight bytes back from the address it is sent to.
    PathChallenge([u8; 8]),
    /// Answers a path challenge.
    PathResponse([u8; 8]),
    /// Ends the session.
    Close(Close<'a>),
    /// How much the receiver of a channel has room for.
    Credit {
        /// The channel.
        channel: ChannelId,
        /// Bytes granted since the session began; never less than before.
        granted: u64,
    },
    /// Which messages the application has taken.
    Taken(Taken<'a>),
    /// A whole message.
    Message(Message<'a>),
    /// A piece of a message.
    Fragment(Fragment<'a>),
}

/// Why a session ends, for the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Close<'a> {
    /// Whose doing it was.
    pub code: CloseCode,
    /// Words for a person; at most [`limits::TEXT`] bytes, longer text is cut when encoded.
    pub text: &'a str,
}

/// Whose doing the end of a session was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum CloseCode {
    /// The application closed it.
    Application,
    /// The application let go of its handle.
    Dropped,
    /// The peer broke a rule of the protocol.
    Violation,
    /// The peer was silent for too long.
    TimedOut,
    /// A limit of this side was reached.
    Limit,
    /// This side requires UDP, and it did not work.
    NoData,
}

impl CloseCode {
    const ALL: [Self; 6] = [
        Self::Application,
        Self::Dropped,
        Self::Violation,
        Self::TimedOut,
        Self::Limit,
        Self::NoData,
    ];

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = reader.u8()?;
        let code = Self::ALL.into_iter().find(|code| *code as u8 == byte);
        code.ok_or(DecodeError::OutOfRange { field: "close code" })
    }
}

impl<'a> Close<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let code = CloseCode::read(reader)?;
        let len = reader.count("close text", limits::TEXT)?;
        let text = Reader(reader.bytes(len)?).text("close text", limits::TEXT)?;
        Ok(Self { code, text })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let text = clipped(self.text, limits::TEXT);
        out.push(self.code as u8);
        put_varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Types of frame, as they stand before each.
pub(crate) mod kind {
    pub(crate) const PADDING: u8 = 0x00;
    pub(crate) const PING: u8 = 0x01;
    pub(crate) const ACK: u8 = 0x02;
    pub(crate) const ACK_ECN: u8 = 0x03;
    pub(crate) const PATH_CHALLENGE: u8 = 0x04;
    pub(crate) const PATH_RESPONSE: u8 = 0x05;
    pub(crate) const CLOSE: u8 = 0x06;
    pub(crate) const CREDIT: u8 = 0x07;
    pub(crate) const TAKEN: u8 = 0x08;
    pub(crate) const MESSAGE: u8 = 0x10;
    pub(crate) const FRAGMENT: u8 = 0x20;
}

impl<'a> Frame<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = reader.u8()?;
        Self::read_kind(kind, reader)
    }

    pub(crate) fn read_kind(kind: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match kind {
            kind::PADDING => Self::read_padding(reader)?,
            kind::PING => Self::Ping,
            kind::ACK | kind::ACK_ECN => Self::Ack(Ack::read(kind == kind::ACK_ECN, reader)?),
            kind::PATH_CHALLENGE => Self::PathChallenge(reader.array()?),
            kind::PATH_RESPONSE => Self::PathResponse(reader.array()?),
            kind::CLOSE => Self::Close(Close::read(reader)?),
            kind::CREDIT => Self::Credit {
                channel: ChannelId::read(reader)?,
                granted: reader.varint("credit")?,
            },
            kind::TAKEN => Self::Taken(Taken::read(reader)?),
            kind::MESSAGE..=0x1f => Self::Message(Message::read(kind, reader)?),
            kind::FRAGMENT..=0x2f => Self::Fragment(Fragment::read(kind, reader)?),
            other => return Err(DecodeError::UnknownType(other)),
        })
    }

    fn read_padding(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.rest().iter().any(|byte| *byte != 0) {
            return Err(DecodeError::NotCanonical { field: "padding" });
        }
        Ok(Self::Padding)
    }

    /// Appends the frame, its type first. Padding is one zero byte here; the sender adds as many as
    /// it wants. A message or fragment without `length` must be the last frame of its packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Padding => out.push(kind::PADDING),
            Self::Ping => out.push(kind::PING),
            Self::Ack(ack) => ack.write(out),
            Self::PathChallenge(data) => {
                out.push(kind::PATH_CHALLENGE);
                out.extend_from_slice(data);
            }
            Self::PathResponse(data) => {
                out.push(kind::PATH_RESPONSE);
                out.extend_from_slice(data);
            }
            Self::Close(close) => {
                out.push(kind::CLOSE);
                close.write(out);
            }
            Self::Credit { channel, granted } => {
                out.extend([kind::CREDIT, channel.byte()]);
                put_varint(out, *granted);
            }
            Self::Taken(taken) => taken.write(out),
            Self::Message(message) => message.write(out),
            Self::Fragment(fragment) => fragment.write(out),
        }
    }
}

/// The frames of one opened packet, in order; ends after the first that cannot be read.
#[derive(Clone, Debug)]
pub struct Frames<'a>(Reader<'a>);

impl<'a> Frames<'a> {
    /// Frames in `plaintext`, which is a packet without header and tag.
    #[must_use]
    pub const fn new(plaintext: &'a [u8]) -> Self {
        Self(Reader(plaintext))
    }

    /// The row of messages on `channel` that comes next, each of at most `longest` bytes.
    #[inline]
    pub fn next_row(&mut self, channel: ChannelId, longest: usize) -> MessageRow<'a> {
        let row = MessageRow::read(self.0.0, channel, longest, usize::MAX);
        self.0 = Reader(self.0.0.get(row.frames.len()..).unwrap_or_default());
        row
    }

    /// The next frame, if it is a message on `channel` with nothing beside its number and payload.
    /// Those of a row cost less so.
    #[inline]
    pub fn next_in_row(&mut self, channel: ChannelId) -> Option<Message<'a>> {
        let mut reader = self.0;
        let message = Message::read_plain(channel, &mut reader)?;
        self.0 = reader;
        Some(message)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let frame = Frame::read(&mut self.0);
        if frame.is_err() {
            self.0 = Reader(&[]);
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests;
