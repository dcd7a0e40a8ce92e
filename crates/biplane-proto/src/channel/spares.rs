//! Memory of long messages that have come, for the next ones: an allocator gives that much back to
//! the system after each burst, and gets it anew, page by page, for the next.

use bytes::{Bytes, BytesMut};

use super::Content;
use crate::limits;

/// Buffers that nobody needs now.
#[derive(Debug, Default)]
pub(super) struct Spares {
    buffers: Vec<BytesMut>,
    /// How long they are together.
    bytes: usize,
}

impl Spares {
    /// The same in memory that is ours; what is somebody else's is copied.
    pub(super) fn keep(&mut self, content: Content<'_>) -> Bytes {
        match content {
            Content::Borrowed(bytes) => self.copy(bytes),
            Content::Shared(bytes) => bytes,
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> Bytes {
        let spare = self.buffers.pop();
        self.bytes -= spare.as_ref().map_or(0, BytesMut::capacity);
        let spare = spare.filter(|spare| spare.capacity() >= bytes.len());
        let mut buffer = spare.unwrap_or_else(|| BytesMut::with_capacity(bytes.len()));
        buffer.extend_from_slice(bytes);
        buffer.freeze()
    }

    /// Takes in the memory of `bytes`, if nobody else has it and it is worth keeping.
    pub(super) fn give(&mut self, bytes: Bytes) {
        if bytes.is_empty() || self.bytes >= limits::SPARE_BYTES {
            return;
        }
        let Ok(mut buffer) = bytes.try_into_mut() else { return };
        buffer.clear();
        // These may have been the end of a message.
        let is_long = buffer.try_reclaim(limits::SHELVED_MESSAGE);
        let capacity = buffer.capacity();
        let fits = capacity <= limits::SPARE_BUFFER.min(limits::SPARE_BYTES - self.bytes);
        if is_long && fits {
            self.bytes += capacity;
            self.buffers.push(buffer);
        }
    }

    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// Nothing has been sent for a while.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_long_message_stands_where_the_last_one_stood() {
        let mut spares = Spares::default();
        let first = spares.copy(&[1; 9_000]);
        let place = first.as_ptr();
        let (head, tail) = (first.slice(..8_000), first.slice(8_000..));
        drop(first);
        spares.give(head);
        assert!(spares.is_empty(), "its end is wanted");
        spares.give(tail);
        let second = spares.copy(&[2; 8_500]);
        assert_eq!((second.as_ptr(), &second[..]), (place, &[2; 8_500][..]));
        assert!(spares.is_empty());
    }

    #[test]
    fn what_is_shared_short_or_too_long_is_not_kept_nor_more_than_some() {
        let mut spares = Spares::default();
        let shared = Bytes::from(vec![1; 9_000]);
        spares.give(shared.clone());
        spares.give(Bytes::from_static(&[1; 9_000]));
        spares.give(Bytes::from(vec![1; 100]));
        spares.give(Bytes::from(vec![1; limits::SPARE_BUFFER + 1]));
        assert!(spares.is_empty());
        for _ in 0..2 * limits::SPARE_BYTES / 9_000 {
            spares.give(Bytes::from(vec![1; 9_000]));
        }
        assert_eq!(spares.buffers.len(), limits::SPARE_BYTES / 9_000);
        spares.rest();
        assert_eq!((spares.buffers.capacity(), spares.bytes), (0, 0));
    }
}
