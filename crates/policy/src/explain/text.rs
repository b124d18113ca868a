//! An explanation in words: the verdict, the one reason that matters, what would allow it, and then all seven checks.

use core::fmt;

use crate::{Effect, PolicySource, PolicyType, StatementRef, document::StatementEffect};

use super::{
    Bringer, Change, Check, Compared, Edit, Explanation, Hint, Listed, Match, NearMiss, Outcome,
    Part, PolicyChange, RequestChange, Spared, suggest::stands_in_the_way,
};

/// How a line is meant, for whoever prints it in colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// Allowed, or a check that allows.
    Good,
    /// Denied, or a check that stands in the way.
    Bad,
    /// What would allow it.
    Advice,
    /// Neither.
    Plain,
    /// What hardly matters.
    Faint,
}

/// A line of an explanation, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// More values of one list than this are not shown.
const VALUES_MAX: usize = 4;

/// More statements of one check than this are not shown.
const STATEMENTS_MAX: usize = 3;

impl Explanation {
    /// The text line by line.
    pub fn lines(&self) -> Vec<Line> {
        let mut text = Text::default();
        self.verdict(&mut text);
        let told = if self.decision.is_allowed() { None } else { self.why(&mut text) };
        if !self.decision.is_allowed() {
            self.advice(&mut text);
        }
        self.tree(&mut text, told);
        text.lines
    }

    fn verdict(&self, text: &mut Text) {
        let by: Vec<String> = self.decision.statements.iter().map(ToString::to_string).collect();
        match &self.sentence {
            Some(sentence) => text.line(Tone::Bad, sentence),
            None if by.is_empty() => {
                text.line(Tone::Good, "allowed: the root user needs no policy");
            }
            None => text.line(Tone::Good, format!("allowed by {}", by.join(" and "))),
        }
    }

    /// The first thing that stands in the way, and how much else does. The answer is the near miss that was told in full.
    fn why(&self, text: &mut Text) -> Option<&NearMiss> {
        let blocking: Vec<&Check> =
            self.checks.iter().filter(|check| check.outcome.blocks()).collect();
        let decided = Some(self.decision.policy_type);
        let check = blocking.iter().find(|check| Some(Some(check.policy_type)) == decided)?;
        let part = check.parts.iter().find(|part| stands_in_the_way(check, part))?;
        text.blank();
        let denial = part.matched.iter().find(|found| found.effect == StatementEffect::Deny);
        let nearest = part.near_misses.iter().find(|miss| miss.effect == StatementEffect::Allow);
        match (check.outcome, denial, nearest) {
            (Outcome::Denies, Some(found), _) => denied_by(text, found),
            (_, _, Some(miss)) => nearly_allowed_by(text, check, part, miss),
            _ => {
                let at = check.at(part);
                text.line(Tone::Plain, format!("Why: {at}{}.", silence(check, part)));
            }
        }
        let others: Vec<String> = blocking
            .iter()
            .filter(|other| other.policy_type != check.policy_type)
            .map(|other| match other.outcome {
                Outcome::Denies => format!("{} denies it", other.policy_type.with_article()),
                _ => format!("no {} allows it", other.policy_type),
            })
            .collect();
        if !others.is_empty() {
            text.line(Tone::Plain, format!("     That is not all: {}.", others.join(", and ")));
        }
        nearest.filter(|_| check.outcome == Outcome::Lacks)
    }

    fn advice(&self, text: &mut Text) {
        text.blank();
        let Some(suggestion) = &self.suggestion else {
            return text.line(Tone::Plain, "No small change was found that would allow it.");
        };
        let head = match suggestion.changes.as_slice() {
            [_] => "What would allow it (tried: it does):",
            _ => "What would allow it, all of this together (tried: it does):",
        };
        text.line(Tone::Plain, head);
        for change in &suggestion.changes {
            let mut words = change.to_string();
            if let Change::Policy(PolicyChange { edit: Edit::AddStatement(statement), .. }) = change
            {
                words += ":\n";
                words += &statement.to_json();
            }
            for (n, line) in words.lines().enumerate() {
                text.line(Tone::Advice, format!("  {}{line}", if n == 0 { "- " } else { "    " }));
            }
        }
        let purpose = self.decision.effect == Effect::ExplicitDeny
            && suggestion.changes.iter().any(|change| matches!(change, Change::Policy(_)));
        if purpose {
            text.line(Tone::Plain, "A deny is usually meant: ask its owner before you change it.");
        }
    }

    fn tree(&self, text: &mut Text, told: Option<&NearMiss>) {
        text.blank();
        text.line(Tone::Plain, "All seven checks:");
        let absent = |check: &&Check| check.outcome == Outcome::Spared(Spared::Absent);
        for check in self.checks.iter().filter(|check| !absent(check)) {
            check.tree(text, told);
        }
        let absent: Vec<String> =
            self.checks.iter().filter(absent).map(|check| check.policy_type.to_string()).collect();
        if !absent.is_empty() {
            text.line(Tone::Faint, format!("  --  none: {}", absent.join(", ")));
        }
        let keys: Vec<&str> = self
            .missing_keys
            .iter()
            .map(String::as_str)
            .filter(|key| !text.missing.iter().any(|told| told == key))
            .collect();
        if !keys.is_empty() {
            text.blank();
            let words = format!(
                "Other keys that were asked for and are not in the request: {}",
                keys.join(", ")
            );
            text.line(Tone::Plain, words);
        }
    }
}

fn denied_by(text: &mut Text, found: &Match) {
    let statement = named(&found.statement);
    text.line(Tone::Plain, format!("Why: {statement} denies it, and no allow can undo that."));
    for condition in &found.conditions {
        text.pair(condition);
        if let Some(note) = note_on_deny(condition) {
            text.line(Tone::Plain, format!("     {note}"));
        }
    }
}

/// What is easily overlooked: a deny whose condition holds because the key is missing.
fn note_on_deny(condition: &Compared) -> Option<String> {
    let name = condition.condition.as_deref().unwrap_or_default();
    let (operator, key) = name.split_once(' ')?;
    let missing = condition.missing_keys.first().is_some_and(|missing| missing == key);
    (missing && operator != "Null")
        .then(|| format!("A missing {key} counts as a match: that is what {operator} does."))
}

fn nearly_allowed_by(text: &mut Text, check: &Check, part: &Part, miss: &NearMiss) {
    let at = check.at(part);
    let statement = named(&miss.statement);
    let but = match miss.failures.as_slice() {
        [failed] => format!("but its {} does not match", failed.element.name()),
        failed => {
            let names: Vec<&str> = failed.iter().map(|failed| failed.element.name()).collect();
            format!("but these do not match: {}", names.join(", "))
        }
    };
    text.line(Tone::Plain, format!("Why: {at}{statement} would allow it, {but}:"));
    for failed in &miss.failures {
        text.pair(failed);
        if let Some(hint) = &failed.hint {
            text.line(Tone::Plain, format!("     {hint}"));
        }
    }
}

/// Why policies that nothing nearly matched in say nothing.
fn silence(check: &Check, part: &Part) -> String {
    let policy_type = check.policy_type;
    match (part.policies.as_slice(), part.statements) {
        ([], _) if part.level.is_some() => format!("there is no {policy_type} at all"),
        ([], _) => match policy_type {
            PolicyType::Identity => "no policy is attached to the caller".to_owned(),
            PolicyType::Resource => {
                "the resource has no policy, and here it would have to allow the caller".to_owned()
            }
            PolicyType::Session => {
                "a federated session may do nothing without a session policy".to_owned()
            }
            _ => format!("there is no {policy_type}"),
        },
        ([one], 1) => format!("the only statement of {} does not speak of this action", name(one)),
        ([one], many) => {
            format!("none of the {many} statements of {} speaks of this action", name(one))
        }
        (several, many) => {
            format!(
                "none of the {many} statements in {} policies speaks of this action",
                several.len()
            )
        }
    }
}

/// What a policy is called in a sentence.
fn name(source: &PolicySource) -> String {
    match source {
        PolicySource::Resource(_) => "the resource's policy".to_owned(),
        PolicySource::Trust(role) => format!("the trust policy of role {role}"),
        PolicySource::Session(n) => format!("session policy {}", n + 1),
        PolicySource::ServiceControl(id) | PolicySource::ResourceControl(id) => id.to_string(),
        PolicySource::VpcEndpoint(id) => format!("the policy of endpoint {id}"),
        other => other.to_string(),
    }
}

/// A statement with its policy and its place.
fn named(found: &StatementRef) -> String {
    let ((line, column), _) = found.position();
    let statement = match found.sid() {
        Some(sid) => format!("`{sid}`"),
        None => format!("statement {}", found.index + 1),
    };
    format!("{statement} of {} (line {line}, column {column})", name(found.policy.source()))
}

impl Check {
    /// The level, as the beginning of a sentence.
    fn at(&self, part: &Part) -> String {
        part.level.map(|level| format!("at {}, ", self.level(level))).unwrap_or_default()
    }

    fn level(&self, level: usize) -> String {
        format!("level {} of {}", level + 1, self.parts.len())
    }

    fn tree(&self, text: &mut Text, told: Option<&NearMiss>) {
        let policy_type = self.policy_type;
        let (tone, mark, said) = match self.outcome {
            Outcome::Allows => (Tone::Good, "ok", "allows"),
            Outcome::Denies => (Tone::Bad, "NO", "denies"),
            Outcome::Lacks => (Tone::Bad, "NO", "does not allow"),
            Outcome::Spared(spared) => (Tone::Faint, "--", spared.words()),
        };
        text.line(tone, format!("  {mark}  {policy_type}: {said}"));
        for part in &self.parts {
            if let Some(level) = part.level {
                let said = match part.effect {
                    Effect::Allow => "allows",
                    Effect::ImplicitDeny => "does not allow",
                    Effect::ExplicitDeny => "denies",
                };
                text.line(Tone::Plain, format!("        {}: {said}", self.level(level)));
            }
            part.tree(text, self, told);
        }
    }
}

impl Part {
    fn tree(&self, text: &mut Text, check: &Check, told: Option<&NearMiss>) {
        let indent = if self.level.is_some() { "          " } else { "        " };
        let mut line = |words: String| text.line(Tone::Plain, format!("{indent}{words}"));
        let denies = self.effect == Effect::ExplicitDeny;
        let matched: Vec<&Match> = self
            .matched
            .iter()
            .filter(|found| !denies || found.effect == StatementEffect::Deny)
            .collect();
        for found in matched.iter().take(STATEMENTS_MAX) {
            let verb = if denies { "denies" } else { "allows" };
            line(format!("{} {verb}", named(&found.statement)));
        }
        more(&mut line, matched.len());
        // What nearly allowed matters only where nothing did, and what nearly denied never does.
        if !stands_in_the_way(check, self) || denies {
            return;
        }
        let near: Vec<&NearMiss> =
            self.near_misses.iter().filter(|miss| miss.effect == StatementEffect::Allow).collect();
        for miss in near.iter().take(STATEMENTS_MAX) {
            let statement = named(&miss.statement);
            if told.is_some_and(|told| core::ptr::eq(told, *miss)) {
                line(format!("{statement} would allow, but: see above"));
                continue;
            }
            line(format!("{statement} would allow, but"));
            for failed in &miss.failures {
                line(format!("  {failed}"));
            }
        }
        more(&mut line, near.len());
        if near.is_empty() {
            line(silence(check, self));
        }
    }
}

fn more(line: &mut impl FnMut(String), all: usize) {
    if let more @ 1.. = all.saturating_sub(STATEMENTS_MAX) {
        line(format!("and {more} more"));
    }
}

impl Spared {
    fn words(self) -> &'static str {
        match self {
            Self::Absent => "there is none",
            Self::Unbound => "does not bind such a caller",
            Self::Root => "the root user needs none",
            Self::Homeless => "such a caller has none",
            Self::Named => "not needed: the resource's policy names the caller itself",
            Self::SameAccount => "says nothing, which is enough within one account",
        }
    }
}

#[derive(Default)]
struct Text {
    lines: Vec<Line>,
    /// Keys that were said to be missing.
    missing: Vec<String>,
}

impl Text {
    fn line(&mut self, tone: Tone, text: impl Into<String>) {
        self.lines.push(Line { tone, text: text.into() });
    }

    fn blank(&mut self) {
        self.line(Tone::Plain, "");
    }

    /// What the policy has above what the request has.
    fn pair(&mut self, compared: &Compared) {
        let (wanted, actual) = compared.pair();
        self.missing.extend_from_slice(&compared.missing_keys);
        self.line(Tone::Plain, format!("       policy:  {wanted}"));
        self.line(Tone::Plain, format!("       request: {actual}"));
    }
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
    fn pair(&self) -> (String, String) {
        let not = if self.negated { "Not" } else { "" };
        let name = match &self.condition {
            Some(condition) => condition.clone(),
            None => format!("{not}{}", self.element.name()),
        };
        let resolved = self.resolved.as_ref().filter(|resolved| **resolved != self.wanted);
        let resolved = resolved.map(|list| format!(", here {}", values(list))).unwrap_or_default();
        let wanted = format!("{name} {}{resolved}", values(&self.wanted));
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
            Some(value) => format!("`{value}`"),
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

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
