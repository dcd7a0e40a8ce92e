//! Datagrams that say when they were sent and show whether they were altered.

use std::time::{Duration, Instant};

/// Number, time and checksum.
const LENGTH: usize = 24;

/// What a datagram says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    pub(super) number: u64,
    /// Since the start.
    pub(super) sent: Duration,
}

impl Stamp {
    /// One that is sent now.
    pub(super) fn now(number: u64, start: Instant) -> Self {
        Self { number, sent: start.elapsed() }
    }

    /// Writes it into the first bytes of `datagram`, with a checksum over all of it.
    pub(super) fn write(self, datagram: &mut [u8]) {
        let nanos = u64::try_from(self.sent.as_nanos()).unwrap_or(u64::MAX);
        let Some((head, rest)) = datagram.split_first_chunk_mut::<LENGTH>() else { return };
        let fields = [self.number, nanos, checksum([self.number, nanos], rest)];
        let bytes = fields.into_iter().flat_map(u64::to_be_bytes);
        head.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    }

    /// Reads it; `None` if the datagram is not as it was sent.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let (number, rest) = datagram.split_first_chunk()?;
        let (sent, rest) = rest.split_first_chunk()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let [number, sent, sum] = [number, sent, sum].map(|field| u64::from_be_bytes(*field));
        let is_whole = checksum([number, sent], rest) == sum;
        is_whole.then_some(Self { number, sent: Duration::from_nanos(sent) })
    }
}

/// FNV-1a, 64 bits.
fn checksum(numbers: [u64; 2], rest: &[u8]) -> u64 {
    let bytes = numbers.into_iter().flat_map(u64::to_be_bytes).chain(rest.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_as_it_was_written_and_every_alteration_shows() {
        let stamp = Stamp { number: 7, sent: Duration::from_micros(99) };
        let mut datagram = [3; 100];
        stamp.write(&mut datagram);
        assert_eq!(Stamp::read(&datagram), Some(stamp));
        for index in 0..datagram.len() {
            let mut altered = datagram;
            altered[index] ^= 0x10;
            assert_eq!(Stamp::read(&altered), None, "byte {index}");
        }
        assert_eq!(Stamp::read(&datagram[..20]), None);
    }
}
