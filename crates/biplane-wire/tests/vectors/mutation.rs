//! Bytes that are nearly right.

/// A stream of numbers from a seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `limit`, which is at least 1.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % limit as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        // What lies on an edge is worth more than what lies anywhere.
        const EDGES: [u8; 8] = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];
        if self.below(2) == 0 { EDGES[self.below(8)] } else { self.below(256).try_into().unwrap() }
    }

    /// `bytes` with one to three changes; `other` gives pieces to put in.
    pub(crate) fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(3) {
            self.change(&mut changed, other);
        }
        changed
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        match self.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, self.byte()),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            4 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
            5 => {
                let start = self.below(other.len() + 1);
                let piece = &other[start..start + self.below(other.len() - start + 1).min(16)];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = self.byte(),
            _ => bytes.push(self.byte()),
        }
    }

    /// Corrects the length at `at`, seven times of eight: nothing behind a wrong one is read.
    pub(crate) fn settle_length(&mut self, bytes: &mut [u8], at: usize) {
        let Some(len) = bytes.len().checked_sub(at + 2) else { return };
        if self.below(8) > 0 {
            let len = u16::try_from(len).unwrap_or(u16::MAX);
            bytes[at..at + 2].copy_from_slice(&len.to_be_bytes());
        }
    }
}
