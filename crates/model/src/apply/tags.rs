//! Tags on what is there already, and the renaming of groups.

use crate::{
    EntityKind, Key, Reply,
    apply::{Answer, Step},
    record::{Edge, Group, Role, Tag, User},
    rejection::{Rejection, RejectionKind},
    resource::{ChangeTags, Resource, ResourceKind, UpdateGroup},
    validate,
};

/// The tags after a change: those of the same key, without regard to case, are replaced where they stand.
fn changed(old: &[Tag], c: &ChangeTags) -> Result<Vec<Tag>, Rejection> {
    validate::tags(&c.put)?;
    let mut tags = old.to_vec();
    tags.retain(|t| !c.remove.iter().any(|key| key.eq_ignore_ascii_case(&t.key)));
    for tag in &c.put {
        match tags.iter_mut().find(|t| t.key.eq_ignore_ascii_case(&tag.key)) {
            Some(old) => old.clone_from(tag),
            None => tags.push(tag.clone()),
        }
    }
    validate::tags(&tags)?;
    Ok(tags)
}

impl Step<'_> {
    pub(crate) fn change_tags(&mut self, c: &ChangeTags) -> Answer {
        let lower = c.name.to_ascii_lowercase();
        match c.kind {
            1 => {
                let user =
                    self.account.user(&lower).ok_or_else(|| Rejection::no_such("user", &c.name))?;
                let tags = changed(&user.value.tags, c)?;
                self.changes
                    .put(Key::User(self.number, lower), &User { tags, ..user.value.clone() });
            }
            3 => {
                let role =
                    self.account.role(&lower).ok_or_else(|| Rejection::no_such("role", &c.name))?;
                let tags = changed(&role.value.tags, c)?;
                self.changes
                    .put(Key::Role(self.number, lower), &Role { tags, ..role.value.clone() });
            }
            4 => {
                let mut meta = self.policy(&c.name)?.meta.clone();
                meta.tags = changed(&meta.tags, c)?;
                self.changes.put(Key::Policy(self.number, meta.name.to_ascii_lowercase()), &meta);
            }
            other => {
                let kind = other.checked_sub(100).and_then(ResourceKind::from_number);
                let found =
                    kind.and_then(|kind| Some((kind, self.account.resource(kind, &lower)?)));
                let (kind, old) = found.ok_or_else(|| {
                    let message = format!("The resource {} cannot be found.", c.name);
                    Rejection::new(RejectionKind::NoSuchEntity, message)
                })?;
                let tags = changed(&old.value.tags, c)?;
                self.changes.put(
                    Key::Resource(self.number, kind, lower),
                    &Resource { tags, ..old.value.clone() },
                );
            }
        }
        Ok(Reply::Done(true))
    }

    pub(crate) fn update_group(&mut self, c: &UpdateGroup) -> Answer {
        let old =
            self.account.group(&c.name).ok_or_else(|| Rejection::no_such("group", &c.name))?;
        let mut group: Group = old.value.clone();
        let lower = group.name.to_ascii_lowercase();
        if !c.new_path.is_empty() {
            group.path = validate::path(&c.new_path)?;
        }
        if c.new_name.is_empty() {
            self.changes.put(Key::Group(self.number, lower), &group);
            return Ok(Reply::Group(group));
        }
        let renamed = validate::name("newGroupName", &c.new_name, 128)?;
        if renamed != lower && self.account.group(&renamed).is_some() {
            return Err(Rejection::exists("Group", &c.new_name));
        }
        group.name.clone_from(&c.new_name);
        if renamed != lower {
            self.move_group(&lower, &renamed);
        }
        self.changes.put(Key::Group(self.number, renamed), &group);
        Ok(Reply::Group(group))
    }

    /// What hangs on a group hangs on its name: renaming moves it along.
    fn move_group(&mut self, from: &str, to: &str) {
        let (n, account, kind) = (self.number, self.account, EntityKind::Group);
        let edge = Edge { created: self.time };
        self.changes.delete(Key::Group(n, from.to_owned()));
        for user in account.members_of(from) {
            self.changes.delete(Key::Member(n, from.to_owned(), user.to_string()));
            self.changes.put(Key::Member(n, to.to_owned(), user.to_string()), &edge);
        }
        for arn in account.attached(kind, from) {
            self.changes.delete(Key::Attachment(n, kind, from.to_owned(), arn.to_string()));
            self.changes.put(Key::Attachment(n, kind, to.to_owned(), arn.to_string()), &edge);
        }
        for inline in account.inline(kind, from) {
            let name = inline.name.to_ascii_lowercase();
            self.changes.delete(Key::Inline(n, kind, from.to_owned(), name.clone()));
            self.changes.put(Key::Inline(n, kind, to.to_owned(), name), inline);
        }
    }
}
