//! Conditions that people write, in the Common Expression Language: refused when a file is read, never surprising when a
//! wave is judged.
//!
//! CEL has no loops and no side effects, so an expression ends. It is parsed and evaluated by recursion, so [`LONGEST`] and
//! [`MOST_OPERATORS`] keep it from using up the stack; macros within macros multiply, so [`MOST_STEPS`] keeps them from using up the day.

use cel::{Context, Program, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of the longest expression.
pub const LONGEST: usize = 1_000;

/// Operators and brackets of one expression; `&&`, `||` and comparisons do not count.
pub const MOST_OPERATORS: usize = 32;

/// Steps that nested macros such as `samples.all(a, samples.all(b, a < b))` may take.
pub const MOST_STEPS: u64 = 1_000_000;

/// An expression that can be evaluated.
pub struct Expression {
    program: Program,
    /// Macros within each other, at most.
    nested: u32,
}

/// Why a text is no expression, or why one has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is too long.
    #[error("the expression is longer than {LONGEST} bytes")]
    TooLong,
    /// It has too many operators or brackets.
    #[error("the expression has more than {MOST_OPERATORS} operators and brackets")]
    TooDeep,
    /// The text does not parse.
    #[error("{0}")]
    Syntax(String),
    /// It names something that is not there.
    #[error("`{0}` is not known here")]
    Unknown(String),
    /// It cannot be evaluated with these values, or its answer is neither true nor false.
    #[error("{0}")]
    Evaluation(String),
}

/// A value that an expression can name.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Numbers.
    Numbers(Vec<f64>),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Yes or no.
    Flag(bool),
    /// A JSON document.
    Document(serde_json::Value),
    /// Names, each yes or no.
    Flags(BTreeMap<String, bool>),
    /// Anything with parts.
    Fact(Fact),
}

/// A value with parts. Not a JSON document: there whole numbers have no sign, and CEL does not count with both kinds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Several.
    List(Vec<Fact>),
    /// Named parts.
    Object(BTreeMap<String, Fact>),
}

impl Expression {
    /// Reads an expression that names none but `variables` (and what it binds itself, as in `samples.all(s, s < 3)`).
    pub fn parse(text: &str, variables: &[&str]) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLong);
        }
        if operators(text) > MOST_OPERATORS {
            return Err(Error::TooDeep);
        }
        let program = Program::compile(text).map_err(|errors| Error::Syntax(first_reason(&errors)))?;
        let references = program.references();
        let bound = bound(text);
        let is_known =
            |name: &str| variables.contains(&name) || bound.contains(&name) || name.starts_with('@');
        let unknown = references.variables().into_iter().filter(|name| !is_known(name));
        // The list has no order, and the same file must always get the same answer.
        let unknown = unknown.min_by_key(|name| (text.find(*name), *name));
        if let Some(name) = unknown {
            return Err(Error::Unknown(name.to_owned()));
        }
        Ok(Self { program, nested: nested(text) })
    }

    /// True or false.
    pub fn holds(&self, given: &[(&str, Given)]) -> Result<bool, Error> {
        let values: u64 = given.iter().map(|(_, value)| value.size()).sum();
        if self.nested > 1 && values.saturating_pow(self.nested) > MOST_STEPS {
            let message =
                format!("macros within macros over {values} values take more than {MOST_STEPS} steps");
            return Err(Error::Evaluation(message));
        }
        let mut context = Context::default();
        for (name, value) in given {
            context.add_variable_from_value(*name, value.as_cel());
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err(Error::Evaluation("the expression is neither true nor false".to_owned())),
            Err(error) => Err(Error::Evaluation(one_line(&error))),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Expression")
    }
}

impl Fact {
    /// Single values in it.
    fn size(&self) -> u64 {
        match self {
            Self::Whole(_) | Self::Number(_) | Self::Text(_) | Self::Flag(_) => 1,
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Object(items) => items.values().map(Self::size).sum(),
        }
    }
}

impl Given {
    /// Single values in it.
    fn size(&self) -> u64 {
        fn of(document: &serde_json::Value) -> u64 {
            match document {
                serde_json::Value::Array(items) => items.iter().map(of).sum(),
                serde_json::Value::Object(items) => items.values().map(of).sum(),
                _ => 1,
            }
        }
        match self {
            Self::Whole(_) | Self::Number(_) | Self::Text(_) | Self::Flag(_) => 1,
            Self::Numbers(values) => values.len() as u64,
            Self::Texts(values) => values.len() as u64,
            Self::Document(document) => of(document),
            Self::Flags(flags) => flags.len() as u64,
            Self::Fact(fact) => fact.size(),
        }
    }

    fn as_cel(&self) -> Value {
        match self {
            Self::Whole(value) => Value::Int(*value),
            Self::Number(value) => Value::Float(*value),
            Self::Numbers(values) => values.clone().into(),
            Self::Text(text) => text.clone().into(),
            Self::Texts(texts) => texts.clone().into(),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Document(document) => cel::to_value(document).unwrap_or(Value::Null),
            Self::Flags(flags) => cel::to_value(flags).unwrap_or(Value::Null),
            Self::Fact(fact) => cel::to_value(fact).unwrap_or(Value::Null),
        }
    }
}

/// How deep macros stand within each other. A bracket in a text may count, which only bounds what nobody writes.
fn nested(text: &str) -> u32 {
    let (mut open, mut now, mut most) = (Vec::new(), 0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'(' {
            let is_macro = MACROS.iter().any(|name| text.as_bytes()[..=at].ends_with(name.as_bytes()));
            now += u32::from(is_macro);
            most = most.max(now);
            open.push(is_macro);
        } else if byte == b')' && open.pop() == Some(true) {
            now -= 1;
        }
    }
    most
}

const MACROS: [&str; 5] = [".all(", ".exists(", ".exists_one(", ".map(", ".filter("];

/// Names that macros such as `all(s, s < 3)` bind: the parser's list of references shows them as if they were free.
fn bound(text: &str) -> Vec<&str> {
    let after =
        MACROS.iter().flat_map(|name| text.match_indices(name).map(|(at, name)| &text[at + name.len()..]));
    after.filter_map(|rest| rest.split_once(',').map(|(name, _)| name.trim())).collect()
}

/// How deep the parser could go at most: every bracket and operator may nest one level deeper (as in `a[0][0]` or `!!a`), only
/// chains of `&&` and `||` are balanced. Those inside of texts count too, which only refuses what nobody writes.
fn operators(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_decimal_point = |at: usize| bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    let counts = |(at, byte): (usize, &u8)| match byte {
        b'.' => !is_decimal_point(at),
        byte => b"([{!-?+*/%".contains(byte),
    };
    bytes.iter().enumerate().filter(|(at, byte)| counts((*at, byte))).count()
}

/// The first of the parser's reasons, without the copy of the text and the list of everything that could stand there.
fn first_reason(errors: &impl fmt::Display) -> String {
    let all = errors.to_string();
    let first = all.lines().next().unwrap_or_default();
    let reason = first.rsplit_once("Syntax error: ").map_or(first, |(_, reason)| reason);
    let reason = reason.split_once(" expecting ").map_or(reason, |(reason, _)| reason);
    format!("the expression does not parse: {}", reason.trim())
}

fn one_line(error: &impl fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Result<bool, Error> {
        let given = [
            ("value", Given::Number(7.0)),
            ("samples", Given::Numbers(vec![1.0, 2.5, 7.0])),
            ("nodes", Given::Whole(12)),
            ("alarm", Given::Flags(BTreeMap::from([("a-b".to_owned(), true), ("c".to_owned(), false)]))),
            ("name", Given::Text("7.58.0-1".to_owned())),
        ];
        let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
        Expression::parse(text, &names)?.holds(&given)
    }

    #[test]
    fn whole_numbers_and_fractions_compare() {
        assert_eq!(holds("value > 5"), Ok(true));
        assert_eq!(holds("value > 5.5 && nodes >= 12"), Ok(true));
        assert_eq!(holds("value / 2.0 < 3.0"), Ok(false));
        assert_eq!(holds("nodes > 11.5"), Ok(true));
    }

    #[test]
    fn lists_and_maps_can_be_asked() {
        assert_eq!(holds("samples.all(s, s < 8.0)"), Ok(true));
        assert_eq!(holds("samples.exists(s, s > 8)"), Ok(false));
        assert_eq!(holds("size(samples) == 3"), Ok(true));
        assert_eq!(holds(r#"alarm["a-b"] && !alarm["c"]"#), Ok(true));
        assert_eq!(holds(r#"name.startsWith("7.")"#), Ok(true));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        assert!(matches!(holds("value >"), Err(Error::Syntax(_))));
        assert_eq!(holds("vlaue > 3"), Err(Error::Unknown("vlaue".to_owned())));
        assert!(matches!(holds("value + 1.0"), Err(Error::Evaluation(_))));
        assert!(matches!(holds(r#"alarm["missing"]"#), Err(Error::Evaluation(_))));
        assert!(matches!(holds(r#"value > "five""#), Err(Error::Evaluation(_))));
        assert!(holds("nofunction(value)").is_err());
        assert_eq!(holds(&" ".repeat(LONGEST + 1)), Err(Error::TooLong));
    }

    #[test]
    fn deep_nesting_is_refused_not_fatal() {
        for deep in [
            format!("{}value{} > 1.0", "(".repeat(400), ")".repeat(400)),
            format!("{}true", "!".repeat(900)),
            format!("{}1 == 1", "-".repeat(900)),
            format!("{}1 == 1", "- ".repeat(400)),
            format!("{}1{}", "[".repeat(400), "]".repeat(400)),
            format!("value{}", ".a".repeat(400)),
            format!("{}true", "true ? ".repeat(100)),
            format!("value{} > 1.0", "[0]".repeat(300)),
        ] {
            assert!(holds(&deep).is_err(), "{deep}");
        }
    }

    #[test]
    fn long_chains_are_evaluated() {
        for chain in [
            format!("value > 0.0{}", " || value > 0.0".repeat(60)),
            format!("value > 0.0{}", " && value > 0.0".repeat(60)),
            format!("1{} > 0", " + 1".repeat(32)),
            format!("1{} > 0", "*1".repeat(32)),
        ] {
            assert_eq!(holds(&chain), Ok(true), "{chain}");
        }
    }

    #[test]
    fn macros_within_macros_are_bounded_by_what_they_would_cost() {
        let samples = |count: usize| [("samples", Given::Numbers(vec![1.0; count]))];
        let holds = |text: &str, count| Expression::parse(text, &["samples"]).unwrap().holds(&samples(count));
        let twice = "samples.all(a, samples.all(b, a <= b))";
        assert_eq!(holds(twice, 100), Ok(true));
        assert!(holds(twice, 2_000).is_err_and(|error| error.to_string().contains("steps")));
        assert_eq!(holds("samples.all(a, a < 2.0) && samples.exists(b, b > 0.0)", 20_000), Ok(true));
    }
}
