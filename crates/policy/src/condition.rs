//! One condition: an operator, a key and the values it is compared with, typed when the policy is compiled.

use crate::{
    Operator, Request, base64,
    deliberate::{Bug, bug},
    document::ConditionEntry,
    key::{Key, Values},
    network::{Network, parse_address},
    operator::{Comparison, Order, Qualifier},
    template::Template,
    time::parse_date,
    truth::Truth,
};

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    operator: Operator,
    pub(crate) key: Key,
    wanted: Wanted,
}

/// The listed values in the type that the operator compares.
#[derive(Clone, Debug)]
enum Wanted {
    Equals(Box<[Template]>),
    EqualsIgnoringCase(Box<[Template]>),
    Like(Box<[Template]>),
    Arn(Box<[Template]>),
    Number(Order, Typed<f64>),
    Date(Order, Typed<i64>),
    Bool(Typed<bool>),
    Binary(Typed<Box<[u8]>>),
    Address(Typed<Network>),
    Absent(Typed<bool>),
}

/// Listed values that could be read, and whether there are others.
#[derive(Clone, Debug)]
struct Typed<T> {
    values: Box<[T]>,
    unreadable: bool,
}

impl<T> Typed<T> {
    fn new(listed: &[Box<str>], read: impl Fn(&str) -> Option<T>) -> Self {
        let values: Box<[T]> = listed.iter().filter_map(|text| read(text)).collect();
        Self { unreadable: values.len() < listed.len(), values }
    }

    /// Whether a listed value matches; unknown where it could be one that can't be read.
    fn any(&self, matches: impl Fn(&T) -> bool) -> Truth {
        if self.values.iter().any(matches) {
            Truth::True
        } else if self.unreadable && !bug(Bug::UnreadableIsNoMatch) {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    /// The same for a value of the request, where that can be read.
    fn compare<A>(&self, actual: Option<A>, matches: impl Fn(&A, &T) -> bool) -> Truth {
        match actual {
            Some(actual) => self.any(|wanted| matches(&actual, wanted)),
            None if bug(Bug::UnreadableIsNoMatch) => Truth::False,
            // Without a listed value there is nothing that it could be.
            None => self
                .any(|_| false)
                .max(self.values.first().map_or(Truth::False, |_| Truth::Unknown)),
        }
    }
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
            Comparison::Numeric(order) => Wanted::Number(order, Typed::new(values, number)),
            Comparison::Date(order) => Wanted::Date(order, Typed::new(values, parse_date)),
            Comparison::Bool => Wanted::Bool(Typed::new(values, boolean)),
            Comparison::BinaryEquals => Wanted::Binary(Typed::new(values, base64::decode)),
            Comparison::IpAddress => Wanted::Address(Typed::new(values, Network::parse)),
            Comparison::Null => Wanted::Absent(Typed::new(values, boolean)),
        };
        Self { operator: entry.operator, key: Key::new(&entry.key), wanted }
    }

    /// The listed values that may hold variables.
    pub(crate) fn templates(&self) -> &[Template] {
        match &self.wanted {
            Wanted::Equals(list)
            | Wanted::EqualsIgnoringCase(list)
            | Wanted::Like(list)
            | Wanted::Arn(list) => list,
            _ => &[],
        }
    }

    /// Whether the condition can be unknown: values of its type can be unreadable.
    pub(crate) fn can_be_unknown(&self) -> bool {
        !matches!(self.wanted, Wanted::Equals(_) | Wanted::EqualsIgnoringCase(_) | Wanted::Like(_))
    }

    /// Whether the condition holds for a request; unknown where a value can't be read.
    ///
    /// Listed values are joined by or; a negated operator holds when none of them matches. A missing key fails a positive operator
    /// and satisfies a negated one, one with `IfExists` and `ForAllValues`. For the set operators an empty value is no value.
    #[inline]
    pub(crate) fn holds(&self, request: &Request<'_>) -> Truth {
        let values = self.key.values(request);
        if let Wanted::Absent(wanted) = &self.wanted {
            let absent = values.is_none_or(|v| v.iter().next().is_none());
            return wanted.any(|wanted| *wanted == absent);
        }
        let operator = self.operator;
        let matches = |actual: &str| self.matches(actual, request).not_if(operator.negated);
        match (operator.qualifier, values) {
            (Qualifier::None, None) => {
                let negated = operator.negated && !bug(Bug::MissingKeyFailsNegated);
                (operator.if_exists || negated).into()
            }
            (Qualifier::None, Some(Values::One(value))) => matches(value),
            // A key of several values without a set operator: AWS leaves it open. One match is a match, as for the listed values.
            (Qualifier::None, Some(values)) if operator.negated => {
                Truth::all(values.iter().map(matches))
            }
            (Qualifier::None, Some(values)) => Truth::any(values.iter().map(matches)),
            (qualifier, values) => {
                let present = |v: &&str| !v.is_empty() || bug(Bug::EmptyValueCountsInSets);
                let mut set = values.iter().flat_map(|v| v.iter()).filter(present).peekable();
                match (qualifier, set.peek()) {
                    (Qualifier::ForAllValues, None) => {
                        (!bug(Bug::ForAllValuesFailsOnNothing)).into()
                    }
                    (Qualifier::ForAllValues, Some(_)) => Truth::all(set.map(matches)),
                    (_, None) => operator.if_exists.into(),
                    (_, Some(_)) => Truth::any(set.map(matches)),
                }
            }
        }
    }

    /// Whether one value of the request equals one that is listed.
    fn matches(&self, actual: &str, request: &Request<'_>) -> Truth {
        match &self.wanted {
            Wanted::Equals(list)
                if bug(Bug::ListedValuesAreNegatedOneByOne) && self.operator.negated =>
            {
                (!list.iter().any(|w| !w.equals(actual, request))).into()
            }
            Wanted::Equals(list) => list.iter().any(|w| w.equals(actual, request)).into(),
            Wanted::EqualsIgnoringCase(list) => {
                list.iter().any(|w| w.equals_ignoring_case(actual, request)).into()
            }
            Wanted::Like(list) => list.iter().any(|w| w.like(actual, request)).into(),
            Wanted::Arn(list) => {
                let truth = Truth::any(list.iter().map(|w| w.arn_like(actual, request)));
                if bug(Bug::UnreadableIsNoMatch) { (truth == Truth::True).into() } else { truth }
            }
            Wanted::Number(order, list) => {
                list.compare(number(actual), |a, w| order.allows(a.partial_cmp(w)))
            }
            Wanted::Date(order, list) => {
                list.compare(parse_date(actual), |a, w| order.allows(Some(a.cmp(w))))
            }
            Wanted::Bool(list) => list.compare(boolean(actual), |a, w| a == w),
            Wanted::Binary(list) => {
                let readable = base64::bytes(actual).all(|byte| byte.is_ok()).then_some(actual);
                list.compare(readable, |a, w| base64::bytes(a).eq(w.iter().map(|byte| Ok(*byte))))
            }
            Wanted::Address(list) => {
                list.compare(parse_address(actual), |a, network| network.contains(*a))
            }
            Wanted::Absent(_) => Truth::False,
        }
    }
}

/// A decimal number; neither `inf` nor `nan`, which Rust would read.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
