//! "A deny that one node took reaches every node": once the faults are over all nodes refuse the same, and every quarantine bites that a
//! member took and nobody lifted.

use std::collections::BTreeSet;

use tidegate_replica::Dot;

use super::{Homes, Invariant, Seen, Verdict};
use crate::pure::containing::{bites, writer};

/// Looks at all nodes once the time for repair is over.
#[derive(Debug)]
pub(super) struct QuarantinesReachEverybody;

impl Invariant for QuarantinesReachEverybody {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Healed { nodes, lanes } = seen else { return Verdict::Pass };
        let mut first: Option<BTreeSet<Dot>> = None;
        for last in *nodes {
            let here = bites(last.view);
            // What a node took that is gone by now, with its disk, may be gone as well.
            let stays = |dot: &&Dot| nodes.iter().any(|n| writer(dot.origin) == Some(n.node));
            let wanted = |dot: &&Dot| stays(dot) && !lanes.lifted.contains(dot);
            if let Some(dot) = lanes.accepted.keys().filter(wanted).find(|d| !here.contains(d)) {
                return Verdict::Broken(format!("{dot} does not bite at {}", last.node));
            }
            if let Some(dot) = lanes.lifted.iter().find(|d| here.contains(d)) {
                return Verdict::Broken(format!("{dot} was lifted, and bites at {}", last.node));
            }
            match &first {
                Some(first) if *first != here => {
                    let odd = first.symmetric_difference(&here).next();
                    return Verdict::Broken(format!(
                        "{} and the first node disagree on {odd:?}",
                        last.node
                    ));
                }
                Some(_) => {}
                None => first = Some(here),
            }
        }
        if lanes.accepted.is_empty() { Verdict::Pass } else { Verdict::Holds }
    }
}
