//! Paging: opaque tokens, and page sizes as unpleasant as the service's.

use crate::api::ApiError;
use crate::random::Chance;

/// How answers to a listing are cut, as the faults of the moment want it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cut {
    /// Some pages are shorter than asked for, some empty.
    pub short: bool,
}

/// A page under way: where it begins and how many rows it may hold.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Position of the first row.
    pub start: u64,
    /// Rows at most; can be zero.
    pub size: usize,
    kind: &'static str,
}

impl Page {
    /// Opens the page a token stands for. Tokens of another listing are refused.
    pub fn open(
        kind: &'static str,
        token: Option<&str>,
        asked: Option<i32>,
        usual: usize,
        cut: Cut,
    ) -> Result<Self, ApiError> {
        let start = match token {
            None | Some("") => 0,
            Some(token) => position(kind, token)
                .ok_or_else(|| ApiError::invalid_next_token("The specified token is not valid."))?,
        };
        let full = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(usual);
        let size = if cut.short { shortened(kind, start, full) } else { full };
        Ok(Self { start, size, kind })
    }

    /// The token for going on at a position.
    pub fn token(&self, next: u64) -> String {
        format!("{next:016x}{:08x}", check(self.kind, next))
    }

    /// Cuts a whole list to this page: the rows and the token for the rest.
    pub fn of<T>(&self, rows: Vec<T>) -> (Vec<T>, Option<String>) {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX).min(rows.len());
        let end = start.saturating_add(self.size).min(rows.len());
        let token = (end < rows.len()).then(|| self.token(end as u64));
        (rows.into_iter().skip(start).take(end - start).collect(), token)
    }
}

/// The first page is empty; each later one has at least one row, so that a reader gets to the end.
fn shortened(kind: &str, start: u64, full: usize) -> usize {
    let chance = Chance::from_seed(start).named(kind);
    if start == 0 { full / 2 } else { chance.between(1, full.max(1) as u64) as usize }
}

fn check(kind: &str, position: u64) -> u32 {
    Chance::from_seed(position).named(kind).bits() as u32
}

fn position(kind: &str, token: &str) -> Option<u64> {
    if token.len() != 24 || !token.is_ascii() {
        return None;
    }
    let position = u64::from_str_radix(&token[..16], 16).ok()?;
    let given = u32::from_str_radix(&token[16..], 16).ok()?;
    (given == check(kind, position)).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_on_and_foreign_ones_are_refused() {
        let page = Page::open("a", None, Some(2), 10, Cut::default()).expect("opens");
        let (rows, token) = page.of(vec![1, 2, 3]);
        assert_eq!(rows, [1, 2]);
        let token = token.expect("more");
        let page = Page::open("a", Some(&token), Some(2), 10, Cut::default()).expect("opens");
        assert_eq!(page.of(vec![1, 2, 3]), (vec![3], None));
        assert!(Page::open("b", Some(&token), Some(2), 10, Cut::default()).is_err());
        assert!(Page::open("a", Some("ü"), Some(2), 10, Cut::default()).is_err());
    }

    #[test]
    fn short_pages_still_reach_the_end() {
        let rows: Vec<u32> = (0..100).collect();
        let (mut seen, mut token, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = Page::open("a", token.as_deref(), Some(10), 10, Cut { short: true }).expect("opens");
            let (part, next) = page.of(rows.clone());
            seen.extend(part);
            pages += 1;
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows);
        assert!(pages > 10);
    }
}
