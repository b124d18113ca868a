//! The question: who wants to do what to what, under which circumstances.

use crate::{AccountId, Action, Context, Principal};

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
    /// What else is known: condition keys that do not follow from the fields above.
    pub context: &'a Context,
}

impl<'a> Request<'a> {
    /// A request on a resource of the caller's own account.
    pub fn new(
        principal: &'a Principal,
        action: &'a Action,
        resource: &'a str,
        context: &'a Context,
    ) -> Self {
        Self { principal, action, resource, resource_account: None, context }
    }

    /// Whether the resource belongs to another account than the caller.
    pub(crate) fn crosses_accounts(&self) -> bool {
        self.resource_account.is_some_and(|owner| self.principal.account != Some(owner))
    }
}
