//! Messages that say which one they are.
//!
//! Eight bytes of index, then random ones, so that a message that turns up on another channel or
//! another side is not taken for the one of the same index there.

use bytes::Bytes;

use crate::Rng;

/// The shortest message that can say which it is and be told from others.
pub const SHORTEST: usize = 12;

/// Message `index` of a channel, `len` bytes long and at least [`SHORTEST`].
#[must_use]
pub fn stamp(index: u64, len: usize, rng: &mut Rng) -> Bytes {
    let mut bytes = vec![0; len.max(SHORTEST)];
    rng.fill(&mut bytes);
    if let Some(place) = bytes.first_chunk_mut() {
        *place = index.to_be_bytes();
    }
    bytes.into()
}

/// Which message it says it is.
#[must_use]
pub fn index_of(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|index| u64::from_be_bytes(*index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_which_it_is_and_differs_from_its_namesakes() {
        let mut rng = Rng::new(0);
        let (one, other) = (stamp(7, 100, &mut rng), stamp(7, 100, &mut rng));
        assert_eq!((index_of(&one), index_of(&other), one.len()), (Some(7), Some(7), 100));
        assert_ne!(one, other);
        assert_eq!(stamp(0, 1, &mut rng).len(), SHORTEST);
        assert_eq!(index_of(&[0; 7]), None);
    }
}
