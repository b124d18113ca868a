//! What policies, statements, comparisons and changes are called in a text for people.

use core::fmt;

use crate::{PolicySource, StatementRef, document::StatementEffect};

use super::{
    Bringer, Change, Compared, Edit, FailedElement, Hint, Listed, NearMiss, PolicyChange,
    RequestChange,
};

/// More values of one list than this are not shown.
const VALUES_MAX: usize = 4;

/// What a policy is called in a sentence.
pub(super) fn name(source: &PolicySource) -> String {
    match source {
        PolicySource::Resource(_) => "the resource's policy".to_owned(),
        PolicySource::Trust(role) => format!("the trust policy of role {role}"),
        PolicySource::Session(n) => format!("session policy {}", n + 1),
        PolicySource::ServiceControl(id) | PolicySource::ResourceControl(id) => id.to_string(),
        PolicySource::VpcEndpoint(id) => format!("endpoint policy {id}"),
        other => other.to_string(),
    }
}

/// A statement with its policy and its place.
pub(super) fn named(found: &StatementRef) -> String {
    let ((line, column), _) = found.position();
    let statement = match found.sid() {
        Some(sid) => format!("`{sid}`"),
        None => format!("statement {}", found.index + 1),
    };
    format!("{statement} of {} (line {line}, column {column})", name(found.policy.source()))
}

/// Some values in backticks.
fn values(list: &[String]) -> String {
    let shown: Vec<String> =
        list.iter().take(VALUES_MAX).map(|value| format!("`{value}`")).collect();
    match list.len().saturating_sub(VALUES_MAX) {
        0 if list.is_empty() => "nothing".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Compared {
    /// The element as the policy has it.
    pub(super) fn called(&self) -> String {
        format!("{}{}", if self.negated { "Not" } else { "" }, self.element.name())
    }

    /// What is listed; of many actions those of the service that was asked for.
    fn relevant(&self) -> Vec<String> {
        let service = self.actual.first().and_then(|actual| actual.split_once(':'));
        let many = self.element == FailedElement::Action && self.wanted.len() > VALUES_MAX;
        let Some((service, _)) = service.filter(|_| many) else {
            return self.wanted.clone();
        };
        let same = |listed: &&String| {
            listed.split_once(':').is_none_or(|(other, _)| other.eq_ignore_ascii_case(service))
        };
        self.wanted.iter().filter(same).cloned().collect()
    }

    pub(super) fn pair(&self) -> (String, String) {
        let name = self.condition.clone().unwrap_or_else(|| self.called());
        let resolved = self.resolved.as_ref().filter(|resolved| **resolved != self.wanted);
        let resolved = resolved.map(|list| format!(", here {}", values(list))).unwrap_or_default();
        let wanted = format!("{name} {}{resolved}", values(&self.relevant()));
        let actual = match (&self.condition, self.actual.is_empty()) {
            (Some(name), true) => {
                let key = name.split_once(' ').map_or("", |(_, key)| key);
                format!("it has no {key}")
            }
            _ => values(&self.actual),
        };
        (wanted, actual)
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wanted, actual) = self.pair();
        write!(f, "{wanted}; the request: {actual}")
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case { .. } => {
                f.write_str("Only upper and lower case differ, and here they matter.")
            }
            Self::Inside { wanted, corrected } => {
                write!(f, "`{wanted}` is the thing itself; what is in it is `{corrected}`.")
            }
            Self::Itself { wanted, corrected } => {
                write!(f, "`{wanted}` is what is in it; the thing itself is `{corrected}`.")
            }
            Self::OldVersion { wanted } => {
                write!(f, "`{wanted}` is plain text here: only Version 2012-10-17 knows variables.")
            }
            Self::Wildcard { wanted, operator } => {
                write!(
                    f,
                    "The wildcard in `{wanted}` is plain text here: {operator} would know it."
                )
            }
            Self::Spelling { wanted, corrected } => {
                write!(f, "It looks like a slip: `{wanted}` is nearly `{corrected}`.")
            }
        }
    }
}

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((line, column), _) = self.position();
        match self.sid() {
            Some(sid) => write!(f, "`{sid}`")?,
            None => write!(f, "statement {}", self.index + 1)?,
        }
        write!(f, " of {} (line {line}, column {column})", self.policy.source())
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allows = self.effect == StatementEffect::Allow;
        write!(f, "{} would {}", self.statement, if allows { "allow" } else { "deny" })?;
        for (n, failed) in self.failures.iter().enumerate() {
            write!(f, "{}{failed}", if n == 0 { ", but " } else { "; and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => f.write_str("the actions"),
            Self::Resource => f.write_str("the resources"),
            Self::Condition(_, name) => write!(f, "the values of {name}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(change) => change.fmt(f),
            Self::Request(change) => change.fmt(f),
        }
    }
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.level.map(|level| format!(" at level {}", level + 1)).unwrap_or_default();
        let Some(source) = &self.source else {
            let policy_type = self.policy_type.with_article();
            return write!(f, "add {policy_type}{at} with this statement");
        };
        let awss_own = source.is_awss_own();
        let source = name(source);
        let statement = match (&self.sid, self.statement) {
            (Some(sid), _) => format!(", `{sid}`"),
            (None, Some(index)) => format!(", statement {}", index + 1),
            (None, None) => String::new(),
        };
        let place = self.place.map(|place| place.start);
        let place = place.map(|(l, c)| format!(" (line {l}, column {c})")).unwrap_or_default();
        match &self.edit {
            Edit::AddStatement(_) if awss_own => {
                write!(f, "{source} is AWS's own: use a copy of it{at} with this statement added")
            }
            Edit::AddStatement(_) => write!(f, "in {source}{at}, add this statement"),
            Edit::NewVersion => {
                write!(f, "in {source}{at}: make the Version 2012-10-17, which knows variables")
            }
            Edit::ReplaceOperator(listed, operator) => {
                write!(f, "in {source}{at}{statement}{place}: compare {listed} by {operator}")
            }
            Edit::RemovePolicy => write!(f, "take {source} off{at}"),
            Edit::RemoveStatement => write!(f, "in {source}{at}{statement}: remove the statement"),
            Edit::AddValue(listed, value) => {
                write!(f, "in {source}{at}{statement}{place}: add `{value}` to {listed}")
            }
            Edit::RemoveValue(listed, value) => {
                write!(f, "in {source}{at}{statement}{place}: take `{value}` out of {listed}")
            }
            Edit::ReplaceValue(listed, from, to) => {
                write!(
                    f,
                    "in {source}{at}{statement}{place}: of {listed}, write `{to}` for `{from}`"
                )
            }
            Edit::AddCondition(entry) => {
                let listed: Vec<String> = entry.values.iter().map(ToString::to_string).collect();
                let (operator, key) = (entry.operator, &entry.key);
                write!(
                    f,
                    "in {source}{at}{statement}: add the condition {operator} {key} {}",
                    values(&listed)
                )
            }
        }
    }
}

impl fmt::Display for RequestChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let tag = key.split_once('/').map_or("", |(_, tag)| tag);
        let value = match &self.value {
            Some(value) => match &self.pattern {
                Some(pattern) => format!("`{value}`, or another of `{pattern}`"),
                None => format!("`{value}`"),
            },
            None => "any value".to_owned(),
        };
        match self.bringer {
            Bringer::PrincipalTag => write!(f, "give the caller the tag {tag} = {value}"),
            Bringer::ResourceTag => write!(f, "give the resource the tag {tag} = {value}"),
            Bringer::Session if key.eq_ignore_ascii_case("aws:MultiFactorAuthPresent") => {
                write!(f, "sign in with MFA, so that the request has {key} = {value}")
            }
            Bringer::Session => write!(f, "make the request from a session with {key} = {value}"),
            Bringer::Request => write!(f, "make the request with {key} = {value}"),
        }
    }
}
