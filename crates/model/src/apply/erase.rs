//! Erasing an account: tombstones for all that it holds, some at a time.

use crate::{AccountState, Key, Reply, apply::Step, command::EraseAccount};

impl AccountState {
    /// The keys of all that is recorded of it, its own first.
    fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let a = self.id().as_u64();
        let text = |s: &std::sync::Arc<str>| s.to_string();
        let versions = self.policies.iter().flat_map(move |(name, policy)| {
            policy.versions.keys().map(move |v| Key::PolicyVersion(a, text(name), *v))
        });
        let inline = self.inline.keys();
        self.account
            .iter()
            .map(move |_| Key::Account(a))
            .chain(self.access_keys.keys().map(move |n| Key::AccessKey(a, text(n))))
            .chain(self.users.keys().map(move |n| Key::User(a, text(n))))
            .chain(self.groups.keys().map(move |n| Key::Group(a, text(n))))
            .chain(self.roles.keys().map(move |n| Key::Role(a, text(n))))
            .chain(versions)
            .chain(self.policies.keys().map(move |n| Key::Policy(a, text(n))))
            .chain(inline.map(move |(kind, e, n)| Key::Inline(a, *kind, text(e), text(n))))
            .chain(
                self.attachments
                    .iter()
                    .map(move |(kind, e, n)| Key::Attachment(a, *kind, text(e), text(n))),
            )
            .chain(self.memberships.iter().map(move |(u, g)| Key::Member(a, text(g), text(u))))
            .chain(self.resources.keys().map(move |(kind, n)| Key::Resource(a, *kind, text(n))))
            .chain(self.imported.keys().map(move |id| Key::Imported(a, text(id))))
            .chain(self.lifted.keys().map(move |id| Key::Lift(a, text(id))))
            .chain(self.void.keys().map(move |id| Key::Void(a, text(id))))
    }

    /// Whether nothing is recorded of it any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }
}

impl Step<'_> {
    pub(crate) fn erase_account(&mut self, c: &EraseAccount) -> Reply {
        let mut keys = self.account.keys();
        for key in keys.by_ref().take(c.records_max.max(1) as usize) {
            self.changes.delete(key);
        }
        Reply::Done(keys.next().is_none())
    }
}
