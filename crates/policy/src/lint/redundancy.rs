//! What could be left out.

use super::{
    Fix, LintCode, Notes,
    view::{Text, View},
};
use crate::{Arn, document::Span, document::Statement, wildcard::wildcard_covers};

/// More values than this in one list are not compared with each other: the work is the square of their number.
const COMPARED_MAX: usize = 500;

/// A statement that an earlier one makes superfluous.
pub(super) fn statement(view: &View<'_>, earlier: &[Statement], notes: &mut Notes) {
    let statement = view.statement;
    // All but its name and its place.
    let same = |other: &Statement| {
        statement.effect == other.effect
            && statement.principals == other.principals
            && statement.actions == other.actions
            && statement.resources == other.resources
            && statement.conditions == other.conditions
    };
    if earlier.iter().take(COMPARED_MAX).any(same) {
        let sid = statement.sid.as_deref().unwrap_or_default();
        notes.add(LintCode::RedundantStatement, statement.span, sid);
    }
}

/// Values that another one of their list makes superfluous.
pub(super) fn lists(view: &View<'_>, notes: &mut Notes) {
    let lower: Vec<String> =
        view.actions.iter().map(|action| action.text.to_ascii_lowercase()).collect();
    list(&view.actions, &lower, LintCode::RedundantAction, wildcard_covers, notes);
    let written = |texts: &[Text<'_>]| texts.iter().map(|t| t.text.to_owned()).collect::<Vec<_>>();
    let resources = written(&view.resources);
    list(&view.resources, &resources, LintCode::RedundantResource, wildcard_covers, notes);
    for condition in &view.conditions {
        let values = written(&condition.values);
        let same = |a: &str, b: &str| a == b;
        list(&condition.values, &values, LintCode::RedundantConditionValue, same, notes);
    }
    principals(view, notes);
}

fn principals(view: &View<'_>, notes: &mut Notes) {
    // Values of one kind are one list of the text; a kind stands in an object once.
    for kind in ["AWS", "Service", "Federated", "CanonicalUser"] {
        let of_kind = view.principals.iter().filter(|principal| principal.kind == kind);
        let values: Vec<Text<'_>> = of_kind.map(|principal| principal.value).collect();
        let names: Vec<String> = values.iter().map(|value| principal_name(value.text)).collect();
        let covers = |a: &str, b: &str| a == "*" || a == b;
        list(&values, &names, LintCode::RedundantPrincipal, covers, notes);
    }
}

/// An account has two names: its number, and the ARN of its root.
fn principal_name(text: &str) -> String {
    let root = Arn::parse(text).ok().and_then(|arn| arn.root_account());
    root.map_or_else(|| text.to_owned(), |account| account.to_string())
}

/// `compared` are the values in the form in which they are compared.
fn list(
    values: &[Text<'_>],
    compared: &[String],
    code: LintCode,
    covers: impl Fn(&str, &str) -> bool,
    notes: &mut Notes,
) {
    let few = compared.get(..COMPARED_MAX).unwrap_or(compared);
    for ((place, one), written) in few.iter().enumerate().zip(values) {
        // Of two that cover each other the second is named.
        let makes_superfluous = |(other_place, other): (usize, &String)| {
            other_place != place
                && (one == other || !one.contains("${"))
                && covers(other, one)
                && (other_place < place || !covers(one, other))
        };
        if few.iter().enumerate().any(makes_superfluous) {
            let spans: Vec<Span> = values.iter().map(|value| value.span).collect();
            notes.add_with(code, written.span, written.text, Fix::without(&spans, place));
        }
    }
}
