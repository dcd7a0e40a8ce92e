//! Bytes in bulk: what they are, and what came of them.

use std::{
    io::{self, Read},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Endless bytes that are the same in every process, and of which no two stretches are alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pattern {
    at: u64,
}

/// What came in bulk.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Handed {
    /// Bytes that came.
    pub bytes: u64,
    /// From the offer to the last of them.
    pub time: Duration,
    /// Why it is not all, or not right.
    pub fault: Option<String>,
}

impl Pattern {
    const fn next(&mut self) -> u8 {
        self.at += 1;
        self.at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]
    }

    /// Whether `bytes` are those that come next.
    #[must_use]
    pub fn goes_on_with(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().fold(true, |all, byte| all & (self.next() == *byte))
    }
}

impl Read for Pattern {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        into.fill_with(|| self.next());
        Ok(into.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_knows_itself_and_nothing_else() {
        let mut bytes = [0; 1_000];
        Pattern::default().read_exact(&mut bytes).unwrap();
        let mut pattern = Pattern::default();
        assert!(pattern.goes_on_with(&bytes[..400]) && pattern.goes_on_with(&bytes[400..]));
        assert!(!Pattern::default().goes_on_with(&bytes[1..]), "one is missing");
        bytes[500] ^= 1;
        assert!(!Pattern::default().goes_on_with(&bytes), "one is another");
    }
}
