//! The XML of requests and answers.

use std::fmt::Write as _;

use crate::api::Timestamp;
use crate::clock::WorldTime;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// XML being written.
pub(super) struct Writer(String);

impl Writer {
    /// Begins a document whose root has this name.
    pub(super) fn new(root: &str) -> Self {
        Self(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">"))
    }

    /// Begins a document whose root is in no namespace, as errors are.
    pub(super) fn plain(root: &str) -> Self {
        Self(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}>"))
    }

    /// Adds text.
    pub(super) fn content(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escaped(text));
        self
    }

    /// Adds an element with text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escaped(text));
        self
    }

    /// Adds an element with a number or another value that needs no escaping.
    pub(super) fn value(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        let _ = write!(self.0, "<{name}>{value}</{name}>");
        self
    }

    /// Adds an element with elements.
    pub(super) fn nested(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// Ends the document.
    pub(super) fn end(mut self, root: &str) -> Vec<u8> {
        let _ = write!(self.0, "</{root}>");
        self.0.into_bytes()
    }
}

/// A moment as XML has it.
pub(super) fn iso(at: Timestamp) -> String {
    WorldTime::from_millis(at.as_millis()).to_string()
}

/// A text without what XML gives a meaning, or does not have at all.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character < ' ' => {
                let _ = write!(escaped, "&#{};", character as u32);
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// What stands inside each element of a name, wherever it is.
pub(super) fn inside<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find(&open) {
        rest = &rest[at + open.len()..];
        let Some(end) = rest.find('>') else { break };
        let attributes = &rest[..end];
        rest = &rest[end + 1..];
        if attributes.ends_with('/')
            || !(attributes.is_empty() || attributes.starts_with(char::is_whitespace))
        {
            continue;
        }
        let Some(end) = rest.find(&close) else { break };
        found.push(&rest[..end]);
        rest = &rest[end + close.len()..];
    }
    found
}

/// The text of the first element of a name.
pub(super) fn text_of(xml: &str, name: &str) -> Option<String> {
    let inside = inside(xml, name);
    let text = inside.first()?.trim();
    Some(
        text.replace("&quot;", "\"")
            .replace("&#34;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name_and_unescaped() {
        let xml = "<A xmlns=\"x\"><Part><PartNumber>1</PartNumber><ETag>&quot;ab&quot;</ETag></Part>\
                   <Part><PartNumber> 2 </PartNumber><ETag>cd</ETag></Part><Parts/></A>";
        let parts = inside(xml, "Part");
        assert_eq!(parts.len(), 2);
        assert_eq!(text_of(parts[0], "ETag").as_deref(), Some("\"ab\""));
        assert_eq!(text_of(parts[1], "PartNumber").as_deref(), Some("2"));
        assert_eq!(text_of(xml, "Nothing"), None);
        assert!(inside("<Part><Part", "Part").is_empty());
    }

    #[test]
    fn what_is_written_is_escaped() {
        let mut xml = Writer::new("R");
        xml.text("Key", "a<&>\u{1}").nested("N", |xml| {
            xml.value("Size", 3);
        });
        let text = String::from_utf8(xml.end("R")).expect("UTF-8");
        assert!(text.ends_with("<Key>a&lt;&amp;&gt;&#1;</Key><N><Size>3</Size></N></R>"), "{text}");
    }
}
