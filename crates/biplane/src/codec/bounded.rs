//! Serde's `Serializer` over postcard's, which refuses what the decoder would.
//!
//! The decoder goes so deep and no deeper, and lets a message have no more elements than bytes. Who
//! sends a value beyond that must hear it, and not lose the session of whoever gets it.

use biplane_wire::limits;
use postcard::{Error, Serializer};
use serde::ser::{self, Serialize};

use super::encoder::Limited;

/// A postcard serializer, and what the decoder will count.
pub(super) struct Bounded {
    postcard: Serializer<Limited>,
    depth_left: usize,
    elements: usize,
    /// The message must be this long, or a sequence claims more elements than bytes are left.
    needs: usize,
}

/// Elements, fields or pairs that follow, one level deeper.
pub(super) struct Inside<'a>(&'a mut Bounded);

impl Bounded {
    pub(super) const fn new(output: Limited) -> Self {
        Self {
            postcard: Serializer { output },
            depth_left: limits::DECODE_DEPTH,
            elements: 0,
            needs: 0,
        }
    }

    /// What was written, and whether it is long enough for its elements.
    pub(super) fn finish(self) -> (Vec<u8>, bool) {
        let out = self.postcard.output.out;
        let is_long_enough = out.len() >= self.elements.max(self.needs);
        (out, is_long_enough)
    }

    /// Goes one level deeper; whoever has the result comes back by its end.
    fn deeper(&mut self) -> Result<Inside<'_>, Error> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Error::SerdeSerCustom)?;
        Ok(Inside(self))
    }

    /// So many elements follow, for each of which the decoder wants a byte behind this place.
    fn claim(&mut self, elements: Option<usize>) -> Result<(), Error> {
        let elements = elements.ok_or(Error::SerializeSeqLengthUnknown)?;
        self.needs = self.needs.max(self.postcard.output.out.len().saturating_add(elements));
        Ok(())
    }

    /// One more element of the message. Those that have bytes end at its limit.
    fn element(&mut self) -> Result<(), Error> {
        self.elements += 1;
        let fits = self.elements <= self.postcard.output.limit;
        fits.then_some(()).ok_or(Error::SerdeSerCustom)
    }

    /// One value inside another.
    fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let mut inside = self.deeper()?;
        inside.add(value)?;
        inside.end()
    }
}

impl Inside<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.0)
    }

    const fn end(self) -> Result<(), Error> {
        self.0.depth_left += 1;
        Ok(())
    }
}

impl<'a> ser::Serializer for &'a mut Bounded {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Inside<'a>;
    type SerializeTuple = Inside<'a>;
    type SerializeTupleStruct = Inside<'a>;
    type SerializeTupleVariant = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeStructVariant = Inside<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.postcard.serialize_bool(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.postcard.serialize_i8(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.postcard.serialize_i16(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.postcard.serialize_i32(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.postcard.serialize_i64(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.postcard.serialize_i128(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.postcard.serialize_u8(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.postcard.serialize_u16(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.postcard.serialize_u32(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.postcard.serialize_u64(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.postcard.serialize_u128(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.postcard.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.postcard.serialize_f64(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.postcard.serialize_char(value)
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.postcard.serialize_str(value)
    }

    fn collect_str<T: core::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.postcard.collect_str(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.postcard.serialize_bytes(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.postcard.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        // Postcard's own mark of something, without the value.
        self.postcard.serialize_some(&())?;
        self.inner(value)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.postcard.serialize_unit_variant(name, index, variant)?;
        self.deeper()?.end()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.inner(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.postcard.serialize_newtype_variant(name, index, variant, &())?;
        self.inner(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Inside<'a>, Error> {
        ser::Serializer::serialize_seq(&mut self.postcard, len)?;
        self.claim(len)?;
        self.deeper()
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'a>, Error> {
        self.deeper()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Error> {
        self.deeper()
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.postcard.serialize_unit_variant(name, index, variant)?;
        self.deeper()
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Inside<'a>, Error> {
        ser::Serializer::serialize_map(&mut self.postcard, len)?;
        self.claim(len)?;
        self.deeper()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Error> {
        self.deeper()
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.postcard.serialize_unit_variant(name, index, variant)?;
        self.deeper()
    }
}

impl ser::SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)?;
        self.0.element()
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeTuple for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeTupleStruct for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeTupleVariant for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)?;
        self.0.element()
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}

impl ser::SerializeStructVariant for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.add(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end()
    }
}
