//! Where the elements of a statement stand in the text that the policy was written in.

use crate::{
    CompiledPolicy, PolicyDocument, Statement, Version,
    document::{Span, line_and_column},
    json::{self, Json, Located},
};

/// A stretch of a policy's text: line and column, both from 1, of its first character and of the one behind its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line and column of the first character.
    pub start: (usize, usize),
    /// Line and column behind the last character.
    pub end: (usize, usize),
}

/// A policy's text, read again. A decision keeps neither the elements as they were written nor their places, so that only those who
/// ask for them pay.
pub(crate) struct Written<'a> {
    text: &'a str,
    document: Option<PolicyDocument>,
    json: Option<json::Document<'a>>,
}

impl<'a> Written<'a> {
    pub(crate) fn new(policy: &'a CompiledPolicy) -> Self {
        let text = policy.text();
        Self { text, document: policy.document(), json: json::read(text).ok() }
    }

    /// The policy's version of the language.
    pub(crate) fn version(&self) -> Version {
        self.document.as_ref().map(PolicyDocument::version).unwrap_or_default()
    }

    /// A statement as it was written; `None` for one that was not.
    pub(crate) fn statement(&self, index: usize) -> Option<&Statement> {
        self.document.as_ref()?.statements().get(index)
    }

    /// Where an element stands, key and value: `Resource`, or `NotResource` in its stead.
    pub(crate) fn element(&self, index: usize, name: &str) -> Place {
        let found = self.member(index, name);
        self.place(found.or_else(|| self.statement_node(index)))
    }

    /// Where a condition stands: its key and its values. Conditions are counted through all operators.
    pub(crate) fn condition(&self, index: usize, number: usize) -> Place {
        let block = self.member(index, "Condition");
        let keys = block.and_then(|b| b.children().flat_map(Located::children).nth(number));
        self.place(keys.or(block))
    }

    fn statement_node(&self, index: usize) -> Option<Located<'_, 'a>> {
        let mut members = self.json.as_ref()?.root()?.children();
        let all = members.find(|member| member.key() == "Statement")?;
        match all.value() {
            Json::Array => all.children().nth(index),
            _ => (index == 0).then_some(all),
        }
    }

    fn member(&self, index: usize, name: &str) -> Option<Located<'_, 'a>> {
        let is = |key: &str| key == name || key.strip_prefix("Not") == Some(name);
        self.statement_node(index)?.children().find(|member| is(member.key()))
    }

    fn place(&self, node: Option<Located<'_, 'a>>) -> Place {
        let Some(node) = node else { return Place::default() };
        // An item of a list has no key.
        let start = if node.key().is_empty() { node.span().start } else { node.key_span().start };
        self.between(Span { start, end: node.span().end })
    }

    fn between(&self, span: Span) -> Place {
        let place = |offset| line_and_column(self.text, offset);
        Place { start: place(span.start), end: place(span.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyKind, PolicySource};

    #[test]
    fn elements_and_conditions_are_found_where_they_stand() {
        let text = r#"{
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*",
     "Condition": {"Bool": {"a:b": "true", "a:c": true},
                   "StringLike": {"a:d": ["x",
                                          "y"]}}}
  ]
}"#;
        let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
        let policy = CompiledPolicy::compile(PolicySource::Session(0), &document);
        let written = Written::new(&policy);
        assert_eq!(written.element(0, "Resource"), Place { start: (3, 43), end: (3, 58) });
        assert_eq!(written.element(1, "Action").start, (4, 24));
        assert_eq!(written.condition(1, 1).start, (5, 44));
        assert_eq!(written.condition(1, 2), Place { start: (6, 35), end: (7, 47) });
        // What is not written stands where its statement does; what is not there, nowhere.
        assert_eq!(written.element(0, "Principal").start, (3, 5));
        assert_eq!(written.element(2, "Action"), Place::default());
        assert!(written.statement(2).is_none());
    }
}
