//! A policy printed in one canonical form: elements in AWS's usual order, a single value bare, two spaces a level.

use crate::document::{
    ActionBlock, ConditionEntry, PolicyDocument, PrincipalBlock, PrincipalPair, ResourceBlock,
    Statement, StatementEffect, Version,
};

/// Prints a policy. Parsed again it says the same.
pub(crate) fn document(document: &PolicyDocument) -> String {
    let mut out = Printer::default();
    out.open('{');
    let version = match document.version() {
        Version::V2012 => "2012-10-17",
        Version::V2008 => "2008-10-17",
    };
    out.member("Version", |out| out.string(version));
    if let Some(id) = document.id() {
        out.member("Id", |out| out.string(id));
    }
    out.member("Statement", |out| {
        out.open('[');
        for s in document.statements() {
            out.item(|out| statement(out, s));
        }
        out.close(']');
    });
    out.close('}');
    out.text
}

/// Prints one statement. In a policy's list it says the same.
pub(crate) fn one_statement(s: &Statement) -> String {
    let mut out = Printer::default();
    statement(&mut out, s);
    out.text
}

fn statement(out: &mut Printer, s: &Statement) {
    out.open('{');
    if let Some(sid) = &s.sid {
        out.member("Sid", |out| out.string(sid));
    }
    let effect = if s.effect == StatementEffect::Allow { "Allow" } else { "Deny" };
    out.member("Effect", |out| out.string(effect));
    match &s.principals {
        PrincipalBlock::Principal(list) => out.member("Principal", |out| principals(out, list)),
        PrincipalBlock::NotPrincipal(list) => {
            out.member("NotPrincipal", |out| principals(out, list));
        }
        PrincipalBlock::None => {}
    }
    match &s.actions {
        ActionBlock::Action(list) => out.member("Action", |out| out.list(list)),
        ActionBlock::NotAction(list) => out.member("NotAction", |out| out.list(list)),
    }
    match &s.resources {
        ResourceBlock::Resource(list) => out.member("Resource", |out| out.list(list)),
        ResourceBlock::NotResource(list) => out.member("NotResource", |out| out.list(list)),
        ResourceBlock::None => {}
    }
    if !s.conditions.is_empty() {
        out.member("Condition", |out| conditions(out, &s.conditions));
    }
    out.close('}');
}

fn principals(out: &mut Printer, list: &[PrincipalPair]) {
    if list.iter().any(|(kind, _)| &**kind == "*") {
        return out.string("*");
    }
    out.open('{');
    // The parser reads all values of a kind from one list.
    for run in list.chunk_by(|(a, _), (b, _)| a == b) {
        let values: Vec<&str> = run.iter().map(|(_, value)| &**value).collect();
        let kind = run.first().map(|(kind, _)| &**kind).unwrap_or_default();
        out.member(kind, |out| out.list(&values));
    }
    out.close('}');
}

fn conditions(out: &mut Printer, entries: &[ConditionEntry]) {
    out.open('{');
    // The parser reads all keys of an operator from one block.
    for run in entries.chunk_by(|a, b| a.operator == b.operator) {
        let operator = run.first().map(|entry| entry.operator.to_string()).unwrap_or_default();
        out.member(&operator, |out| {
            out.open('{');
            for entry in run {
                out.member(&entry.key, |out| out.list(&entry.values));
            }
            out.close('}');
        });
    }
    out.close('}');
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn open(&mut self, bracket: char) {
        self.text.push(bracket);
        self.depth += 1;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if !self.text.ends_with(['{', '[']) {
            self.line();
        }
        self.text.push(bracket);
    }

    fn line(&mut self) {
        self.text.push('\n');
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn item(&mut self, value: impl FnOnce(&mut Self)) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
        self.line();
        value(self);
    }

    fn member(&mut self, key: &str, value: impl FnOnce(&mut Self)) {
        self.item(|out| {
            out.string(key);
            out.text.push_str(": ");
            value(out);
        });
    }

    fn list<S: AsRef<str>>(&mut self, list: &[S]) {
        if let [one] = list {
            return self.string(one.as_ref());
        }
        self.open('[');
        for value in list {
            self.item(|out| out.string(value.as_ref()));
        }
        self.close(']');
    }

    fn string(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c < ' ' => self.control(c),
                // Written raw the parser would refuse it: only its escape is in the character set of policies.
                c if c > '\u{ff}' => self.escaped(c),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// A character as JSON's escapes, one for each UTF-16 unit.
    fn escaped(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.text.push_str("\\u");
            let digits = [12, 8, 4, 0].map(|shift| u32::from(*unit) >> shift & 15);
            self.text.extend(digits.map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
        }
    }

    /// A control character that JSON has no short escape for. All are below U+0020.
    fn control(&mut self, c: char) {
        self.text.push_str("\\u00");
        let code = u32::from(c);
        self.text
            .extend([code >> 4, code & 15].map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
    }
}

#[cfg(test)]
mod tests {
    use crate::{PolicyDocument, PolicyKind};

    #[test]
    fn the_canonical_form() {
        let text = r#"{"Statement":{"Action":["s3:Get*"],"Effect":"Allow","Resource":["*","arn:aws:s3:::\"b\\"],"Condition":{"Bool":{"aws:SecureTransport":true},"stringlike":{"a:b":[]}}}}"#;
        let printed = PolicyDocument::parse(text, PolicyKind::Identity).unwrap().to_json();
        let expected = r#"{
  "Version": "2008-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:Get*",
      "Resource": [
        "*",
        "arn:aws:s3:::\"b\\"
      ],
      "Condition": {
        "Bool": {
          "aws:SecureTransport": "true"
        },
        "StringLike": {
          "a:b": []
        }
      }
    }
  ]
}"#;
        assert_eq!(printed, expected);
    }

    #[test]
    fn what_came_as_an_escape_goes_as_one() {
        for resource in [r"\u1615", r"\u00ff", r"\u0100"] {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/{resource}"}}}}"#
            );
            let read = PolicyDocument::parse(&text, PolicyKind::Identity).unwrap();
            let printed = read.to_json();
            let again = PolicyDocument::parse(&printed, PolicyKind::Identity);
            assert_eq!(again.map(|again| again.to_json()), Ok(printed), "{resource}");
        }
    }
}
