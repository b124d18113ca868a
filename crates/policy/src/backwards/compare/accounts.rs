//! Two versions of an account: each member's policies, and each role's trust policy.

use std::{collections::BTreeSet, sync::Arc};

use super::{Comparison, Scope, alone, compare};
use crate::{CompiledPolicy, PolicyKind, PolicySet, backwards::account::Account};

/// Compares what members may do in their own account, and who may assume roles. Somebody who is in one version only had, or will have,
/// no policies in the other. `only`: the ARN of the one member that is asked about.
pub fn compare_accounts(old: &Account, new: &Account, only: Option<&str>) -> Comparison {
    let mut whole = Comparison::default();
    let mut seen = BTreeSet::new();
    let is_asked = |arn: &str| only.is_none_or(|only| only == arn);
    let members = new.members.iter().chain(&old.members);
    for member in members.filter(|member| is_asked(&member.arn)) {
        if !seen.insert(Arc::clone(&member.arn)) {
            continue;
        }
        let set = |account: &Account| {
            let known = account.members.iter().find(|other| other.arn == member.arn);
            known.map_or_else(PolicySet::default, |known| account.set(known, None))
        };
        // A member whose tags or id changed is taken as it is now.
        join(&mut whole, compare(&set(old), &set(new), &Scope::member(member)));
    }
    let roles: BTreeSet<&String> = old.trust.keys().chain(new.trust.keys()).collect();
    for role in roles.into_iter().filter(|role| is_asked(role)) {
        join(&mut whole, trust(old, new, role));
    }
    whole.differences.sort_by_key(|difference| difference.change);
    whole
}

fn trust(old: &Account, new: &Account, role: &str) -> Comparison {
    let set = |account: &Account| match account.trust.get(role) {
        Some(policy) => alone(policy, PolicyKind::Trust),
        None => PolicySet::default(),
    };
    let same = |a: &Arc<CompiledPolicy>, b: &Arc<CompiledPolicy>| a.text() == b.text();
    if old.trust.get(role).zip(new.trust.get(role)).is_some_and(|(a, b)| same(a, b)) {
        return Comparison::default();
    }
    let (before, after) = (set(old), set(new));
    let mut scope = Scope::everybody(&before, &after, Some(new.id));
    scope.resource = Some(role.to_owned());
    compare(&before, &after, &scope)
}

fn join(whole: &mut Comparison, part: Comparison) {
    whole.differences.extend(part.differences);
    whole.limits.extend(part.limits);
}

#[cfg(test)]
mod tests;
