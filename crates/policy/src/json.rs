//! JSON with positions, read strictly: no duplicate keys, a bounded depth, nothing that the standard does not know.
//!
//! A reader of its own, because an error must name its place and duplicate keys must be one (RFC 8259 leaves them open, and of two
//! readers that choose differently one is an open door).

use std::{borrow::Cow, collections::BTreeSet};

use crate::document::Span;

/// A value and where it stands. Texts without an escape are borrowed from the source.
#[derive(Clone, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) value: Json<'a>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Located<'a>>),
    Object(Vec<Member<'a>>),
}

/// One member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) key_span: Span,
    pub(crate) value: Located<'a>,
}

impl Json<'_> {
    /// What this is, in the words of an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// What is wrong, and at which byte.
#[derive(Clone, Debug)]
pub(crate) struct JsonError {
    pub(crate) offset: usize,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Deepest nesting that is read: a policy needs six.
const DEPTH_MAX: usize = 16;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Reads one JSON value that fills `text`.
pub(crate) fn read(text: &str) -> Result<Located<'_>, JsonError> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.fail("the end of the document"));
    }
    Ok(value)
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
        JsonError { offset: self.at, expected: expected.to_owned(), found }
    }

    fn expect(&mut self, byte: u8, expected: &str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fail(expected))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Located<'a>, JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.fail("less nesting"));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Json::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Located { value, span: Span { start, end: self.at } })
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
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array(items));
                }
                _ => return Err(self.fail("`,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.expect(b'{', "`{`")?;
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut keys = Keys::default();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.fail("a key in double quotes"));
            }
            let key = self.string()?;
            let key_span = Span { start, end: self.at };
            if !keys.insert(&members, &key) {
                return Err(JsonError {
                    offset: start,
                    expected: "each key once in an object".to_owned(),
                    found: format!("`{key}` again"),
                });
            }
            self.skip_space();
            self.expect(b':', "`:`")?;
            self.skip_space();
            let value = self.value(depth + 1)?;
            members.push(Member { key, key_span, value });
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                _ => return Err(self.fail("`,` or `}`")),
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"', "`\"`")?;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
            let end = plain.map_or(self.text.len(), |length| self.at + length);
            // Adding to nothing borrows.
            text += self.text.get(self.at..end).unwrap_or_default();
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.to_mut().push(self.escape()?),
                _ => return Err(self.fail("`\"` at the end of the string")),
            }
        }
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
            Some(b'u') => {
                let code = self.text.get(self.at + 1..self.at + 5);
                let code = code.filter(|c| c.bytes().all(|b| b.is_ascii_hexdigit()));
                self.at += 4;
                // Halves of a surrogate pair are refused: no character of a policy needs one.
                code.and_then(|c| char::from_u32(u32::from_str_radix(c, 16).ok()?))
            }
            _ => None,
        };
        self.at += 1;
        known.ok_or_else(|| {
            self.at = start;
            self.fail("an escape that JSON knows")
        })
    }
}

/// The keys of an object, to find one that comes twice. Few are compared one by one; the time for many grows no faster than they do.
#[derive(Default)]
struct Keys<'a>(BTreeSet<Cow<'a, str>>);

/// As many members as are compared one by one.
const FEW: usize = 16;

impl<'a> Keys<'a> {
    /// Whether a key is new behind these members, all of which were inserted before.
    fn insert(&mut self, members: &[Member<'a>], key: &Cow<'a, str>) -> bool {
        if members.len() < FEW {
            return members.iter().all(|member| member.key != *key);
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|member| member.key.clone()));
        }
        self.0.insert(key.clone())
    }
}

#[cfg(test)]
mod tests;
