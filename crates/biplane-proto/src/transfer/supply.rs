//! Which bytes of a transfer go next: the side that has them.

use biplane_wire::Bulk;
use ring::digest::{Context, SHA256};

use crate::Violation;

/// A transfer of this side's that the peer has accepted.
///
/// The peer says what it has and what may come; on another connection it says so first, and the
/// bytes go on from there. Each byte is hashed when it is read first.
#[derive(Clone)]
pub struct Supply {
    length: u64,
    /// The peer has it.
    confirmed: u64,
    /// The peer takes as much.
    limit: u64,
    /// What goes next on this connection, once the peer has said what it has.
    next: Option<u64>,
    /// So much was written on any connection, and is in the hash.
    hashed: u64,
    hash: Context,
    summed: bool,
}

/// Bytes to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Piece {
    /// Where they begin.
    pub offset: u64,
    /// How many there are, from 1 to [`Bulk::CHUNK`].
    pub len: usize,
}

impl Supply {
    /// One of `length` bytes.
    #[must_use]
    pub fn new(length: u64) -> Self {
        let hash = Context::new(&SHA256);
        Self { length, confirmed: 0, limit: 0, next: None, hashed: 0, hash, summed: false }
    }

    /// Another connection carries the bytes from here on.
    pub const fn on_attached(&mut self) {
        self.next = None;
    }

    /// The peer says what it has and what may come.
    ///
    /// # Errors
    ///
    /// [`Violation::TransferRange`] if it has what was not sent, or less than it had.
    pub fn handle_have(&mut self, received: u64, limit: u64) -> Result<(), Violation> {
        let sent = self.next.unwrap_or(self.hashed);
        if received > sent || received < self.confirmed || limit < self.limit {
            return Err(Violation::TransferRange);
        }
        self.confirmed = received;
        self.limit = limit;
        self.next.get_or_insert(received);
        Ok(())
    }

    /// What to write next, at most `most` bytes of it; `None` if nothing may be written now.
    #[must_use]
    pub fn piece(&self, most: usize) -> Option<Piece> {
        let offset = self.next?;
        let left = self.length.min(self.limit).saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(most).min(Bulk::CHUNK);
        (len > 0).then_some(Piece { offset, len })
    }

    /// The bytes of [`Supply::piece`] are being written.
    pub fn on_written(&mut self, bytes: &[u8]) {
        let Some(offset) = self.next else { return };
        let end = offset + bytes.len() as u64;
        let known = usize::try_from(self.hashed.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(fresh) = bytes.get(known..) {
            self.hash.update(fresh);
            self.hashed = self.hashed.max(end);
        }
        self.next = Some(end);
    }

    /// The SHA-256 of all bytes, once they have all been read; says so once.
    pub fn take_checksum(&mut self) -> Option<[u8; 32]> {
        if self.summed || self.hashed < self.length {
            return None;
        }
        self.summed = true;
        Some(digest(self.hash.clone()))
    }

    /// So many bytes were written on this connection of which the peer has not said that it has them.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.next.map_or(0, |next| next - self.confirmed)
    }

    /// So many bytes the peer has.
    #[must_use]
    pub const fn confirmed(&self) -> u64 {
        self.confirmed
    }
}

impl core::fmt::Debug for Supply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { length, confirmed, next, .. } = self;
        write!(f, "Supply({confirmed} of {length}, next {next:?})")
    }
}

pub(super) fn digest(hash: Context) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(supply: &mut Supply, bytes: &[u8]) {
        let Piece { offset, len } = supply.piece(usize::MAX).unwrap();
        let start = usize::try_from(offset).unwrap();
        supply.on_written(&bytes[start..start + len]);
    }

    fn sum(bytes: &[u8]) -> [u8; 32] {
        let mut hash = Context::new(&SHA256);
        hash.update(bytes);
        digest(hash)
    }

    #[test]
    fn nothing_goes_before_the_peer_has_said_what_it_has() {
        let mut supply = Supply::new(5);
        assert_eq!(supply.piece(9), None);
        supply.handle_have(0, 3).unwrap();
        assert_eq!(supply.piece(9), Some(Piece { offset: 0, len: 3 }), "as much as may come");
        assert_eq!(supply.under_way(), 0);
        assert_eq!(supply.piece(2), Some(Piece { offset: 0, len: 2 }), "as much as is asked");
        write(&mut supply, b"bytes");
        assert_eq!((supply.piece(9), supply.under_way()), (None, 3));
        supply.handle_have(3, 9).unwrap();
        assert_eq!(supply.piece(9), Some(Piece { offset: 3, len: 2 }), "as much as there is");
    }

    #[test]
    fn another_connection_goes_on_from_what_the_peer_has_and_no_byte_is_hashed_twice() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|byte| (byte % 251) as u8).collect();
        let mut supply = Supply::new(100_000);
        supply.handle_have(0, 200_000).unwrap();
        write(&mut supply, &bytes);
        write(&mut supply, &bytes);
        supply.on_attached();
        assert_eq!(supply.piece(9), None);
        supply.handle_have(20_000, 200_000).unwrap();
        assert_eq!(supply.piece(9).unwrap().offset, 20_000);
        while supply.piece(9).is_some() {
            assert_eq!(supply.take_checksum(), None);
            write(&mut supply, &bytes);
        }
        assert_eq!(supply.take_checksum(), Some(sum(&bytes)));
        assert_eq!(supply.take_checksum(), None, "told once");
    }

    #[test]
    fn who_has_what_was_not_sent_or_loses_what_it_had_breaks_a_rule() {
        let range = Err(Violation::TransferRange);
        let mut supply = Supply::new(5);
        assert_eq!(supply.handle_have(1, 5), range);
        supply.handle_have(0, 5).unwrap();
        write(&mut supply, b"bytes");
        supply.handle_have(4, 5).unwrap();
        assert_eq!(supply.handle_have(3, 5), range);
        assert_eq!(supply.handle_have(4, 4), range);
        assert_eq!(supply.handle_have(6, 6), range);
        supply.on_attached();
        assert_eq!(supply.handle_have(6, 6), range);
        assert_eq!(supply.handle_have(5, 5), Ok(()));
        assert_eq!(supply.confirmed(), 5);
    }

    #[test]
    fn nothing_at_all_has_a_checksum() {
        assert_eq!(Supply::new(0).take_checksum(), Some(sum(b"")));
    }
}
