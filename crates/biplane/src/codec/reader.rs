//! A cursor over untrusted bytes: every read is checked, none can panic.

use super::Malformed;

/// The bytes that are left.
#[derive(Debug)]
pub(super) struct Reader<'de>(pub(super) &'de [u8]);

impl<'de> Reader<'de> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'de [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    /// A number in postcard's form: seven bits a byte, the lowest first, in as few bytes as it needs.
    pub(super) fn number<N: TryFrom<u64>>(&mut self) -> Result<N, Malformed> {
        let mut value = 0_u64;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift >= u64::BITS || (part << shift) >> shift != part {
                return Err(Malformed::Number);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                is_shortest(byte, shift)?;
                return N::try_from(value).map_err(|_| Malformed::Number);
            }
            shift += 7;
        }
    }

    /// The same for 128 bits; apart, since these are rare and slower to shift.
    pub(super) fn wide_number(&mut self) -> Result<u128, Malformed> {
        let mut value = 0_u128;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift >= u128::BITS || (part << shift) >> shift != part {
                return Err(Malformed::Number);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                is_shortest(byte, shift)?;
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(super) fn length(&mut self) -> Result<usize, Malformed> {
        self.number()
    }

    pub(super) fn text(&mut self) -> Result<&'de str, Malformed> {
        let len = self.length()?;
        core::str::from_utf8(self.bytes(len)?).map_err(|_| Malformed::Text)
    }

    /// One character, as postcard writes it: text of that one.
    pub(super) fn char(&mut self) -> Result<char, Malformed> {
        let mut chars = self.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Malformed::Char),
        }
    }
}

/// A last byte of zero adds nothing to a number, unless it is the only one.
const fn is_shortest(last: u8, shift: u32) -> Result<(), Malformed> {
    if last == 0 && shift > 0 { Err(Malformed::Number) } else { Ok(()) }
}
