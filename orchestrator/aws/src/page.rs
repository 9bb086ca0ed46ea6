//! Paging that trusts nothing but the next token: pages may be short or empty while there is more.

use std::collections::BTreeSet;
use wavetrain_ports::failure::{Class, Failure};

/// Where a listing stands.
#[derive(Debug)]
pub(crate) struct Pages {
    operation: &'static str,
    token: Option<String>,
    seen: BTreeSet<String>,
}

impl Pages {
    pub(crate) fn of(operation: &'static str) -> Self {
        Self { operation, token: None, seen: BTreeSet::new() }
    }

    /// The token to send with the next request, None for the first.
    pub(crate) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes the answer's token; says whether there is another page. A token that comes back would page for ever.
    pub(crate) fn turn(&mut self, next: Option<&str>) -> Result<bool, Failure> {
        let Some(next) = next.filter(|token| !token.is_empty()) else { return Ok(false) };
        if !self.seen.insert(next.to_owned()) {
            return Err(Failure {
                class: Class::Unavailable,
                operation: self.operation.to_owned(),
                message: format!("the listing repeats itself after {} pages", self.seen.len()),
                code: String::new(),
            });
        }
        self.token = Some(next.to_owned());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_ends_a_listing_and_a_repeated_one_is_an_error() {
        let mut pages = Pages::of("ListCommands");
        assert_eq!(pages.token(), None);
        assert_eq!(pages.turn(Some("a")), Ok(true));
        assert_eq!(pages.token().as_deref(), Some("a"));
        assert_eq!(pages.turn(Some("b")), Ok(true));
        assert!(pages.turn(Some("a")).is_err());
        assert_eq!(Pages::of("x").turn(Some("")), Ok(false));
        assert_eq!(Pages::of("x").turn(None), Ok(false));
    }
}
