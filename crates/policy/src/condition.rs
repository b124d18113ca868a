//! Condition operators: what they are called and when they hold.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{time::parse_date, wildcard::wildcard_matches};

/// What an operator compares, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    BinaryEquals,
    IpAddress,
    ArnLike,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// `ForAllValues:` or `ForAnyValue:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Qualifier {
    None,
    ForAllValues,
    ForAnyValue,
}

/// A condition operator with its qualifier and suffix, such as `ForAnyValue:StringLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    pub(crate) qualifier: Qualifier,
    pub(crate) comparison: Comparison,
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
    /// The name that was written, since `ArnEquals` and `ArnLike` are one comparison with two names.
    name: &'static str,
}

use Comparison as C;
use Order as O;

const OPERATORS: [(&str, Comparison, bool); 27] = [
    ("StringEquals", C::StringEquals, false),
    ("StringNotEquals", C::StringEquals, true),
    ("StringEqualsIgnoreCase", C::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", C::StringEqualsIgnoreCase, true),
    ("StringLike", C::StringLike, false),
    ("StringNotLike", C::StringLike, true),
    ("NumericEquals", C::Numeric(O::Equals), false),
    ("NumericNotEquals", C::Numeric(O::Equals), true),
    ("NumericLessThan", C::Numeric(O::LessThan), false),
    ("NumericLessThanEquals", C::Numeric(O::LessThanEquals), false),
    ("NumericGreaterThan", C::Numeric(O::GreaterThan), false),
    ("NumericGreaterThanEquals", C::Numeric(O::GreaterThanEquals), false),
    ("DateEquals", C::Date(O::Equals), false),
    ("DateNotEquals", C::Date(O::Equals), true),
    ("DateLessThan", C::Date(O::LessThan), false),
    ("DateLessThanEquals", C::Date(O::LessThanEquals), false),
    ("DateGreaterThan", C::Date(O::GreaterThan), false),
    ("DateGreaterThanEquals", C::Date(O::GreaterThanEquals), false),
    ("Bool", C::Bool, false),
    ("BinaryEquals", C::BinaryEquals, false),
    ("IpAddress", C::IpAddress, false),
    ("NotIpAddress", C::IpAddress, true),
    ("ArnEquals", C::ArnLike, false),
    ("ArnLike", C::ArnLike, false),
    ("ArnNotEquals", C::ArnLike, true),
    ("ArnNotLike", C::ArnLike, true),
    ("Null", C::Null, false),
];

impl Operator {
    /// Reads an operator. Names are compared without regard to case, as AWS does; `NullIfExists` is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (qualifier, rest) = match text.split_once(':') {
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAllValues") => (Qualifier::ForAllValues, rest),
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAnyValue") => (Qualifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Qualifier::None, text),
        };
        let suffix = rest.len().checked_sub("IfExists".len()).and_then(|n| rest.split_at_checked(n));
        let (base, if_exists) = match suffix {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (base, true),
            _ => (rest, false),
        };
        let known = OPERATORS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(base))?;
        let (name, comparison, negated) = *known;
        if comparison == C::Null && (if_exists || qualifier != Qualifier::None) {
            return None;
        }
        Some(Self { qualifier, comparison, negated, if_exists, name })
    }

    /// Whether values of this operator may hold policy variables (AWS's variables page: strings and ARNs).
    pub(crate) fn takes_variables(self) -> bool {
        matches!(
            self.comparison,
            C::StringEquals | C::StringEqualsIgnoreCase | C::StringLike | C::ArnLike
        )
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.qualifier {
            Qualifier::None => "",
            Qualifier::ForAllValues => "ForAllValues:",
            Qualifier::ForAnyValue => "ForAnyValue:",
        })?;
        f.write_str(self.name)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

/// Whether one value of the request equals one value of the policy in the sense of `comparison`. Text that can't be read as what is
/// compared does not match.
pub(crate) fn holds(comparison: Comparison, wanted: &str, actual: &str) -> bool {
    match comparison {
        C::StringEquals => wanted == actual,
        C::StringEqualsIgnoreCase => wanted.to_lowercase() == actual.to_lowercase(),
        C::StringLike => wildcard_matches(wanted, actual),
        C::Numeric(order) => match (number(wanted), number(actual)) {
            (Some(wanted), Some(actual)) => ordered(order, actual.partial_cmp(&wanted)),
            _ => false,
        },
        C::Date(order) => match (parse_date(wanted), parse_date(actual)) {
            (Some(wanted), Some(actual)) => ordered(order, Some(actual.cmp(&wanted))),
            _ => false,
        },
        C::Bool => wanted.eq_ignore_ascii_case(actual) && matches!(actual.to_ascii_lowercase().as_str(), "true" | "false"),
        C::BinaryEquals => wanted.trim_end_matches('=') == actual.trim_end_matches('='),
        C::IpAddress => in_network(wanted, actual),
        C::ArnLike => arn_like(wanted, actual),
        C::Null => false,
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

fn ordered(order: Order, found: Option<core::cmp::Ordering>) -> bool {
    use core::cmp::Ordering::{Equal, Greater, Less};
    let Some(found) = found else { return false };
    match order {
        O::Equals => found == Equal,
        O::LessThan => found == Less,
        O::LessThanEquals => found != Greater,
        O::GreaterThan => found == Greater,
        O::GreaterThanEquals => found != Less,
    }
}

fn in_network(network: &str, address: &str) -> bool {
    let (base, prefix) = match network.split_once('/') {
        Some((base, prefix)) => (base, prefix.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Some(prefix), Ok(address)) = (base.parse(), prefix, address.parse::<IpAddr>()) else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let prefix = if network.contains('/') { prefix } else { 32 };
            prefix <= 32 && masked_v4(base, prefix) == masked_v4(address, prefix)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            prefix <= 128 && masked_v6(base, prefix) == masked_v6(address, prefix)
        }
        _ => false,
    }
}

fn masked_v4(address: Ipv4Addr, prefix: u32) -> u32 {
    address.to_bits() & u32::MAX.checked_shl(32 - prefix).unwrap_or(0)
}

fn masked_v6(address: Ipv6Addr, prefix: u32) -> u128 {
    address.to_bits() & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}

/// ARNs are compared part by part: a wildcard never crosses one of the first five colons.
pub(crate) fn arn_like(pattern: &str, arn: &str) -> bool {
    let (mut p, mut a) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (p.next(), a.next()) {
            (None, None) => return true,
            (Some(p), Some(a)) if wildcard_matches(p, a) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operator: &str, wanted: &str, actual: &str, expected: bool) {
        let operator = Operator::parse(operator).unwrap();
        assert_eq!(holds(operator.comparison, wanted, actual) != operator.negated, expected, "{operator} {wanted} {actual}");
    }

    #[test]
    fn comparisons() {
        check("StringEquals", "a", "a", true);
        check("StringEquals", "a", "A", false);
        check("StringEqualsIgnoreCase", "a", "A", true);
        check("StringLike", "a*", "abc", true);
        check("StringNotLike", "a*", "abc", false);
        check("NumericLessThan", "10", "9", true);
        check("NumericEquals", "10", "10.0", true);
        check("NumericEquals", "10", "ten", false);
        check("DateGreaterThan", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", true);
        check("DateLessThan", "2020-01-01T00:00:00Z", "1577836799", true);
        check("Bool", "true", "TRUE", true);
        check("Bool", "true", "yes", false);
        check("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true);
        check("IpAddress", "203.0.113.0/24", "203.0.113.7", true);
        check("IpAddress", "203.0.113.7", "203.0.113.7", true);
        check("IpAddress", "203.0.113.7", "203.0.113.8", false);
        check("NotIpAddress", "203.0.113.0/24", "203.0.114.7", true);
        check("IpAddress", "0.0.0.0/0", "203.0.113.8", true);
        check("IpAddress", "2001:db8::/32", "2001:db8::1", true);
        check("IpAddress", "2001:db8::/32", "203.0.113.8", false);
        check("ArnLike", "arn:aws:sns:*:123456789012:t*", "arn:aws:sns:eu-west-1:123456789012:topic", true);
        check("ArnEquals", "arn:aws:svc:*:111122223333:finance/*", "arn:aws:svc:store/abc:111122223333:finance/d", true);
        check("ArnLike", "arn:aws:svc:*:111122223333:f/*", "arn:aws:svc:a:b:111122223333:f/d", false);
        check("StringLike", "arn:aws:svc:*:111122223333:f/*", "arn:aws:svc:a:b:111122223333:f/d", true);
    }

    #[test]
    fn names() {
        for name in ["StringEquals", "ForAllValues:StringLikeIfExists", "ForAnyValue:ArnEquals", "NullIfExist", "NullIfExists", "Foo"] {
            let parsed = Operator::parse(name).map(|o| o.to_string());
            let expected = !name.starts_with("NullIf") && name != "Foo";
            assert_eq!(parsed.as_deref() == Some(name), expected, "{name}");
        }
    }
}
