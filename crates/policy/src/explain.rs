//! Why: each type of policy with its outcome, what matched, what nearly did, AWS's sentence, and the least change that would allow it.
//!
//! Nothing here is paid for by [`crate::authorize`]: an explanation asks again, slowly, and reads the policies' text again for the
//! values as they were written. Its shape is that of AWS's access troubleshooter of 2026 (IAM User Guide, "Troubleshoot access denied
//! error messages with authorization ID"; IAM Toolbox API reference): seven types of policy are looked at, each with the policies that
//! were considered and the statements that matched.

use std::collections::BTreeSet;

use crate::{Decision, PolicySet, Request, decide::weigh};

mod change;
mod check;
mod circumstance;
mod compare;
mod deny;
mod hint;
mod place;
mod sentence;
mod silence;
mod suggest;
mod text;
mod words;

pub use change::{Bringer, Change, Edit, Listed, PolicyChange, RequestChange};
pub use check::{Check, Outcome, Part, Spared};
pub use compare::{Compared, FailedElement, Match, NearMiss};
pub use hint::Hint;
pub use place::Place;
pub use suggest::Suggestion;
pub use text::{Line, Tone};

/// The whole answer to "why". Displayed, it is a text for people, the verdict first.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// AWS's access-denied sentence; `None` when allowed.
    pub sentence: Option<String>,
    /// The seven checks, in the order in which a deny is reported.
    pub checks: Vec<Check>,
    /// Condition keys that a statement asked for and the request did not have, as the policies write them.
    pub missing_keys: Vec<String>,
    /// Changes under which the engine allows the request; `None` when it is allowed, or when none were found.
    pub suggestion: Option<Suggestion>,
}

/// Decides and says why. A denied request is decided some more times, with changes that may allow it: their number is bounded, each
/// costs about as much as compiling the changed policy.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let decision = weigh(&set.voices(request), request);
    let checks = check::checks(set, request);
    let suggestion = if decision.is_allowed() { None } else { suggest::suggest(set, request) };
    Explanation {
        sentence: decision.denied_sentence(request),
        missing_keys: missing_keys(&checks),
        decision,
        checks,
        suggestion,
    }
}

/// Each key once, whatever its case.
fn missing_keys(checks: &[Check]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let parts = checks.iter().flat_map(|check| &check.parts);
    let compared = parts.flat_map(|part| {
        let nearly = part.near_misses.iter().flat_map(|miss| &miss.failures);
        part.matched.iter().flat_map(|found| &found.conditions).chain(nearly)
    });
    let keys = compared.flat_map(|compared| &compared.missing_keys);
    keys.filter(|key| seen.insert(key.to_ascii_lowercase())).cloned().collect()
}

#[cfg(test)]
mod tests;
