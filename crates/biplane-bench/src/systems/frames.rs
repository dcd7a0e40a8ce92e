//! Messages on a stream, each behind its length in four bytes.

/// The longest message.
pub(super) const LONGEST: usize = 1 << 20;
const PREFIX: usize = 4;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) fn add(&mut self, message: &[u8]) {
        // The callers take no message longer than `LONGEST`.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(message);
    }

    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn on_written(&mut self, count: usize) {
        self.written += count;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
    }
}

/// What was read of a message that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Takes what was read, and hands out every message that is whole now.
    pub(super) fn take(&mut self, read: &[u8], hear: &mut dyn FnMut(&[u8])) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(whole(read, hear));
            return;
        }
        self.bytes.extend_from_slice(read);
        let used = self.bytes.len() - whole(&self.bytes, hear).len();
        self.bytes.drain(..used);
    }
}

/// Hands out the messages that are whole; what is left behind them.
fn whole<'a>(mut bytes: &'a [u8], hear: &mut dyn FnMut(&[u8])) -> &'a [u8] {
    while let Some((message, behind)) = split(bytes) {
        hear(message);
        bytes = behind;
    }
    bytes
}

/// The first message, and what is behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<PREFIX>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_the_stream_is_cut() {
        let mut outbox = Outbox::default();
        let messages = [&b"one"[..], b"", &[7; 1000]];
        messages.iter().for_each(|message| outbox.add(message));
        for piece in 1..outbox.len() {
            let (mut inbox, mut came) = (Inbox::default(), Vec::new());
            for read in outbox.unwritten().chunks(piece) {
                inbox.take(read, &mut |message| came.push(message.to_vec()));
            }
            assert_eq!(came, messages, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_written_waits_no_longer() {
        let mut outbox = Outbox::default();
        outbox.add(b"one");
        outbox.on_written(3);
        assert_eq!(outbox.unwritten(), b"\x03one");
        outbox.add(b"2");
        outbox.on_written(4);
        assert_eq!((outbox.len(), outbox.unwritten()), (5, &b"\0\0\0\x012"[..]));
        outbox.on_written(5);
        assert_eq!(outbox.len(), 0);
    }
}
