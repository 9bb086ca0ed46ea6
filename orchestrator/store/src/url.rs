//! Which store a person means: `sqlite:PATH`, a bare path, or `memory:`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::memory::Memory;
use crate::sqlite::Sqlite;
use crate::{Result, Store};

/// A parsed store address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// Kept in this process and gone with it.
    Memory,
}

/// Why an address was not understood. Never quotes the address: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUrlError {
    /// Nothing after the scheme.
    #[error("empty state address: write `sqlite:PATH`, a path, or `memory:`")]
    Empty,
    /// A scheme this build cannot serve.
    #[error("`{scheme}:` state is not supported by this build: write `sqlite:PATH`, a path, or `memory:`")]
    Unsupported {
        /// The scheme alone.
        scheme: String,
    },
}

impl StoreUrl {
    /// Reads an address as a person writes it.
    pub fn parse(text: &str) -> std::result::Result<Self, ParseUrlError> {
        let text = text.trim();
        if matches!(text, "memory:" | "memory://" | ":memory:" | "sqlite::memory:") {
            return Ok(Self::Memory);
        }
        if let Some(scheme) = unsupported_scheme(text) {
            return Err(ParseUrlError::Unsupported { scheme: scheme.to_ascii_lowercase() });
        }
        let path = match text.strip_prefix("sqlite:") {
            // `sqlite:///var/x` and `sqlite:/var/x` are both in use and mean the same file.
            Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
            None => text,
        };
        if path.is_empty() { Err(ParseUrlError::Empty) } else { Ok(Self::Sqlite(PathBuf::from(path))) }
    }

    /// Opens the store for reading and writing, creating the file (not its directory) if needed.
    pub fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(Sqlite::open(path)?),
            Self::Memory => Arc::new(Memory::new()),
        })
    }

    /// Opens the store for looking only; works beside a process that writes.
    pub fn open_read_only(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(Sqlite::open_read_only(path)?),
            Self::Memory => Arc::new(Memory::new()),
        })
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

/// The scheme of an address that is neither ours nor a path. A single letter is a Windows drive.
fn unsupported_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let looks_like_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let known = scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql");
    (looks_like_scheme && scheme != "sqlite" && (known || rest.starts_with("//"))).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_sqlite_urls_name_a_file() {
        for text in ["sqlite:/var/x.db", "sqlite:///var/x.db", "/var/x.db", " /var/x.db "] {
            assert_eq!(StoreUrl::parse(text), Ok(StoreUrl::Sqlite("/var/x.db".into())), "{text}");
        }
        assert_eq!(StoreUrl::parse("x.db"), Ok(StoreUrl::Sqlite("x.db".into())));
        assert_eq!(StoreUrl::parse(r"C:\x.db"), Ok(StoreUrl::Sqlite(r"C:\x.db".into())));
        assert_eq!(StoreUrl::parse("odd:name.db"), Ok(StoreUrl::Sqlite("odd:name.db".into())));
        assert_eq!(StoreUrl::parse("memory:"), Ok(StoreUrl::Memory));
        assert_eq!(StoreUrl::parse("sqlite::memory:"), Ok(StoreUrl::Memory));
    }

    #[test]
    fn an_unsupported_address_is_refused_without_quoting_its_password() {
        for text in ["postgres://me:hunter2@db/x", "postgresql://me:hunter2@db/x", "mysql://me:hunter2@db/x"]
        {
            let message = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains("not supported by this build"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert_eq!(StoreUrl::parse("sqlite:"), Err(ParseUrlError::Empty));
        assert_eq!(StoreUrl::parse("  "), Err(ParseUrlError::Empty));
    }
}
