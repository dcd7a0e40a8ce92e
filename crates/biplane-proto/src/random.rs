//! Unpredictable bytes from a seed: HMAC-SHA-256 over a counter.

use ring::hmac;

/// A stream of bytes that only who holds the seed can foretell.
///
/// A session draws seldom and lives long: the key is scheduled for each draw and not kept.
pub(crate) struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    pub(crate) const fn new(seed: &[u8; 32]) -> Self {
        Self { seed: *seed, drawn: 0 }
    }

    /// Another stream from the same seed; this one tells nothing of it.
    pub(crate) fn of(seed: &[u8; 32], purpose: &str) -> Self {
        Self { seed: sign(seed, purpose.as_bytes()), drawn: 0 }
    }

    /// Eight bytes, other ones each time.
    pub(crate) fn bytes(&mut self) -> [u8; 8] {
        let tag = sign(&self.seed, &self.drawn.to_be_bytes());
        self.drawn += 1;
        tag.first_chunk().copied().unwrap_or_default()
    }
}

fn sign(seed: &[u8; 32], what: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), what);
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Random").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}
