//! Single values of a plan file: shares, lengths of time, switches, counts, words and checked texts.

use crate::code::{self, Code};
use crate::problem::{Problems, either, quoted};
use crate::shape::{Shape, scalar};
use crate::tree::Node;
use schemars::{Schema, SchemaGenerator, json_schema};
use std::marker::PhantomData;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::time::Seconds;

/// `5`, `5%` or `0.5%`: more than 0 and at most 100 percent.
#[derive(Debug, Clone, Copy)]
pub struct Share(pub Percent);

const SHARE_PATTERN: &str = r"^([0-9]{1,3}(\.[0-9]{1,2})?) ?%$";

impl Shape for Share {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "a percentage", problems)?;
        let number = text.strip_suffix('%').map_or(&**text, str::trim_end);
        match basis_points(number) {
            Some(points @ 1..=10_000) => Some(Self(Percent(points as u16))),
            Some(_) => {
                share_out_of_range(node, text, problems);
                None
            }
            None => {
                problems.error(
                    code::PERCENT,
                    node.span,
                    format!("{} is not a percentage", quoted(text)),
                    "write `5`, `5%` or `0.5%`, with at most two decimals",
                );
                None
            }
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number", "exclusiveMinimum": 0, "maximum": 100 },
            { "type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})? ?%?$" },
        ] })
    }
}

fn share_out_of_range(node: &Node, text: &str, problems: &mut Problems) {
    problems.error(
        code::RANGE,
        node.span,
        format!("{} is not more than 0 and at most 100 percent", quoted(text)),
        "write a share between 0.01% and 100%",
    );
}

/// Hundredths of a percent in a decimal number with at most two decimals; None if it is not one.
fn basis_points(number: &str) -> Option<u32> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(decimals) || whole.len() > 5 || decimals.len() > 2 {
        return None;
    }
    let decimals_value: u32 = decimals.parse().ok()?;
    let hundredths = if decimals.len() == 1 { decimals_value * 10 } else { decimals_value };
    Some(whole.parse::<u32>().ok()? * 100 + hundredths)
}

/// `20` nodes or `10%` of them; as a number at least `MIN`.
#[derive(Debug, Clone, Copy)]
pub struct Quantity<const MIN: u32>(pub Amount);

impl<const MIN: u32> Shape for Quantity<MIN> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "a number of nodes or a percentage", problems)?;
        if MIN == 0 && text.strip_suffix('%').and_then(basis_points) == Some(0) {
            problems.error(
                code::RANGE,
                node.span,
                format!("{} is not more than 0 percent", quoted(text)),
                "write `0`, a number of nodes, to tolerate none",
            );
            return None;
        }
        if text.ends_with('%') {
            return Share::read(node, problems).map(|share| Self(Amount::Share(share.0)));
        }
        if !is_whole(text) {
            let help = match basis_points(text) {
                Some(_) => format!("write `{text}%` for a share, or a whole number of nodes"),
                None => "write a number of nodes, such as `20`, or a share, such as `10%`".to_owned(),
            };
            problems.error(
                code::PERCENT,
                node.span,
                format!("{} is neither a number of nodes nor a percentage", quoted(text)),
                help,
            );
            return None;
        }
        whole(node, text, MIN, 2_000_000, problems).map(|count| Self(Amount::Count(count)))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": MIN, "maximum": 2_000_000 },
            { "type": "string", "pattern": SHARE_PATTERN },
        ] })
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Shape for Whole<MIN, MAX> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "a whole number", problems)?;
        whole(node, text, MIN, MAX, problems).map(Self)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn whole(node: &Node, text: &str, min: u32, max: u32, problems: &mut Problems) -> Option<u32> {
    if !is_whole(text) {
        problems.error(
            code::WHOLE_NUMBER,
            node.span,
            format!("{} is not a whole number", quoted(text)),
            format!("write a number from {min} to {max}, in digits only"),
        );
        return None;
    }
    let number = text.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
    if number.is_none() {
        problems.error(
            code::RANGE,
            node.span,
            format!("{} is out of range", quoted(text)),
            format!("write a number from {min} to {max}"),
        );
    }
    number
}

/// `30s`, `45m`, `2h`, `1h30m` or `2d`, from `MIN` to `MAX` seconds.
#[derive(Debug, Clone, Copy)]
pub struct Length<const MIN: u32, const MAX: u32>(pub Seconds);

impl<const MIN: u32, const MAX: u32> Shape for Length<MIN, MAX> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "a length of time", problems)?;
        let Some(seconds) = seconds(text) else {
            problems.error(
                code::DURATION,
                node.span,
                format!("{} is not a length of time", quoted(text)),
                "write a number with a unit, such as `30s`, `45m`, `2h`, `1h30m` or `2d`",
            );
            return None;
        };
        if !(u64::from(MIN)..=u64::from(MAX)).contains(&seconds) {
            problems.error(
                code::RANGE,
                node.span,
                format!("{} is out of range", quoted(text)),
                format!("write a length of time from {} to {}", Seconds(MIN), Seconds(MAX)),
            );
            return None;
        }
        Some(Self(Seconds(seconds as u32)))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([0-9]{1,9}[smhd] ?){1,4}$",
            "description": format!("From {} to {}.", Seconds(MIN), Seconds(MAX)),
        })
    }
}

/// Seconds in a text such as `1h30m`: units fall, each at most once; None if it is not one.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0;
    let mut unit_before = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let (number, after) = rest.split_at(digits);
        let unit = match after.as_bytes().first()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return None,
        };
        if unit >= unit_before {
            return None;
        }
        unit_before = unit;
        total += number.parse::<u64>().ok()? * unit;
        rest = after[1..].strip_prefix(' ').unwrap_or(&after[1..]);
    }
    (unit_before != u64::MAX).then_some(total)
}

/// `yes` or `no`, `true` or `false`.
#[derive(Debug, Clone, Copy)]
pub struct Switch(pub bool);

impl Shape for Switch {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, "`yes` or `no`", problems)?;
        match &**text {
            "yes" | "true" => Some(Self(true)),
            "no" | "false" => Some(Self(false)),
            _ => {
                problems.error(
                    code::SWITCH,
                    node.span,
                    format!("{} is neither `yes` nor `no`", quoted(text)),
                    "write `yes` or `no` (or `true` or `false`) in lower case",
                );
                None
            }
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "enum": ["yes", "no", "true", "false"] }] })
    }
}

/// A closed set of words and what each means.
pub trait Vocabulary: Copy + 'static {
    /// Words with their meanings.
    const WORDS: &'static [(&'static str, Self)];
}

/// One word of a vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Word<V>(pub V);

impl<V: Vocabulary> Shape for Word<V> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let words: Vec<&str> = V::WORDS.iter().map(|(word, _)| *word).collect();
        let text = scalar(node, &either(&words), problems)?;
        if let Some((_, meaning)) = V::WORDS.iter().find(|(word, _)| **word == **text) {
            return Some(Self(*meaning));
        }
        let help = match problems.nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("write {}", either(&words)),
        };
        problems.error(code::WORD, node.span, format!("{} is not {}", quoted(text), either(&words)), help);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = V::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "enum": words })
    }
}

/// What a text must look like.
pub trait Rule {
    /// What it is, with its article.
    const NOUN: &'static str;
    /// Code of a violation.
    const CODE: Code;
    /// The rule for editors, as an ECMA regular expression; what it cannot say is left to [`Rule::holds`].
    const PATTERN: &'static str;
    /// How to write it.
    const HELP: &'static str;
    /// Whether a text obeys.
    fn holds(text: &str) -> bool;
}

/// A text that obeys a rule.
#[derive(Debug)]
pub struct Text<R> {
    /// The text.
    pub text: String,
    rule: PhantomData<R>,
}

impl<R> Clone for Text<R> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), rule: PhantomData }
    }
}

impl<R: Rule> Shape for Text<R> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = scalar(node, R::NOUN, problems)?;
        if !R::holds(text) {
            problems.error(R::CODE, node.span, format!("{} is not {}", quoted(text), R::NOUN), R::HELP);
            return None;
        }
        Some(Self { text: String::from(&**text), rule: PhantomData })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": R::PATTERN })
    }
}

/// Whether a text has between `min` and `max` characters, all of them allowed.
pub fn consists_of(text: &str, min: usize, max: usize, is_allowed: impl Fn(char) -> bool) -> bool {
    text.len() <= max * 4 && (min..=max).contains(&text.chars().count()) && text.chars().all(is_allowed)
}
