//! What a server is known by: the digest of its public key.

use core::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;

/// SHA-256 over the public key (SPKI, as DER) of a server's certificate. As text it is base64url
/// without padding: 43 characters.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pin([u8; 32]);

/// A text is not a pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a pin is 43 characters of base64url")]
pub struct PinError;

impl Pin {
    /// The pin with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The pin of a public key.
    pub(crate) fn of_spki(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| PinError)?;
        bytes.try_into().map(Self).map_err(|_| PinError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let pin = Pin::of_spki(b"a key");
        assert_eq!(pin.to_string().len(), 43);
        assert_eq!(pin.to_string().parse(), Ok(pin));
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in ["", "AAAA", "not base64!", &"A".repeat(44), &"A".repeat(42)] {
            assert_eq!(text.parse::<Pin>(), Err(PinError), "{text}");
        }
    }
}
