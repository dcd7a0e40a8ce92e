//! Opaque bytes as a message, and the two private traits that let channels carry them beside
//! whatever serde knows.
//!
//! [`Payload`] deliberately implements neither `Serialize` nor `Deserialize`: then `Outgoing` and
//! `Incoming` can be implemented for it *and* for every type of serde's, without a clash, and its
//! bytes go on the wire as they are, with no length before them.

use biplane_proto::{Content, limits};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{self, EncodeError, Malformed};

/// A message of opaque bytes, sent as they are.
///
/// Cheap to clone. A long one is sent without a copy, and one that came is no part of anything larger.
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
    use super::{Bytes, Content, EncodeError};

    pub(crate) trait Encode {
        /// Hands its bytes, `limit` at most, to `take`.
        fn hand_over<R>(
            &self,
            limit: usize,
            take: impl FnOnce(Content<'_>) -> R,
        ) -> Result<R, EncodeError>;

        /// Its bytes, `limit` at most, to keep.
        fn encode(&self, limit: usize) -> Result<Bytes, EncodeError> {
            self.hand_over(limit, |content| content.into_bytes())
        }
    }
}

pub(crate) mod incoming {
    use super::{Content, Malformed};

    pub(crate) trait Decode: Sized {
        /// The value that all of `content` is.
        fn decode(content: Content<'_>) -> Result<Self, Malformed>;
    }
}

impl<T: Serialize> Outgoing for T {}

impl<T: Serialize> outgoing::Encode for T {
    fn hand_over<R>(
        &self,
        limit: usize,
        take: impl FnOnce(Content<'_>) -> R,
    ) -> Result<R, EncodeError> {
        codec::encode_to(self, limit, |bytes| take(Content::Borrowed(bytes)))
    }
}

impl<T: DeserializeOwned + Send + 'static> Incoming for T {}

impl<T: DeserializeOwned> incoming::Decode for T {
    fn decode(content: Content<'_>) -> Result<Self, Malformed> {
        codec::decode(content.as_slice())
    }
}

impl Outgoing for Payload {}

impl outgoing::Encode for Payload {
    fn hand_over<R>(
        &self,
        limit: usize,
        take: impl FnOnce(Content<'_>) -> R,
    ) -> Result<R, EncodeError> {
        match self.0.len() {
            len if len > limit => Err(EncodeError::TooLong),
            // It is copied to stand beside others.
            len if len <= limits::SHORT_MESSAGE => Opaque(&self.0).hand_over(limit, take),
            _ => Ok(take(Content::Shared(self.0.clone()))),
        }
    }
}

/// The same bytes, somebody else's.
pub(crate) struct Opaque<'a>(pub(crate) &'a [u8]);

impl outgoing::Encode for Opaque<'_> {
    fn hand_over<R>(
        &self,
        limit: usize,
        take: impl FnOnce(Content<'_>) -> R,
    ) -> Result<R, EncodeError> {
        if self.0.len() > limit {
            return Err(EncodeError::TooLong);
        }
        Ok(take(Content::Borrowed(self.0)))
    }
}

impl Incoming for Payload {}

impl incoming::Decode for Payload {
    fn decode(content: Content<'_>) -> Result<Self, Malformed> {
        Ok(Self(content.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::{incoming::Decode as _, outgoing::Encode as _, *};

    #[test]
    fn a_payload_goes_out_without_framing_and_a_long_one_without_a_copy() {
        for (len, is_copied) in [(3, true), (1_000, false)] {
            let payload = Payload::from(vec![1; len]);
            let bytes = payload.encode(len).unwrap();
            assert_eq!(bytes.as_ptr() != payload.0.as_ptr(), is_copied);
            assert_eq!(Payload::decode(Content::Shared(bytes)), Ok(payload));
        }
    }

    #[test]
    fn a_payload_keeps_to_the_limit() {
        assert_eq!(Payload::from(vec![0; 4]).encode(3), Err(EncodeError::TooLong));
    }

    #[test]
    fn a_value_goes_out_through_serde() {
        let bytes = ("hi".to_owned(), 300_u16).encode(100).unwrap();
        assert_eq!(&bytes[..], b"\x02hi\xac\x02");
        assert_eq!(<(String, u16)>::decode(Content::Shared(bytes)), Ok(("hi".to_owned(), 300)));
    }
}
