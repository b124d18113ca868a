//! Which actions on which resources a command needs: one table, for the serving node and for apply alike.

use crate::{
    AccountState, Command, EntityKind, command::LiftQuarantine, region::Quarantine, service_linked,
};

fn entity(account: &AccountState, kind: u32, name: &str) -> (&'static str, String) {
    let (kind, path) = match EntityKind::from_number(kind) {
        Some(EntityKind::Group) => {
            (EntityKind::Group, account.group(name).map(|g| g.value.path.clone()))
        }
        Some(EntityKind::Role) => {
            (EntityKind::Role, account.role(name).map(|r| r.value.path.clone()))
        }
        _ => (EntityKind::User, account.user(name).map(|u| u.value.path.clone())),
    };
    let word = match kind {
        EntityKind::User => "User",
        EntityKind::Group => "Group",
        EntityKind::Role => "Role",
    };
    (word, account.arn(kind, path.as_deref().unwrap_or("/"), name))
}

fn new(account: &AccountState, kind: EntityKind, path: &str, name: &str) -> String {
    account.arn(kind, if path.is_empty() { "/" } else { path }, name)
}

fn key_owner(account: &AccountState, user: &str) -> String {
    if user.is_empty() { account.root_arn() } else { entity(account, 1, user).1 }
}

fn lifts(command: &LiftQuarantine) -> Vec<(String, String)> {
    let arn = |q: &Quarantine| q.target.as_ref().map(|t| t.arn.clone()).unwrap_or_default();
    let lift = "tidegate:LiftQuarantine";
    command.quarantines.iter().map(|q| (lift.to_owned(), arn(q))).collect()
}

/// The permissions that a command on this account needs, each an action and a resource ARN. Empty: only the cluster itself may.
#[expect(clippy::too_many_lines, reason = "one arm for each command")]
pub fn permissions(command: &Command, account: &AccountState) -> Vec<(String, String)> {
    let one = |action: &str, resource: String| vec![(format!("iam:{action}"), resource)];
    match command {
        Command::CreateUser(c) => {
            one("CreateUser", new(account, EntityKind::User, &c.path, &c.name))
        }
        Command::UpdateUser(c) => {
            let mut all = one("UpdateUser", entity(account, 1, &c.name).1);
            if !c.new_name.is_empty() {
                all.extend(one(
                    "UpdateUser",
                    new(account, EntityKind::User, &c.new_path, &c.new_name),
                ));
            }
            all
        }
        Command::Delete(c) if c.kind == 4 => one("DeletePolicy", c.name.clone()),
        Command::Delete(c) => {
            let (word, arn) = entity(account, c.kind, &c.name);
            one(&format!("Delete{word}"), arn)
        }
        Command::CreateGroup(c) => {
            one("CreateGroup", new(account, EntityKind::Group, &c.path, &c.name))
        }
        Command::Membership(c) => one(
            if c.member { "AddUserToGroup" } else { "RemoveUserFromGroup" },
            entity(account, 2, &c.group).1,
        ),
        Command::CreateRole(c) => {
            one("CreateRole", new(account, EntityKind::Role, &c.path, &c.name))
        }
        Command::UpdateRole(c) if c.trust_policy.is_empty() => {
            one("UpdateRole", entity(account, 3, &c.name).1)
        }
        Command::UpdateRole(c) => one("UpdateAssumeRolePolicy", entity(account, 3, &c.name).1),
        Command::PutBoundary(c) => {
            let (word, arn) = entity(account, c.kind, &c.name);
            let verb = if c.arn.is_empty() { "Delete" } else { "Put" };
            one(&format!("{verb}{word}PermissionsBoundary"), arn)
        }
        Command::CreatePolicy(c) => {
            let path = if c.path.is_empty() { "/" } else { &c.path };
            one(
                "CreatePolicy",
                format!("arn:{}:iam::{}:policy{path}{}", account.partition(), account.id(), c.name),
            )
        }
        Command::CreatePolicyVersion(c) => one("CreatePolicyVersion", c.arn.clone()),
        Command::PolicyVersion(c) => one(
            if c.delete { "DeletePolicyVersion" } else { "SetDefaultPolicyVersion" },
            c.arn.clone(),
        ),
        Command::Attach(c) => {
            let (word, arn) = entity(account, c.kind, &c.name);
            let verb = if c.attached { "Attach" } else { "Detach" };
            one(&format!("{verb}{word}Policy"), arn)
        }
        Command::PutInline(c) => {
            let (word, arn) = entity(account, c.kind, &c.name);
            let verb = if c.document.is_empty() { "Delete" } else { "Put" };
            one(&format!("{verb}{word}Policy"), arn)
        }
        Command::CreateAccessKey(c) => one("CreateAccessKey", key_owner(account, &c.user)),
        Command::UpdateAccessKey(c) => {
            let verb = if c.delete { "Delete" } else { "Update" };
            one(&format!("{verb}AccessKey"), key_owner(account, &c.user))
        }
        Command::ChangeResource(_) | Command::ChangeTags(_) | Command::UpdateGroup(_) => {
            crate::resource::permissions(command, account)
        }
        Command::CreateServiceLinkedRole(c) => {
            let role = service_linked::role(&c.service, &c.suffix);
            let arn = role.map(|r| account.arn(EntityKind::Role, &r.path, &r.name));
            one("CreateServiceLinkedRole", arn.unwrap_or_else(|_| "*".to_owned()))
        }
        Command::DeleteServiceLinkedRole(c) => {
            one("DeleteServiceLinkedRole", entity(account, 3, &c.name).1)
        }
        Command::ChangeOutbound(c) => one(crate::federation::action(c), "*".to_owned()),
        Command::EnableMfaDevice(_)
        | Command::ResyncMfaDevice(_)
        | Command::DeactivateMfaDevice(_)
        | Command::UseMfaCode(_)
        | Command::ChangePassword(_) => crate::mfa::permissions(command, account),
        Command::LiftQuarantine(c) => lifts(c),
        Command::ImportRegion(_)
        | Command::InitAccount(_)
        | Command::CreateCluster(_)
        | Command::RegisterNode(_)
        | Command::RemoveNode(_)
        | Command::ReserveAccount(_)
        | Command::ActivateAccount(_)
        | Command::ChangeVoters(_)
        | Command::AddSigningKey(_)
        | Command::SetIssuing(_)
        | Command::VotersChanged(_)
        | Command::Relocate(_)
        | Command::ChangeMembership(_)
        | Command::RecoverGroups(_)
        | Command::RaiseVersion(_)
        | Command::AnnounceNode(_)
        | Command::Reseal(_)
        | Command::ReserveAlias(_)
        | Command::ReleaseAlias(_)
        | Command::ChangeFeatures(_)
        | Command::ReserveAccessKey(_)
        | Command::CloseAccount(_)
        | Command::EraseAccount(_)
        | Command::ForgetAccount(_)
        | Command::Batch(_)
        | Command::SetClock(_) => Vec::new(),
    }
}
