//! What came of a file of cases.

use core::fmt;

use serde::Serialize;

/// The cases of one file in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Its cases.
    pub results: Vec<CaseResult>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Its line in the file, from 1; 0 where it was not found.
    pub line: usize,
    /// The page that the case is written from.
    pub source: Option<String>,
    /// The entries of a checklist that it is about.
    pub covers: Vec<String>,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum Verdict {
    /// What was expected.
    Passed,
    /// Something else.
    Failed {
        /// What.
        mismatches: Vec<Mismatch>,
    },
    /// Something else, as was known.
    Known {
        /// Why.
        reason: String,
        /// What.
        mismatches: Vec<Mismatch>,
    },
}

/// What was expected of one request or document, and what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The request or the document.
    pub about: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// Why it came; empty where there is nothing to say.
    pub explanation: String,
}

impl Report {
    /// Whether no case failed, known failures aside.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::Failed { .. }))
    }

    /// The cases that are known to fail, and did.
    pub fn known(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::Known { .. }))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.about)?;
        writeln!(f, "  expected: {}", self.expected)?;
        writeln!(f, "  actual:   {}", self.actual)?;
        self.explanation.lines().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

impl fmt::Display for CaseResult {
    /// The case with what went wrong; one line where nothing did.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mismatches = match &self.verdict {
            Verdict::Passed => return writeln!(f, "passed: {}", self.name),
            Verdict::Known { reason, .. } => return writeln!(f, "known: {}: {reason}", self.name),
            Verdict::Failed { mismatches } => mismatches,
        };
        write!(f, "FAILED: {}", self.name)?;
        match (self.line, &self.source) {
            (0, _) => writeln!(f)?,
            (line, None) => writeln!(f, " (line {line})")?,
            (line, Some(source)) => writeln!(f, " (line {line}; {source})")?,
        }
        for mismatch in mismatches {
            mismatch.to_string().lines().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}
