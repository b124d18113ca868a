//! When two accounts are the same.

use std::sync::Arc;

use imbl::OrdMap;

use super::{AccountState, Inline, PolicyState};

impl PartialEq for AccountState {
    /// Equal in what was recorded; what is derived follows from it.
    fn eq(&self, other: &Self) -> bool {
        let policy = |p: &OrdMap<Arc<str>, Arc<PolicyState>>| -> Vec<_> {
            p.values().map(|p| (p.meta.clone(), p.revision, p.versions.clone())).collect()
        };
        let inline = |i: &OrdMap<_, Arc<Inline>>| -> Vec<_> {
            i.values().map(|i| i.value.clone()).collect()
        };
        self.account == other.account
            && self.users == other.users
            && self.groups == other.groups
            && self.roles == other.roles
            && policy(&self.policies) == policy(&other.policies)
            && inline(&self.inline) == inline(&other.inline)
            && self.attachments == other.attachments
            && self.memberships == other.memberships
            && self.access_keys == other.access_keys
            && self.resources == other.resources
            && self.imported == other.imported
            && self.lifted == other.lifted
            && self.void == other.void
            && self.place == other.place
            && self.outbound == other.outbound
    }
}
