//! Conditions on keys that the statement's actions never bring.

use super::{
    LintCode, Notes,
    view::{ConditionText, Text, View},
};
use crate::{
    catalogue::{self, CatalogueAction, ConditionKey},
    operator::{Comparison, Qualifier},
};

/// Global keys that the reference lists action by action, unlike all others.
const BY_ACTION: [&str; 3] =
    ["aws:RequestTag/${TagKey}", "aws:ResourceTag/${TagKey}", "aws:TagKeys"];

/// An action as it is written, with what it covers.
type Expanded<'a> = (Text<'a>, &'a [&'static CatalogueAction]);

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    let Some(actions) = view.positive_actions() else { return };
    if view.conditions.is_empty() {
        return;
    }
    let expanded: Vec<Expanded<'_>> =
        actions.iter().copied().zip(view.covered.iter().map(Vec::as_slice)).collect();
    // What is not known may bring anything.
    if expanded.iter().any(|(_, covered)| covered.is_empty()) {
        return;
    }
    for condition in &view.conditions {
        let key = condition.key.text;
        let known = catalogue::condition_key(key).filter(|known| is_listed_by_action(known, key));
        if let Some(known) = known {
            brought(view, condition, known, &expanded, notes);
        }
    }
}

fn brought(
    view: &View<'_>,
    condition: &ConditionText<'_>,
    key: ConditionKey,
    expanded: &[Expanded<'_>],
    notes: &mut Notes,
) {
    let without: Vec<&Text<'_>> = expanded
        .iter()
        .filter(|(_, covered)| !covered.iter().any(|action| action.brings(&key)))
        .map(|(action, _)| action)
        .collect();
    if without.len() == expanded.len() {
        let at = condition.key;
        notes.add(LintCode::IrrelevantConditionKey, at.span, at.text);
    } else if view.allows() && needs_a_value(condition) {
        for action in without {
            notes.add(LintCode::UnsupportedActionForConditionKey, action.span, action.text);
        }
    }
}

/// Whether a condition fails where its key has no value.
fn needs_a_value(condition: &ConditionText<'_>) -> bool {
    let operator = condition.entry.operator;
    let present = match operator.comparison {
        Comparison::Null => {
            condition.values.iter().all(|value| value.text.eq_ignore_ascii_case("false"))
        }
        _ => !operator.negated || operator.qualifier == Qualifier::ForAnyValue,
    };
    present && !operator.if_exists && operator.qualifier != Qualifier::ForAllValues
}

/// Whether the reference says which actions bring a key. Of some keys of services it does not: no action lists them.
fn is_listed_by_action(known: &ConditionKey, key: &str) -> bool {
    if catalogue::global_key(key).is_some() {
        return BY_ACTION.contains(&known.name);
    }
    let service = known.name.split(':').next().and_then(catalogue::service);
    service.is_some_and(|service| service.actions().iter().any(|action| action.brings(known)))
}
