//! One condition: an operator, a key and the values it is compared with, typed when the policy is compiled.

use core::net::IpAddr;

use crate::{
    Operator, Request,
    document::ConditionEntry,
    key::Key,
    network::Network,
    operator::{Comparison, Order, Qualifier},
    template::Template,
    time::parse_date,
};

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    operator: Operator,
    pub(crate) key: Key,
    wanted: Wanted,
}

/// The listed values in the type that the operator compares. A value that is not of that type is left out: it equals nothing.
#[derive(Clone, Debug)]
enum Wanted {
    Equals(Box<[Template]>),
    EqualsIgnoringCase(Box<[Template]>),
    Like(Box<[Template]>),
    Arn(Box<[Template]>),
    Number(Order, Box<[f64]>),
    Date(Order, Box<[i64]>),
    Bool(Box<[bool]>),
    Binary(Box<[Box<str>]>),
    Address(Box<[Network]>),
    Absent(Box<[bool]>),
}

impl Condition {
    pub(crate) fn new(entry: &ConditionEntry, variables: bool) -> Self {
        let values = &entry.values;
        let texts = || -> Box<[Template]> {
            let variables = variables && entry.operator.takes_variables();
            values.iter().map(|v| Template::new(v, variables)).collect()
        };
        let wanted = match entry.operator.comparison {
            Comparison::StringEquals => Wanted::Equals(texts()),
            Comparison::StringEqualsIgnoreCase => Wanted::EqualsIgnoringCase(texts()),
            Comparison::StringLike => Wanted::Like(texts()),
            Comparison::ArnLike => Wanted::Arn(texts()),
            Comparison::Numeric(order) => {
                Wanted::Number(order, values.iter().filter_map(|v| number(v)).collect())
            }
            Comparison::Date(order) => {
                Wanted::Date(order, values.iter().filter_map(|v| parse_date(v)).collect())
            }
            Comparison::Bool => Wanted::Bool(values.iter().filter_map(|v| boolean(v)).collect()),
            Comparison::BinaryEquals => {
                Wanted::Binary(values.iter().map(|v| unpadded(v).into()).collect())
            }
            Comparison::IpAddress => {
                Wanted::Address(values.iter().filter_map(|v| Network::parse(v)).collect())
            }
            Comparison::Null => Wanted::Absent(values.iter().filter_map(|v| boolean(v)).collect()),
        };
        Self { operator: entry.operator, key: Key::new(&entry.key), wanted }
    }

    /// Whether the condition holds for a request.
    ///
    /// Listed values are joined by or; a negated operator holds when none of them matches. A missing key fails a positive operator
    /// and satisfies a negated one, one with `IfExists` and `ForAllValues`. For the set operators an empty value is no value.
    pub(crate) fn holds(&self, request: &Request<'_>) -> bool {
        let values = self.key.values(request);
        if let Wanted::Absent(wanted) = &self.wanted {
            let absent = values.is_none_or(|v| v.iter().next().is_none());
            return wanted.contains(&absent);
        }
        let operator = self.operator;
        let matches = |actual: &str| self.matches(actual, request) != operator.negated;
        let mut set = values.iter().flat_map(|v| v.iter()).filter(|v| !v.is_empty()).peekable();
        match (operator.qualifier, values) {
            (Qualifier::ForAllValues, _) => set.all(matches),
            (Qualifier::ForAnyValue, _) if set.peek().is_none() => operator.if_exists,
            (Qualifier::ForAnyValue, _) => set.any(matches),
            (Qualifier::None, None) => operator.if_exists || operator.negated,
            // A key of several values without a set operator: AWS leaves it open. One match is a match, as for the listed values.
            (Qualifier::None, Some(values)) if operator.negated => values.iter().all(matches),
            (Qualifier::None, Some(values)) => values.iter().any(matches),
        }
    }

    /// Whether one value of the request equals one that is listed.
    fn matches(&self, actual: &str, request: &Request<'_>) -> bool {
        match &self.wanted {
            Wanted::Equals(list) => list.iter().any(|w| w.equals(actual, request)),
            Wanted::EqualsIgnoringCase(list) => {
                list.iter().any(|w| w.equals_ignoring_case(actual, request))
            }
            Wanted::Like(list) => list.iter().any(|w| w.like(actual, request)),
            Wanted::Arn(list) => list.iter().any(|w| w.arn_like(actual, request)),
            Wanted::Number(order, list) => {
                number(actual).is_some_and(|a| list.iter().any(|w| order.allows(a.partial_cmp(w))))
            }
            Wanted::Date(order, list) => parse_date(actual)
                .is_some_and(|a| list.iter().any(|w| order.allows(Some(a.cmp(w))))),
            Wanted::Bool(list) => boolean(actual).is_some_and(|a| list.contains(&a)),
            Wanted::Binary(list) => list.iter().any(|w| **w == *unpadded(actual)),
            Wanted::Address(list) => actual
                .parse::<IpAddr>()
                .is_ok_and(|a| list.iter().any(|network| network.contains(a))),
            Wanted::Absent(_) => false,
        }
    }
}

/// A decimal number; neither `inf` nor `nan`, which Rust would read.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

fn boolean(text: &str) -> Option<bool> {
    [true, false]
        .into_iter()
        .find(|value| text.eq_ignore_ascii_case(if *value { "true" } else { "false" }))
}

/// Base64 without its padding: two texts of one length in characters then stand for the same bytes when they are equal.
fn unpadded(base64: &str) -> &str {
    base64.trim_end_matches('=')
}

#[cfg(test)]
mod tests;
