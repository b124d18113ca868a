//! Roles that belong to services: made, deleted, and kept from everybody else.

use crate::{
    EntityKind, Key, ROLES_MAX, Reply,
    apply::{Answer, Step},
    command::{CreateServiceLinkedRole, DeleteServiceLinkedRole},
    record::{Edge, Role},
    rejection::{Rejection, RejectionKind},
    resource::{Body, Resource, ResourceKind, RoleDeletion},
    service_linked::{PATH, role},
    validate,
};

/// Longest session of such a role, in seconds: an hour.
const SESSION_SECONDS: u32 = 3_600;

/// Refuses to change the role of a service.
pub(super) fn check_unprotected(role: &Role) -> Result<(), Rejection> {
    if !role.path.starts_with(PATH) {
        return Ok(());
    }
    let message = format!(
        "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
        role.name
    );
    Err(Rejection::new(RejectionKind::UnmodifiableEntity, message))
}

/// Refuses a path that is kept for the roles of services: policies of an organization do not bind what is there.
pub(super) fn check_path(path: &str) -> Result<(), Rejection> {
    if path.starts_with(PATH) {
        let message = format!("The path {PATH} is reserved for service-linked roles.");
        return Err(Rejection::new(RejectionKind::InvalidInput, message));
    }
    Ok(())
}

impl Step<'_> {
    pub(crate) fn create_service_linked_role(&mut self, c: &CreateServiceLinkedRole) -> Answer {
        let made = role(&c.service, &c.suffix)?;
        validate::description(&c.description)?;
        let lower = validate::name("roleName", &made.name, 64)?;
        if self.account.role(&lower).is_some() {
            let message = format!(
                "Service role name {} has been taken in this account, please try a different suffix.",
                made.name
            );
            return Err(Rejection::new(RejectionKind::InvalidInput, message));
        }
        if self.account.roles.len() >= ROLES_MAX {
            return Err(Rejection::limit("RolesPerAccount", ROLES_MAX));
        }
        let role = Role {
            name: made.name,
            path: made.path,
            id: c.id.clone(),
            created: self.time,
            trust_policy: made.trust_policy,
            description: c.description.clone(),
            session_seconds_max: SESSION_SECONDS,
            ..Role::default()
        };
        for arn in made.policies {
            let key = Key::Attachment(self.number, EntityKind::Role, lower.clone(), arn);
            self.changes.put(key, &Edge { created: self.time });
        }
        self.changes.put(Key::Role(self.number, lower), &role);
        Ok(Reply::Role(role))
    }

    /// Deletes the role with what hangs on it, and remembers the task: no service holds resources here that would have to go first.
    pub(crate) fn delete_service_linked_role(&mut self, c: &DeleteServiceLinkedRole) -> Answer {
        let found = self.account.role(&c.name).map(|r| &r.value);
        let role = found
            .filter(|r| r.path.starts_with(PATH))
            .ok_or_else(|| Rejection::no_such("service-linked role", &c.name))?;
        let (n, kind, lower) = (self.number, EntityKind::Role, role.name.to_ascii_lowercase());
        for arn in self.account.attached(kind, &lower) {
            self.changes.delete(Key::Attachment(n, kind, lower.clone(), arn.to_string()));
        }
        self.changes.delete(Key::Role(n, lower));
        self.forget_oldest(ResourceKind::RoleDeletion);
        let task = Resource {
            name: format!("task{}{}/{}", role.path, role.name, c.task),
            created: self.time,
            body: Some(Body::RoleDeletion(RoleDeletion { role: role.name.clone() })),
            ..Resource::default()
        };
        Ok(self.put_resource(ResourceKind::RoleDeletion, task))
    }
}
