//! Metrics Insights: `SELECT fn(metric) FROM … WHERE … GROUP BY … ORDER BY … LIMIT …` over many metrics at once.

use std::collections::BTreeSet;

use super::math::lex::{Token, words};
use super::series::{MetricId, Statistic};

/// A query, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    /// What is made of the values.
    pub(crate) statistic: Statistic,
    /// `SUM` and so on, as written, for labels.
    pub(crate) function: String,
    /// Metric name.
    pub(crate) metric: String,
    namespace: String,
    /// Exact set of dimensions, with `SCHEMA`.
    schema: Option<BTreeSet<String>>,
    conditions: Vec<Condition>,
    /// Dimensions to group by.
    pub(crate) groups: Vec<String>,
    /// Order of the series.
    pub(crate) order: Option<Order>,
    /// Series at most.
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    dimension: String,
    value: String,
    equal: bool,
}

/// By what statistic over the whole time the series are ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    /// The statistic.
    pub(crate) statistic: Statistic,
    /// Greatest first.
    pub(crate) descending: bool,
}

impl Select {
    /// Whether an expression is such a query.
    pub(crate) fn is_one(text: &str) -> bool {
        let mut words = text.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
    }

    /// Reads a query.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let mut reader = Reader { words: &words };
        reader.keyword("SELECT")?;
        let function = reader.name()?;
        let statistic = statistic(&function)?;
        reader.sign("(")?;
        let metric = reader.name()?;
        reader.sign(")")?;
        reader.keyword("FROM")?;
        let (namespace, schema) = reader.source()?;
        let conditions = if reader.takes("WHERE") { reader.conditions()? } else { Vec::new() };
        let mut groups = Vec::new();
        if reader.takes("GROUP") {
            reader.keyword("BY")?;
            groups.push(reader.name()?);
            while reader.takes_sign(",") {
                groups.push(reader.name()?);
            }
        }
        let order = if reader.takes("ORDER") { Some(reader.order()?) } else { None };
        let limit = if reader.takes("LIMIT") { Some(reader.limit()?) } else { None };
        if let Some(word) = reader.words.first() {
            return Err(format!("{word:?} is more than was expected, or not modelled here"));
        }
        Ok(Self { statistic, function, metric, namespace, schema, conditions, groups, order, limit })
    }

    /// Whether a metric is meant.
    pub(crate) fn finds(&self, id: &MetricId) -> bool {
        let holds = |condition: &Condition| {
            (id.dimensions.get(&condition.dimension) == Some(&condition.value)) == condition.equal
        };
        id.namespace == self.namespace
            && id.name == self.metric
            && self.schema.as_ref().is_none_or(|names| names.iter().eq(id.dimensions.keys()))
            && self.groups.iter().all(|name| id.dimensions.contains_key(name))
            && self.conditions.iter().all(holds)
    }
}

fn statistic(function: &str) -> Result<Statistic, String> {
    match function.to_ascii_uppercase().as_str() {
        "AVG" => Ok(Statistic::Average),
        "COUNT" => Ok(Statistic::SampleCount),
        "MAX" => Ok(Statistic::Maximum),
        "MIN" => Ok(Statistic::Minimum),
        "SUM" => Ok(Statistic::Sum),
        _ => Err(format!("{function} is none of AVG, COUNT, MAX, MIN, SUM")),
    }
}

struct Reader<'w> {
    words: &'w [Token],
}

impl Reader<'_> {
    fn takes(&mut self, keyword: &str) -> bool {
        let is = matches!(self.words.first(), Some(Token::Name(name)) if name.eq_ignore_ascii_case(keyword));
        if is {
            self.words = &self.words[1..];
        }
        is
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        if self.takes(keyword) { Ok(()) } else { Err(format!("{keyword} is missing")) }
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        let is = self.words.first() == Some(&Token::Sign(sign));
        if is {
            self.words = &self.words[1..];
        }
        is
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes_sign(sign) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    /// A name, bare or in double quotes.
    fn name(&mut self) -> Result<String, String> {
        match self.words {
            [Token::Name(name) | Token::Text(name, '"'), rest @ ..] => {
                self.words = rest;
                Ok(name.clone())
            }
            [Token::Sign("*"), ..] => Err("`*` is no metric".to_owned()),
            _ => Err("a name is missing".to_owned()),
        }
    }

    /// A namespace such as `"AWS/EC2"`, bare with its slashes, or with its dimensions in `SCHEMA(…)`.
    fn source(&mut self) -> Result<(String, Option<BTreeSet<String>>), String> {
        if !self.takes("SCHEMA") {
            return Ok((self.namespace()?, None));
        }
        self.sign("(")?;
        let namespace = self.namespace()?;
        let mut names = BTreeSet::new();
        while self.takes_sign(",") {
            names.insert(self.name()?);
        }
        self.sign(")")?;
        Ok((namespace, Some(names)))
    }

    fn namespace(&mut self) -> Result<String, String> {
        let mut namespace = self.name()?;
        while self.takes_sign("/") {
            namespace = format!("{namespace}/{}", self.name()?);
        }
        Ok(namespace)
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, String> {
        let mut conditions = Vec::new();
        loop {
            let dimension = self.name()?;
            let equal = match self.words.first() {
                Some(Token::Sign("=")) => true,
                Some(Token::Sign("!=")) => false,
                _ => return Err("WHERE compares with = or != only".to_owned()),
            };
            self.words = &self.words[1..];
            match self.words {
                [Token::Text(value, '\''), rest @ ..] => {
                    conditions.push(Condition { dimension, value: value.clone(), equal });
                    self.words = rest;
                }
                _ => return Err("WHERE compares with a text in single quotes".to_owned()),
            }
            if !self.takes("AND") {
                return Ok(conditions);
            }
        }
    }

    fn order(&mut self) -> Result<Order, String> {
        self.keyword("BY")?;
        let function = self.name()?;
        self.sign("(")?;
        self.sign(")")?;
        let descending = self.takes("DESC");
        if !descending {
            self.takes("ASC");
        }
        Ok(Order { statistic: statistic(&function)?, descending })
    }

    fn limit(&mut self) -> Result<usize, String> {
        match self.words {
            [Token::Number(number), rest @ ..] => {
                self.words = rest;
                (1..=500_u16)
                    .find(|whole| (f64::from(*whole) - number).abs() < f64::EPSILON)
                    .map(usize::from)
                    .ok_or_else(|| "LIMIT needs a whole number from 1 to 500".to_owned())
            }
            _ => Err("LIMIT needs a whole number from 1 to 500".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_with_all_its_parts() {
        let text = "select AVG(crashes) FROM SCHEMA(\"CWAgent\", InstanceId) WHERE InstanceId != 'i-1' \
                    GROUP BY InstanceId ORDER BY MAX() DESC LIMIT 3";
        assert!(Select::is_one(text));
        let select = Select::parse(text).expect("readable");
        assert_eq!((select.statistic, select.limit), (Statistic::Average, Some(3)));
        let id = |instance: &str| MetricId {
            namespace: "CWAgent".into(),
            name: "crashes".into(),
            dimensions: [("InstanceId".to_owned(), instance.to_owned())].into(),
        };
        assert!(select.finds(&id("i-2")) && !select.finds(&id("i-1")));
        let all = Select::parse("SELECT SUM(crashes) FROM CWAgent").expect("readable");
        assert!(all.finds(&id("i-1")));
        assert!(Select::parse("SELECT SUM(Errors) FROM AWS/Lambda").is_ok());
    }

    #[test]
    fn broken_queries_are_refused() {
        for text in [
            "SELECT",
            "SELECT crashes FROM CWAgent",
            "SELECT P99(crashes) FROM CWAgent",
            "SELECT SUM(*) FROM CWAgent",
            "SELECT SUM(crashes) FROM",
            "SELECT SUM(crashes) FROM CWAgent WHERE InstanceId LIKE 'i'",
            "SELECT SUM(crashes) FROM CWAgent LIMIT 0",
            "SELECT SUM(crashes) FROM CWAgent; DROP",
        ] {
            assert!(Select::parse(text).is_err(), "{text}");
        }
    }
}
