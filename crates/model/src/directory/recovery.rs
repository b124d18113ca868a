//! Groups that go on in a new generation, as the directory says it.

use std::collections::BTreeSet;

use super::{DirectoryState, VOTERS};
use crate::{
    Key, Reply,
    apply::Changes,
    record::{Departed, Node, Placement, node_state},
    recovery::{RecoverGroups, Recovered},
    rejection::Rejection,
};

impl DirectoryState {
    /// All of it or nothing: the new generations, their voters, and who is evicted.
    pub(super) fn recover_groups(
        &self,
        time: u64,
        c: &RecoverGroups,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let region = self.home_of(&c.voters, &c.lost)?;
        for recovered in &c.groups {
            if let Some(placement) = self.recovered(recovered, c, &region)? {
                changes.put(Key::Placement(recovered.group), &placement);
            }
        }
        let ours: BTreeSet<u32> = c.groups.iter().map(|g| g.group).collect();
        for lost in &c.lost {
            let speaks = self
                .placements
                .values()
                .find(|p| !ours.contains(&p.group) && p.speakers().any(|speaker| speaker == *lost));
            if let Some(placement) = speaks {
                return Err(Rejection::invalid(format!(
                    "n{lost} votes in g{}, too, which is not recovered: give that other voters first.",
                    placement.group
                )));
            }
            // Come again, it is out already.
            let Some(node) = self.node(*lost) else { continue };
            let node = Node { state: node_state::ACTIVE, ..node.clone() };
            let gone = Departed { node: Some(node), at: time, may_return: true };
            changes.delete(Key::Node(*lost));
            changes.put(Key::Departed(*lost), &gone);
        }
        Ok(Reply::Done(true))
    }

    /// The region of the new voters.
    fn home_of(&self, voters: &[u64], lost: &[u64]) -> Result<String, Rejection> {
        let named: BTreeSet<u64> = voters.iter().copied().collect();
        if named.len() != voters.len() || !VOTERS.contains(&named.len()) {
            let message = "A group has three, five or seven voters, or one, each named once.";
            return Err(Rejection::invalid(message));
        }
        let mut regions = BTreeSet::new();
        for voter in &named {
            let node = self.node(*voter).filter(|n| n.state == node_state::ACTIVE);
            let node = node.filter(|_| !lost.contains(voter));
            let node = node.ok_or_else(|| {
                Rejection::invalid(format!("n{voter} is no node that is here and takes part."))
            })?;
            regions.insert(node.region.clone());
        }
        match (regions.pop_first(), regions.is_empty()) {
            (Some(region), true) => Ok(region),
            _ => Err(Rejection::invalid("The voters of a group must be in one home region.")),
        }
    }

    /// The placement of a group in its new generation; `None`: the command has come again.
    fn recovered(
        &self,
        recovered: &Recovered,
        c: &RecoverGroups,
        region: &str,
    ) -> Result<Option<Placement>, Rejection> {
        let Recovered { group, generation, base, seed } = *recovered;
        let placement = self.placements.get(&group);
        let placement =
            placement.ok_or_else(|| Rejection::no_such("group", &format!("g{group}")))?;
        if placement.generation() == generation.saturating_add(1)
            && placement.ended.last() == Some(&base)
        {
            return Ok(None);
        }
        if placement.generation() != generation {
            return Err(Rejection::invalid(format!(
                "g{group} is in generation {}, and the request ends generation {generation}.",
                placement.generation()
            )));
        }
        if placement.ended.last().is_some_and(|before| base < *before) {
            return Err(Rejection::invalid(format!("g{group} would end before it began.")));
        }
        if self.node(seed).is_none() || c.lost.contains(&seed) {
            return Err(Rejection::no_such("node", &format!("n{seed}")));
        }
        let mut ended = placement.ended.clone();
        ended.push(base);
        Ok(Some(Placement {
            region: region.to_owned(),
            voters: c.voters.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
            leaving: if c.voters.contains(&seed) { Vec::new() } else { vec![seed] },
            changes: placement.changes + 1,
            ended,
            ..(**placement).clone()
        }))
    }
}
