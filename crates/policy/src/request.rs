//! The question: who wants to do what to what, under which circumstances.

use std::sync::Arc;

use crate::{AccountId, Action, Context, Organization, Principal};

/// A request to be decided. Everything that the decision depends on besides the policies is in here.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What.
    pub action: &'a Action,
    /// On what: an ARN, or `*` for actions that know no resource.
    pub resource: &'a str,
    /// The account that owns the resource; `None`: the caller's.
    pub resource_account: Option<AccountId>,
    /// What else is known of the resource. `None`: only what the context says of it.
    pub resource_facts: Option<&'a ResourceFacts>,
    /// What else is known: condition keys that do not follow from the fields above.
    pub context: &'a Context,
}

/// What is known of a resource besides its name and its owner. When it is given, the keys that follow from it (`aws:ResourceTag/…`,
/// `aws:ResourceOrgID`, `aws:ResourceOrgPaths`) are answered from here alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Where the resource's account stands in its organization.
    pub organization: Option<Arc<Organization>>,
    /// The resource's tags, keys as typed.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must. (A role's trust policy is known by
    /// its source.)
    pub policy_must_allow: bool,
}

impl ResourceFacts {
    /// The value of the resource's tag `key`, compared without regard to case.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, value)| &**value)
    }
}

impl<'a> Request<'a> {
    /// A request on a resource of the caller's own account, of which nothing is known but its name.
    pub fn new(
        principal: &'a Principal,
        action: &'a Action,
        resource: &'a str,
        context: &'a Context,
    ) -> Self {
        Self { principal, action, resource, resource_account: None, resource_facts: None, context }
    }

    /// Whether the resource belongs to another account than the caller.
    pub(crate) fn crosses_accounts(&self) -> bool {
        self.resource_account.is_some_and(|owner| self.principal.account != Some(owner))
    }

    /// Where the resource's account stands in its organization, unless only the context can know.
    pub(crate) fn resource_organization(&self) -> Option<&'a Organization> {
        match self.resource_facts {
            Some(facts) => facts.organization.as_deref(),
            None if self.crosses_accounts() => None,
            None => self.principal.organization.as_deref(),
        }
    }
}
