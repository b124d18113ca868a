//! Users, groups, roles and who is in which group.

use crate::{
    EntityKind, GROUPS_MAX, GROUPS_PER_USER_MAX, Key, ROLES_MAX, Reply, TRUST_POLICY_MAX,
    USERS_MAX,
    apply::{
        Answer, Step, check_etag,
        policies::{check_attachable, invalid_arn},
        service_linked::{check_path, check_unprotected},
    },
    command::{
        CreateGroup, CreateRole, CreateUser, Delete, Membership, PutBoundary, UpdateRole,
        UpdateUser,
    },
    record::{Edge, Group, Role, User},
    rejection::{Rejection, RejectionKind},
    state::policy_name,
    validate,
};
use tidegate_policy::PolicyKind;

const SESSION_SECONDS_DEFAULT: u32 = 3_600;
const SESSION_SECONDS_MAX: u32 = 43_200;

impl Step<'_> {
    pub(crate) fn create_user(&mut self, c: &CreateUser) -> Answer {
        let lower = validate::name("userName", &c.name, 64)?;
        validate::tags(&c.tags)?;
        let path = validate::path(&c.path)?;
        if let Some(user) = self.account.user(&lower) {
            return Err(Rejection::exists("User", &user.value.name));
        }
        if self.account.users.len() >= USERS_MAX {
            return Err(Rejection::limit("UsersPerAccount", USERS_MAX));
        }
        self.check_boundary(&c.boundary)?;
        let user = User {
            name: c.name.clone(),
            path,
            id: c.id.clone(),
            created: self.time,
            boundary: c.boundary.clone(),
            tags: c.tags.clone(),
            created_by: self.author.clone(),
        };
        self.changes.put(Key::User(self.number, lower), &user);
        Ok(Reply::User(user))
    }

    pub(crate) fn update_user(&mut self, c: &UpdateUser) -> Answer {
        let old = self.account.user(&c.name).ok_or_else(|| Rejection::no_such("user", &c.name))?;
        check_etag(&c.etag, old.revision)?;
        let mut user = old.value.clone();
        let lower = user.name.to_ascii_lowercase();
        if !c.new_path.is_empty() {
            user.path = validate::path(&c.new_path)?;
        }
        if c.new_name.is_empty() {
            self.changes.put(Key::User(self.number, lower), &user);
            return Ok(Reply::User(user));
        }
        let renamed = validate::name("newUserName", &c.new_name, 64)?;
        if renamed != lower && self.account.user(&renamed).is_some() {
            return Err(Rejection::exists("User", &c.new_name));
        }
        user.name.clone_from(&c.new_name);
        if renamed != lower {
            self.move_user(&lower, &renamed);
            self.move_login(&lower, &renamed, &c.new_name);
            self.move_held(&lower, &renamed);
            self.move_mfa_devices(&lower, &renamed);
        }
        self.changes.put(Key::User(self.number, renamed), &user);
        Ok(Reply::User(user))
    }

    /// What hangs on a user hangs on its name: renaming moves it along.
    fn move_user(&mut self, from: &str, to: &str) {
        let (n, account) = (self.number, self.account);
        let kind = EntityKind::User;
        self.changes.delete(Key::User(n, from.to_owned()));
        for group in account.groups_of(from) {
            self.changes.delete(Key::Member(n, group.to_string(), from.to_owned()));
            self.changes.put(
                Key::Member(n, group.to_string(), to.to_owned()),
                &Edge { created: self.time },
            );
        }
        for arn in account.attached(kind, from) {
            self.changes.delete(Key::Attachment(n, kind, from.to_owned(), arn.to_string()));
            self.changes.put(
                Key::Attachment(n, kind, to.to_owned(), arn.to_string()),
                &Edge { created: self.time },
            );
        }
        for inline in account.inline(kind, from) {
            let name = inline.name.to_ascii_lowercase();
            self.changes.delete(Key::Inline(n, kind, from.to_owned(), name.clone()));
            self.changes.put(Key::Inline(n, kind, to.to_owned(), name), inline);
        }
        for key in account.access_keys(from) {
            let moved = crate::record::AccessKey { user: to.to_owned(), ..(**key).clone() };
            self.changes.put(Key::AccessKey(n, key.id.clone()), &moved);
        }
    }

    pub(crate) fn delete(&mut self, c: &Delete) -> Answer {
        match EntityKind::from_number(c.kind) {
            Some(EntityKind::User) => self.delete_user(c),
            Some(EntityKind::Group) => self.delete_group(c),
            Some(EntityKind::Role) => self.delete_role(c),
            None => self.delete_policy(c),
        }
    }

    fn delete_user(&mut self, c: &Delete) -> Answer {
        let user = self.account.user(&c.name).ok_or_else(|| Rejection::no_such("user", &c.name))?;
        check_etag(&c.etag, user.revision)?;
        let lower = c.name.to_ascii_lowercase();
        self.check_unattached(EntityKind::User, &lower)?;
        self.check_no_login(&lower)?;
        self.check_no_mfa_device(&lower)?;
        if self.account.access_keys(&lower).next().is_some() {
            return Err(Rejection::conflict("must delete access keys first"));
        }
        self.check_holds_nothing(&lower)?;
        if self.account.groups_of(&lower).next().is_some() {
            return Err(Rejection::conflict("must remove user from all groups first"));
        }
        self.changes.delete(Key::User(self.number, lower));
        Ok(Reply::Done(true))
    }

    fn check_unattached(&self, kind: EntityKind, lower: &str) -> Result<(), Rejection> {
        if self.account.attached(kind, lower).next().is_some() {
            return Err(Rejection::conflict("must detach all policies first"));
        }
        if self.account.inline(kind, lower).next().is_some() {
            return Err(Rejection::conflict("must delete policies first"));
        }
        Ok(())
    }

    pub(crate) fn create_group(&mut self, c: &CreateGroup) -> Answer {
        let lower = validate::name("groupName", &c.name, 128)?;
        let path = validate::path(&c.path)?;
        if let Some(group) = self.account.group(&lower) {
            return Err(Rejection::exists("Group", &group.value.name));
        }
        if self.account.groups.len() >= GROUPS_MAX {
            return Err(Rejection::limit("GroupsPerAccount", GROUPS_MAX));
        }
        let group = Group { name: c.name.clone(), path, id: c.id.clone(), created: self.time };
        self.changes.put(Key::Group(self.number, lower), &group);
        Ok(Reply::Group(group))
    }

    fn delete_group(&mut self, c: &Delete) -> Answer {
        let group =
            self.account.group(&c.name).ok_or_else(|| Rejection::no_such("group", &c.name))?;
        check_etag(&c.etag, group.revision)?;
        let lower = c.name.to_ascii_lowercase();
        self.check_unattached(EntityKind::Group, &lower)?;
        if self.account.members_of(&lower).next().is_some() {
            return Err(Rejection::conflict("must remove users from group first"));
        }
        self.changes.delete(Key::Group(self.number, lower));
        Ok(Reply::Done(true))
    }

    pub(crate) fn membership(&mut self, c: &Membership) -> Answer {
        let group =
            self.account.group(&c.group).ok_or_else(|| Rejection::no_such("group", &c.group))?;
        let user = self.account.user(&c.user).ok_or_else(|| Rejection::no_such("user", &c.user))?;
        let (group, user) =
            (group.value.name.to_ascii_lowercase(), user.value.name.to_ascii_lowercase());
        let is_member = self.account.groups_of(&user).any(|g| **g == *group);
        match (c.member, is_member) {
            (true, false) => {
                if self.account.groups_of(&user).count() >= GROUPS_PER_USER_MAX {
                    return Err(Rejection::limit("GroupsPerUser", GROUPS_PER_USER_MAX));
                }
                self.changes
                    .put(Key::Member(self.number, group, user), &Edge { created: self.time });
            }
            (false, true) => self.changes.delete(Key::Member(self.number, group, user)),
            (true, true) => {}
            (false, false) => return Err(Rejection::no_such("user in the group", &c.user)),
        }
        Ok(Reply::Done(true))
    }

    pub(crate) fn create_role(&mut self, c: &CreateRole) -> Answer {
        let lower = validate::name("roleName", &c.name, 64)?;
        validate::tags(&c.tags)?;
        validate::description(&c.description)?;
        let path = validate::path(&c.path)?;
        check_path(&path)?;
        if let Some(role) = self.account.role(&lower) {
            return Err(Rejection::exists("Role", &role.value.name));
        }
        if self.account.roles.len() >= ROLES_MAX {
            return Err(Rejection::limit("RolesPerAccount", ROLES_MAX));
        }
        validate::document(&c.trust_policy, PolicyKind::Trust, "ACLSizePerRole", TRUST_POLICY_MAX)?;
        self.check_boundary(&c.boundary)?;
        let role = Role {
            name: c.name.clone(),
            path,
            id: c.id.clone(),
            created: self.time,
            trust_policy: c.trust_policy.clone(),
            description: c.description.clone(),
            session_seconds_max: session_seconds(c.session_seconds_max)?,
            boundary: c.boundary.clone(),
            tags: c.tags.clone(),
        };
        self.changes.put(Key::Role(self.number, lower), &role);
        Ok(Reply::Role(role))
    }

    pub(crate) fn update_role(&mut self, c: &UpdateRole) -> Answer {
        let old = self.account.role(&c.name).ok_or_else(|| Rejection::no_such("role", &c.name))?;
        check_etag(&c.etag, old.revision)?;
        let mut role = old.value.clone();
        // Of a service-linked role, AWS lets people change the description.
        if !c.trust_policy.is_empty() || c.session_seconds_max != 0 {
            check_unprotected(&role)?;
        }
        if !c.trust_policy.is_empty() {
            validate::document(
                &c.trust_policy,
                PolicyKind::Trust,
                "ACLSizePerRole",
                TRUST_POLICY_MAX,
            )?;
            role.trust_policy.clone_from(&c.trust_policy);
        }
        if let Some(description) = &c.description {
            validate::description(description)?;
            role.description.clone_from(description);
        }
        if c.session_seconds_max != 0 {
            role.session_seconds_max = session_seconds(c.session_seconds_max)?;
        }
        self.changes.put(Key::Role(self.number, c.name.to_ascii_lowercase()), &role);
        Ok(Reply::Role(role))
    }

    fn delete_role(&mut self, c: &Delete) -> Answer {
        let role = self.account.role(&c.name).ok_or_else(|| Rejection::no_such("role", &c.name))?;
        check_etag(&c.etag, role.revision)?;
        check_unprotected(&role.value)?;
        let lower = c.name.to_ascii_lowercase();
        self.check_unattached(EntityKind::Role, &lower)?;
        self.check_in_no_profile(&lower)?;
        self.changes.delete(Key::Role(self.number, lower));
        Ok(Reply::Done(true))
    }

    pub(crate) fn put_boundary(&mut self, c: &PutBoundary) -> Answer {
        self.check_boundary(&c.arn)?;
        let lower = c.name.to_ascii_lowercase();
        match EntityKind::from_number(c.kind) {
            Some(EntityKind::User) => {
                let user =
                    self.account.user(&lower).ok_or_else(|| Rejection::no_such("user", &c.name))?;
                let user = User { boundary: c.arn.clone(), ..user.value.clone() };
                self.changes.put(Key::User(self.number, lower), &user);
            }
            Some(EntityKind::Role) => {
                let role =
                    self.account.role(&lower).ok_or_else(|| Rejection::no_such("role", &c.name))?;
                check_unprotected(&role.value)?;
                let role = Role { boundary: c.arn.clone(), ..role.value.clone() };
                self.changes.put(Key::Role(self.number, lower), &role);
            }
            _ => {
                return Err(Rejection::new(
                    RejectionKind::InvalidInput,
                    "Only users and roles have a permissions boundary.",
                ));
            }
        }
        Ok(Reply::Done(true))
    }

    pub(crate) fn check_boundary(&self, arn: &str) -> Result<(), Rejection> {
        check_attachable(arn)?;
        if arn.is_empty() || self.account.managed(arn).is_some() {
            return Ok(());
        }
        if policy_name(arn).is_none() {
            return Err(invalid_arn(arn));
        }
        Err(Rejection::new(
            RejectionKind::NoSuchEntity,
            format!("Scope ARN: {arn} does not exist or is not attachable."),
        ))
    }
}

fn session_seconds(seconds: u32) -> Result<u32, Rejection> {
    match seconds {
        0 => Ok(SESSION_SECONDS_DEFAULT),
        SESSION_SECONDS_DEFAULT..=SESSION_SECONDS_MAX => Ok(seconds),
        other => Err(Rejection::invalid(format!(
            "The maximum session duration of {other} seconds is not between 3600 and 43200."
        ))),
    }
}
