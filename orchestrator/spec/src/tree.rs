//! YAML text → a tree in which every key and every value knows its place.
//!
//! Built from parser events rather than through serde: serde stops at the first problem, loses places
//! wherever it buffers, and turns `7.10` into the number 7.1 before anyone can ask for the version that was
//! written.

use crate::code;
use crate::problem::{Problems, quoted};
use serde_yaml::granit_parser::{self, Event, Marker, Parser, ScalarStyle, StrInput, StructureStyle};
use std::collections::BTreeMap;
use std::rc::Rc;
use wavetrain_model::diagnostic::Span;

/// Mappings and lists inside each other. The plan file itself needs six.
const DEPTH: usize = 30;

/// Values of one file with every alias written out.
const VALUES: usize = 100_000;

/// One value.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands; of a mapping or list, where it begins.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

impl Node {
    /// The same with every place moved by so many bytes.
    pub fn moved(self, by: usize) -> Self {
        let moved = |span: Span| Span { offset: span.offset + by, ..span };
        let value = match self.value {
            Value::List(items) => Value::List(items.iter().cloned().map(|item| item.moved(by)).collect()),
            Value::Mapping(entries) => {
                let entry = |(key, node): (Key, Self)| (Key { span: moved(key.span), ..key }, node.moved(by));
                Value::Mapping(entries.iter().cloned().map(entry).collect())
            }
            value => value,
        };
        Self { span: moved(self.span), value }
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else { return None };
        entries.iter().find(|(known, _)| &*known.text == key).map(|(_, node)| node)
    }
}

/// What a value can be. Scalars stay text: what they mean is decided by the key that they belong to.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing was written, or `null` or `~`.
    Nothing,
    /// Something that has no value, which was reported.
    Unusable,
    /// Anything that is not a mapping or a list.
    Scalar(Rc<str>),
    /// A list.
    List(Rc<[Node]>),
    /// A mapping, keys unique and in file order.
    Mapping(Rc<[(Key, Node)]>),
}

impl Value {
    /// The word for it in messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Nothing | Self::Unusable => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// One key of a mapping.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its text.
    pub text: Rc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A mapping or list that is not complete yet.
enum Open {
    List(Vec<Node>),
    Mapping { entries: Vec<(Key, Node)>, key: Option<PendingKey> },
}

/// A key whose value is still to come; None inside: a key that cannot be one and was reported.
struct PendingKey(Option<Key>);

struct Frame {
    open: Open,
    span: Span,
    anchor: usize,
    /// Values counted before this one began; the difference is what an alias to it costs.
    counted_before: usize,
    /// Mappings and lists inside, itself included.
    height: usize,
    /// Whether it is told by indentation alone, without brackets.
    is_block: bool,
}

/// A finished value that can be referred to.
struct Anchored {
    node: Node,
    cost: usize,
    height: usize,
}

struct Builder<'p> {
    text: &'p str,
    problems: &'p mut Problems,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    counted: usize,
    root: Option<Node>,
}

/// The tree of a text with exactly one document, None if it has none or cannot be read to its end.
pub fn parse<'p>(text: &'p str, problems: &'p mut Problems) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH + 2,
        block_nesting_limit: DEPTH + 2,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(text, options);
    let mut builder =
        Builder { text, problems, frames: Vec::new(), anchors: BTreeMap::new(), counted: 0, root: None };
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, place) = match next {
            Ok(next) => next,
            Err(error) => {
                syntax(&error, text, builder.problems);
                return None;
            }
        };
        let span = span_of(place, text);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    builder.problems.error(
                        code::DOCUMENTS,
                        span,
                        "a second document begins here",
                        "keep one document in a file: delete the `---` line and what follows",
                    );
                    return None;
                }
            }
            event => builder.take(event, span).ok()?,
        }
    }
    builder.root
}

/// A mistake in the YAML itself; nothing after it can be read.
fn syntax(error: &granit_parser::ScanError, text: &str, problems: &mut Problems) {
    let span = span_at(*error.marker(), 1, text);
    if *error.kind() == granit_parser::ErrorKind::RecursionLimitExceeded {
        too_deep(span, problems);
        return;
    }
    if let Some(tab) = error.info().contains("tab").then(|| tab_in_indentation(text, span)).flatten() {
        problems.error(
            code::SYNTAX,
            tab,
            "not valid YAML: a tab in the indentation",
            "indent with spaces; YAML has no tabs there",
        );
        return;
    }
    problems.error(
        code::SYNTAX,
        span,
        format!("not valid YAML: {}", lower_first(error.info().trim_end_matches('.'))),
        "look at the indentation, the brackets and the quotes up to here; values with `: `, `{` or `#` need quotes",
    );
}

/// The first tab of the indentation around a place: the parser may notice it a line too early.
fn tab_in_indentation(text: &str, near: Span) -> Option<Span> {
    let mut offset = text[..near.offset].rfind('\n').map_or(0, |at| at + 1);
    for (line, content) in (near.line..).zip(text[offset..].split_inclusive('\n').take(3)) {
        let indentation = content.len() - content.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = content[..indentation].find('\t') {
            return Some(Span { offset: offset + tab, length: 1, line, column: tab + 1 });
        }
        offset += content.len();
    }
    None
}

fn too_deep(span: Span, problems: &mut Problems) {
    problems.error(
        code::DEPTH,
        span,
        format!("more than {DEPTH} mappings and lists inside each other"),
        "a plan file needs six levels; look for brackets that are never closed",
    );
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// The rest of the file is not looked at: what is wrong with it was reported.
struct Stopped;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stopped> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                self.scalar(&text, style, anchor, span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                self.open(Open::List(Vec::new()), style, anchor, span)
            }
            Event::MappingStart(style, anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                self.open(Open::Mapping { entries: Vec::new(), key: None }, style, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close();
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(_) => self.unknown_anchor(span),
            _ => Ok(()),
        }
    }

    fn tag(&mut self, span: Span) {
        self.problems.error(
            code::TAG_MARK,
            span,
            "a YAML tag (`!…`) has no meaning here",
            "delete the tag; what a value is follows from its key",
        );
    }

    fn unknown_anchor(&mut self, span: Span) -> Result<(), Stopped> {
        let alias = self.text.get(span.offset..span.offset + span.length).unwrap_or("*");
        self.problems.error(
            code::ANCHOR,
            span,
            format!("the alias {} refers to nothing that is complete above it", quoted(alias)),
            "an alias `*name` repeats a value marked `&name` earlier in the file",
        );
        self.place(Node { span, value: Value::Unusable }, 0)
    }

    fn count(&mut self, cost: usize, span: Span) -> Result<(), Stopped> {
        self.counted = self.counted.saturating_add(cost);
        if self.counted <= VALUES {
            return Ok(());
        }
        self.problems.error(
            code::VALUES,
            span,
            format!("more than {VALUES} values, aliases written out"),
            "a plan file has a few hundred values; this one repeats or lists far more than a plan can use",
        );
        Err(Stopped)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, span: Span) -> Result<(), Stopped> {
        let is_nothing = style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        let value =
            if is_nothing && !self.expects_key() { Value::Nothing } else { Value::Scalar(text.into()) };
        let node = Node { span, value };
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), cost: 1, height: 0 });
        }
        self.count(1, span)?;
        self.place(node, 0)
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { open: Open::Mapping { key: None, .. }, .. }))
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stopped> {
        let Some(Anchored { node, cost, height }) = self.anchors.get(&anchor) else {
            return self.unknown_anchor(span);
        };
        // The place of the alias, not of what it repeats: that is where this use is right or wrong.
        let (node, cost, height) = (Node { span, value: node.value.clone() }, *cost, *height);
        self.count(cost, span)?;
        self.place(node, height)
    }

    fn open(&mut self, open: Open, style: StructureStyle, anchor: usize, span: Span) -> Result<(), Stopped> {
        if self.frames.len() >= DEPTH {
            too_deep(span, self.problems);
            return Err(Stopped);
        }
        let counted_before = self.counted;
        self.count(1, span)?;
        let is_block = style == StructureStyle::Block;
        self.frames.push(Frame { open, span, anchor, counted_before, height: 1, is_block });
        Ok(())
    }

    fn close(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let span = if frame.is_block { self.pending_key().unwrap_or(frame.span) } else { frame.span };
        let value = match frame.open {
            Open::List(items) => Value::List(items.into()),
            Open::Mapping { entries, .. } => Value::Mapping(self.without_duplicates(entries).into()),
        };
        let node = Node { span, value };
        if frame.anchor != 0 {
            let cost = self.counted - frame.counted_before;
            self.anchors.insert(frame.anchor, Anchored { node: node.clone(), cost, height: frame.height });
        }
        // A finished value never makes its parent too deep: its own levels were counted while it was open.
        let _ = self.place(node, frame.height);
    }

    /// Where the key stands whose value comes next: a better place for an indented mapping than its own first
    /// key.
    fn pending_key(&self) -> Option<Span> {
        match &self.frames.last()?.open {
            Open::Mapping { key: Some(PendingKey(Some(key))), .. } => Some(key.span),
            _ => None,
        }
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, height: usize) -> Result<(), Stopped> {
        if self.frames.len() + height > DEPTH {
            too_deep(node.span, self.problems);
            return Err(Stopped);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.height = frame.height.max(height + 1);
        match &mut frame.open {
            Open::List(items) => items.push(node),
            Open::Mapping { entries, key } => match key.take() {
                Some(PendingKey(Some(key))) => entries.push((key, node)),
                Some(PendingKey(None)) => {}
                None => *key = Some(PendingKey(as_key(node, self.problems))),
            },
        }
        Ok(())
    }

    fn without_duplicates(&mut self, entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let mut first_lines: BTreeMap<Rc<str>, usize> = BTreeMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if let Some(line) = first_lines.get(&key.text) {
                self.problems.error(
                    code::DUPLICATE_KEY,
                    key.span,
                    format!("the key {} is given twice", quoted(&key.text)),
                    format!("it already stands on line {line}; keep one of the two"),
                );
                continue;
            }
            first_lines.insert(key.text.clone(), key.span.line);
            kept.push((key, node));
        }
        kept
    }
}

/// The key that a node in key position is; None, reported, if it cannot be one.
fn as_key(node: Node, problems: &mut Problems) -> Option<Key> {
    match node.value {
        Value::Scalar(text) if &*text == "<<" => {
            problems.error(
                code::MERGE,
                node.span,
                "merge keys (`<<`) are not supported",
                "write the keys out, or repeat a whole value with `&name` and `*name`",
            );
            None
        }
        Value::Scalar(text) => Some(Key { text, span: node.span }),
        value => {
            problems.error(
                code::COMPLEX_KEY,
                node.span,
                format!("a key must be a single value, not {}", value.noun()),
                "quote the key if it begins with a bracket or a brace",
            );
            None
        }
    }
}

fn span_of(place: granit_parser::Span, text: &str) -> Span {
    let length = match (place.start.byte_offset(), place.end.byte_offset()) {
        (Some(start), Some(end)) => end.saturating_sub(start),
        _ => 0,
    };
    span_at(place.start, length, text)
}

fn span_at(marker: Marker, length: usize, text: &str) -> Span {
    let offset = marker.byte_offset().unwrap_or(text.len()).min(text.len());
    Span {
        offset,
        length: length.min(text.len() - offset),
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}
