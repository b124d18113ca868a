//! The operations, one row each; what a row does stands in the file of its entity.

mod account;
mod details;
mod groups;
mod inline;
mod keys;
mod managed;
mod policies;
mod roles;
mod shapes;
mod sts;
mod users;

use futures::future::BoxFuture;
use tidegate_query::{Code, Refusal, Service};

use super::{answer::Outcome, call::Call};

macro_rules! operations {
    ($($service:ident { $($name:ident => $module:ident::$handler:ident;)* })*) => {
        /// The operations that are served.
        #[cfg(test)]
        pub(super) const SERVED: &[(Service, &str)] = &[$($((Service::$service, stringify!($name)),)*)*];

        fn handler<'c>(call: &'c Call<'_>) -> Option<BoxFuture<'c, Outcome>> {
            match (call.asked.service, call.asked.operation.name.as_str()) {
                $($((Service::$service, stringify!($name)) => Some(Box::pin($module::$handler(call))),)*)*
                _ => None,
            }
        }
    };
}

operations! {
    Iam {
        CreateUser => users::create;
        GetUser => users::get;
        UpdateUser => users::update;
        DeleteUser => users::delete;
        ListUsers => users::list;
        ListUserTags => users::list_tags;
        CreateGroup => groups::create;
        GetGroup => groups::get;
        DeleteGroup => groups::delete;
        ListGroups => groups::list;
        AddUserToGroup => groups::add_user;
        RemoveUserFromGroup => groups::remove_user;
        ListGroupsForUser => groups::list_for_user;
        CreateRole => roles::create;
        GetRole => roles::get;
        UpdateRole => roles::update;
        UpdateRoleDescription => roles::update_description;
        UpdateAssumeRolePolicy => roles::update_trust;
        DeleteRole => roles::delete;
        ListRoles => roles::list;
        ListRoleTags => roles::list_tags;
        CreatePolicy => policies::create;
        GetPolicy => policies::get;
        DeletePolicy => policies::delete;
        ListPolicies => policies::list;
        CreatePolicyVersion => policies::create_version;
        GetPolicyVersion => policies::get_version;
        ListPolicyVersions => policies::list_versions;
        SetDefaultPolicyVersion => policies::set_default_version;
        DeletePolicyVersion => policies::delete_version;
        ListEntitiesForPolicy => policies::list_entities;
        AttachUserPolicy => managed::attach_user;
        DetachUserPolicy => managed::detach_user;
        ListAttachedUserPolicies => managed::list_user;
        AttachGroupPolicy => managed::attach_group;
        DetachGroupPolicy => managed::detach_group;
        ListAttachedGroupPolicies => managed::list_group;
        AttachRolePolicy => managed::attach_role;
        DetachRolePolicy => managed::detach_role;
        ListAttachedRolePolicies => managed::list_role;
        PutUserPermissionsBoundary => managed::put_user_boundary;
        DeleteUserPermissionsBoundary => managed::delete_user_boundary;
        PutRolePermissionsBoundary => managed::put_role_boundary;
        DeleteRolePermissionsBoundary => managed::delete_role_boundary;
        PutUserPolicy => inline::put_user;
        GetUserPolicy => inline::get_user;
        DeleteUserPolicy => inline::delete_user;
        ListUserPolicies => inline::list_user;
        PutGroupPolicy => inline::put_group;
        GetGroupPolicy => inline::get_group;
        DeleteGroupPolicy => inline::delete_group;
        ListGroupPolicies => inline::list_group;
        PutRolePolicy => inline::put_role;
        GetRolePolicy => inline::get_role;
        DeleteRolePolicy => inline::delete_role;
        ListRolePolicies => inline::list_role;
        CreateAccessKey => keys::create;
        UpdateAccessKey => keys::update;
        DeleteAccessKey => keys::delete;
        ListAccessKeys => keys::list;
        GetAccountSummary => account::summary;
        GetAccountAuthorizationDetails => details::get;
    }
    Sts {
        AssumeRole => sts::assume_role;
        GetCallerIdentity => sts::get_caller_identity;
        GetAccessKeyInfo => sts::get_access_key_info;
    }
}

/// Serves a call.
pub(super) async fn run(call: &Call<'_>) -> Outcome {
    match handler(call) {
        Some(answer) => answer.await,
        None => Err(Refusal::new(
            Code::UnsupportedOperation,
            format!("The operation {} is not served here.", call.asked.operation.name),
        )),
    }
}
