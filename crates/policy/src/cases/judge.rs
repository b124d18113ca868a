//! One case: what is expected beside what comes.

use std::collections::BTreeSet;

use super::{
    Loader, document,
    report::{Mismatch, Verdict},
    schema::{CaseSpec, DecidedBy, ErrorSpec, Expected, FileSpec, KindSpec, OneOrMany},
    situation::Situation,
};
use crate::{Decision, Effect, PolicyDocument, PolicyError, Request, authorize, explain, lint};

/// Runs a case.
pub(crate) fn judge(file: &FileSpec, case: &CaseSpec, loader: Loader<'_>) -> Verdict {
    let mismatches = if case.document.is_some() {
        read(file, case, loader).into_iter().collect()
    } else {
        match Situation::of(file, case, loader) {
            Ok(situation) => {
                let found = |request| compare(case, &situation, &request);
                situation.requests().filter_map(found).collect()
            }
            Err(e) => vec![undecided(case, &e.to_string())],
        }
    };
    match (mismatches.is_empty(), &case.known) {
        (true, None) => Verdict::Passed,
        (false, None) => Verdict::Failed { mismatches },
        (false, Some(reason)) => Verdict::Known { reason: reason.clone(), mismatches },
        (true, Some(reason)) => Verdict::Failed {
            mismatches: vec![Mismatch {
                about: "the case".to_owned(),
                expected: format!("to fail, as is known: {reason}"),
                actual: "it passed: take `known` out".to_owned(),
                explanation: String::new(),
            }],
        },
    }
}

fn undecided(case: &CaseSpec, why: &str) -> Mismatch {
    Mismatch {
        about: "the case".to_owned(),
        expected: case.expect.map_or("", Expected::as_str).to_owned(),
        actual: format!("it can't be decided: {why}"),
        explanation: String::new(),
    }
}

impl Expected {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
            Self::Malformed => "malformed",
            Self::WellFormed => "wellFormed",
        }
    }
}

impl DecidedBy {
    /// The type in the words of AWS's access-denied sentence.
    fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
        }
    }
}

/// The part of a decision that a case speaks of, as text, so that both sides are compared and shown in the same words.
#[derive(PartialEq, Eq)]
struct Outcome {
    effect: &'static str,
    decided_by: Option<String>,
    sids: Option<BTreeSet<String>>,
}

impl Outcome {
    fn expected(case: &CaseSpec) -> Self {
        Self {
            effect: case.expect.map_or("", Expected::as_str),
            decided_by: case.decided_by.map(|by| by.as_str().to_owned()),
            sids: case.sids.as_ref().map(|sids| sids.0.iter().cloned().collect()),
        }
    }

    fn actual(decision: &Decision, case: &CaseSpec) -> Self {
        let effect = match decision.effect {
            Effect::Allow => Expected::Allowed,
            Effect::ImplicitDeny => Expected::ImplicitDeny,
            Effect::ExplicitDeny => Expected::ExplicitDeny,
        };
        let by = || decision.policy_type.map_or("nothing".to_owned(), |by| by.to_string());
        let sids =
            || decision.statements.iter().filter_map(|s| s.sid().map(str::to_owned)).collect();
        Self {
            effect: effect.as_str(),
            decided_by: case.decided_by.map(|_| by()),
            sids: case.sids.as_ref().map(|_| sids()),
        }
    }

    fn text(&self) -> String {
        let mut text = self.effect.to_owned();
        if let Some(by) = &self.decided_by {
            text.extend([" by ", by]);
        }
        if let Some(sids) = &self.sids {
            let sids: Vec<&str> = sids.iter().map(String::as_str).collect();
            text.extend([" through [", &sids.join(", "), "]"]);
        }
        text
    }
}

fn compare(case: &CaseSpec, situation: &Situation, request: &Request<'_>) -> Option<Mismatch> {
    let expected = Outcome::expected(case);
    let actual = Outcome::actual(&authorize(&situation.set, request), case);
    (expected != actual).then(|| Mismatch {
        about: format!("{} on {}", request.action, request.resource),
        expected: expected.text(),
        actual: actual.text(),
        explanation: in_one_piece(&explain(&situation.set, request).to_string()),
    })
}

/// Reads the document of a case and compares what came.
fn read(file: &FileSpec, case: &CaseSpec, loader: Loader<'_>) -> Option<Mismatch> {
    let document = case.document.as_ref()?;
    let written = match document::find(&file.policies, document, "document", loader) {
        Ok(written) => written,
        Err(why) => return Some(undecided(case, &why)),
    };
    let kind = case.kind.unwrap_or(KindSpec::Identity).kind();
    let result = PolicyDocument::parse(&written.text, kind);
    let mismatch = |expected: String, actual: String| {
        let about = format!("document `{}`", written.name);
        Some(Mismatch { about, expected, actual, explanation: String::new() })
    };
    let wants_error = case.expect == Some(Expected::Malformed);
    match (&result, wants_error) {
        (Ok(_), true) => mismatch("malformed".to_owned(), "wellFormed".to_owned()),
        (Err(e), false) => mismatch("wellFormed".to_owned(), format!("malformed: {e}")),
        (Err(e), true) => {
            let wanted = case.error.as_ref().filter(|wanted| !wanted.is(e))?;
            mismatch(wanted.text(), e.to_string())
        }
        (Ok(document), false) => {
            let found: BTreeSet<&str> = lint(document).iter().map(|f| f.code.as_str()).collect();
            let codes = |many: &Option<OneOrMany<String>>| many.clone().unwrap_or_default().0;
            let (wanted, unwanted) = (codes(&case.finds), codes(&case.does_not_find));
            let right = wanted.iter().all(|code| found.contains(code.as_str()))
                && !unwanted.iter().any(|code| found.contains(code.as_str()));
            if right {
                return None;
            }
            let found: Vec<&str> = found.into_iter().collect();
            let expected = format!("[{}] and none of [{}]", wanted.join(", "), unwanted.join(", "));
            mismatch(expected, format!("[{}]", found.join(", ")))
        }
    }
}

impl ErrorSpec {
    fn is(&self, error: &PolicyError) -> bool {
        self.line.is_none_or(|line| line == error.line())
            && self.column.is_none_or(|column| column == error.column())
            && self.text.as_ref().is_none_or(|text| error.to_string().contains(text))
    }

    fn text(&self) -> String {
        let number = |n: Option<usize>| n.map_or_else(|| "any".to_owned(), |n| n.to_string());
        let text = self.text.as_deref().unwrap_or_default();
        format!("line {}, column {}: …{text}…", number(self.line), number(self.column))
    }
}

/// A text without its empty lines.
fn in_one_piece(text: &str) -> String {
    text.lines().filter(|line| !line.is_empty()).fold(String::new(), |all, line| all + line + "\n")
}
