//! Which bytes of a transfer are taken: the side that wants them.

use ring::digest::{Context, SHA256};

use super::supply::digest;
use crate::{Violation, limits};

/// A transfer of the peer's that this side has accepted.
///
/// Bytes come in order. As many may come as the application has taken and
/// [`limits::TRANSFER_WINDOW`] more.
#[derive(Clone)]
pub struct Intake {
    length: u64,
    received: u64,
    taken: u64,
    /// What the peer knows of the two, on this connection.
    told: Option<(u64, u64)>,
    hash: Context,
    checksum: Option<[u8; 32]>,
}

impl Intake {
    /// One of `length` bytes.
    #[must_use]
    pub fn new(length: u64) -> Self {
        let hash = Context::new(&SHA256);
        Self { length, received: 0, taken: 0, told: None, hash, checksum: None }
    }

    /// Another connection carries the bytes from here on.
    pub const fn on_attached(&mut self) {
        self.told = None;
    }

    /// Bytes have come.
    ///
    /// # Errors
    ///
    /// [`Violation::TransferRange`] unless they are those that come next, and may.
    pub fn handle_chunk(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Violation> {
        let Some((_, limit)) = self.told else { return Err(Violation::TransferOrder) };
        let end = offset.saturating_add(bytes.len() as u64);
        if offset != self.received || end > limit.min(self.length) {
            return Err(Violation::TransferRange);
        }
        self.hash.update(bytes);
        self.received = end;
        Ok(())
    }

    /// The application took bytes.
    pub const fn on_taken(&mut self, bytes: u64) {
        self.taken += bytes;
    }

    /// The peer told the checksum.
    pub const fn handle_checksum(&mut self, sha256: [u8; 32]) {
        self.checksum = Some(sha256);
    }

    /// Whether the peer would be told something.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let limit = self.limit();
        self.told.is_none_or(|(received, allowed)| {
            self.received >= received + limits::TRANSFER_TOLD
                || limit >= allowed + limits::TRANSFER_WINDOW / 4
                || (limit >= self.length && allowed < self.length)
        })
    }

    /// What the peer is told: what has come, and what may come. `None` unless that is news.
    pub fn poll_have(&mut self) -> Option<(u64, u64)> {
        if !self.has_news() {
            return None;
        }
        self.told = Some((self.received, self.limit()));
        self.told
    }

    /// Up to where bytes may come; no transfer is longer than what is counted on the wire.
    fn limit(&self) -> u64 {
        (self.taken + limits::TRANSFER_WINDOW).min(limits::TRANSFER_BYTES)
    }

    /// Whether all bytes have come.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.received == self.length
    }

    /// Whether all bytes have come and are those that were sent, once that can be told.
    #[must_use]
    pub fn verdict(&self) -> Option<bool> {
        let sum = self.checksum.filter(|_| self.is_whole())?;
        Some(digest(self.hash.clone()) == sum)
    }
}

impl core::fmt::Debug for Intake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { length, received, taken, .. } = self;
        write!(f, "Intake({received} of {length}, {taken} taken)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Supply;

    const WINDOW: u64 = limits::TRANSFER_WINDOW;

    fn attached(length: u64) -> Intake {
        let mut intake = Intake::new(length);
        assert_eq!(intake.poll_have(), Some((0, WINDOW)), "what it has is said first");
        assert_eq!(intake.poll_have(), None);
        intake
    }

    #[test]
    fn nothing_is_said_beyond_what_the_longest_transfer_has() {
        let most = limits::TRANSFER_BYTES;
        let mut intake = Intake { taken: most - 1, received: most - 1, ..Intake::new(most) };
        assert_eq!(intake.poll_have(), Some((most - 1, most)));
    }

    #[test]
    fn bytes_come_in_order_and_within_the_window() {
        let range = Err(Violation::TransferRange);
        assert_eq!(Intake::new(9).handle_chunk(0, b"a"), Err(Violation::TransferOrder));
        let mut intake = attached(2 * WINDOW);
        assert_eq!(intake.handle_chunk(1, b"a"), range, "a gap");
        let piece = vec![7; 1 << 14];
        for offset in (0..WINDOW).step_by(1 << 14) {
            intake.handle_chunk(offset, &piece).unwrap();
        }
        assert_eq!(intake.handle_chunk(WINDOW, b"a"), range, "beyond the window");
        assert_eq!(intake.handle_chunk(0, b"a"), range, "twice");
        intake.on_taken(WINDOW);
        assert_eq!(intake.handle_chunk(WINDOW, b"a"), range, "the peer was not told yet");
        assert_eq!(intake.poll_have(), Some((WINDOW, 2 * WINDOW)));
        assert_eq!(intake.handle_chunk(WINDOW, b"a"), Ok(()));
        assert_eq!(attached(3).handle_chunk(0, b"four"), range, "beyond the length");
        assert_eq!(attached(3).handle_chunk(u64::MAX, b"four"), range);
    }

    #[test]
    fn an_application_that_takes_nothing_lets_nothing_more_come() {
        let mut intake = attached(1 << 30);
        let piece = vec![7; 1 << 14];
        for offset in (0..WINDOW).step_by(1 << 14) {
            intake.handle_chunk(offset, &piece).unwrap();
        }
        assert_eq!(intake.poll_have(), Some((WINDOW, WINDOW)), "as much may come as has");
        intake.on_taken(1);
        assert_eq!(intake.poll_have(), None, "a little more is not worth telling");
    }

    #[test]
    fn another_connection_is_told_again_what_has_come() {
        let mut intake = attached(9);
        intake.handle_chunk(0, b"some").unwrap();
        intake.on_attached();
        assert_eq!(intake.poll_have(), Some((4, WINDOW)));
        assert_eq!(intake.handle_chunk(4, b" more"), Ok(()));
    }

    #[test]
    fn what_was_sent_and_what_came_are_compared_when_both_are_known() {
        let mut supply = Supply::new(9);
        let mut intake = attached(9);
        supply.handle_have(0, WINDOW).unwrap();
        supply.on_written(b"some more");
        let sum = supply.take_checksum().unwrap();
        intake.handle_checksum(sum);
        assert_eq!(intake.verdict(), None, "the bytes are under way");
        let mut other = intake.clone();
        intake.handle_chunk(0, b"some more").unwrap();
        other.handle_chunk(0, b"some mare").unwrap();
        assert_eq!((intake.verdict(), other.verdict()), (Some(true), Some(false)));
    }
}
