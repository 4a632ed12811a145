//! Serde for values that are one text on the wire and validated on the way in, without a copy in between.

use std::{fmt, marker::PhantomData};

use serde::de::{Error, Visitor};

use crate::ids::Invalid;

/// Visits a text and hands it to `parse`.
pub(crate) struct TextVisitor<T, P>(P, PhantomData<T>);

impl<T, P: Fn(&str) -> Result<T, Invalid>> TextVisitor<T, P> {
    pub(crate) fn new(parse: P) -> Self {
        Self(parse, PhantomData)
    }
}

impl<T, P: Fn(&str) -> Result<T, Invalid>> Visitor<'_> for TextVisitor<T, P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

macro_rules! serde_as_text {
    ($name:ident, $parse:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let parse: fn(&str) -> Result<Self, crate::ids::Invalid> = $parse;
                deserializer.deserialize_str(crate::text::TextVisitor::new(parse))
            }
        }
    };
}

pub(crate) use serde_as_text;
