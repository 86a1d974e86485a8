//! Walks through a record and tells its parts one by one: JSON and CSV are written from that,
//! without anything in between.

use serde::ser::{self, Impossible, Serialize, Serializer};

/// Gets the parts of a record in order.
pub(super) trait Visit {
    /// A record begins, or a part of one.
    fn open(&mut self);
    /// The next field is called so; a name of our own, which needs no escape.
    fn field(&mut self, name: &'static str);
    /// The next field is called so.
    fn key(&mut self, name: &str);
    /// It is over.
    fn close(&mut self);
    /// A list begins.
    fn open_list(&mut self);
    /// The next item of a list follows.
    fn item(&mut self);
    /// The list is over.
    fn close_list(&mut self);
    /// Nothing is known.
    fn null(&mut self);
    /// A number or a truth value, as both formats write it.
    fn plain(&mut self, text: &str);
    /// A text.
    fn text(&mut self, text: &str);
}

/// Tells `record` to `visit`.
///
/// # Errors
/// Where it holds what no record does, such as a tuple.
pub(super) fn walk(record: &impl Serialize, visit: &mut impl Visit) -> std::io::Result<()> {
    let walker = Walker {
        visit,
        is_key: false,
    };
    record.serialize(walker).map_err(std::io::Error::other)
}

/// What no record holds was in one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unwritable(String);

impl ser::Error for Unwritable {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unwritable<T>() -> Result<T, Unwritable> {
    Err(ser::Error::custom("no record holds such a value"))
}

struct Walker<'v, V> {
    visit: &'v mut V,
    /// What comes is the key of a map.
    is_key: bool,
}

impl<V: Visit> Walker<'_, V> {
    const fn inner(&mut self) -> Walker<'_, V> {
        Walker {
            visit: self.visit,
            is_key: false,
        }
    }

    fn integer(self, value: impl itoa::Integer) {
        self.visit.plain(itoa::Buffer::new().format(value));
    }
}

impl<'v, V: Visit> Serializer for Walker<'v, V> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeTuple = Impossible<(), Unwritable>;
    type SerializeTupleStruct = Impossible<(), Unwritable>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.visit.plain(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        if value.is_finite() {
            self.visit.plain(zmij::Buffer::new().format_finite(value));
        } else {
            self.visit.null();
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        if self.is_key {
            self.visit.key(value);
        } else {
            self.visit.text(value);
        }
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
        unwritable()
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.visit.null();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        unwritable()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Unwritable> {
        self.visit.open_list();
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unwritable> {
        unwritable()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unwritable> {
        unwritable()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        unwritable()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Unwritable> {
        self.visit.open();
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        self.visit.open();
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        unwritable()
    }
}

impl<V: Visit> ser::SerializeStruct for Walker<'_, V> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.visit.field(name);
        value.serialize(self.inner())
    }

    fn end(self) -> Result<(), Unwritable> {
        self.visit.close();
        Ok(())
    }
}

impl<V: Visit> ser::SerializeSeq for Walker<'_, V> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.visit.item();
        value.serialize(self.inner())
    }

    fn end(self) -> Result<(), Unwritable> {
        self.visit.close_list();
        Ok(())
    }
}

impl<V: Visit> ser::SerializeMap for Walker<'_, V> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        key.serialize(Walker {
            visit: &mut *self.visit,
            is_key: true,
        })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self.inner())
    }

    fn end(self) -> Result<(), Unwritable> {
        self.visit.close();
        Ok(())
    }
}
