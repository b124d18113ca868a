//! The beginning of a cluster, and the second half of making an account: whoever leads the directory sees to both.

mod closing;

use std::{fs, sync::Arc, time::Duration};

use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{ActivateAccount, CreateCluster, InitAccount, caller_kind},
    record::{AccessKey, AccountPlacement, Cluster, Node, Placement},
};
use tidegate_policy::AccountId;
use tidegate_replica::GroupId;

use crate::{
    config::{Founding, NodeConfig},
    core::Core,
};

/// How often the leader looks for what is to be done, beside every change of the directory.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one step may take.
const STEP_MAX: Duration = Duration::from_secs(5);

pub(crate) fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

/// Founds the cluster and completes accounts, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    let mut changes = core.views.changes();
    loop {
        let leads = core.group(GroupId::DIRECTORY).is_some_and(|g| g.is_leading());
        if leads {
            step(&core).await;
        }
        let _woken = tokio::time::timeout(LOOK_EVERY, changes.changed()).await.is_ok();
    }
}

async fn step(core: &Core) {
    let view = core.views.load();
    if view.directory.cluster().is_none() {
        if let Some(founding) = &core.config.founding {
            match found(core, founding) {
                Ok(envelope) => report(
                    "the cluster can't be founded",
                    core.propose(GroupId::DIRECTORY, &envelope, STEP_MAX).await,
                ),
                Err(why) => tracing::error!(why, "the cluster can't be founded"),
            }
        }
        return;
    }
    let pending: Vec<AccountPlacement> =
        view.directory.accounts().filter(|a| !a.active || a.closing).cloned().collect();
    for account in pending {
        if account.closing {
            closing::erase(core, &account).await;
        } else {
            complete(core, &account).await;
        }
    }
}

fn report<T>(what: &str, result: Result<T, tidegate_service::ServiceError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "{what}");
    }
}

/// The saga's second and third step. Each may be repeated: the group answers the same, and activation is idempotent.
async fn complete(core: &Core, account: &AccountPlacement) {
    let init = InitAccount {
        name: account.name.clone(),
        email: account.email.clone(),
        root_key: account.root_key.clone(),
        partition: account.partition.clone(),
    };
    let envelope = Envelope {
        request_id: format!("init-{:012}-{}", account.account, account.created),
        account: account.account,
        caller: Some(system()),
        command: Some(Command::InitAccount(init)),
        ..Envelope::default()
    };
    if let Err(error) = core.propose(GroupId(account.group), &envelope, STEP_MAX).await {
        tracing::debug!(%error, account = account.account, "an account is not complete yet");
        return;
    }
    let activate = Envelope {
        request_id: format!("activate-{:012}-{}", account.account, account.created),
        account: account.account,
        caller: Some(system()),
        command: Some(Command::ActivateAccount(ActivateAccount { account: account.account })),
        ..Envelope::default()
    };
    report(
        "an account can't be activated",
        core.propose(GroupId::DIRECTORY, &activate, STEP_MAX).await,
    );
}

/// The nodes that the settings name, this one first.
fn nodes(config: &NodeConfig) -> Vec<Node> {
    let address = |advertised: &Option<String>, listen: &String| {
        advertised.clone().unwrap_or_else(|| listen.clone())
    };
    let mut nodes = vec![Node {
        id: config.node,
        region: config.region.clone(),
        peer_address: address(&config.listen.advertised_peer, &config.listen.peer),
        client_address: address(&config.listen.advertised_grpc, &config.listen.grpc),
        ..Node::default()
    }];
    nodes.extend(config.peers.iter().map(|p| Node {
        id: p.node,
        region: p.region.clone(),
        peer_address: p.address.clone(),
        client_address: p.grpc.clone(),
        ..Node::default()
    }));
    nodes
}

fn found(core: &Core, founding: &Founding) -> Result<Envelope, String> {
    let config = &core.config;
    let mut id = [0; 16];
    core.platform.entropy(&mut id);
    let operator: AccountId =
        founding.operator_account.parse().map_err(|e| format!("operator_account: {e}"))?;
    let secret = fs::read_to_string(&founding.operator_secret_file)
        .map_err(|e| format!("operator_secret_file: {e}"))?;
    let mut nonce = [0; 12];
    core.platform.entropy(&mut nonce);
    let key_id = &founding.operator_access_key_id;
    let sealed = core
        .cluster_key
        .seal_secret(key_id, secret.trim().as_bytes(), nonce, None)
        .map_err(|e| e.to_string())?;
    let nodes = nodes(config);
    let placements: Vec<Placement> = (0..=founding.groups)
        .map(|group| Placement {
            group,
            region: config.region.clone(),
            voters: founding.voters.clone(),
            ..Placement::default()
        })
        .collect();
    let root_key = AccessKey {
        id: key_id.clone(),
        active: true,
        sealed_secret: sealed,
        ..AccessKey::default()
    };
    let operator = AccountPlacement {
        account: operator.as_u64(),
        group: 1,
        email: founding.operator_email.clone(),
        name: "operator".to_owned(),
        active: false,
        root_key: Some(root_key),
        ..AccountPlacement::default()
    };
    let cluster = Cluster {
        id: hex::encode(id),
        name: config.cluster.clone(),
        development: founding.development,
        operator: operator.account,
        ..Cluster::default()
    };
    if founding.development {
        tracing::warn!(
            "this cluster is created in DEVELOPMENT MODE: links can be broken on purpose. It must guard nothing."
        );
    }
    let command =
        CreateCluster { cluster: Some(cluster), nodes, placements, operator: Some(operator) };
    Ok(Envelope {
        request_id: "found".to_owned(),
        caller: Some(system()),
        command: Some(Command::CreateCluster(command)),
        ..Envelope::default()
    })
}
