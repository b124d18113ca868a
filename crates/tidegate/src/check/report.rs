//! What came of a check, for programs and as lines for people.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Value, json};
use tidegate_history::{
    guarantee::Guarantee,
    judge::{Finding, Judgement},
    log::Log,
};

use super::{nemesis::Fault, recorder::Calls};

/// Breaches of one guarantee that are told. The rest is counted.
const TOLD_MAX: usize = 5;

/// A run and what it says.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What workload and faults were drawn from.
    pub(crate) seed: u64,
    /// Sessions.
    pub(crate) clients: u32,
    /// How long it went.
    pub(crate) duration: Duration,
    /// Number, name and region of each node.
    pub(crate) nodes: Vec<(u64, String, String)>,
    /// What was seen.
    pub(crate) log: Log,
    /// What it says.
    pub(crate) judgement: Judgement,
    /// Calls by what they were.
    pub(crate) calls: BTreeMap<&'static str, Calls>,
    /// What struck.
    pub(crate) faults: Vec<Fault>,
    /// What could not be deleted.
    pub(crate) left_over: Vec<String>,
}

/// What became of a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was put to the test and held.
    Held,
    /// It was broken.
    Broken,
    /// Nothing put it to the test.
    NotExercised,
}

impl Verdict {
    /// In words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NotExercised => "not exercised",
        }
    }
}

impl Outcome {
    /// The breaches of a guarantee.
    pub(crate) fn findings(&self, guarantee: Guarantee) -> Vec<&Finding> {
        self.judgement.findings.iter().filter(|f| f.guarantee == guarantee).collect()
    }

    /// How often a guarantee was put to the test.
    pub(crate) fn exercised(&self, guarantee: Guarantee) -> u64 {
        self.judgement.exercised.get(&guarantee).copied().unwrap_or(0)
    }

    /// What became of a guarantee.
    pub(crate) fn verdict(&self, guarantee: Guarantee) -> Verdict {
        if !self.findings(guarantee).is_empty() {
            Verdict::Broken
        } else if self.exercised(guarantee) == 0 {
            Verdict::NotExercised
        } else {
            Verdict::Held
        }
    }

    /// Whether any guarantee was broken.
    pub(crate) fn broken(&self) -> bool {
        !self.judgement.findings.is_empty()
    }

    /// The events of a breach, in words.
    pub(crate) fn evidence(&self, finding: &Finding) -> Vec<String> {
        let events = finding.evidence.iter().filter_map(|place| self.log.events.get(*place));
        events.map(|event| self.log.sentence(event)).collect()
    }

    /// The whole outcome for programs.
    pub(crate) fn json(&self) -> Value {
        let finding =
            |f: &&Finding| json!({ "sentence": f.sentence, "evidence": self.evidence(f) });
        let guarantee = |g: &Guarantee| {
            let findings = self.findings(*g);
            json!({
                "name": g.name(),
                "promise": g.promise(),
                "verdict": self.verdict(*g).word(),
                "exercised": self.exercised(*g),
                "breaches": findings.len(),
                "findings": findings.iter().take(TOLD_MAX).map(finding).collect::<Vec<_>>(),
            })
        };
        let fault = |f: &Fault| {
            json!({
                "kind": format!("{:?}", f.kind).to_lowercase(),
                "what": f.what,
                "start_ms": millis(f.start),
                "end_ms": millis(f.end),
            })
        };
        let calls: BTreeMap<_, _> = self
            .calls
            .iter()
            .map(|(what, c)| (*what, json!({ "answered": c.answered, "refused": c.refused })))
            .collect();
        json!({
            "held": !self.broken(),
            "seed": self.seed,
            "clients": self.clients,
            "duration_ms": millis(self.duration),
            "nodes": self.nodes.iter().map(|(_, name, region)| json!({ "node": name, "region": region })).collect::<Vec<_>>(),
            "guarantees": Guarantee::ALL.iter().map(guarantee).collect::<Vec<_>>(),
            "events": self.log.events.len(),
            "calls": calls,
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
            "converged_ms": self.log.converged.map(millis),
            "left_over": self.left_over,
        })
    }

    /// The outcome as lines for people.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        for guarantee in Guarantee::ALL {
            let times = self.exercised(guarantee);
            writeln!(
                text,
                "{:<14} {:<28} {times:>8} times",
                self.verdict(guarantee).word(),
                guarantee.name()
            )?;
            for finding in self.findings(guarantee).iter().take(TOLD_MAX) {
                writeln!(text, "  {}", finding.sentence)?;
                for line in self.evidence(finding) {
                    writeln!(text, "    {line}")?;
                }
            }
        }
        let answered: u64 = self.calls.values().map(|c| c.answered).sum();
        let refused: u64 = self.calls.values().map(|c| c.refused).sum();
        let faults = self.faults.len();
        let seconds = self.duration.as_secs();
        writeln!(
            text,
            "\n{answered} calls answered and {refused} refused in {seconds} s, {faults} faults, seed {}",
            self.seed
        )?;
        match self.log.converged {
            Some(after) => writeln!(
                text,
                "all nodes were equal {} ms after the last fault",
                after.as_millis()
            )?,
            None => writeln!(text, "the nodes did not become equal in time")?,
        }
        for left in &self.left_over {
            writeln!(text, "could not be deleted: {left}")?;
        }
        Ok(text)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
