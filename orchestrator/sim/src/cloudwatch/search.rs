//! The query inside `SEARCH()`: which metrics are meant.

use std::collections::BTreeSet;

use super::series::MetricId;

/// Deeper nesting is refused.
const DEEPEST: usize = 40;
/// Longest query.
const LONGEST: usize = 1024;

/// A query, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// Namespace and the exact set of dimensions.
    schema: Option<(String, BTreeSet<String>)>,
    terms: Option<Term>,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// Part of a name or value; exactly all of it when quoted. With a designator only there.
    Word {
        designator: Option<String>,
        text: String,
        exact: bool,
    },
    Not(Box<Term>),
    All(Vec<Term>),
    Any(Vec<Term>),
}

impl Search {
    /// Reads `{Namespace,Dimension} MetricName="x" AND (a OR NOT b)`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("a search has at most {LONGEST} characters"));
        }
        let mut rest = text.trim_start();
        let mut schema = None;
        if let Some(inside) = rest.strip_prefix('{') {
            let end = inside.find('}').ok_or("the schema of the search has no `}`")?;
            let mut names = inside[..end].split(',').map(|name| name.trim().trim_matches('"').to_owned());
            let namespace =
                names.next().filter(|name| !name.is_empty()).ok_or("the schema names no namespace")?;
            schema = Some((namespace, names.filter(|name| !name.is_empty()).collect()));
            rest = inside[end + 1..].trim_start().trim_start_matches(',');
        }
        let words = words(rest)?;
        let mut reader = Reader { words: &words, depth: 0 };
        let terms = if words.is_empty() { None } else { Some(reader.any(None)?) };
        if !reader.words.is_empty() {
            return Err("a `)` of the search has no `(`".to_owned());
        }
        if schema.is_none() && terms.is_none() {
            return Err("the search says nothing".to_owned());
        }
        Ok(Self { schema, terms })
    }

    /// Whether a metric is meant.
    pub(crate) fn finds(&self, id: &MetricId) -> bool {
        let in_schema = self.schema.as_ref().is_none_or(|(namespace, names)| {
            *namespace == id.namespace && names.iter().eq(id.dimensions.keys())
        });
        in_schema && self.terms.as_ref().is_none_or(|term| term.finds(id))
    }
}

impl Term {
    fn finds(&self, id: &MetricId) -> bool {
        match self {
            Self::Not(term) => !term.finds(id),
            Self::All(terms) => terms.iter().all(|term| term.finds(id)),
            Self::Any(terms) => terms.iter().any(|term| term.finds(id)),
            Self::Word { designator, text, exact } => {
                let fits = |value: &str| if *exact { value == text } else { has_part(value, text) };
                match designator.as_deref() {
                    Some("MetricName") => fits(&id.name),
                    Some("Namespace") => fits(&id.namespace),
                    Some(name) => id.dimensions.get(name).is_some_and(|value| fits(value)),
                    None => {
                        let pairs = id.dimensions.iter().flat_map(|(name, value)| [name, value]);
                        [&id.namespace, &id.name].into_iter().chain(pairs).any(|value| fits(value))
                    }
                }
            }
        }
    }
}

/// Whether the words of a text, cut at signs and where lower case turns to upper, hold all words of another.
fn has_part(value: &str, text: &str) -> bool {
    let parts = parts(value);
    value.eq_ignore_ascii_case(text) || parts_of(text).iter().all(|wanted| parts.contains(wanted))
}

fn parts(text: &str) -> BTreeSet<String> {
    let whole = text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
    parts_of(text).into_iter().chain(whole).filter(|part| !part.is_empty()).collect()
}

fn parts_of(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut lower = false;
    for letter in text.chars() {
        if !letter.is_alphanumeric() || (lower && letter.is_uppercase()) {
            parts.push(String::new());
        }
        lower = letter.is_lowercase();
        if letter.is_alphanumeric()
            && let Some(last) = parts.last_mut()
        {
            last.extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Open,
    Close,
    Is,
    Text { text: String, exact: bool },
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let sign = match first {
            '(' => Some(Word::Open),
            ')' => Some(Word::Close),
            '=' => Some(Word::Is),
            _ => None,
        };
        if let Some(sign) = sign {
            words.push(sign);
            rest = &rest[1..];
        } else if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if first == '"' {
            let end = rest[1..].find('"').ok_or("a text of the search does not end")?;
            words.push(Word::Text { text: rest[1..=end].to_owned(), exact: true });
            rest = &rest[end + 2..];
        } else {
            let ends = |letter: char| letter.is_whitespace() || "()=\"".contains(letter);
            let end = rest.find(ends).unwrap_or(rest.len());
            words.push(Word::Text { text: rest[..end].to_owned(), exact: false });
            rest = &rest[end..];
        }
    }
    Ok(words)
}

struct Reader<'w> {
    words: &'w [Word],
    depth: usize,
}

impl Reader<'_> {
    fn keyword(&self) -> Option<&str> {
        match self.words.first()? {
            Word::Text { text, exact: false } => Some(text),
            _ => None,
        }
    }

    fn any(&mut self, designator: Option<&str>) -> Result<Term, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the search is nested too deeply".to_owned());
        }
        let mut terms = vec![self.all(designator)?];
        while self.keyword() == Some("OR") {
            self.words = &self.words[1..];
            terms.push(self.all(designator)?);
        }
        self.depth -= 1;
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Any(terms) })
    }

    fn all(&mut self, designator: Option<&str>) -> Result<Term, String> {
        let mut terms = vec![self.one(designator)?];
        loop {
            match self.keyword() {
                Some("AND") => self.words = &self.words[1..],
                Some("OR") => break,
                _ => {}
            }
            if matches!(self.words.first(), None | Some(Word::Close)) {
                break;
            }
            terms.push(self.one(designator)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::All(terms) })
    }

    fn one(&mut self, designator: Option<&str>) -> Result<Term, String> {
        if self.keyword() == Some("NOT") {
            self.words = &self.words[1..];
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("the search is nested too deeply".to_owned());
            }
            let term = self.one(designator)?;
            self.depth -= 1;
            return Ok(Term::Not(Box::new(term)));
        }
        match self.words {
            [Word::Open, rest @ ..] => {
                self.words = rest;
                let term = self.any(designator)?;
                match self.words {
                    [Word::Close, rest @ ..] => self.words = rest,
                    _ => return Err("a `(` of the search has no `)`".to_owned()),
                }
                Ok(term)
            }
            [Word::Text { text, .. }, Word::Is, rest @ ..] if designator.is_none() => {
                self.words = rest;
                let name = text.clone();
                self.one(Some(&name))
            }
            [Word::Text { text, exact }, rest @ ..] => {
                self.words = rest;
                let designator = designator.map(str::to_owned);
                Ok(Term::Word { designator, text: text.clone(), exact: *exact })
            }
            _ => Err("the search breaks off where a word should stand".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn id(name: &str, dimensions: &[(&str, &str)]) -> MetricId {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        MetricId {
            namespace: "CWAgent".into(),
            name: name.into(),
            dimensions: dimensions.collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn searches_find_by_schema_exact_names_and_parts() {
        let crashes = id("crashes", &[("InstanceId", "i-0abc")]);
        let total = id("crashes", &[]);
        let memory = id("mem_used_percent", &[("InstanceId", "i-0def")]);
        let found = |text: &str| {
            let search = Search::parse(text).expect("readable");
            [&crashes, &total, &memory].map(|id| search.finds(id))
        };
        assert_eq!(found(r#"{CWAgent,InstanceId} MetricName="crashes""#), [true, false, false]);
        assert_eq!(found(r#"{CWAgent} MetricName="crashes""#), [false, true, false]);
        assert_eq!(found("{CWAgent,InstanceId}"), [true, false, true]);
        assert_eq!(found("{Other,InstanceId}"), [false; 3]);
        assert_eq!(found("percent"), [false, false, true]);
        assert_eq!(found("perc"), [false, false, false]);
        assert_eq!(found(r#"MetricName="mem_used""#), [false; 3]);
        assert_eq!(found("MetricName=used AND InstanceId=i-0def"), [false, false, true]);
        assert_eq!(found("{CWAgent,InstanceId} InstanceId=(\"i-0abc\" OR \"i-0def\")"), [true, false, true]);
        assert_eq!(found("{CWAgent,InstanceId} NOT percent"), [true, false, false]);
        assert_eq!(found("crashes OR percent"), [true, true, true]);
    }

    #[test]
    fn broken_searches_are_refused() {
        for text in ["", "  ", "{}", "{CWAgent", "(a", "a)", "MetricName=", "\"open", "a OR", "NOT"] {
            assert!(Search::parse(text).is_err(), "{text}");
        }
        assert!(Search::parse(&"(".repeat(500)).is_err());
        assert!(Search::parse(&"NOT ".repeat(200)).is_err());
        assert!(Search::parse(&"x".repeat(1025)).is_err());
    }
}
