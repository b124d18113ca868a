//! Policies as they were written, each read once however many questions are asked about it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    CompiledPolicy, PolicyDocument, PolicySet, StatementRef,
    document::{Statement, Version},
};

/// Documents by the place of their policy in memory, which is kept there.
#[derive(Debug, Default)]
pub(crate) struct Documents(BTreeMap<usize, (Arc<CompiledPolicy>, Option<PolicyDocument>)>);

fn place(policy: &Arc<CompiledPolicy>) -> usize {
    Arc::as_ptr(policy).addr()
}

/// All policies of a set, in no order that means anything.
pub(crate) fn policies(set: &PolicySet) -> impl Iterator<Item = &Arc<CompiledPolicy>> {
    let levels = set.service_control.iter().chain(&set.resource_control).flatten();
    let single = [&set.boundary, &set.resource, &set.endpoint];
    set.identity
        .iter()
        .chain(set.session.iter().flatten())
        .chain(levels)
        .chain(single.into_iter().flatten())
}

impl Documents {
    /// Reads the policies of a set that are not read yet.
    pub(crate) fn read(&mut self, set: &PolicySet) {
        for policy in policies(set) {
            self.0.entry(place(policy)).or_insert_with(|| (Arc::clone(policy), policy.document()));
        }
    }

    /// The document of a policy that was read.
    pub(crate) fn of(&self, policy: &Arc<CompiledPolicy>) -> Option<&PolicyDocument> {
        self.0.get(&place(policy))?.1.as_ref()
    }

    /// A statement as it was written, and whether its language knows variables.
    pub(crate) fn statement(&self, found: &StatementRef) -> Option<(&Statement, bool)> {
        let document = self.of(&found.policy)?;
        let statement = document.statements().get(found.index)?;
        Some((statement, document.version() == Version::V2012))
    }
}
