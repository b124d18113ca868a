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
                ' '..='\u{ff}' => self.text.push(c),
                // What the parser takes only as an escape.
                c => self.escape(c),
            }
        }
        self.text.push('"');
    }

    /// Writes a character as one `\uXXXX`, or as the two of a surrogate pair.
    fn escape(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.text.push_str("\\u");
            let digits = [*unit >> 12, *unit >> 8 & 15, *unit >> 4 & 15, *unit & 15];
            let digit = |d: u16| char::from_digit(d.into(), 16).unwrap_or('0');
            self.text.extend(digits.map(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{PolicyDocument, PolicyKind};

    /// A string as JSON with every character escaped.
    fn escaped(text: &str) -> String {
        let units: Vec<String> = text.encode_utf16().map(|u| format!("\\u{u:04X}")).collect();
        units.concat()
    }

    proptest! {
        #[test]
        fn what_was_written_with_escapes_is_printed_with_them(value in any::<String>()) {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"StringLike":{{"a:b":"{}"}}}}}}}}"#,
                escaped(&value),
            );
            let read = PolicyDocument::parse(&text, PolicyKind::Identity).unwrap();
            prop_assert_eq!(&*read.statements()[0].conditions[0].values[0], value.as_str());
            let printed = read.to_json();
            let again = PolicyDocument::parse(&printed, PolicyKind::Identity).unwrap();
            prop_assert_eq!(&again.statements()[0].conditions, &read.statements()[0].conditions);
            prop_assert_eq!(again.to_json(), printed);
        }
    }

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
}
