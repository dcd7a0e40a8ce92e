//! Bytes that are taken from the front.

use std::collections::VecDeque;

/// What is left.
#[derive(Debug)]
pub(super) struct Bytes(VecDeque<u8>);

impl Bytes {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().collect())
    }

    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: u64) -> Option<Vec<u8>> {
        let mut taken = Vec::new();
        for _ in 0..len {
            taken.push(self.0.pop_front()?);
        }
        Some(taken)
    }

    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.0.drain(..).collect()
    }

    /// A big-endian integer of `len` bytes.
    pub(super) fn number(&mut self, len: u64) -> Option<u64> {
        Some(self.take(len)?.into_iter().fold(0, |value, byte| value * 256 + u64::from(byte)))
    }

    /// RFC 9000, section 16, in its shortest form alone.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let first = self.number(1)?;
        let (more, smallest) = match first / 64 {
            0 => (0, 0),
            1 => (1, 1 << 6),
            2 => (3, 1 << 14),
            _ => (7, 1 << 30),
        };
        let mut value = first % 64;
        for byte in self.take(more)? {
            value = value * 256 + u64::from(byte);
        }
        (value >= smallest).then_some(value)
    }

    /// A varint of at most `most`.
    pub(super) fn varint_to(&mut self, most: u64) -> Option<u64> {
        self.varint().filter(|value| *value <= most)
    }

    /// An integer of one byte, of at most `most`.
    pub(super) fn byte_to(&mut self, most: u64) -> Option<u64> {
        self.number(1).filter(|value| *value <= most)
    }
}

/// UTF-8 of at most `most` bytes.
pub(super) fn text(bytes: Vec<u8>, most: usize) -> Option<String> {
    if bytes.len() > most { None } else { String::from_utf8(bytes).ok() }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[{digits}]")
}
