//! What a datagram of the examination holds, and how one that was torn is known.
//!
//! ```text
//! | run 6, sender 2 | number 8 | filler: words made of sender and number … | checksum 8 |
//! ```
//!
//! Every word of the filler differs from datagram to datagram, and the checksum runs over all that
//! stands before it: a datagram made of two others does not pass. Lengths are multiples of 8.

/// Who sent a datagram, and which of that sender's it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    /// Which examination of this process it belongs to.
    pub(super) run: u32,
    pub(super) sender: u16,
    pub(super) number: u64,
}

/// Bytes of a word.
const WORD: usize = 8;
/// 2^64 divided by the golden ratio, odd: it spreads neighbours far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stamp {
    /// Fills `datagram`, of 24 bytes or more.
    pub(super) fn write(self, datagram: &mut [u8]) {
        let Some((content, sum)) = datagram.split_last_chunk_mut::<WORD>() else { return };
        let mut checksum = Checksum::new(content.len());
        let (words, _) = content.as_chunks_mut::<WORD>();
        for (index, word) in (0..).zip(words) {
            let value = self.word(index);
            checksum.add(value);
            *word = value.to_le_bytes();
        }
        *sum = checksum.0.to_le_bytes();
    }

    /// Reads a datagram; `None` if it is not what any sender wrote.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let (content, sum) = datagram.split_last_chunk::<WORD>()?;
        let (words, rest) = content.as_chunks::<WORD>();
        let mut checksum = Checksum::new(content.len());
        for word in words {
            checksum.add(u64::from_le_bytes(*word));
        }
        let [head, number, ..] = words else { return None };
        let whole = rest.is_empty() && checksum.0 == u64::from_le_bytes(*sum);
        let [a, b, c, d, _, _, low, high] = *head;
        whole.then(|| Self {
            run: u32::from_le_bytes([a, b, c, d]),
            sender: u16::from_le_bytes([low, high]),
            number: u64::from_le_bytes(*number),
        })
    }

    fn word(self, index: u64) -> u64 {
        match index {
            0 => u64::from(self.run) | (u64::from(self.sender) << 48),
            1 => self.number,
            _ => (self.number ^ (u64::from(self.sender) << 48)).wrapping_add(index) ^ SPREAD,
        }
    }
}

/// Not against an adversary: against bytes of two datagrams in one.
struct Checksum(u64);

impl Checksum {
    const fn new(len: usize) -> Self {
        Self(SPREAD ^ len as u64)
    }

    const fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(SPREAD).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sender: u16, number: u64) -> [u8; 64] {
        let mut datagram = [0; 64];
        Stamp { run: 7, sender, number }.write(&mut datagram);
        datagram
    }

    #[test]
    fn what_was_written_is_read() {
        let stamp = Stamp { run: u32::MAX, sender: 3, number: 1 << 40 };
        for len in [24, 64, 1_200] {
            let mut datagram = vec![0; len];
            stamp.write(&mut datagram);
            assert_eq!(Stamp::read(&datagram), Some(stamp), "{len}");
        }
    }

    #[test]
    fn a_datagram_made_of_two_is_no_datagram_wherever_it_is_cut() {
        for (one, other) in [(written(0, 1), written(0, 2)), (written(0, 5), written(1, 5))] {
            for cut in 1..64 {
                let mut torn = one;
                torn[cut..].copy_from_slice(&other[cut..]);
                if torn != one && torn != other {
                    assert_eq!(Stamp::read(&torn), None, "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_and_a_missing_end_are_seen() {
        let whole = written(1, 9);
        for index in 0..64 {
            let mut changed = whole;
            changed[index] ^= 1;
            assert_eq!(Stamp::read(&changed), None, "byte {index}");
            assert_eq!(Stamp::read(&whole[..index]), None, "{index} bytes");
        }
    }
}
