//! What has happened in runs of whole nodes: a test of what never happened proves nothing.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

use tidegate_history::{quarantines, registers};

use crate::plan::KINDS;

/// Behind a count in the output of a run, so that whoever started it can add it up.
const MARK: &str = "counted";

/// Counted over a run, or over many, by name. A name without a number stands with 0: it is missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

/// What clients and machines met, beside faults and rules.
pub const HAPPENED: [&str; 17] = [
    "simulated seconds",
    "writes acknowledged",
    "reads answered",
    "users created",
    "arrivals everywhere",
    "quarantines taken",
    "quarantines taken while cut off",
    "quarantines lifted",
    "quarantines lifted while somebody was cut off",
    "changes of membership",
    "moves of the account",
    "moves of the account to another home",
    "nodes that knew all moves to be over",
    "nodes that ended by themselves",
    "rotten rows found",
    "batches lost with the power",
    "runs that were served again",
];

/// The name of a fault's count.
pub fn fault(kind: &str) -> String {
    format!("fault {kind}")
}

/// The name of a rule's count.
pub fn rule(name: &str) -> String {
    format!("rule {name}")
}

fn rules() -> impl Iterator<Item = &'static str> {
    registers::rule::ALL.into_iter().chain(quarantines::rule::ALL)
}

impl Default for Counts {
    fn default() -> Self {
        let happened = HAPPENED.iter().map(|name| (*name).to_owned());
        let faults = KINDS.iter().map(|kind| fault(kind));
        let rules = rules().map(rule);
        Self(happened.chain(faults).chain(rules).map(|name| (name, 0)).collect())
    }
}

impl Counts {
    /// Adds to a count.
    pub fn add(&mut self, name: impl Into<String>, number: u64) {
        *self.0.entry(name.into()).or_default() += number;
    }

    /// Takes one back.
    pub fn take_back(&mut self, name: &str) {
        if let Some(number) = self.0.get_mut(name) {
            *number = number.saturating_sub(1);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// What never happened.
    pub fn missed(&self) -> Vec<&str> {
        self.iter().filter(|(_, number)| *number == 0).map(|(name, _)| name).collect()
    }

    /// Takes in a line of a run's output, where it is a count.
    pub fn read(&mut self, line: &str) -> bool {
        let mut words = line.split('\t');
        let (Some(MARK), Some(name), Some(number)) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        self.add(name, number.parse().unwrap_or(0));
        true
    }

    /// The lines that [`Counts::read`] takes in.
    pub fn lines(&self) -> String {
        let line = |name: &str, number: u64| [MARK, name, &number.to_string()].join("\t") + "\n";
        self.iter().map(|(name, number)| line(name, number)).collect()
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        for (name, number) in other.iter() {
            self.add(name, number);
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, number)| writeln!(f, "  {name}: {number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_their_lines_and_what_never_happened_is_named() {
        let mut counts = Counts::default();
        counts.add(fault("crash"), 3);
        counts.add(rule(quarantines::rule::KEPT), 2);
        let mut read = Counts::default();
        assert!(counts.lines().lines().all(|line| read.read(line)));
        assert!(!read.read("seed 4: 200 writes"));
        assert_eq!(read, counts);
        let all = HAPPENED.len() + KINDS.len() + rules().count();
        assert_eq!(counts.iter().count(), all);
        assert_eq!(counts.missed().len(), all - 2);
    }
}
