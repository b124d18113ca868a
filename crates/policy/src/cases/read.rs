//! Reading a file of cases: every mistake of the file named with its line and its case, before anything is decided.

use core::fmt;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    Loader,
    judge::judge,
    report::{CaseResult, Report},
    schema::{CaseSpec, FileSpec},
    situation::{Situation, SituationError},
};

/// Largest file that is read, in bytes.
const FILE_MAX: usize = 4 << 20;

/// A text that is no file of cases. Nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CaseFileError {
    file: String,
    line: Option<usize>,
    case: Option<String>,
    what: String,
}

impl fmt::Display for CaseFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(case) = &self.case {
            write!(f, ": case `{case}`")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// A file of cases that could be read.
#[derive(Clone, Debug)]
pub struct CaseFile {
    file: String,
    spec: FileSpec,
    /// The line of each case, from 1; 0 where its name is written in an unusual way.
    lines: Vec<usize>,
}

impl CaseFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is too long, no YAML, has a field that no case has, or names a case twice or not at all.
    pub fn read(file: &str, text: &str) -> Result<Self, CaseFileError> {
        let wrong = |line, case, what: &str| CaseFileError {
            file: file.to_owned(),
            line,
            case,
            what: what.to_owned(),
        };
        if text.len() > FILE_MAX {
            return Err(wrong(None, None, &format!("it is longer than {FILE_MAX} bytes")));
        }
        let mut spec: FileSpec =
            serde_yaml_ng::from_str(text).map_err(|e| not_read(file, text, &e))?;
        if spec.defaults.name.is_some() {
            return Err(wrong(None, None, "`defaults` can't have a `name`"));
        }
        let mut seen = BTreeSet::new();
        let mut lines = Vec::with_capacity(spec.cases.len());
        for (n, case) in spec.cases.iter().enumerate() {
            let Some(name) = case.name.as_ref().filter(|name| !name.is_empty()) else {
                return Err(wrong(None, None, &format!("case {} has no name", n + 1)));
            };
            let line = line_of(text, name);
            if !seen.insert(name.as_str()) {
                return Err(wrong(line, Some(name.clone()), "another case has this name"));
            }
            if let Some(what) = contradiction(&case.clone().or(&spec.defaults)) {
                return Err(wrong(line, Some(name.clone()), what));
            }
            lines.push(line.unwrap_or_default());
        }
        for case in &mut spec.cases {
            *case = case.clone().or(&spec.defaults);
        }
        Ok(Self { file: file.to_owned(), spec, lines })
    }

    /// Runs every case.
    pub fn run(&self, loader: Loader<'_>) -> Report {
        let results = self.spec.cases.iter().zip(&self.lines).map(|(case, line)| CaseResult {
            name: case.name.clone().unwrap_or_default(),
            line: *line,
            source: case.source.clone().or_else(|| self.spec.source.clone()),
            covers: case.covers.clone().unwrap_or_default().0,
            verdict: judge(&self.spec, case, loader),
        });
        Report { file: self.file.clone(), results: results.collect() }
    }

    /// The cases that ask for a decision, by name, each with all that the decision depends on: for whoever wants to decide in
    /// another way.
    pub fn situations<'a>(
        &'a self,
        loader: Loader<'a>,
    ) -> impl Iterator<Item = (&'a str, Result<Situation, SituationError>)> {
        let asking = self.spec.cases.iter().filter(|case| case.document.is_none());
        asking.map(move |case| {
            (case.name.as_deref().unwrap_or_default(), Situation::of(&self.spec, case, loader))
        })
    }
}

/// What makes no sense in a case, if anything does.
fn contradiction(case: &CaseSpec) -> Option<&'static str> {
    use super::schema::Expected::{Malformed, WellFormed};
    let reads = case.error.is_some() || case.finds.is_some() || case.does_not_find.is_some();
    match (&case.document, case.expect) {
        (_, None) => Some("it says not what to `expect`"),
        (Some(_), Some(Malformed | WellFormed)) => {
            let refused = case.expect == Some(Malformed);
            match (refused, &case.error, &case.finds, &case.does_not_find) {
                (false, Some(_), ..) => Some("a document with an `error` is `malformed`"),
                (true, _, Some(_), _) | (true, _, _, Some(_)) => {
                    Some("there are no findings on a document that is `malformed`")
                }
                _ => None,
            }
        }
        (Some(_), Some(_)) => Some("a `document` is `malformed` or `wellFormed`"),
        (None, Some(Malformed | WellFormed)) => {
            Some("only a `document` is `malformed` or `wellFormed`")
        }
        (None, Some(_)) if reads => {
            Some("`error`, `finds` and `does_not_find` are about a `document`")
        }
        (None, Some(_)) => None,
    }
}

/// An error of the YAML reader in our words: its line, and the name of the case that it is in.
fn not_read(file: &str, text: &str, error: &serde_yaml_ng::Error) -> CaseFileError {
    /// The names alone, whatever else a case holds.
    #[derive(Deserialize)]
    struct Names {
        cases: Vec<Name>,
    }
    #[derive(Deserialize)]
    struct Name {
        name: Option<String>,
    }
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or(&said);
    // `cases[3].principal: unknown field …`
    let (path, what) = match what.split_once(": ") {
        Some((path, what)) if !path.contains(' ') => (path, what),
        _ => ("", what),
    };
    let number = path.strip_prefix("cases[").and_then(|rest| rest.split(']').next()?.parse().ok());
    let case = number.and_then(|number: usize| {
        let names: Names = serde_yaml_ng::from_str(text).ok()?;
        Some(names.cases.get(number)?.name.clone().unwrap_or_else(|| (number + 1).to_string()))
    });
    let place =
        if case.is_none() && !path.is_empty() { format!("{path}: ") } else { String::new() };
    CaseFileError {
        file: file.to_owned(),
        line: error.location().map(|l| l.line()),
        case,
        what: format!("{place}{what}"),
    }
}

/// The line on which a case is named.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let names = |line: &str| {
        let start = line.trim_start().trim_start_matches(['-', ' ', '{']);
        start.strip_prefix("name:").is_some_and(|rest| rest.contains(name))
    };
    text.lines().position(names).map(|n| n + 1)
}

impl CaseSpec {
    /// The case, with the defaults where it says nothing. A field is taken whole or not at all.
    fn or(self, defaults: &Self) -> Self {
        let d = defaults.clone();
        // A document is no request: it takes no caller, policies or expectation meant for one, which all would contradict it.
        let reads = self.document.is_some();
        let for_requests = |d: Self| if reads { Self::default() } else { d };
        let r = for_requests(d.clone());
        Self {
            name: self.name,
            source: self.source.or(d.source),
            covers: self.covers.or(d.covers),
            known: self.known.or(d.known),
            principal: self.principal.or(r.principal),
            identity: self.identity.or(r.identity),
            groups: self.groups.or(r.groups),
            boundary: self.boundary.or(r.boundary),
            session_policies: self.session_policies.or(r.session_policies),
            resource_policy: self.resource_policy.or(r.resource_policy),
            trust_policy: self.trust_policy.or(r.trust_policy),
            scp: self.scp.or(r.scp),
            endpoint_policy: self.endpoint_policy.or(r.endpoint_policy),
            rcp: self.rcp.or(r.rcp),
            action: self.action.or(r.action),
            resource: self.resource.or(r.resource),
            resource_account: self.resource_account.or(r.resource_account),
            resource_tags: self.resource_tags.or(r.resource_tags),
            resource_org: self.resource_org.or(r.resource_org),
            resource_policy_must_allow: self
                .resource_policy_must_allow
                .or(r.resource_policy_must_allow),
            context: self.context.or(r.context),
            expect: self.expect.or(r.expect),
            decided_by: self.decided_by.or(r.decided_by),
            sids: self.sids.or(r.sids),
            document: self.document.or(d.document),
            kind: self.kind.or(d.kind),
            error: self.error.or(d.error),
            finds: self.finds.or(d.finds),
            does_not_find: self.does_not_find.or(d.does_not_find),
        }
    }
}
