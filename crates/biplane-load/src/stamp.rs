//! What a message says of itself in its first bytes.

use std::time::Duration;

/// Who sent a message, which one it is, and for some of them when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    /// Counts the messages of one client in one direction, from 0.
    pub(crate) number: u64,
    /// When it was sent, since the machine started; `None` where nobody wants to know.
    pub(crate) sent: Option<Duration>,
    /// The client that it is from or for, as its process numbers them.
    pub(crate) client: u32,
}

impl Stamp {
    /// The shortest message.
    pub(crate) const LENGTH: usize = 20;

    /// Writes it into the first bytes of `message`, if they are enough.
    pub(crate) fn write(self, message: &mut [u8]) {
        let sent = self.sent.map_or(0, |sent| u64::try_from(sent.as_nanos()).unwrap_or(u64::MAX));
        let Some((number, rest)) = message.split_first_chunk_mut() else { return };
        let Some((time, rest)) = rest.split_first_chunk_mut() else { return };
        let Some((client, _)) = rest.split_first_chunk_mut() else { return };
        *number = self.number.to_le_bytes();
        *time = sent.to_le_bytes();
        *client = self.client.to_le_bytes();
    }

    /// Reads it; `None` if the message is shorter than any.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let (number, rest) = message.split_first_chunk()?;
        let (sent, rest) = rest.split_first_chunk()?;
        let (client, _) = rest.split_first_chunk()?;
        let sent = u64::from_le_bytes(*sent);
        Some(Self {
            number: u64::from_le_bytes(*number),
            sent: (sent > 0).then(|| Duration::from_nanos(sent)),
            client: u32::from_le_bytes(*client),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_as_it_was_written_and_not_from_less() {
        for sent in [None, Some(Duration::from_nanos(77))] {
            let stamp = Stamp { number: 1 << 40, sent, client: 9_999 };
            let mut message = [7; Stamp::LENGTH + 3];
            stamp.write(&mut message);
            assert_eq!(Stamp::read(&message), Some(stamp));
            assert_eq!(message[Stamp::LENGTH..], [7; 3]);
            for length in 0..Stamp::LENGTH {
                assert_eq!(Stamp::read(&message[..length]), None);
            }
        }
    }
}
