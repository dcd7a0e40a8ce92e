//! The first flight of a control connection and its answer.
//!
//! Their layout never changes; what a later version needs goes into parameters, and a side skips
//! the parameters it does not know. All three kinds of block begin alike:
//!
//! ```text
//! | magic "BPLN" | length of what follows 2 | …
//! ```

mod parameters;

pub use parameters::{Parameters, Resume};

use crate::{
    DecodeError, Description,
    codec::{Reader, clipped, put_varint},
    limits,
};

const MAGIC: [u8; 4] = *b"BPLN";
const HEAD: usize = MAGIC.len() + 2;

/// What a control connection is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Purpose {
    /// A new session.
    Join,
    /// A new control connection for a session that lost its own.
    Resume,
    /// A second connection of a session, for the bytes of transfers.
    Attach,
}

/// An algorithm that seals datagrams.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Aead {
    /// AES-128-GCM.
    Aes128Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// What the side that connects says first.
///
/// ```text
/// | magic, length | purpose 1 | lowest version 1 | highest version 1 | digest 32 | AEADs 1 | AEAD ids … | parameters … |
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// What the connection is for.
    pub purpose: Purpose,
    /// The lowest wire version it speaks.
    pub lowest_version: u8,
    /// The highest wire version it speaks.
    pub highest_version: u8,
    /// SHA-256 of its [`Description`].
    pub digest: [u8; 32],
    /// The algorithms it has, dearest first; ids unknown here are left out.
    pub aeads: Vec<Aead>,
    /// Everything else.
    pub parameters: Parameters,
}

/// What the side that accepted answers.
///
/// ```text
/// | magic, length | 00 | version 1 | AEAD 1 | parameters … |           welcome
/// | magic, length | 01 | description … |                               another protocol; the client sends the same back
/// | magic, length | 02 | code 2 | retry after ms varint | text … |     refused
/// | magic, length | 03 | lowest version 1 | highest version 1 |       no version in common
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Answer {
    /// The session begins.
    Welcome(Welcome),
    /// The digests differ; this is the sender's description.
    Mismatch(Description),
    /// The application or a limit refused.
    Refused {
        /// The application's code; 0 where Biplane itself refused.
        code: u16,
        /// After how many milliseconds another try makes sense; 0 says nothing.
        retry_after_ms: u32,
        /// Words for a person, at most [`limits::TEXT`] bytes.
        text: String,
    },
    /// The server speaks none of the versions offered.
    Unsupported {
        /// The lowest it speaks.
        lowest_version: u8,
        /// The highest it speaks.
        highest_version: u8,
    },
}

/// What begins a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Welcome {
    /// The wire version the server picked.
    pub version: u8,
    /// The algorithm the server picked.
    pub aead: Aead,
    /// Everything else.
    pub parameters: Parameters,
}

impl Aead {
    const ALL: [Self; 2] = [Self::Aes128Gcm, Self::ChaCha20Poly1305];

    const fn id(self) -> u8 {
        match self {
            Self::Aes128Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    fn of_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|aead| aead.id() == id)
    }
}

impl Purpose {
    fn of_id(id: u8) -> Option<Self> {
        [Self::Join, Self::Resume, Self::Attach].into_iter().find(|purpose| *purpose as u8 == id)
    }
}

/// How long the block that begins with `bytes` is, head included; `None` while its head is not
/// whole.
///
/// # Errors
///
/// [`DecodeError`] as soon as the bytes cannot be a block of Biplane's, or if it would be longer
/// than `limit` bytes after its head.
fn block_len(bytes: &[u8], limit: usize) -> Result<Option<usize>, DecodeError> {
    let magic = bytes.len().min(MAGIC.len());
    if bytes.get(..magic) != MAGIC.get(..magic) {
        return Err(DecodeError::NotBiplane);
    }
    let Some([_, _, _, _, high, low]) = bytes.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    if len > limit {
        return Err(DecodeError::TooLong { field: "handshake", limit });
    }
    Ok(Some(HEAD + len))
}

fn block(body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend([0, 0]);
    body(&mut out);
    let len = u16::try_from(out.len() - HEAD).unwrap_or(u16::MAX);
    for (byte, value) in out.iter_mut().skip(MAGIC.len()).zip(len.to_be_bytes()) {
        *byte = value;
    }
    out
}

fn body(bytes: &[u8], limit: usize) -> Result<Reader<'_>, DecodeError> {
    let len = block_len(bytes, limit)?.unwrap_or(HEAD);
    let mut reader = Reader(bytes);
    reader.bytes(HEAD)?;
    if reader.0.len() > len - HEAD {
        return Err(DecodeError::Trailing(bytes.len() - len));
    }
    Ok(Reader(reader.bytes(len - HEAD)?))
}

/// The lowest version and the highest, which is not below it.
fn read_versions(reader: &mut Reader<'_>) -> Result<(u8, u8), DecodeError> {
    let (lowest, highest) = (reader.u8()?, reader.u8()?);
    if lowest > highest {
        return Err(DecodeError::OutOfRange { field: "version" });
    }
    Ok((lowest, highest))
}

impl Hello {
    /// The whole length of the hello that begins with `bytes`, once that can be told.
    ///
    /// # Errors
    ///
    /// As soon as the bytes cannot be a hello's, or if it would exceed [`limits::HELLO`].
    pub fn len_of(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        block_len(bytes, limits::HELLO)
    }

    /// The bytes of the hello. Credentials above [`limits::CREDENTIALS`] are the caller's fault and
    /// make a hello that is refused.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        block(|out| {
            out.extend([self.purpose as u8, self.lowest_version, self.highest_version]);
            out.extend_from_slice(&self.digest);
            out.push(u8::try_from(self.aeads.len()).unwrap_or(u8::MAX));
            out.extend(self.aeads.iter().map(|aead| aead.id()));
            self.parameters.write(out);
        })
    }

    /// Reads one whole hello.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] on anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = body(bytes, limits::HELLO)?;
        let purpose = Purpose::of_id(reader.u8()?);
        let (lowest_version, highest_version) = read_versions(&mut reader)?;
        let digest = reader.array()?;
        let aeads = usize::from(reader.u8()?);
        let aeads = reader.bytes(aeads)?.iter().filter_map(|id| Aead::of_id(*id)).collect();
        Ok(Self {
            purpose: purpose.ok_or(DecodeError::OutOfRange { field: "purpose" })?,
            lowest_version,
            highest_version,
            digest,
            aeads,
            parameters: Parameters::read(&mut reader)?,
        })
    }
}

impl Answer {
    const LIMIT: usize = limits::DESCRIPTION + 1;

    /// The whole length of the answer that begins with `bytes`, once that can be told.
    ///
    /// # Errors
    ///
    /// As soon as the bytes cannot be an answer's.
    pub fn len_of(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        block_len(bytes, Self::LIMIT)
    }

    /// The bytes of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        block(|out| match self {
            Self::Welcome(welcome) => {
                out.extend([0, welcome.version, welcome.aead.id()]);
                welcome.parameters.write(out);
            }
            Self::Mismatch(description) => {
                out.push(1);
                out.extend(description.encode());
            }
            Self::Refused { code, retry_after_ms, text } => {
                out.push(2);
                out.extend(code.to_be_bytes());
                put_varint(out, u64::from(*retry_after_ms));
                out.extend_from_slice(clipped(text, limits::TEXT).as_bytes());
            }
            Self::Unsupported { lowest_version, highest_version } => {
                out.extend([3, *lowest_version, *highest_version]);
            }
        })
    }

    /// Reads one whole answer.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] on anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = body(bytes, Self::LIMIT)?;
        let answer = match reader.u8()? {
            0 => Self::Welcome(Welcome::read(&mut reader)?),
            1 => Self::Mismatch(Description::decode(reader.rest())?),
            2 => Self::Refused {
                code: reader.u16()?,
                retry_after_ms: reader.varint_u32("retry after")?,
                text: reader.text("refusal", limits::TEXT)?.to_owned(),
            },
            3 => {
                let (lowest_version, highest_version) = read_versions(&mut reader)?;
                Self::Unsupported { lowest_version, highest_version }
            }
            other => return Err(DecodeError::UnknownType(other)),
        };
        reader.finish()?;
        Ok(answer)
    }
}

impl Welcome {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u8()?;
        let aead = Aead::of_id(reader.u8()?).ok_or(DecodeError::OutOfRange { field: "AEAD" })?;
        Ok(Self { version, aead, parameters: Parameters::read(reader)? })
    }
}

#[cfg(test)]
mod tests;
