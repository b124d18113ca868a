//! Looks at all nodes while the run goes on, waits until they are equal, reads everything once more, and cleans up.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tidegate_client::{CallError, Client, Operation, request_id};
use tidegate_history::log::Did;
use tidegate_proto::{
    common::v1::{Consistency, ErrorReason, consistency::Mode},
    iam::v1::{
        DeleteAccessKeyRequest, DeletePolicyRequest, DeleteRoleRequest, DeleteUserPolicyRequest,
        DeleteUserRequest, DetachUserPolicyRequest, ListAccessKeysRequest,
        ListAttachedUserPoliciesRequest, ListPoliciesRequest, ListRolesRequest,
        ListUserPoliciesRequest, ListUsersRequest,
    },
    propagation::v1::GetReplicationStatusRequest,
};

use super::{
    fleet::NodeAt,
    operations::{self, How},
    workload::Shared,
};

/// How often the nodes are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a last read is tried.
const LAST_TRIES: u32 = 20;

/// The positions and digests of a node, by group.
type Groups = BTreeMap<u32, (u64, String)>;

async fn look(shared: &Shared, node: &NodeAt) -> Option<Groups> {
    let start = shared.recorder.now();
    let status = node.client().send(&GetReplicationStatusRequest {}).await;
    shared.recorder.called("look", status.is_ok());
    let groups: Groups = status
        .ok()?
        .groups
        .into_iter()
        .map(|g| (g.group, (g.published, hex::encode(&g.digest))))
        .collect();
    shared.recorder.done(0, node.number, start, Did::Looked { groups: groups.clone() });
    Some(groups)
}

/// Looks at each node again and again until it is over.
pub(crate) async fn watch(shared: Arc<Shared>) {
    while !shared.over.load(Ordering::Relaxed) {
        for node in &shared.fleet.nodes {
            look(&shared, node).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until every node has everything that any had when the faults were over, for `patience` at most.
pub(crate) async fn settle(shared: &Shared, patience: Duration) {
    let began = shared.recorder.now();
    let mut wanted: Option<BTreeMap<u32, u64>> = None;
    loop {
        let mut seen = Vec::new();
        for node in &shared.fleet.nodes {
            seen.extend(look(shared, node).await);
        }
        let after = shared.recorder.now().saturating_sub(began);
        if seen.len() == shared.fleet.nodes.len() {
            let mut most = BTreeMap::new();
            for (group, (position, _)) in seen.iter().flatten() {
                let most = most.entry(*group).or_insert(*position);
                *most = (*position).max(*most);
            }
            let wanted = wanted.get_or_insert(most);
            let has = |groups: &Groups| {
                wanted.iter().all(|(g, p)| groups.get(g).is_some_and(|(position, _)| position >= p))
            };
            if seen.iter().all(has) {
                shared.recorder.converged(Some(after));
                return;
            }
        }
        if after > patience {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn read_all(shared: Arc<Shared>, node: NodeAt) {
    for register in shared.registers() {
        for _ in 0..LAST_TRIES {
            let start = shared.recorder.now();
            match operations::read(&node.client(), &register, &How::eventual()).await {
                Ok((state, ..)) => {
                    let did = Did::Last { register: register.number, state };
                    shared.recorder.done(0, node.number, start, did);
                    break;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }
}

/// Reads every register at every node.
pub(crate) async fn last_look(shared: &Arc<Shared>) {
    let nodes = shared.fleet.nodes.clone();
    let reads = nodes.into_iter().map(|node| tokio::spawn(read_all(Arc::clone(shared), node)));
    for read in reads.collect::<Vec<_>>() {
        if let Err(error) = read.await {
            tracing::error!(%error, "the last look was broken off");
        }
    }
}

fn strong() -> Consistency {
    Consistency { mode: Some(Mode::Strong(true)) }
}

/// What is left over, by name.
#[derive(Default)]
struct Leftovers(Vec<String>);

impl Leftovers {
    fn note<T>(&mut self, what: &str, answer: Result<T, CallError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) if error.kind() == ErrorReason::NoSuchEntity => None,
            Err(error) => {
                self.0.push(format!("{what}: {error}"));
                None
            }
        }
    }

    async fn send<O: Operation>(
        &mut self,
        client: &Client,
        what: &str,
        message: O,
    ) -> Option<O::Answer> {
        self.note(what, client.send(&message).await)
    }

    async fn user(&mut self, client: &Client, user: &str) {
        let user_name = user.to_owned();
        let message = ListUserPoliciesRequest {
            user_name: user_name.clone(),
            consistency: Some(strong()),
            ..ListUserPoliciesRequest::default()
        };
        for policy_name in
            self.send(client, user, message).await.map(|a| a.policy_names).unwrap_or_default()
        {
            let message = DeleteUserPolicyRequest {
                user_name: user_name.clone(),
                policy_name,
                request_id: request_id(),
                validate_only: false,
            };
            self.send(client, user, message).await;
        }
        let message = ListAttachedUserPoliciesRequest {
            user_name: user_name.clone(),
            consistency: Some(strong()),
            ..ListAttachedUserPoliciesRequest::default()
        };
        for policy in
            self.send(client, user, message).await.map(|a| a.attached_policies).unwrap_or_default()
        {
            let message = DetachUserPolicyRequest {
                user_name: user_name.clone(),
                policy_arn: policy.policy_arn,
                request_id: request_id(),
                validate_only: false,
            };
            self.send(client, user, message).await;
        }
        let message = ListAccessKeysRequest {
            user_name: user_name.clone(),
            consistency: Some(strong()),
            ..ListAccessKeysRequest::default()
        };
        for key in self.send(client, user, message).await.map(|a| a.access_keys).unwrap_or_default()
        {
            let message = DeleteAccessKeyRequest {
                user_name: user_name.clone(),
                access_key_id: key.access_key_id,
                request_id: request_id(),
                validate_only: false,
            };
            self.send(client, user, message).await;
        }
        let message = DeleteUserRequest {
            user_name,
            request_id: request_id(),
            ..DeleteUserRequest::default()
        };
        self.send(client, user, message).await;
    }
}

/// Deletes everything that the run made. Gives what could not be deleted, and why.
pub(crate) async fn clean_up(client: &Client, shared: &Shared) -> Vec<String> {
    let mut left = Leftovers::default();
    loop {
        let message = ListUsersRequest {
            path_prefix: shared.path(),
            page_size: 500,
            consistency: Some(strong()),
            ..ListUsersRequest::default()
        };
        let users = left.send(client, "users", message).await.map(|a| a.users).unwrap_or_default();
        if users.is_empty() || !left.0.is_empty() {
            break;
        }
        for user in users {
            left.user(client, &user.user_name).await;
        }
    }
    let message = ListRolesRequest {
        path_prefix: shared.path(),
        consistency: Some(strong()),
        ..ListRolesRequest::default()
    };
    for role in left.send(client, "roles", message).await.map(|a| a.roles).unwrap_or_default() {
        let message = DeleteRoleRequest {
            role_name: role.role_name.clone(),
            request_id: request_id(),
            ..DeleteRoleRequest::default()
        };
        left.send(client, &role.role_name, message).await;
    }
    let mut message = ListPoliciesRequest {
        scope: "Local".to_owned(),
        page_size: 500,
        consistency: Some(strong()),
        ..ListPoliciesRequest::default()
    };
    loop {
        let Some(page) = left.send(client, "policies", message.clone()).await else { break };
        for policy in page.policies.into_iter().filter(|p| p.path == shared.path()) {
            let message = DeletePolicyRequest {
                policy_arn: policy.arn.clone(),
                request_id: request_id(),
                ..DeletePolicyRequest::default()
            };
            left.send(client, &policy.arn, message).await;
        }
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            break;
        }
    }
    left.0
}
