//! Serde's `Serializer` over postcard's, which refuses what the decoder would.
//!
//! The decoder goes so deep and no deeper, and lets a message have no more elements than bytes. Who
//! sends a value beyond that must hear it, and not lose the session of whoever gets it.

use biplane_wire::limits;
use postcard::{Error, Serializer};
use serde::ser::{self, Serialize};

use super::encoder::Limited;

/// Values in which nothing needs to be counted.
macro_rules! as_postcard {
    ($($method:ident($value:ty)),* $(,)?) => {$(
        fn $method(self, value: $value) -> Result<(), Error> {
            self.postcard.$method(value)
        }
    )*};
}

/// What has as many fields as its type says; serde's traits for it differ in their names alone.
macro_rules! fields {
    ($($of:ident::$method:ident($($key:ty)?)),* $(,)?) => {$(
        impl ser::$of for Inside<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $key,)?
                value: &T,
            ) -> Result<(), Error> {
                self.add(value)
            }

            fn end(self) -> Result<(), Error> {
                self.end()
            }
        }
    )*};
}

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

    as_postcard! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
    }

    fn collect_str<T: core::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.postcard.collect_str(value)
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

fields! {
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str),
}
