//! An explanation in words: the verdict, the one reason that matters, what would allow it, and then all seven checks.

use core::fmt;

use crate::{Effect, PolicyType, PrincipalBlock, StatementRef, document::StatementEffect};

use super::{
    Change, Check, Compared, Edit, Explanation, Match, NearMiss, Outcome, Part, PolicyChange,
    Spared,
    suggest::stands_in_the_way,
    words::{name, named},
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

    /// The first thing that stands in the way, and how much else does. The answer is the statement that was told in full.
    fn why(&self, text: &mut Text) -> Option<&StatementRef> {
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
        let denying = check.parts.iter().flat_map(|part| &part.matched);
        let denying = denying.filter(|found| found.effect == StatementEffect::Deny).count();
        let same = match (check.outcome, denying) {
            (Outcome::Denies, 2) => Some("another statement denies it too".to_owned()),
            (Outcome::Denies, 3..) => Some(format!("{} more statements deny it", denying - 1)),
            _ => None,
        };
        let others = blocking.iter().filter(|other| other.policy_type != check.policy_type);
        let others = others.map(|other| match other.outcome {
            Outcome::Denies => format!("{} denies it", other.policy_type.with_article()),
            _ => format!("no {} allows it", other.policy_type),
        });
        let others: Vec<String> = same.into_iter().chain(others).collect();
        if !others.is_empty() {
            text.line(Tone::Plain, format!("     That is not all: {}.", others.join(", and ")));
        }
        if check.outcome == Outcome::Denies {
            denial.map(|found| &found.statement)
        } else {
            nearest.map(|miss| &miss.statement)
        }
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
        let open = |change: &Change| match change {
            Change::Policy(PolicyChange {
                policy_type: PolicyType::Resource,
                edit: Edit::AddStatement(statement),
                ..
            }) => matches!(&statement.principals, PrincipalBlock::Principal(list)
                if list.iter().any(|(_, value)| &**value == "*")),
            _ => false,
        };
        if suggestion.changes.iter().any(open) {
            text.line(Tone::Bad, "Everybody may do it then, without signing in.");
        }
        let purpose = self.decision.effect == Effect::ExplicitDeny
            && suggestion.changes.iter().any(|change| matches!(change, Change::Policy(_)));
        if purpose {
            text.line(Tone::Plain, "A deny is usually meant: ask its owner before you change it.");
        }
    }

    fn tree(&self, text: &mut Text, told: Option<&StatementRef>) {
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
        [failed] if failed.negated => format!("but its {} lists it", failed.called()),
        [failed] => format!("but its {} does not match", failed.called()),
        failed => {
            let names: Vec<String> = failed.iter().map(Compared::called).collect();
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

impl Check {
    /// The level, as the beginning of a sentence.
    fn at(&self, part: &Part) -> String {
        part.level.map(|level| format!("at {}, ", self.level(level))).unwrap_or_default()
    }

    fn level(&self, level: usize) -> String {
        format!("level {} of {}", level + 1, self.parts.len())
    }

    fn tree(&self, text: &mut Text, told: Option<&StatementRef>) {
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
    fn tree(&self, text: &mut Text, check: &Check, told: Option<&StatementRef>) {
        let indent = if self.level.is_some() { "          " } else { "        " };
        let mut line = |words: String| text.line(Tone::Plain, format!("{indent}{words}"));
        let denies = self.effect == Effect::ExplicitDeny;
        let matched: Vec<&Match> = self
            .matched
            .iter()
            .filter(|found| !denies || found.effect == StatementEffect::Deny)
            .collect();
        let is_told =
            |statement: &StatementRef| told.is_some_and(|told| core::ptr::eq(told, statement));
        for found in matched.iter().take(STATEMENTS_MAX) {
            let verb = if denies { "denies" } else { "allows" };
            line(format!("{} {verb}", named(&found.statement)));
            if denies && !is_told(&found.statement) {
                found.conditions.iter().for_each(|condition| line(format!("  {condition}")));
            }
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
            if is_told(&miss.statement) {
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

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
