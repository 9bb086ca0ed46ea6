//! The words of expressions: of metric math and of Metrics Insights.

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A number.
    Number(f64),
    /// A name or keyword.
    Name(String),
    /// Text in quotes; the quote that was used.
    Text(String, char),
    /// A sign such as `+`, `(` or `>=`.
    Sign(&'static str),
}

/// Longest first, so that `>=` is not read as `>`.
const SIGNS: &[&str] = &[
    ">=", "<=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "<", ">", "=", ".",
];

/// Cuts a text into words; the error names the place.
pub(crate) fn words(text: &str) -> Result<Vec<Token>, String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let place = text.len() - rest.len() + 1;
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if first == '\'' || first == '"' {
            let inside = &rest[1..];
            let end = inside.find(first).ok_or_else(|| format!("the text at {place} does not end"))?;
            words.push(Token::Text(inside[..end].to_owned(), first));
            end + 2
        } else if first.is_ascii_digit() {
            let end = number_end(rest);
            let number = rest[..end].parse().map_err(|_| format!("{} is not a number", &rest[..end]))?;
            words.push(Token::Number(number));
            end
        } else if first.is_alphabetic() || first == '_' {
            let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
            let end = rest.find(|letter| !in_name(letter)).unwrap_or(rest.len());
            words.push(Token::Name(rest[..end].to_owned()));
            end
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` at {place} has no meaning"))?;
            words.push(Token::Sign(sign));
            sign.len()
        };
        rest = &rest[length..];
    }
    Ok(words)
}

/// End of digits, a fraction and an exponent.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_cut_into_its_words() {
        let found = words("FILL(m1, 1.5e3)>=2 && 'a b'").expect("readable");
        let name = |text: &str| Token::Name(text.to_owned());
        let expected = [
            name("FILL"),
            Token::Sign("("),
            name("m1"),
            Token::Sign(","),
            Token::Number(1500.0),
            Token::Sign(")"),
            Token::Sign(">="),
            Token::Number(2.0),
            Token::Sign("&&"),
            Token::Text("a b".to_owned(), '\''),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_has_no_meaning_is_named_with_its_place() {
        assert_eq!(words("m1 ; m2"), Err("`;` at 4 has no meaning".to_owned()));
        assert!(words("'open").is_err());
        assert!(words("1e").is_ok_and(|words| words.len() == 2));
        assert!(words("ü+ß").is_ok());
    }
}
