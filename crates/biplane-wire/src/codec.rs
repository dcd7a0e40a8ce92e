//! The one cursor over untrusted bytes, and the writers beside it.
//!
//! Integers are big-endian. A varint is that of RFC 9000, section 16: two bits of length, then 6,
//! 14, 30 or 62 bits of value; unlike there, only the shortest form is accepted.

use crate::DecodeError;

/// Cursor over untrusted bytes: every read is checked, none can panic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u24(&mut self) -> Result<u32, DecodeError> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| DecodeError::Truncated { missing: N.saturating_sub(self.0.len()) })?;
        self.0 = rest;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| DecodeError::Truncated { missing: len.saturating_sub(self.0.len()) })?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) const fn rest(&mut self) -> &'a [u8] {
        let rest = self.0;
        self.0 = &[];
        rest
    }

    /// A varint, refused unless it is in its shortest form.
    #[inline]
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let first = self.u8()?;
        let mut value = u64::from(first & 0x3f);
        let len = 1_usize << (first >> 6);
        for byte in self.bytes(len - 1)? {
            value = value << 8 | u64::from(*byte);
        }
        if varint_len(value) == len { Ok(value) } else { Err(DecodeError::NotCanonical { field }) }
    }

    /// A varint that counts something of at most `limit`.
    #[inline]
    pub(crate) fn count(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<usize, DecodeError> {
        usize::try_from(self.varint(field)?)
            .ok()
            .filter(|count| *count <= limit)
            .ok_or(DecodeError::TooLong { field, limit })
    }

    /// A varint that fits 32 bits.
    pub(crate) fn varint_u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.varint(field)?).map_err(|_| DecodeError::OutOfRange { field })
    }

    /// The rest as UTF-8 of at most `limit` bytes.
    pub(crate) fn text(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<&'a str, DecodeError> {
        let bytes = self.rest();
        if bytes.len() > limit {
            return Err(DecodeError::TooLong { field, limit });
        }
        core::str::from_utf8(bytes).map_err(|_| DecodeError::NotText { field })
    }

    /// Refuses whatever is left.
    pub(crate) const fn finish(self) -> Result<(), DecodeError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

/// How many bytes `value` takes as a varint: 1, 2, 4 or 8. Values from 2⁶² up have no such form
/// and count as 8.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Appends `value` as a varint; values from 2⁶² up, which nothing here counts to, saturate.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let value = value.min((1 << 62) - 1);
    let len = varint_len(value);
    let tag = (len.trailing_zeros() as u64) << (len * 8 - 2);
    let bytes = (value | tag).to_be_bytes();
    let [.., c, d, e, f] = bytes;
    match len {
        1 => out.push(f),
        2 => out.extend_from_slice(&[e, f]),
        4 => out.extend_from_slice(&[c, d, e, f]),
        _ => out.extend_from_slice(&bytes),
    }
}

/// Appends the low 24 bits of `value`.
pub(crate) fn put_u24(out: &mut Vec<u8>, value: u32) {
    let [_, a, b, c] = value.to_be_bytes();
    out.extend_from_slice(&[a, b, c]);
}

/// The longest head of `text` that is at most `limit` bytes of whole characters.
#[must_use]
pub fn clipped(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_rfc_9000_appendix_a1() {
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(Reader(bytes).varint("value"), Ok(value));
        }
    }

    #[test]
    fn varint_longer_than_needed_is_refused() {
        assert_eq!(
            Reader(&[0x40, 0x25]).varint("value"),
            Err(DecodeError::NotCanonical { field: "value" })
        );
    }

    #[test]
    fn varint_cut_short_is_refused() {
        assert_eq!(
            Reader(&[0xc2, 0x19]).varint("value"),
            Err(DecodeError::Truncated { missing: 6 })
        );
    }

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clipped("añb", 2), "a");
        assert_eq!(clipped("añb", 3), "añ");
        assert_eq!(clipped("añb", 30), "añb");
    }
}
