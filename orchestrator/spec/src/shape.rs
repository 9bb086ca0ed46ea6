//! What a piece of a plan file looks like: how it is read, and how its JSON Schema reads. Both come from one
//! declaration ([`shape!`]), so the schema that editors use cannot promise what the reader refuses.

use crate::code;
use crate::problem::{Problems, either, quoted};
use crate::tree::{Key, Node, Value};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::rc::Rc;
use wavetrain_model::diagnostic::Span;

/// Keys of one mapping that are looked at; every mapping of a plan file has fewer known ones.
const KEYS: usize = 200;

/// A piece of a plan file.
pub trait Shape: Sized {
    /// Reads it; None when it is unusable, which was reported.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// Its JSON Schema.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands; a default stands where the mapping that lacks it begins.
    pub span: Span,
}

impl<T: Shape> Placed<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        Some(Self { value: T::read(node, problems)?, span: node.span })
    }
}

/// The text of a single value.
pub fn scalar<'n>(node: &'n Node, wanted: &str, problems: &mut Problems) -> Option<&'n Rc<str>> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        other => {
            unexpected(node.span, other, wanted, problems);
            None
        }
    }
}

fn unexpected(span: Span, found: &Value, wanted: &str, problems: &mut Problems) {
    match found {
        Value::Unusable => {}
        Value::Nothing => problems.error(
            code::NO_VALUE,
            span,
            format!("a value is missing: {wanted} belongs here"),
            "write the value, or delete the key",
        ),
        _ => {
            let help = match wanted {
                LIST => "begin every item with `- `, or write `[item, item]`",
                _ if wanted.contains("mapping") => "write `key: value` lines, indented below the key",
                _ => "write one value; a value that contains `: ` or begins with a bracket needs quotes",
            };
            problems.error(code::KIND, span, format!("expected {wanted}, found {}", found.noun()), help);
        }
    }
}

/// How a list is called in messages.
const LIST: &str = "a list";

/// A list of at least `MIN` and at most `MAX` items. `MAX` also bounds how many are looked at.
#[derive(Debug, Clone)]
pub struct List<T, const MIN: usize, const MAX: usize>(
    /// The items that could be read.
    pub Vec<Placed<T>>,
    /// Whether items beyond `MAX` were left out.
    pub bool,
);

impl<T: Shape, const MIN: usize, const MAX: usize> Shape for List<T, MIN, MAX> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::List(items) = &node.value else {
            unexpected(node.span, &node.value, LIST, problems);
            return None;
        };
        if items.len() < MIN {
            problems.error(
                code::LENGTH,
                node.span,
                "the list is empty",
                "write at least one item, or delete the key",
            );
        }
        if let Some(first_too_many) = items.get(MAX) {
            problems.error(
                code::LENGTH,
                first_too_many.span,
                format!("the list has {} items; at most {MAX} are possible", items.len()),
                "the items from here on were not looked at",
            );
        }
        let read = items.iter().take(MAX).filter_map(|item| Placed::read(item, problems)).collect();
        Some(Self(read, items.len() > MAX))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::schema(generator);
        json_schema!({ "type": "array", "items": items, "minItems": MIN, "maxItems": MAX })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub struct OneOrMany<T, const MAX: usize = 100>(pub Vec<Placed<T>>);

impl<T: Shape, const MAX: usize> Shape for OneOrMany<T, MAX> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::List(_) = node.value {
            return List::<T, 1, MAX>::read(node, problems).map(|list| Self(list.0));
        }
        Placed::read(node, problems).map(|one| Self(vec![one]))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let (one, many) = (T::schema(generator), List::<T, 1, MAX>::schema(generator));
        json_schema!({ "anyOf": [one, many] })
    }
}

/// A mapping whose keys are the author's own, with at least `MIN` and at most `MAX` of them.
#[derive(Debug, Clone)]
pub struct Table<K, V, const MIN: usize, const MAX: usize>(pub Vec<(Placed<K>, Placed<V>)>);

impl<K: Shape, V: Shape, const MIN: usize, const MAX: usize> Shape for Table<K, V, MIN, MAX> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            unexpected(node.span, &node.value, "a mapping (`key: value`)", problems);
            return None;
        };
        if entries.len() < MIN || entries.len() > MAX {
            let message = match (MIN, MAX) {
                (1, 1) => format!("exactly one key belongs here, found {}", entries.len()),
                _ => format!("{MIN} to {MAX} keys belong here, found {}", entries.len()),
            };
            problems.error(
                code::LENGTH,
                node.span,
                message,
                "write the keys that are meant, or delete the mapping",
            );
        }
        let read = |(key, node): &(Key, Node)| {
            let key = Node { span: key.span, value: Value::Scalar(key.text.clone()) };
            let (key, value) = (Placed::read(&key, problems), Placed::read(node, problems));
            Some((key?, value?))
        };
        Some(Self(entries.iter().take(MAX).filter_map(read).collect()))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let (keys, values) = (K::schema(generator), V::schema(generator));
        json_schema!({
            "type": "object",
            "propertyNames": keys,
            "additionalProperties": values,
            "minProperties": MIN,
            "maxProperties": MAX,
        })
    }
}

/// The entries of a mapping with known keys.
pub struct Fields<'n> {
    noun: &'static str,
    span: Span,
    entries: &'n [(Key, Node)],
    given: Given,
}

/// The keys that were written, also those with unusable values, and mistyped ones as what they were probably
/// meant to be: a problem that was reported once is not reported again as a missing key.
#[derive(Debug, Clone, Default)]
pub struct Given(Vec<Rc<str>>);

impl Given {
    /// Whether the key was written.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|given| **given == *key)
    }
}

impl<'n> Fields<'n> {
    /// The entries of `node`; None if it is not a mapping. Unknown keys are reported, and those of `later`
    /// (reserved for what this version cannot do) in their own words, with their own help.
    pub fn open(
        node: &'n Node,
        noun: &'static str,
        known: &[&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            unexpected(node.span, &node.value, &format!("{noun} (a mapping)"), problems);
            return None;
        };
        let mut given = Given(entries.iter().map(|(key, _)| key.text.clone()).take(KEYS).collect());
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&&*key.text)).take(KEYS) {
            let help = match problems.nearest(&key.text, known.iter().copied()) {
                Some(word) => {
                    given.0.push(word.into());
                    format!("did you mean `{word}`?")
                }
                None if let Some(home) = problems.home_of(&key.text) => format!("it belongs in `{home}`"),
                None => format!("the keys are {}", either(known).replace(" or ", " and ")),
            };
            problems.error(
                code::UNKNOWN_KEY,
                key.span,
                format!("unknown key {} in {noun}", quoted(&key.text)),
                help,
            );
        }
        Some(Self { noun, span: node.span, entries, given })
    }

    /// The keys that were written.
    pub fn given(&self) -> Given {
        self.given.clone()
    }

    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(known, _)| &*known.text == key).map(|(_, node)| node)
    }

    /// A key that must be there.
    pub fn required<T: Shape>(&self, key: &str, (): (), problems: &mut Problems) -> Option<Placed<T>> {
        let Some(node) = self.get(key) else {
            if !self.given.has(key) {
                problems.error(
                    code::MISSING_KEY,
                    self.span,
                    format!("{} lacks the key `{key}`", self.noun),
                    format!("add `{key}: …`"),
                );
            }
            return None;
        };
        Placed::read(node, problems)
    }

    /// A key that may be left out.
    pub fn optional<T: Shape>(&self, key: &str, (): (), problems: &mut Problems) -> Option<Placed<T>> {
        Placed::read(self.get(key)?, problems)
    }

    /// A key with a default, which also stands in for a value that is unusable.
    pub fn defaulted<T: Shape>(&self, key: &str, default: &str, problems: &mut Problems) -> Placed<T> {
        self.get(key).and_then(|node| Placed::read(node, problems)).unwrap_or_else(|| {
            let default = Node { span: self.span, value: Value::Scalar(default.into()) };
            Placed::read(&default, &mut Problems::default()).expect("every default is read by a test")
        })
    }

    /// A mapping all of whose keys may be left out, and so it may itself.
    pub fn section<T: Shape>(&self, key: &str, (): (), problems: &mut Problems) -> Placed<T> {
        self.get(key).and_then(|node| Placed::read(node, problems)).unwrap_or_else(|| {
            let empty = Node { span: self.span, value: Value::Mapping(Rc::new([])) };
            Placed::read(&empty, &mut Problems::default()).expect("a section has no required keys")
        })
    }
}

/// The schema of a mapping with known keys: (key, description, default, schema, required); and `oneOf` or
/// `anyOf` which of them must be there.
pub fn mapping_schema(
    about: &str,
    keys: Vec<(&str, String, Option<&str>, Schema, bool)>,
    choice: Option<(&str, &[&str])>,
) -> Schema {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (key, about, default, mut schema, is_required) in keys {
        let bounds =
            schema.get("description").and_then(serde_json::Value::as_str).map(|text| format!(" {text}"));
        let about = about + &bounds.unwrap_or_default();
        schema.insert("description".to_owned(), about.into());
        if let Some(default) = default {
            let number = default.parse::<u32>().map(serde_json::Value::from);
            schema.insert("default".to_owned(), number.unwrap_or_else(|_| default.into()));
        }
        if is_required {
            required.push(key.to_owned());
        }
        properties.insert(key.to_owned(), schema.to_value());
    }
    let mut schema = json_schema!({
        "type": "object",
        "description": about,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    if let Some((keyword, options)) = choice {
        let options: Vec<_> = options.iter().map(|key| serde_json::json!({ "required": [key] })).collect();
        schema.insert(keyword.to_owned(), options.into());
    }
    schema
}

/// Doc comments as one line of prose.
pub fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a mapping with known keys: a struct, its reader and its schema.
///
/// `required` and `optional` keys give `Option<Placed<T>>` (None also when unusable), `defaulted` ones
/// `Placed<T>` with the default in the plan file's own notation, `section`s `Placed<T>` of a mapping without
/// required keys. `oneOf [..]` and `anyOf [..]` tell the schema which keys must be there; that they are is
/// for a check to see, in words that fit. `later [..] "help"` lists keys that are reserved for what this
/// version cannot do.
macro_rules! shape {
    (
        $(#[doc = $about:literal])*
        $name:ident = $noun:literal
        $(, $choice:ident [$($option:literal),*])? {
            $( $(#[doc = $doc:literal])* $need:ident $field:ident $key:literal : $type:ty $(= $default:literal)?; )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        #[allow(dead_code)] // some keys, and most lists of given keys, only matter while they are read
        pub struct $name {
            /// The keys that were written.
            pub given: $crate::shape::Given,
            $( $(#[doc = $doc])* pub $field: $crate::shape::field!($need $type), )*
        }

        impl $crate::shape::Shape for $name {
            fn read(node: &$crate::tree::Node, problems: &mut $crate::problem::Problems) -> Option<Self> {
                let fields = $crate::shape::Fields::open(
                    node,
                    $noun,
                    &[$($key),*],
                    problems,
                )?;
                Some(Self {
                    given: fields.given(),
                    $( $field: fields.$need($key, $crate::shape::default!($($default)?), problems), )*
                })
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                struct Reference;
                impl schemars::JsonSchema for Reference {
                    fn schema_name() -> std::borrow::Cow<'static, str> {
                        stringify!($name).into()
                    }
                    fn schema_id() -> std::borrow::Cow<'static, str> {
                        concat!(module_path!(), "::", stringify!($name)).into()
                    }
                    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                        let keys = vec![$((
                            $key,
                            $crate::shape::prose(&[$($doc),*]),
                            $crate::shape::shown_default!($($default)?),
                            <$type as $crate::shape::Shape>::schema(generator),
                            stringify!($need) == "required",
                        )),*];
                        let choice: Option<(&str, &[&str])> = $crate::shape::choice!($($choice [$($option),*])?);
                        $crate::shape::mapping_schema(&$crate::shape::prose(&[$($about),*]), keys, choice)
                    }
                }
                generator.subschema_for::<Reference>()
            }
        }
    };
}

/// The type of a key's field, by how much the key is needed.
macro_rules! field {
    (required $type:ty) => { Option<$crate::shape::Placed<$type>> };
    (optional $type:ty) => { Option<$crate::shape::Placed<$type>> };
    (defaulted $type:ty) => { $crate::shape::Placed<$type> };
    (section $type:ty) => { $crate::shape::Placed<$type> };
}

macro_rules! default {
    () => {
        ()
    };
    ($default:literal) => {
        $default
    };
}

macro_rules! shown_default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! choice {
    () => { None };
    ($keyword:ident [$($option:literal),*]) => { Some((stringify!($keyword), &[$($option),*])) };
}

pub(crate) use {choice, default, field, shape, shown_default};
