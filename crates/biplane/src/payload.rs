//! Opaque bytes as a message, and the two private traits that let channels carry them beside
//! whatever serde knows.
//!
//! [`Payload`] deliberately implements neither `Serialize` nor `Deserialize`: then `Outgoing` and
//! `Incoming` can be implemented for it *and* for every type of serde's, without a clash, and its
//! bytes go on the wire as they are, with no length before them.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{self, EncodeError, Malformed};

/// A message of opaque bytes, sent as they are.
///
/// Cheap to clone, and sent without a copy.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Payload(pub Bytes);

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What can be sent: whatever implements [`serde::Serialize`], and [`Payload`].
///
/// Sealed: implemented for these alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent",
    note = "derive `serde::Serialize` for it, or send opaque bytes as a `Payload`"
)]
#[expect(private_bounds, reason = "sealed: how a message becomes bytes is ours to change")]
pub trait Outgoing: outgoing::Encode {}

/// What can be received: whatever implements [`serde::de::DeserializeOwned`], is `Send` and
/// borrows nothing, and [`Payload`].
///
/// Sealed: implemented for these alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received",
    note = "derive `serde::Deserialize` for it, or receive opaque bytes as a `Payload`"
)]
#[expect(private_bounds, reason = "sealed: how bytes become a message is ours to change")]
pub trait Incoming: incoming::Decode + Send + 'static {}

pub(crate) mod outgoing {
    use super::{Bytes, EncodeError};

    pub(crate) trait Encode {
        /// Its bytes, `limit` at most.
        fn encode(&self, limit: usize) -> Result<Bytes, EncodeError>;
    }
}

pub(crate) mod incoming {
    use super::{Bytes, Malformed};

    pub(crate) trait Decode: Sized {
        /// The value that `bytes`, all of them, are.
        fn decode(bytes: Bytes) -> Result<Self, Malformed>;
    }
}

impl<T: Serialize> Outgoing for T {}

impl<T: Serialize> outgoing::Encode for T {
    fn encode(&self, limit: usize) -> Result<Bytes, EncodeError> {
        codec::encode(self, limit)
    }
}

impl<T: DeserializeOwned + Send + 'static> Incoming for T {}

impl<T: DeserializeOwned> incoming::Decode for T {
    fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        codec::decode(&bytes)
    }
}

impl Outgoing for Payload {}

impl outgoing::Encode for Payload {
    fn encode(&self, limit: usize) -> Result<Bytes, EncodeError> {
        if self.0.len() <= limit { Ok(self.0.clone()) } else { Err(EncodeError::TooLong) }
    }
}

impl Incoming for Payload {}

impl incoming::Decode for Payload {
    fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::{incoming::Decode as _, outgoing::Encode as _, *};

    #[test]
    fn a_payload_goes_out_without_framing_and_without_a_copy() {
        let payload = Payload::from(vec![1, 2, 3]);
        let bytes = payload.encode(3).unwrap();
        assert_eq!(bytes.as_ptr(), payload.0.as_ptr());
        assert_eq!(Payload::decode(bytes), Ok(payload));
    }

    #[test]
    fn a_payload_keeps_to_the_limit() {
        assert_eq!(Payload::from(vec![0; 4]).encode(3), Err(EncodeError::TooLong));
    }

    #[test]
    fn a_value_goes_out_through_serde() {
        let bytes = ("hi".to_owned(), 300_u16).encode(100).unwrap();
        assert_eq!(&bytes[..], b"\x02hi\xac\x02");
        assert_eq!(<(String, u16)>::decode(bytes), Ok(("hi".to_owned(), 300)));
    }
}
