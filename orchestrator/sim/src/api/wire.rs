//! How the structs of this module tree are declared, and the one scalar that differs between wire formats.

use std::collections::BTreeMap;
use std::fmt;

use ciborium::tag::{Accepted, Required};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in seconds since 1970-01-01T00:00:00Z, with a fraction of millisecond precision.
///
/// A JSON number on JSON wires, tag 1 around a float on CBOR ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Timestamp(pub f64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis as f64 / 1000.0)
    }

    /// In milliseconds since the epoch, rounded.
    pub fn as_millis(self) -> i64 {
        (self.0 * 1000.0).round() as i64
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Of the two wires only CBOR is binary; serde has no other way to ask a serializer which one it is.
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.0)
        } else {
            Required::<f64, 1>(self.0).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Number::deserialize(deserializer).map(|number| Self(number.0))
        } else {
            Accepted::<Number, 1>::deserialize(deserializer).map(|number| Self(number.0.0))
        }
    }
}

/// Any number; clients send whole seconds as integers.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Bytes in some wire format.
pub trait Source {
    /// Why they could not be read.
    type Error;

    /// Reads them as the input of an operation.
    fn read<T: DeserializeOwned>(self) -> Result<T, Self::Error>;
}

/// Reads a member that may be missing or `null`; AWS takes both for "not given".
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whether a member is left out of what is written. Only `None` is: AWS writes empty lists and empty texts.
pub(super) trait Absent {
    fn absent(&self) -> bool {
        false
    }
}

impl<T> Absent for Option<T> {
    fn absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {}
impl<K, V> Absent for BTreeMap<K, V> {}
impl Absent for String {}
impl Absent for bool {}
impl Absent for i32 {}
impl Absent for i64 {}
impl Absent for f64 {}
impl Absent for Timestamp {}

/// Declares structures of a service model: members in AWS's order, wire names in PascalCase unless renamed,
/// unknown members ignored, missing and `null` ones read as the default.
macro_rules! structures {
    ($($(#[$on_type:meta])* $name:ident {
        $($(#[$on_field:meta])* $field:ident: $type:ty),* $(,)?
    })*) => { $(
        $(#[$on_type])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, rename_all = "PascalCase")]
        pub struct $name { $(
            $(#[$on_field])*
            #[serde(
                skip_serializing_if = "crate::api::wire::Absent::absent",
                deserialize_with = "crate::api::wire::or_default"
            )]
            pub $field: $type,
        )* }
        impl crate::api::wire::Absent for $name {}
    )* };
}

/// Declares the closed word lists of a service model. The first word is the default.
macro_rules! words {
    ($($(#[$on_type:meta])* $name:ident { $first:ident = $first_word:literal $(, $variant:ident = $word:literal)* $(,)? })*) => { $(
        $(#[$on_type])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            #[default]
            #[serde(rename = $first_word)]
            $first,
            $(#[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every word, in AWS's order.
            pub const WORDS: &'static [&'static str] = &[$first_word $(, $word)*];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word $(, Self::$variant => $word)* }
            }

            /// The value a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $first_word => Some(Self::$first), $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl crate::api::wire::Absent for $name {}
    )* };
}

/// Declares a service's `Request` and `Response` over its operations. Both box their contents: the largest of
/// them is many times the size of the usual one.
macro_rules! operations {
    ($service:ident: $($name:ident($input:ident) -> $output:ident),* $(,)?) => {
        /// One call to this service.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request { $(#[doc = concat!("`", stringify!($name), "`")] $name(Box<$input>),)* }

        /// The successful answer to the request of the same name.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response { $(#[doc = concat!("`", stringify!($name), "`")] $name(Box<$output>),)* }

        impl Request {
            /// Operation names of this service.
            pub const OPERATIONS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Operation name.
            pub fn operation(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }

            /// Reads the input of the named operation. `None` if the service has no such operation here.
            pub fn read<S: crate::api::Source>(operation: &str, source: S) -> Option<Result<Self, S::Error>> {
                match operation {
                    $(stringify!($name) => Some(source.read().map(|input| Self::$name(Box::new(input)))),)*
                    _ => None,
                }
            }

            /// Checks the limits of the service model.
            pub fn validate(&self) -> Result<(), crate::api::ApiError> {
                let mut violations = crate::api::Violations::default();
                match self { $(Self::$name(input) => input.check(&mut violations),)* }
                violations.into_result()
            }
        }

        impl serde::Serialize for Request {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(input) => input.serialize(serializer),)* }
            }
        }

        impl serde::Serialize for Response {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(output) => output.serialize(serializer),)* }
            }
        }

        $(
            impl From<$input> for crate::api::Request {
                fn from(input: $input) -> Self {
                    Self::$service(Request::$name(Box::new(input)))
                }
            }

            impl From<$output> for crate::api::Response {
                fn from(output: $output) -> Self {
                    Self::$service(Response::$name(Box::new(output)))
                }
            }
        )*
    };
}

pub(super) use {operations, structures, words};
