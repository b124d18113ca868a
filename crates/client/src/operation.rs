//! Every call that has one answer, as a type: its path, its answer, and the names under which both sides remember it.

use prost::Message;
use tidegate_proto::{cluster, decision, iam, membership, propagation, region, sts, workload};

/// A request that [`Client::send`](crate::Client::send) makes.
pub trait Operation: Message + Clone {
    /// The method, `/package.Service/Method`.
    const PATH: &str;
    /// What it answers.
    type Answer: Message + Default;

    /// The name of the request, by which a change that is sent again takes effect once. Reads have none.
    fn request_id(&mut self) -> Option<&mut String> {
        None
    }

    /// The token of an answer, where it has one.
    fn token(_answer: &Self::Answer) -> Option<&str> {
        None
    }
}

macro_rules! parts {
    (change) => {
        fn request_id(&mut self) -> Option<&mut String> {
            Some(&mut self.request_id)
        }

        fn token(answer: &Self::Answer) -> Option<&str> {
            answer.metadata.as_ref().map(|m| m.token.as_str())
        }
    };
    (read) => {
        fn token(answer: &Self::Answer) -> Option<&str> {
            answer.evidence.as_ref().map(|e| e.token.as_str())
        }
    };
    (plain) => {};
}

macro_rules! operations {
    ($($kind:ident $service:literal $area:ident $method:ident $request:ident $answer:ident;)*) => {
        $(impl Operation for $area::v1::$request {
            const PATH: &str = concat!("/", $service, "/", stringify!($method));
            type Answer = $area::v1::$answer;

            parts!($kind);
        })*

        /// Path, request and answer of each operation.
        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] =
            &[$(($area::v1::$request::PATH, stringify!($request), stringify!($answer))),*];
    };
}

operations! {
    change "tidegate.iam.v1.AccountService" iam CreateAccount CreateAccountRequest CreateAccountResponse;
    change "tidegate.iam.v1.AccountService" iam DeleteAccount DeleteAccountRequest DeleteAccountResponse;
    change "tidegate.workload.v1.InstanceService" workload RegisterInstance RegisterInstanceRequest RegisterInstanceResponse;
    read "tidegate.workload.v1.InstanceService" workload ListInstances ListInstancesRequest ListInstancesResponse;
    change "tidegate.workload.v1.InstanceService" workload EndInstance EndInstanceRequest EndInstanceResponse;
    read "tidegate.workload.v1.WorkloadService" workload GetRoleCredentials GetRoleCredentialsRequest GetRoleCredentialsResponse;
    read "tidegate.iam.v1.AccountService" iam GetAccount GetAccountRequest GetAccountResponse;
    read "tidegate.iam.v1.AccountService" iam ListAccounts ListAccountsRequest ListAccountsResponse;
    change "tidegate.iam.v1.IamService" iam CreateUser CreateUserRequest CreateUserResponse;
    read "tidegate.iam.v1.IamService" iam GetUser GetUserRequest GetUserResponse;
    change "tidegate.iam.v1.IamService" iam UpdateUser UpdateUserRequest UpdateUserResponse;
    change "tidegate.iam.v1.IamService" iam DeleteUser DeleteUserRequest DeleteUserResponse;
    read "tidegate.iam.v1.IamService" iam ListUsers ListUsersRequest ListUsersResponse;
    change "tidegate.iam.v1.IamService" iam CreateGroup CreateGroupRequest CreateGroupResponse;
    read "tidegate.iam.v1.IamService" iam GetGroup GetGroupRequest GetGroupResponse;
    change "tidegate.iam.v1.IamService" iam DeleteGroup DeleteGroupRequest DeleteGroupResponse;
    read "tidegate.iam.v1.IamService" iam ListGroups ListGroupsRequest ListGroupsResponse;
    change "tidegate.iam.v1.IamService" iam AddUserToGroup AddUserToGroupRequest AddUserToGroupResponse;
    change "tidegate.iam.v1.IamService" iam RemoveUserFromGroup RemoveUserFromGroupRequest RemoveUserFromGroupResponse;
    read "tidegate.iam.v1.IamService" iam ListGroupsForUser ListGroupsForUserRequest ListGroupsForUserResponse;
    change "tidegate.iam.v1.IamService" iam CreateRole CreateRoleRequest CreateRoleResponse;
    read "tidegate.iam.v1.IamService" iam GetRole GetRoleRequest GetRoleResponse;
    change "tidegate.iam.v1.IamService" iam UpdateAssumeRolePolicy UpdateAssumeRolePolicyRequest UpdateAssumeRolePolicyResponse;
    change "tidegate.iam.v1.IamService" iam DeleteRole DeleteRoleRequest DeleteRoleResponse;
    read "tidegate.iam.v1.IamService" iam ListRoles ListRolesRequest ListRolesResponse;
    change "tidegate.iam.v1.IamService" iam CreatePolicy CreatePolicyRequest CreatePolicyResponse;
    read "tidegate.iam.v1.IamService" iam GetPolicy GetPolicyRequest GetPolicyResponse;
    change "tidegate.iam.v1.IamService" iam DeletePolicy DeletePolicyRequest DeletePolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListPolicies ListPoliciesRequest ListPoliciesResponse;
    change "tidegate.iam.v1.IamService" iam CreatePolicyVersion CreatePolicyVersionRequest CreatePolicyVersionResponse;
    read "tidegate.iam.v1.IamService" iam GetPolicyVersion GetPolicyVersionRequest GetPolicyVersionResponse;
    read "tidegate.iam.v1.IamService" iam ListPolicyVersions ListPolicyVersionsRequest ListPolicyVersionsResponse;
    change "tidegate.iam.v1.IamService" iam SetDefaultPolicyVersion SetDefaultPolicyVersionRequest SetDefaultPolicyVersionResponse;
    change "tidegate.iam.v1.IamService" iam DeletePolicyVersion DeletePolicyVersionRequest DeletePolicyVersionResponse;
    read "tidegate.iam.v1.IamService" iam ListEntitiesForPolicy ListEntitiesForPolicyRequest ListEntitiesForPolicyResponse;
    change "tidegate.iam.v1.IamService" iam AttachUserPolicy AttachUserPolicyRequest AttachUserPolicyResponse;
    change "tidegate.iam.v1.IamService" iam DetachUserPolicy DetachUserPolicyRequest DetachUserPolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListAttachedUserPolicies ListAttachedUserPoliciesRequest ListAttachedUserPoliciesResponse;
    change "tidegate.iam.v1.IamService" iam PutUserPolicy PutUserPolicyRequest PutUserPolicyResponse;
    change "tidegate.iam.v1.IamService" iam DeleteUserPolicy DeleteUserPolicyRequest DeleteUserPolicyResponse;
    read "tidegate.iam.v1.IamService" iam GetUserPolicy GetUserPolicyRequest GetUserPolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListUserPolicies ListUserPoliciesRequest ListUserPoliciesResponse;
    change "tidegate.iam.v1.IamService" iam AttachGroupPolicy AttachGroupPolicyRequest AttachGroupPolicyResponse;
    change "tidegate.iam.v1.IamService" iam DetachGroupPolicy DetachGroupPolicyRequest DetachGroupPolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListAttachedGroupPolicies ListAttachedGroupPoliciesRequest ListAttachedGroupPoliciesResponse;
    change "tidegate.iam.v1.IamService" iam PutGroupPolicy PutGroupPolicyRequest PutGroupPolicyResponse;
    change "tidegate.iam.v1.IamService" iam DeleteGroupPolicy DeleteGroupPolicyRequest DeleteGroupPolicyResponse;
    read "tidegate.iam.v1.IamService" iam GetGroupPolicy GetGroupPolicyRequest GetGroupPolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListGroupPolicies ListGroupPoliciesRequest ListGroupPoliciesResponse;
    change "tidegate.iam.v1.IamService" iam AttachRolePolicy AttachRolePolicyRequest AttachRolePolicyResponse;
    change "tidegate.iam.v1.IamService" iam DetachRolePolicy DetachRolePolicyRequest DetachRolePolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListAttachedRolePolicies ListAttachedRolePoliciesRequest ListAttachedRolePoliciesResponse;
    change "tidegate.iam.v1.IamService" iam PutRolePolicy PutRolePolicyRequest PutRolePolicyResponse;
    change "tidegate.iam.v1.IamService" iam DeleteRolePolicy DeleteRolePolicyRequest DeleteRolePolicyResponse;
    read "tidegate.iam.v1.IamService" iam GetRolePolicy GetRolePolicyRequest GetRolePolicyResponse;
    read "tidegate.iam.v1.IamService" iam ListRolePolicies ListRolePoliciesRequest ListRolePoliciesResponse;
    change "tidegate.iam.v1.IamService" iam PutUserPermissionsBoundary PutUserPermissionsBoundaryRequest PutUserPermissionsBoundaryResponse;
    change "tidegate.iam.v1.IamService" iam DeleteUserPermissionsBoundary DeleteUserPermissionsBoundaryRequest DeleteUserPermissionsBoundaryResponse;
    change "tidegate.iam.v1.IamService" iam PutRolePermissionsBoundary PutRolePermissionsBoundaryRequest PutRolePermissionsBoundaryResponse;
    change "tidegate.iam.v1.IamService" iam DeleteRolePermissionsBoundary DeleteRolePermissionsBoundaryRequest DeleteRolePermissionsBoundaryResponse;
    change "tidegate.iam.v1.IamService" iam CreateAccessKey CreateAccessKeyRequest CreateAccessKeyResponse;
    change "tidegate.iam.v1.IamService" iam UpdateAccessKey UpdateAccessKeyRequest UpdateAccessKeyResponse;
    change "tidegate.iam.v1.IamService" iam DeleteAccessKey DeleteAccessKeyRequest DeleteAccessKeyResponse;
    read "tidegate.iam.v1.IamService" iam ListAccessKeys ListAccessKeysRequest ListAccessKeysResponse;
    read "tidegate.sts.v1.StsService" sts AssumeRole AssumeRoleRequest AssumeRoleResponse;
    plain "tidegate.sts.v1.StsService" sts GetCallerIdentity GetCallerIdentityRequest GetCallerIdentityResponse;
    read "tidegate.decision.v1.DecisionService" decision Authorize AuthorizeRequest AuthorizeResponse;
    read "tidegate.decision.v1.DecisionService" decision BatchAuthorize BatchAuthorizeRequest BatchAuthorizeResponse;
    read "tidegate.decision.v1.DecisionService" decision Explain ExplainRequest ExplainResponse;
    plain "tidegate.propagation.v1.PropagationService" propagation GetReplicationStatus GetReplicationStatusRequest GetReplicationStatusResponse;
    read "tidegate.cluster.v1.ClusterService" cluster DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    change "tidegate.cluster.v1.ClusterService" cluster RegisterNode RegisterNodeRequest RegisterNodeResponse;
    change "tidegate.cluster.v1.ClusterService" cluster ChangeVoters ChangeVotersRequest ChangeVotersResponse;
    change "tidegate.cluster.v1.ClusterService" cluster RemoveNode RemoveNodeRequest RemoveNodeResponse;
    change "tidegate.cluster.v1.ClusterService" cluster SetIssuing SetIssuingRequest SetIssuingResponse;
    change "tidegate.cluster.v1.ClusterService" cluster SetClock SetClockRequest SetClockResponse;
    read "tidegate.region.v1.QuarantineService" region ListQuarantines ListQuarantinesRequest ListQuarantinesResponse;
    change "tidegate.region.v1.QuarantineService" region LiftQuarantine LiftQuarantineRequest LiftQuarantineResponse;
    plain "tidegate.region.v1.QuarantineService" region VoidSessions VoidSessionsRequest VoidSessionsResponse;
    read "tidegate.membership.v1.MembershipService" membership DescribeMembership DescribeMembershipRequest DescribeMembershipResponse;
    plain "tidegate.membership.v1.MembershipService" membership CreateJoinToken CreateJoinTokenRequest CreateJoinTokenResponse;
    change "tidegate.membership.v1.MembershipService" membership DrainNode DrainNodeRequest DrainNodeResponse;
    change "tidegate.membership.v1.MembershipService" membership RetireNode RetireNodeRequest RetireNodeResponse;
    change "tidegate.membership.v1.MembershipService" membership EvictNode EvictNodeRequest EvictNodeResponse;
    plain "tidegate.membership.v1.MembershipService" membership TransferLeader TransferLeaderRequest TransferLeaderResponse;
    plain "tidegate.membership.v1.MembershipService" membership RecoverCluster RecoverClusterRequest RecoverClusterResponse;
    change "tidegate.membership.v1.MembershipService" membership AddGroup AddGroupRequest AddGroupResponse;
    change "tidegate.membership.v1.MembershipService" membership MoveAccount MoveAccountRequest MoveAccountResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster SetLink SetLinkRequest SetLinkResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster ListLinks ListLinksRequest ListLinksResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster ClearLinks ClearLinksRequest ClearLinksResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster DescribeNode DescribeNodeRequest DescribeNodeResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster SetPropagationModel SetPropagationModelRequest SetPropagationModelResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster FreezePropagation FreezePropagationRequest FreezePropagationResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster ThawPropagation ThawPropagationRequest ThawPropagationResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster HoldChange HoldChangeRequest HoldChangeResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster ReleaseChange ReleaseChangeRequest ReleaseChangeResponse;
    plain "tidegate.cluster.v1.ClusterService" cluster ListHeldChanges ListHeldChangesRequest ListHeldChangesResponse;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn the_table_is_the_protocol() {
        let files = FileDescriptorSet::decode(tidegate_proto::FILE_DESCRIPTORS).unwrap().file;
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let mut protocol = BTreeSet::new();
        for file in files.iter().filter(|f| f.package() != "tidegate.peer.v1") {
            for service in &file.service {
                for method in &service.method {
                    if method.client_streaming() || method.server_streaming() {
                        continue;
                    }
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    protocol.insert((path, last(method.input_type()), last(method.output_type())));
                }
            }
        }
        let table: BTreeSet<_> = ALL
            .iter()
            .map(|(path, request, answer)| {
                ((*path).to_owned(), (*request).to_owned(), (*answer).to_owned())
            })
            .collect();
        assert_eq!(table, protocol);
    }
}
