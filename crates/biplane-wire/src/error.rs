//! Why bytes are refused.

/// Why bytes from the network are not what they should be.
///
/// On a datagram it is a drop; from an authenticated peer it ends the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The buffer ended before the field did.
    #[error("{missing} bytes short")]
    Truncated {
        /// How many bytes more the field asked for, at least.
        missing: usize,
    },
    /// A version this side does not speak.
    #[error("wire version {0} is not spoken here")]
    UnknownVersion(u8),
    /// A packet, frame, record or answer type without meaning here.
    #[error("type {0:#04x} has no meaning here")]
    UnknownType(u8),
    /// A bit that must be zero is set, or a value stands outside its range.
    #[error("{field} is out of range")]
    OutOfRange {
        /// Which field.
        field: &'static str,
    },
    /// A number is not written in its shortest form, or a list is not in its one order.
    #[error("{field} is not in canonical form")]
    NotCanonical {
        /// Which field.
        field: &'static str,
    },
    /// Text is not UTF-8.
    #[error("{field} is not UTF-8")]
    NotText {
        /// Which field.
        field: &'static str,
    },
    /// A length exceeds the limit for its field.
    #[error("{field} is longer than {limit}")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// The most it may be.
        limit: usize,
    },
    /// Bytes follow where the structure has ended.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// The first bytes are not those of a Biplane handshake.
    #[error("not a Biplane handshake")]
    NotBiplane,
}
