//! Changes of the text that end a finding.

use super::view::member;
use crate::{document::Span, json::Located};

/// One change of the policy's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What goes.
    pub span: Span,
    /// What comes in its place.
    pub replacement: Box<str>,
}

impl Fix {
    /// The text with the change made; unchanged where the stretch does not lie in it.
    pub fn apply(&self, text: &str) -> String {
        match (text.get(..self.span.start), text.get(self.span.end..)) {
            (Some(before), Some(after)) => format!("{before}{}{after}", self.replacement),
            _ => text.to_owned(),
        }
    }

    /// Another text in double quotes.
    pub(super) fn text(span: Span, text: &str) -> Self {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        Self { span, replacement: format!("\"{escaped}\"").into() }
    }

    /// A list without one of its items. With the item goes the comma after it, or the one before it where it is the last.
    pub(super) fn without(items: &[Span], place: usize) -> Option<Self> {
        let item = items.get(place)?;
        let before = place.checked_sub(1).and_then(|place| items.get(place));
        let span = match (items.get(place + 1), before) {
            (Some(next), _) => Span { start: item.start, end: next.start },
            (None, Some(before)) => Span { start: before.end, end: item.end },
            (None, None) => return None,
        };
        Some(Self { span, replacement: "".into() })
    }
}

/// Where a policy names its version, or where it begins, and how it comes to name the newest one: on a line of its own where its
/// members have theirs.
pub(super) fn newest_version(text: &str, root: Located<'_, '_>) -> (Span, Option<Fix>) {
    const NEWEST: &str = "2012-10-17";
    if let Some(version) = member(root, "Version") {
        return (version.span(), Some(Fix::text(version.span(), NEWEST)));
    }
    let start = root.span().start + 1;
    let first = root.children().next().map_or(start, |member| member.key_span().start);
    let indent = text.get(start..first).unwrap_or_default();
    let behind = if indent.is_empty() { " " } else { "" };
    let replacement = format!("{indent}\"Version\": \"{NEWEST}\",{behind}").into();
    (root.span(), Some(Fix { span: Span { start, end: start }, replacement }))
}
