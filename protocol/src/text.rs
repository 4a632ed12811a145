//! Serde for values that are one text or one integer on the wire and validated on the way in, without a copy in
//! between. A value of another type is answered with the rule, which names the value; serde's own words would not.

use std::{fmt, marker::PhantomData};

use serde::de::{Error, Unexpected, Visitor};

use crate::ids::Invalid;

/// Visits a text and hands it to `parse`.
pub(crate) struct TextVisitor<T, P>(P, &'static str, PhantomData<T>);

impl<T, P: Fn(&str) -> Result<T, Invalid>> TextVisitor<T, P> {
    pub(crate) fn new(parse: P, rule: &'static str) -> Self {
        Self(parse, rule, PhantomData)
    }
}

impl<T, P: Fn(&str) -> Result<T, Invalid>> Visitor<'_> for TextVisitor<T, P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// Serde for `$name` as the text that `$text` makes of it, which `$parse` reads.
macro_rules! serde_as_text {
    ($name:ident, $parse:expr, $rule:expr, $text:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Not by `Display`, whose pieces are escaped one by one.
                serializer.serialize_str($text(self).as_ref())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let parse: fn(&str) -> Result<Self, crate::ids::Invalid> = $parse;
                deserializer.deserialize_str(crate::text::TextVisitor::new(parse, $rule))
            }
        }
    };
}

/// Visits an integer and hands it to the validation of `T`.
pub(crate) struct IntegerVisitor<T>(&'static str, PhantomData<T>);

impl<T> IntegerVisitor<T> {
    pub(crate) fn new(rule: &'static str) -> Self {
        Self(rule, PhantomData)
    }
}

impl<T: TryFrom<u64, Error = Invalid>> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        let unsigned = u64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))?;
        self.visit_u64(unsigned)
    }
}

macro_rules! serde_as_integer {
    ($name:ident, $rule:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u64(self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_u64(crate::text::IntegerVisitor::new($rule))
            }
        }
    };
}

pub(crate) use {serde_as_integer, serde_as_text};
