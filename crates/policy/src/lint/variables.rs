//! Policy variables that are not replaced, or are replaced by something else than was meant.

use super::{
    LintCode, Notes,
    view::{Text, View, is_star},
};
use crate::{catalogue, document::Version};

/// Where a text stands, as far as variables go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An element that knows no variables.
    Element,
    /// A resource: behind the fifth colon only.
    Resource,
    /// A value of an operator that knows variables.
    Value,
    /// A value of an operator that does not.
    PlainValue,
}

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    let mut check = |text: &Text<'_>, place| variables(*text, place, view.version, notes);
    for action in &view.actions {
        check(action, Place::Element);
    }
    for principal in &view.principals {
        check(&principal.value, Place::Element);
    }
    for resource in view.resources.iter().filter(|resource| !is_star(resource.text)) {
        check(resource, Place::Resource);
    }
    for condition in &view.conditions {
        let known = condition.entry.operator.takes_variables();
        for value in &condition.values {
            check(value, if known { Place::Value } else { Place::PlainValue });
        }
    }
}

/// Notes the first thing that is wrong with the variables of a text.
fn variables(text: Text<'_>, place: Place, version: Version, notes: &mut Notes) {
    let mut colons = 0;
    let mut rest = text.text;
    while let Some((before, behind)) = rest.split_once("${") {
        colons += before.matches(':').count();
        let (inner, after) = match behind.split_once('}') {
            Some((inner, after)) => (inner, Some(after)),
            None => (behind, None),
        };
        let code = match place {
            Place::Element => Some(LintCode::VariableUnsupportedInElement),
            Place::Resource if colons < 5 => Some(LintCode::VariableUnsupportedInElement),
            _ if version == Version::V2008 => Some(LintCode::VariableUnsupportedInVersion),
            _ if after.is_none() => Some(LintCode::MissingBraceInVariable),
            Place::PlainValue => Some(LintCode::InvalidVariableForOperator),
            Place::Resource | Place::Value => malformed(inner),
        };
        if let Some(code) = code {
            return notes.add(code, text.span, text.text);
        }
        rest = after.unwrap_or_default();
    }
}

/// What is wrong with the text between the braces.
fn malformed(inner: &str) -> Option<LintCode> {
    if matches!(inner, "*" | "?" | "$") {
        return None;
    }
    let (name, default) = match inner.split_once(',') {
        Some((name, default)) => (name, Some(default.trim())),
        None => (inner, None),
    };
    if name.trim().is_empty() {
        return Some(LintCode::EmptyVariable);
    }
    // Tag keys may hold spaces.
    if name.split('/').next().is_some_and(|name| name.contains(char::is_whitespace)) {
        return Some(LintCode::UnsupportedSpaceInVariable);
    }
    match catalogue::condition_key(name) {
        Some(key) if key.multivalued => return Some(LintCode::MultivaluedKeyInVariable),
        None if name.to_ascii_lowercase().starts_with("aws:") => {
            return Some(LintCode::InvalidGlobalConditionKey);
        }
        _ => {}
    }
    let quoted = |text: &str| text.len() > 1 && text.starts_with('\'') && text.ends_with('\'');
    (!default.is_none_or(quoted)).then_some(LintCode::MissingQuoteInVariable)
}
