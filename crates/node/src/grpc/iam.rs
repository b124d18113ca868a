//! Accounts and what is in them over gRPC. Each handler translates, calls once, and translates back.

mod accounts;
mod attachments;
mod calls;
mod groups;
mod inline;
mod keys;
mod policies;
mod roles;
mod shapes;
mod users;

use std::sync::Arc;

use tidegate_model::{
    AccountState, CallerRef, Command, EntityKind, Envelope, PolicyState, Reply,
    command::{self, ReplyBox},
    ids::{self, IdKind},
    record,
};
use tidegate_policy::{AccountId, UnixMillis, aws_managed};
use tidegate_proto::{
    common::v1::{Consistency, ResponseMetadata},
    iam::v1::{self as pb, account_service_server::AccountService, iam_service_server::IamService},
};
use tidegate_replica::GroupId;
use tidegate_service::{Caller, Reason, ServiceError};
use tonic::{Request, Response, Status};

pub(super) use self::calls::page;
use self::{
    calls::{Subject, evidence, mutate, own_name, read},
    shapes::{
        access_key, attached_name, aws_policy, created, group, last_used, policy, role, tags, user,
        version, version_number,
    },
};
use super::{
    cluster::{confirmed, operator},
    status::refuse,
    wire,
    wire::Seen,
};
use crate::{
    core::Core,
    operations::{self, draw},
};

/// Serves accounts, for operators.
#[derive(Clone, Debug)]
pub(crate) struct AccountHandler(pub(crate) Arc<Core>);

/// Serves what is in the caller's account.
#[derive(Clone, Debug)]
pub(crate) struct IamHandler(pub(crate) Arc<Core>);

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

fn no_such(what: &str, name: &str) -> Status {
    refuse(ServiceError::new(
        Reason::NoSuchEntity,
        format!("The {what} with name {name} cannot be found."),
    ))
}

/// See [`operations::secret`].
fn secret(core: &Core, key_id: &str) -> Result<(String, Vec<u8>), Status> {
    operations::secret(core, key_id).map_err(refuse)
}

/// One method of the service for each row; what a row does stands in the file of its entity.
macro_rules! operations {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl IamService for IamHandler {
            $(async fn $method(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                self.$method(request).await
            })*
        }
    };
}

operations! {
    create_user(CreateUserRequest) -> CreateUserResponse;
    get_user(GetUserRequest) -> GetUserResponse;
    update_user(UpdateUserRequest) -> UpdateUserResponse;
    delete_user(DeleteUserRequest) -> DeleteUserResponse;
    list_users(ListUsersRequest) -> ListUsersResponse;
    create_group(CreateGroupRequest) -> CreateGroupResponse;
    get_group(GetGroupRequest) -> GetGroupResponse;
    delete_group(DeleteGroupRequest) -> DeleteGroupResponse;
    list_groups(ListGroupsRequest) -> ListGroupsResponse;
    add_user_to_group(AddUserToGroupRequest) -> AddUserToGroupResponse;
    remove_user_from_group(RemoveUserFromGroupRequest) -> RemoveUserFromGroupResponse;
    list_groups_for_user(ListGroupsForUserRequest) -> ListGroupsForUserResponse;
    create_role(CreateRoleRequest) -> CreateRoleResponse;
    get_role(GetRoleRequest) -> GetRoleResponse;
    update_assume_role_policy(UpdateAssumeRolePolicyRequest) -> UpdateAssumeRolePolicyResponse;
    delete_role(DeleteRoleRequest) -> DeleteRoleResponse;
    list_roles(ListRolesRequest) -> ListRolesResponse;
    create_policy(CreatePolicyRequest) -> CreatePolicyResponse;
    get_policy(GetPolicyRequest) -> GetPolicyResponse;
    delete_policy(DeletePolicyRequest) -> DeletePolicyResponse;
    list_policies(ListPoliciesRequest) -> ListPoliciesResponse;
    create_policy_version(CreatePolicyVersionRequest) -> CreatePolicyVersionResponse;
    get_policy_version(GetPolicyVersionRequest) -> GetPolicyVersionResponse;
    list_policy_versions(ListPolicyVersionsRequest) -> ListPolicyVersionsResponse;
    set_default_policy_version(SetDefaultPolicyVersionRequest) -> SetDefaultPolicyVersionResponse;
    delete_policy_version(DeletePolicyVersionRequest) -> DeletePolicyVersionResponse;
    list_entities_for_policy(ListEntitiesForPolicyRequest) -> ListEntitiesForPolicyResponse;
    attach_user_policy(AttachUserPolicyRequest) -> AttachUserPolicyResponse;
    detach_user_policy(DetachUserPolicyRequest) -> DetachUserPolicyResponse;
    list_attached_user_policies(ListAttachedUserPoliciesRequest) -> ListAttachedUserPoliciesResponse;
    put_user_policy(PutUserPolicyRequest) -> PutUserPolicyResponse;
    delete_user_policy(DeleteUserPolicyRequest) -> DeleteUserPolicyResponse;
    get_user_policy(GetUserPolicyRequest) -> GetUserPolicyResponse;
    list_user_policies(ListUserPoliciesRequest) -> ListUserPoliciesResponse;
    attach_group_policy(AttachGroupPolicyRequest) -> AttachGroupPolicyResponse;
    detach_group_policy(DetachGroupPolicyRequest) -> DetachGroupPolicyResponse;
    list_attached_group_policies(ListAttachedGroupPoliciesRequest) -> ListAttachedGroupPoliciesResponse;
    put_group_policy(PutGroupPolicyRequest) -> PutGroupPolicyResponse;
    delete_group_policy(DeleteGroupPolicyRequest) -> DeleteGroupPolicyResponse;
    get_group_policy(GetGroupPolicyRequest) -> GetGroupPolicyResponse;
    list_group_policies(ListGroupPoliciesRequest) -> ListGroupPoliciesResponse;
    attach_role_policy(AttachRolePolicyRequest) -> AttachRolePolicyResponse;
    detach_role_policy(DetachRolePolicyRequest) -> DetachRolePolicyResponse;
    list_attached_role_policies(ListAttachedRolePoliciesRequest) -> ListAttachedRolePoliciesResponse;
    put_role_policy(PutRolePolicyRequest) -> PutRolePolicyResponse;
    delete_role_policy(DeleteRolePolicyRequest) -> DeleteRolePolicyResponse;
    get_role_policy(GetRolePolicyRequest) -> GetRolePolicyResponse;
    list_role_policies(ListRolePoliciesRequest) -> ListRolePoliciesResponse;
    put_user_permissions_boundary(PutUserPermissionsBoundaryRequest) -> PutUserPermissionsBoundaryResponse;
    delete_user_permissions_boundary(DeleteUserPermissionsBoundaryRequest) -> DeleteUserPermissionsBoundaryResponse;
    put_role_permissions_boundary(PutRolePermissionsBoundaryRequest) -> PutRolePermissionsBoundaryResponse;
    delete_role_permissions_boundary(DeleteRolePermissionsBoundaryRequest) -> DeleteRolePermissionsBoundaryResponse;
    create_access_key(CreateAccessKeyRequest) -> CreateAccessKeyResponse;
    update_access_key(UpdateAccessKeyRequest) -> UpdateAccessKeyResponse;
    delete_access_key(DeleteAccessKeyRequest) -> DeleteAccessKeyResponse;
    list_access_keys(ListAccessKeysRequest) -> ListAccessKeysResponse;
}
