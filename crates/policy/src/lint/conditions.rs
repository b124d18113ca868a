//! Condition keys: whether they exist, and whether the operator is one for them.

use super::{
    Fix, LintCode, Notes,
    similar::nearest,
    view::{ConditionText, View},
};
use crate::{
    catalogue::{self, ConditionKey, ValueType},
    operator::{Comparison, Operator, Qualifier},
};

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    for condition in &view.conditions {
        null(condition, notes);
        let found = catalogue::condition_key(condition.key.text);
        match found {
            Some(key) => {
                fits(condition, key, notes);
                qualifier(condition, key, notes);
            }
            None => unknown(condition, notes),
        }
    }
}

fn unknown(condition: &ConditionText<'_>, notes: &mut Notes) {
    let key = condition.key;
    // The parser has refused a key without a colon.
    let (prefix, name) = key.text.split_once(':').unwrap_or_default();
    // Keys of identity providers are named after them: `token.actions.githubusercontent.com:sub`.
    if prefix.contains(['.', '/']) {
        return;
    }
    if !catalogue::is_key_prefix(prefix) {
        let known = catalogue::services().iter().map(|service| service.prefix);
        let near = nearest(prefix, known).filter(|near| !near.eq_ignore_ascii_case(prefix));
        let code = near.map_or(LintCode::UnknownConditionKey, |_| LintCode::InvalidService);
        let fix = near.map(|near| Fix::text(key.span, &format!("{near}:{name}")));
        return notes.add_with(code, key.span, key.text, fix);
    }
    let bare = key.text.strip_suffix('/').unwrap_or(key.text);
    if catalogue::condition_key(&format!("{bare}/x")).is_some() {
        return notes.add(LintCode::MissingTagKeyInCondition, key.span, key.text);
    }
    let near = similar(prefix, name);
    let fix = near.map(|near| Fix::text(key.span, near));
    let code = match &fix {
        _ if prefix.eq_ignore_ascii_case("aws") => LintCode::InvalidGlobalConditionKey,
        Some(_) => LintCode::InvalidServiceConditionKey,
        None => LintCode::UnknownConditionKey,
    };
    notes.add_with(code, key.span, key.text, fix);
}

/// The key of the same prefix that may have been meant.
fn similar(prefix: &str, name: &str) -> Option<&'static str> {
    let keys: Vec<&'static str> = if prefix.eq_ignore_ascii_case("aws") {
        catalogue::global_keys().iter().map(|global| global.key.name).collect()
    } else {
        let keys = catalogue::service(prefix).map(catalogue::Service::condition_keys);
        keys.unwrap_or_default().iter().map(|key| key.name).collect()
    };
    let names = keys.iter().filter_map(|key| {
        let (known, rest) = key.split_once(':')?;
        (known.eq_ignore_ascii_case(prefix) && !rest.contains("${")).then_some(rest)
    });
    let near = nearest(name, names)?;
    keys.into_iter().find(|key| key.split_once(':').is_some_and(|(_, rest)| rest == near))
}

/// The operator must compare values of the key's type.
fn fits(condition: &ConditionText<'_>, key: ConditionKey, notes: &mut Notes) {
    let text = matches!(
        condition.entry.operator.comparison,
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike
    );
    let seconds = key.name == "aws:EpochTime";
    let fits = match (key.value_type, condition.entry.operator.comparison) {
        (_, Comparison::Null)
        | (ValueType::Bool, Comparison::Bool)
        | (ValueType::Date, Comparison::Date(_))
        | (ValueType::Numeric, Comparison::Numeric(_))
        | (ValueType::Arn, Comparison::ArnLike)
        | (ValueType::IpAddress, Comparison::IpAddress)
        | (ValueType::String, Comparison::BinaryEquals) => true,
        (ValueType::Date, Comparison::Numeric(_)) => seconds,
        // Tags and encryption contexts hold what people put there, ARNs among it.
        (ValueType::String, Comparison::ArnLike) => key.name.contains("${"),
        // ARNs are compared as texts all over AWS's own policies; only their wildcards mean something else then.
        (ValueType::String | ValueType::Arn, _) => text,
        _ => false,
    };
    if !fits {
        notes.add(LintCode::TypeMismatch, condition.key.span, condition.key.text);
    }
}

/// `Null` asks for a key and not for its values.
fn null(condition: &ConditionText<'_>, notes: &mut Notes) {
    let operator = condition.entry.operator;
    if operator.comparison == Comparison::Null && operator.qualifier != Qualifier::None {
        let fix = condition.own_operator.map(|span| Fix::text(span, "Null"));
        notes.add_with(LintCode::NullWithQualifier, condition.key.span, condition.key.text, fix);
    }
}

/// Keys of several values need a qualifier, and those of one value have no use for it.
fn qualifier(condition: &ConditionText<'_>, key: ConditionKey, notes: &mut Notes) {
    let operator = condition.entry.operator;
    let code = match (key.multivalued, operator.qualifier) {
        // It asks for a key and not for its values.
        _ if operator.comparison == Comparison::Null => return,
        (true, Qualifier::None) => LintCode::MissingQualifier,
        (false, Qualifier::ForAllValues) => LintCode::ForAllValuesWithSingleValuedKey,
        (false, Qualifier::ForAnyValue) => LintCode::ForAnyValueWithSingleValuedKey,
        _ => return,
    };
    let fix = condition.own_operator.map(|span| Fix::text(span, &requalified(operator, code)));
    notes.add_with(code, condition.key.span, condition.key.text, fix);
}

/// The operator's name with the qualifier that was missing, or without the one that was too much.
fn requalified(operator: Operator, code: LintCode) -> String {
    let name = operator.to_string();
    match name.split_once(':') {
        Some((_, bare)) => bare.to_owned(),
        // A negated operator that holds for any value lets all others through.
        None if code == LintCode::MissingQualifier && operator.negated => {
            format!("ForAllValues:{name}")
        }
        None => format!("ForAnyValue:{name}"),
    }
}
