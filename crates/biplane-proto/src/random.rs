//! Unpredictable bytes from a seed: HMAC-SHA-256 over a counter.

use ring::hmac;

/// A stream of bytes that only who holds the seed can foretell.
#[derive(Debug)]
pub(crate) struct Random {
    key: hmac::Key,
    drawn: u64,
}

impl Random {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), drawn: 0 }
    }

    /// Another stream from the same seed; this one tells nothing of it.
    pub(crate) fn of(seed: &[u8; 32], purpose: &str) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), purpose.as_bytes());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref()), drawn: 0 }
    }

    /// Eight bytes, other ones each time.
    pub(crate) fn bytes(&mut self) -> [u8; 8] {
        let tag = hmac::sign(&self.key, &self.drawn.to_be_bytes());
        self.drawn += 1;
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}
