//! Values of conditions that their operator can't read, or that never come.

use core::net::IpAddr;
use std::collections::BTreeSet;

use super::{
    Fix, LintCode, Notes,
    view::{ConditionText, Text, View},
};
use crate::{
    network::Network,
    operator::{Comparison, Operator},
    time::parse_date,
};

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    for condition in &view.conditions {
        for value in &condition.values {
            // What a variable stands for is not known here.
            if !value.text.contains("${") {
                readable(condition, *value, notes);
            }
            wildcard(condition, *value, notes);
        }
        booleans(condition, notes);
        addresses(condition, notes);
    }
}

fn readable(condition: &ConditionText<'_>, value: Text<'_>, notes: &mut Notes) {
    let text = value.text;
    let (readable, code) = match condition.entry.operator.comparison {
        Comparison::Numeric(_) => (is_number(text), LintCode::TypeMismatchNumber),
        Comparison::Date(_) => (parse_date(text).is_some(), LintCode::TypeMismatchDate),
        Comparison::Bool | Comparison::Null => {
            (boolean(text).is_some(), LintCode::TypeMismatchBoolean)
        }
        Comparison::IpAddress => (Network::parse(text).is_some(), LintCode::TypeMismatchIpRange),
        Comparison::BinaryEquals => (is_base64(text), LintCode::TypeMismatchString),
        Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike
        | Comparison::ArnLike => return,
    };
    if !readable {
        notes.add(code, value.span, text);
    }
}

/// As the engine reads numbers: neither `inf` nor `nan`.
fn is_number(text: &str) -> bool {
    let plain = |b: u8| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    text.bytes().all(plain) && text.parse::<f64>().is_ok()
}

fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// RFC 4648, section 4, with or without its padding.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        && digits.len() % 4 != 1
        && (padding == 0 || padding <= 2 && text.len().is_multiple_of(4))
}

fn wildcard(condition: &ConditionText<'_>, value: Text<'_>, notes: &mut Notes) {
    let operator = condition.entry.operator;
    let literal = matches!(
        operator.comparison,
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase
    );
    // `${*}` is a star that is meant.
    let mut outside = value.text.split("${").enumerate().map(|(number, part)| match number {
        0 => part,
        _ => part.split_once('}').map_or(part, |(_, after)| after),
    });
    if literal && outside.any(|part| part.contains(['*', '?'])) {
        let name = like(operator);
        let fix = condition.own_operator.zip(name).map(|(span, name)| Fix::text(span, &name));
        notes.add_with(LintCode::WildcardWithoutLikeOperator, value.span, value.text, fix);
    }
}

/// The operator that compares as this one does, with wildcards; none ignores case.
fn like(operator: Operator) -> Option<String> {
    let like = operator.to_string().replace("StringEquals", "StringLike");
    let like = like.replace("StringNotEquals", "StringNotLike");
    (operator.comparison == Comparison::StringEquals).then_some(like)
}

fn booleans(condition: &ConditionText<'_>, notes: &mut Notes) {
    if condition.entry.operator.comparison != Comparison::Bool {
        return;
    }
    let values: BTreeSet<bool> = condition.values.iter().filter_map(|v| boolean(v.text)).collect();
    if values.len() > 1 {
        let key = condition.key;
        notes.add(LintCode::InvalidConditionMultipleBoolean, key.span, key.text);
    }
}

fn addresses(condition: &ConditionText<'_>, notes: &mut Notes) {
    let operator = condition.entry.operator;
    if operator.comparison != Comparison::IpAddress {
        return;
    }
    let mut private = Vec::new();
    for value in &condition.values {
        let base = value.text.split('/').next().unwrap_or_default().parse::<IpAddr>();
        let (Ok(base), Some(network)) = (base, Network::parse(value.text)) else { continue };
        // `::ffff:203.0.113.7` is the IPv4 address in other clothes: no bit of it is ignored.
        let base = if network.base().is_ipv4() { base.to_canonical() } else { base };
        if network.base() != base {
            let fix = Fix::text(value.span, &network.to_string());
            notes.add_with(LintCode::ImproveIpRange, value.span, value.text, Some(fix));
        }
        if is_private(base) {
            private.push(*value);
        }
    }
    if !condition.key.text.eq_ignore_ascii_case("aws:SourceIp") {
        return;
    }
    let code = match (private.len() == condition.values.len(), operator.negated) {
        (true, false) => LintCode::PrivateIpAddress,
        (true, true) => LintCode::PrivateNotIpAddress,
        (false, _) => LintCode::PrivateIpAddressSubset,
    };
    for value in private {
        notes.add(code, value.span, value.text);
    }
}

/// RFC 1918 and RFC 4193, loopback and link-local: what no packet from outside comes from.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_private() || a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => a.is_unique_local() || a.is_loopback() || a.is_unicast_link_local(),
    }
}
