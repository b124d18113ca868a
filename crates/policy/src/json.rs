//! JSON with positions, read strictly: no duplicate keys, a bounded depth, nothing that the standard does not know.
//!
//! A reader of its own, because an error must name its place and duplicate keys must be one (RFC 8259 leaves them open, and of two
//! readers that choose differently one is an open door).

use std::{borrow::Cow, collections::BTreeSet};

use crate::document::Span;

/// A document: its values in the order in which they begin, so that all of it is one piece of memory.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

/// One value. Texts without an escape are borrowed from the source. Places are bytes of the source.
#[derive(Debug)]
struct Node<'a> {
    /// Its key, where it is a member of an object.
    key: Cow<'a, str>,
    value: Json<'a>,
    key_start: u32,
    key_end: u32,
    start: u32,
    end: u32,
    /// How many values stand below it; they come right behind it.
    below: u32,
}

/// What a value is. Items and members stand behind it.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    Array,
    Object,
}

impl Json<'_> {
    /// What this is, in the words of an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A value where it stands, with what is below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'d, 'a> {
    node: &'d Node<'a>,
    below: &'d [Node<'a>],
}

impl<'d, 'a> Located<'d, 'a> {
    pub(crate) fn value(self) -> &'d Json<'a> {
        &self.node.value
    }

    pub(crate) fn span(self) -> Span {
        Span { start: self.node.start as usize, end: self.node.end as usize }
    }

    /// Its key, where it is a member of an object.
    pub(crate) fn key(self) -> &'d str {
        &self.node.key
    }

    /// Where its key stands, its quotes among it.
    pub(crate) fn key_span(self) -> Span {
        Span { start: self.node.key_start as usize, end: self.node.key_end as usize }
    }

    /// Its items or members.
    pub(crate) fn children(self) -> Children<'d, 'a> {
        Children { nodes: self.below }
    }

    /// The items of an array, or the value itself.
    pub(crate) fn one_or_many(self) -> impl Iterator<Item = Self> + Clone + use<'d, 'a> {
        let items = match self.value() {
            Json::Array => (None, Some(self.children())),
            _ => (Some(self), None),
        };
        items.0.into_iter().chain(items.1.into_iter().flatten())
    }
}

/// Items or members, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children<'d, 'a> {
    nodes: &'d [Node<'a>],
}

impl<'d, 'a> Iterator for Children<'d, 'a> {
    type Item = Located<'d, 'a>;

    fn next(&mut self) -> Option<Located<'d, 'a>> {
        let (node, behind) = self.nodes.split_first()?;
        let (below, others) = behind.split_at_checked(node.below as usize)?;
        self.nodes = others;
        Some(Located { node, below })
    }
}

impl<'a> Document<'a> {
    /// The value that all others stand below. A document that was read has one.
    pub(crate) fn root(&self) -> Option<Located<'_, 'a>> {
        Children { nodes: &self.nodes }.next()
    }
}

/// What is wrong, and at which byte.
#[derive(Clone, Debug)]
pub(crate) struct JsonError {
    /// Whether it is a key that stands twice; else the text is no JSON that is read.
    pub(crate) duplicate_key: bool,
    pub(crate) offset: usize,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Deepest nesting that is read: a policy needs six.
const DEPTH_MAX: usize = 16;

/// Bytes of a usual policy for each of its values.
const BYTES_EACH: usize = 16;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
}

/// Reads one JSON value that fills `text`, of less than 4 GiB.
pub(crate) fn read(text: &str) -> Result<Document<'_>, JsonError> {
    let nodes = Vec::with_capacity(text.len() / BYTES_EACH);
    let mut reader = Reader { text, at: 0, nodes };
    reader.skip_space();
    reader.value(0, Cow::Borrowed(""), Span::default())?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.fail("the end of the document"));
    }
    Ok(Document { nodes: reader.nodes })
}

/// A place or a number in a document, which is smaller than 4 GiB.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail(&self, expected: &str) -> JsonError {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("`{}`", c.escape_debug()),
            None => "the end of the document".to_owned(),
        };
        JsonError { duplicate_key: false, offset: self.at, expected: expected.to_owned(), found }
    }

    fn expect(&mut self, byte: u8, expected: &str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fail(expected))
        }
    }

    /// Reads a value; its node stands before those below it.
    fn value(&mut self, depth: usize, key: Cow<'a, str>, key_span: Span) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.fail("less nesting"));
        }
        let (start, place) = (small(self.at), self.nodes.len());
        let (key_start, key_end) = (small(key_span.start), small(key_span.end));
        let value = Json::Null;
        self.nodes.push(Node { key, value, key_start, key_end, start, end: start, below: 0 });
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Json::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        let below = small(self.nodes.len() - place - 1);
        if let Some(node) = self.nodes.get_mut(place) {
            node.value = value;
            node.end = small(self.at);
            node.below = below;
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Json<'a>, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in
            [("true", Json::Bool(true)), ("false", Json::Bool(false)), ("null", Json::Null)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fail("a JSON value"))
    }

    /// `-`, an integer without leading zeros, a fraction, an exponent (RFC 8259, section 6).
    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.skip_if(b"-");
        if !self.skip_if(b"0") {
            self.digits()?;
        }
        if self.skip_if(b".") {
            self.digits()?;
        }
        if self.skip_if(b"eE") {
            self.skip_if(b"+-");
            self.digits()?;
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn skip_if(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|b| bytes.contains(&b));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.fail("a digit"));
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.expect(b'[', "`[`")?;
        self.skip_space();
        if self.skip_if(b"]") {
            return Ok(Json::Array);
        }
        loop {
            self.skip_space();
            self.value(depth + 1, Cow::Borrowed(""), Span::default())?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array);
                }
                _ => return Err(self.fail("`,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.expect(b'{', "`{`")?;
        let first = self.nodes.len();
        let mut keys = Keys::default();
        self.skip_space();
        if self.skip_if(b"}") {
            return Ok(Json::Object);
        }
        loop {
            self.skip_space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.fail("a key in double quotes"));
            }
            let key = self.string()?;
            let key_span = Span { start, end: self.at };
            let members = Children { nodes: self.nodes.get(first..).unwrap_or_default() };
            if !keys.insert(members, &key) {
                return Err(JsonError {
                    duplicate_key: true,
                    offset: start,
                    expected: "each key once in an object".to_owned(),
                    found: format!("`{key}` again"),
                });
            }
            self.skip_space();
            self.expect(b':', "`:`")?;
            self.skip_space();
            self.value(depth + 1, key, key_span)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object);
                }
                _ => return Err(self.fail("`,` or `}`")),
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"', "`\"`")?;
        let mut text = Cow::Borrowed(self.plain());
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    let text = text.to_mut();
                    text.push(escaped);
                    text.push_str(self.plain());
                }
                _ => return Err(self.fail("`\"` at the end of the string")),
            }
        }
    }

    /// The text up to the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let ends = |b: &u8| matches!(b, b'"' | b'\\' | 0..0x20);
        self.at = start + rest.iter().position(ends).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let known = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => Some(char::from(b)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => self.code_point(),
            _ => None,
        };
        self.at += 1;
        known.ok_or_else(|| {
            self.at = start;
            self.fail("an escape that JSON knows")
        })
    }

    /// The character of one `\uXXXX`, or of the two that a character beyond U+FFFF is written as (RFC 8259, section 7). Half of such a
    /// pair is no character.
    fn code_point(&mut self) -> Option<char> {
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 4)?;
            let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { u16::from_str_radix(digits, 16).ok() } else { None }
        };
        let first = unit(self.at + 1)?;
        let behind = self.text.get(self.at + 5..self.at + 7);
        let second = behind.filter(|escape| *escape == "\\u").and_then(|_| unit(self.at + 7));
        let one = char::decode_utf16([first]).next()?.ok();
        let pair = || char::decode_utf16([first, second?]).next()?.ok();
        let (read, length) = match one {
            Some(one) => (one, 4),
            None => (pair()?, 10),
        };
        self.at += length;
        Some(read)
    }
}

/// The keys of an object, to find one that comes twice. Few are compared one by one; the time for many grows no faster than they do.
#[derive(Default)]
struct Keys {
    count: usize,
    many: BTreeSet<Box<str>>,
}

/// As many members as are compared one by one.
const FEW: usize = 16;

impl Keys {
    /// Whether a key is new behind these members, all of which were inserted before.
    fn insert(&mut self, mut members: Children<'_, '_>, key: &str) -> bool {
        self.count += 1;
        if self.count <= FEW {
            return members.all(|member| member.key() != key);
        }
        if self.many.is_empty() {
            self.many.extend(members.map(|member| Box::from(member.key())));
        }
        self.many.insert(key.into())
    }
}

#[cfg(test)]
mod tests;
