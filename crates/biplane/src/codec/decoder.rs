//! Bytes to values: serde's `Deserializer` over postcard's format.

use core::fmt;

use biplane_wire::limits;
use serde::de::{self, DeserializeOwned, Visitor};

use super::{
    access::{Elements, Variant},
    reader::Reader,
};

/// Why bytes are not a value of the type that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Malformed {
    /// They end before the value does.
    Short,
    /// This many are left over.
    Trailing(usize),
    /// A number is not in its shortest form, or too large for its type.
    Number,
    /// Text is not UTF-8.
    Text,
    /// Text that should be one character is not.
    Char,
    /// Neither true nor false.
    Bool,
    /// Neither something nor nothing.
    Option,
    /// More values inside each other than [`limits::DECODE_DEPTH`].
    TooDeep,
    /// More elements than bytes.
    TooMany,
    /// The type asks for what postcard's format does not say: bytes do not describe themselves.
    Undescribed,
    /// The type refuses what it read.
    Refused,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the bytes end before the value does"),
            Self::Trailing(count) => write!(f, "{count} bytes too many"),
            Self::Number => f.write_str("a number is too large or not in its shortest form"),
            Self::Text => f.write_str("text is not UTF-8"),
            Self::Char => f.write_str("not one character"),
            Self::Bool => f.write_str("neither true nor false"),
            Self::Option => f.write_str("neither something nor nothing"),
            Self::TooDeep => {
                write!(f, "more than {} values inside each other", limits::DECODE_DEPTH)
            }
            Self::TooMany => f.write_str("more elements than bytes"),
            Self::Undescribed => f.write_str("the type needs a format that describes itself"),
            Self::Refused => f.write_str("the type refuses the value"),
        }
    }
}

impl core::error::Error for Malformed {}

impl de::Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        // The words may hold what the peer wrote; they go nowhere.
        Self::Refused
    }
}

/// The value that `bytes`, all of them, are.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut decoder = Decoder {
        reader: Reader(bytes),
        depth_left: limits::DECODE_DEPTH,
        elements_left: bytes.len(),
    };
    let value = T::deserialize(&mut decoder)?;
    match decoder.reader.0.len() {
        0 => Ok(value),
        trailing => Err(Malformed::Trailing(trailing)),
    }
}

/// What is left to read, and how much it may still mean.
#[derive(Debug)]
pub(super) struct Decoder<'de> {
    pub(super) reader: Reader<'de>,
    depth_left: usize,
    elements_left: usize,
}

impl<'de> Decoder<'de> {
    /// Does `act` one level deeper.
    fn deeper<R>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<R, Malformed>,
    ) -> Result<R, Malformed> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Malformed::TooDeep)?;
        let outcome = act(self);
        self.depth_left += 1;
        outcome
    }

    /// How many elements follow. Each takes a byte of what is left, or is charged one.
    fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.reader.length()?;
        if count > self.reader.0.len() {
            return Err(Malformed::TooMany);
        }
        self.elements_left = self.elements_left.checked_sub(count).ok_or(Malformed::TooMany)?;
        Ok(count)
    }

    /// Fields or elements whose number the type says.
    pub(super) fn fields<V: Visitor<'de>>(
        &mut self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        visitor.visit_seq(Elements::new(self, count))
    }
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de> {
    type Error = Malformed;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Malformed> {
        Err(Malformed::Undescribed)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Malformed> {
        Err(Malformed::Undescribed)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Malformed> {
        Err(Malformed::Undescribed)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.reader.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Malformed::Bool),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_i8(self.reader.byte()?.cast_signed())
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let folded: u16 = self.reader.number()?;
        visitor.visit_i16((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let folded: u32 = self.reader.number()?;
        visitor.visit_i32((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let folded: u64 = self.reader.number()?;
        visitor.visit_i64((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let folded = self.reader.wide_number()?;
        visitor.visit_i128((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u8(self.reader.byte()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u16(self.reader.number()?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u32(self.reader.number()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u64(self.reader.number()?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_u128(self.reader.wide_number()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_f32(f32::from_le_bytes(self.reader.array()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_f64(f64::from_le_bytes(self.reader.array()?))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_char(self.reader.char()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_borrowed_str(self.reader.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let len = self.reader.length()?;
        visitor.visit_borrowed_bytes(self.reader.bytes(len)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.reader.byte()? {
            0 => visitor.visit_none(),
            1 => self.deeper(|decoder| visitor.visit_some(decoder)),
            _ => Err(Malformed::Option),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deeper(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let count = self.count()?;
        self.deeper(|decoder| decoder.fields(count, visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deeper(|decoder| decoder.fields(len, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let count = self.count()?;
        self.deeper(|decoder| visitor.visit_map(Elements::new(decoder, count)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deeper(|decoder| visitor.visit_enum(Variant(decoder)))
    }
}
