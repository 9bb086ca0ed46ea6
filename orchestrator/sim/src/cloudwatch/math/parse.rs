//! Metric math: from text to a tree.

use super::lex::{Token, words};

/// Deeper nesting is refused: whoever reads a tree does so on a stack.
const DEEPEST: usize = 60;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A number.
    Number(f64),
    /// Text in quotes.
    Text(String),
    /// The id of another query, or a bare word such as `REPEAT`.
    Name(String),
    /// The opposite number.
    Negative(Box<Expression>),
    /// Two operands.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// A function with its arguments.
    Call(String, Vec<Expression>),
    /// `[m1, m2]`.
    List(Vec<Expression>),
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divided,
    Power,
}

impl Operator {
    /// The operator of a word, and how tightly it binds.
    fn of(token: &Token) -> Option<(Self, u8)> {
        let word = match token {
            Token::Sign(sign) => sign,
            Token::Name(name) => name.as_str(),
            _ => return None,
        };
        Some(match word {
            "OR" | "||" => (Self::Or, 1),
            "AND" | "&&" => (Self::And, 2),
            "==" => (Self::Equal, 3),
            "!=" => (Self::NotEqual, 3),
            "<" => (Self::Less, 4),
            "<=" => (Self::LessOrEqual, 4),
            ">" => (Self::Greater, 4),
            ">=" => (Self::GreaterOrEqual, 4),
            "+" => (Self::Plus, 5),
            "-" => (Self::Minus, 5),
            "*" => (Self::Times, 6),
            "/" => (Self::Divided, 6),
            "^" => (Self::Power, 7),
            _ => return None,
        })
    }

    /// The result of two numbers; comparisons give 1 or 0.
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match self {
            Self::Or => truth(a != 0.0 || b != 0.0),
            Self::And => truth(a != 0.0 && b != 0.0),
            #[expect(clippy::float_cmp, reason = "what the expression asks for")]
            Self::Equal => truth(a == b),
            #[expect(clippy::float_cmp, reason = "what the expression asks for")]
            Self::NotEqual => truth(a != b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::Plus => a + b,
            Self::Minus => a - b,
            Self::Times => a * b,
            Self::Divided => a / b,
            Self::Power => a.powf(b),
        }
    }
}

/// Reads an expression; the error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let words = words(text)?;
    let mut reader = Reader { words: &words, depth: 0 };
    let expression = reader.binary(0)?;
    match reader.words.first() {
        None => Ok(expression),
        Some(word) => Err(format!("{word:?} is more than was expected")),
    }
}

struct Reader<'w> {
    words: &'w [Token],
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<Token> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let is = self.words.first() == Some(&Token::Sign(sign));
        if is {
            self.words = &self.words[1..];
        }
        is
    }

    /// Operands joined by operators that bind at least so tightly.
    fn binary(&mut self, tightness: u8) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let mut left = self.unary()?;
        while let Some((operator, own)) = self.words.first().and_then(Operator::of) {
            if own < tightness {
                break;
            }
            self.take();
            let right = self.binary(own + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.takes("-") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("it is nested too deeply".to_owned());
            }
            let negative = Expression::Negative(Box::new(self.unary()?));
            self.depth -= 1;
            return Ok(negative);
        }
        match self.take() {
            Some(Token::Number(number)) => Ok(Expression::Number(number)),
            Some(Token::Text(text, _)) => Ok(Expression::Text(text)),
            Some(Token::Name(name)) if self.takes("(") => Ok(Expression::Call(name, self.list(")")?)),
            Some(Token::Name(name)) => Ok(Expression::Name(name)),
            Some(Token::Sign("(")) => {
                let inside = self.binary(0)?;
                if self.takes(")") { Ok(inside) } else { Err("a `)` is missing".to_owned()) }
            }
            Some(Token::Sign("[")) => Ok(Expression::List(self.list("]")?)),
            Some(Token::Sign(sign)) => Err(format!("`{sign}` stands where a value should")),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn list(&mut self, end: &'static str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.takes(end) {
            return Ok(items);
        }
        loop {
            items.push(self.binary(0)?);
            if self.takes(end) {
                return Ok(items);
            }
            if !self.takes(",") {
                return Err(format!("a `{end}` is missing"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> f64 {
        fn worth(expression: &Expression) -> f64 {
            match expression {
                Expression::Number(number) => *number,
                Expression::Negative(inner) => -worth(inner),
                Expression::Binary(operator, a, b) => operator.apply(worth(a), worth(b)),
                other => panic!("{other:?}"),
            }
        }
        worth(&parse(text).expect("readable"))
    }

    #[test]
    fn operators_bind_as_in_arithmetic_and_from_the_left() {
        for (text, wanted) in [
            ("1+2*3", 7.0),
            ("(1+2)*3", 9.0),
            ("8/4/2", 1.0),
            ("7-2-1", 4.0),
            ("-2+5", 3.0),
            ("2*-3", -6.0),
            ("2*3^2", 18.0),
            ("1 < 2 AND 3 >= 4", 0.0),
            ("1 > 2 || 2 == 2", 1.0),
        ] {
            assert!((number(text) - wanted).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn broken_and_bottomless_expressions_are_refused() {
        for text in ["", "m1+", "(m1", "SUM(m1", "m1 m2", "[m1,", "*3"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(2000)).is_err());
        assert!(parse(&"-".repeat(2000)).is_err());
        let long = format!("1{}", "+1".repeat(1000));
        assert!(parse(&long).is_ok(), "long is not deep");
    }
}
