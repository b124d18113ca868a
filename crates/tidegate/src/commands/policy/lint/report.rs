//! What the linter found, for people, for programs and for runners of continuous integration.

use serde_json::{Value, json};
use tidegate_policy::{
    Amendment, Finding, LintLevel,
    cases::{self, CaseResult, Mismatch, Report, Verdict},
};

use super::{
    super::{super::people, files},
    Looked,
};

impl Looked {
    /// Where a place of it is.
    fn place(&self, line: usize, column: usize) -> String {
        let policy =
            if self.policy.is_empty() { String::new() } else { format!(" {}", self.policy) };
        format!("{}{policy}:{line}:{column}", self.file)
    }
}

/// Changes first, then what is left to say.
pub(super) fn for_people(all: &[Looked]) -> String {
    let mut text = String::new();
    let changed: usize = all.iter().map(|looked| looked.amendments.len()).sum();
    if changed > 0 {
        let mut table = people::table(&["changed", "code", "to", "decides"]);
        for looked in all {
            for amendment in &looked.amendments {
                let finding = &amendment.finding;
                let to = match amendment.fix.replacement.trim() {
                    "" => "nothing".to_owned(),
                    replacement => replacement.to_owned(),
                };
                table.add_row([
                    looked.place(finding.line, finding.column),
                    finding.code.to_string(),
                    to,
                    if amendment.keeps_meaning { "as before" } else { "otherwise" }.to_owned(),
                ]);
            }
        }
        text += &people::lines(&table);
    }
    for looked in all {
        text += &looked.diff;
    }
    let policies = files::count(all.len(), "policy", "policies");
    if all.iter().all(|looked| looked.findings.is_empty() && looked.unreadable.is_none()) {
        let more = if changed > 0 { "nothing more" } else { "nothing" };
        return text + &format!("{more} to say about {policies}\n");
    }
    let mut table = people::table(&["place", "level", "code", "about"]);
    for looked in all {
        if let Some(why) = &looked.unreadable {
            table.add_row([looked.file.as_str(), "error", "", why]);
        }
        for finding in &looked.findings {
            table.add_row([
                looked.place(finding.line, finding.column),
                finding.code.level().to_string(),
                finding.code.to_string(),
                finding.subject.to_string(),
            ]);
        }
    }
    text + &people::lines(&table)
}

/// One value for each policy.
pub(super) fn for_programs(all: &[Looked]) -> Value {
    let one = |looked: &Looked| {
        let change = |amendment: &Amendment| json!({ "finding": finding(&amendment.finding), "keeps_meaning": amendment.keeps_meaning });
        json!({
            "file": looked.file,
            "policy": Some(&looked.policy).filter(|policy| !policy.is_empty()),
            "error": looked.unreadable,
            "findings": looked.findings.iter().map(finding).collect::<Vec<_>>(),
            "changes": looked.amendments.iter().map(change).collect::<Vec<_>>(),
            "diff": Some(&looked.diff).filter(|diff| !diff.is_empty()),
        })
    };
    all.iter().map(one).collect()
}

fn finding(finding: &Finding) -> Value {
    json!({
        "line": finding.line,
        "column": finding.column,
        "statement": finding.statement,
        "level": finding.code.level().to_string(),
        "code": finding.code.as_str(),
        "about": finding.subject,
        "means": finding.code.description(),
        "fix": finding.fix.as_ref().map(|fix| &fix.replacement),
    })
}

/// The results as `JUnit` XML: a suite for each file, a test for each policy, which fails if it has findings of the level.
pub(super) fn junit(all: &[Looked], fail_on: LintLevel) -> String {
    let mut reports: Vec<Report> = Vec::new();
    for looked in all {
        let result = CaseResult {
            name: if looked.policy.is_empty() { "lint".to_owned() } else { looked.policy.clone() },
            line: 0,
            source: None,
            covers: Vec::new(),
            verdict: verdict(looked, fail_on),
        };
        match reports.last_mut().filter(|report| report.file == looked.file) {
            Some(report) => report.results.push(result),
            None => reports.push(Report { file: looked.file.clone(), results: vec![result] }),
        }
    }
    cases::junit(&reports)
}

fn verdict(looked: &Looked, fail_on: LintLevel) -> Verdict {
    let mismatch = |about: String, actual: String, explanation: &str| Mismatch {
        about,
        expected: "nothing to say".to_owned(),
        actual,
        explanation: explanation.to_owned(),
    };
    if let Some(why) = &looked.unreadable {
        return Verdict::Failed {
            mismatches: vec![mismatch(looked.file.clone(), why.clone(), "")],
        };
    }
    if !looked.fails(fail_on) {
        return Verdict::Passed;
    }
    let about = |finding: &Finding| {
        let place = looked.place(finding.line, finding.column);
        let code = finding.code;
        mismatch(place, format!("{code} {}", finding.subject), code.description())
    };
    let bad = looked.findings.iter().filter(|finding| finding.code.level() <= fail_on);
    Verdict::Failed { mismatches: bad.map(about).collect() }
}
