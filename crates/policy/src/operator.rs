//! Condition operators: their names, and what each compares.

use core::{cmp::Ordering, fmt};

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

/// How two numbers or dates must stand to each other, the request's on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

impl Order {
    /// Whether what was found is what is wanted; things that can't be compared never are.
    pub(crate) fn allows(self, found: Option<Ordering>) -> bool {
        found.is_some_and(|found| match self {
            Self::Equals => found.is_eq(),
            Self::LessThan => found.is_lt(),
            Self::LessThanEquals => found.is_le(),
            Self::GreaterThan => found.is_gt(),
            Self::GreaterThanEquals => found.is_ge(),
        })
    }
}

/// How several values of a request are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Qualifier {
    /// No prefix: for keys of a single value.
    None,
    /// `ForAllValues:`: every value must match; holds without any value.
    ForAllValues,
    /// `ForAnyValue:`: one value must match.
    ForAnyValue,
}

/// A condition operator with its prefix and suffix, such as `ForAnyValue:StringLikeIfExists`.
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

/// Name, comparison, whether negated (AWS, "IAM JSON policy elements: Condition operators").
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
    /// Reads an operator. Names are compared without regard to case; `Null` takes no suffix; a prefix of it is read and does nothing, as
    /// AWS takes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (qualifier, rest) = match text.split_once(':') {
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAllValues") => {
                (Qualifier::ForAllValues, rest)
            }
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAnyValue") => {
                (Qualifier::ForAnyValue, rest)
            }
            Some(_) => return None,
            None => (Qualifier::None, text),
        };
        let suffix =
            rest.len().checked_sub("IfExists".len()).and_then(|n| rest.split_at_checked(n));
        let (base, if_exists) = match suffix {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (base, true),
            _ => (rest, false),
        };
        let known = OPERATORS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(base));
        let (name, comparison, negated) = *known?;
        (comparison != C::Null || !if_exists).then_some(Self {
            qualifier,
            comparison,
            negated,
            if_exists,
            name,
        })
    }

    /// Whether it compares texts letter by letter, upper and lower case too.
    pub(crate) fn minds_case(self) -> bool {
        matches!(self.comparison, C::StringEquals | C::StringLike | C::ArnLike) && !self.negated
    }

    /// The same operator with wildcards; `None` where it has them, or where there is no such one.
    pub(crate) fn with_wildcards(self) -> Option<Self> {
        if self.comparison != C::StringEquals {
            return None;
        }
        let name = if self.negated { "StringNotLike" } else { "StringLike" };
        Some(Self { comparison: C::StringLike, name, ..self })
    }

    /// Whether values of this operator may hold policy variables: those on strings and ARNs. (AWS's page on operators adds `Bool`,
    /// its page on variables does not; the latter is followed.)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_printed_as_it_is_read() {
        for (name, comparison, _) in OPERATORS {
            for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
                for suffix in ["", "IfExists"] {
                    let text = format!("{prefix}{name}{suffix}");
                    let read = Operator::parse(&text).map(|o| o.to_string());
                    let known = comparison != C::Null || suffix.is_empty();
                    let expected = known.then(|| text.clone());
                    assert_eq!(read, expected, "{text}");
                }
            }
        }
    }

    #[test]
    fn case_does_not_matter_and_other_names_are_none() {
        assert_eq!(
            Operator::parse("foranyvalue:stringlikeifexists").unwrap().to_string(),
            "ForAnyValue:StringLikeIfExists"
        );
        for text in [
            "",
            "IfExists",
            "StringEqual",
            "ForSome:StringEquals",
            "ForAllValues:",
            "StringEqualsIfExist",
        ] {
            assert_eq!(Operator::parse(text), None, "{text}");
        }
    }
}
