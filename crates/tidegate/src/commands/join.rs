//! `tidegate node --join`: a node registers itself, with a token that an operator has made for it.

use std::{fs, net::SocketAddr, time::Duration};

use tidegate_client::{CallError, Client, Credentials};
use tidegate_node::{
    config::{NodeConfig, Peer},
    join::JoinToken,
};
use tidegate_proto::cluster::v1::{DescribeClusterRequest, Node, RegisterNodeRequest};

use super::Failure;

/// How long a node that has a store asks who is there before it starts without an answer.
const ASK_MAX: Duration = Duration::from_secs(5);

fn reachable(key: &str, advertised: Option<&String>, listen: &str) -> Result<String, Failure> {
    let address = advertised.map_or(listen, String::as_str);
    let anywhere = address.parse::<SocketAddr>().is_ok_and(|a| a.ip().is_unspecified());
    if anywhere {
        let why = format!(
            "others can't call {address}: set listen.advertised_{key} to what they are to dial"
        );
        return Err(why.into());
    }
    Ok(address.to_owned())
}

/// Registers the node that the settings describe, and fills in whom it calls first where they name nobody. A node that has a store is a
/// member already, and its token may have ended long ago: it starts in any case, and asks only for whom to call, which it may have been
/// stopped too early to know.
pub(super) async fn join(config: &mut NodeConfig, token: &str) -> Result<(), Failure> {
    let token = JoinToken::from_text(token)?;
    if !config.data.join("db").exists() {
        return register(config, token).await;
    }
    tracing::info!(data = %config.data.display(), "the node has a store: it has joined already");
    if config.peers.is_empty() {
        match tokio::time::timeout(ASK_MAX, register(config, token)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(%error, "whom to call the store alone says"),
            Err(_late) => tracing::info!("nobody says in time whom to call: the store alone does"),
        }
    }
    Ok(())
}

async fn register(config: &mut NodeConfig, token: JoinToken) -> Result<(), Failure> {
    let listen = &config.listen;
    let mine = Node {
        id: config.node,
        region: config.region.clone(),
        peer_address: reachable("peer", listen.advertised_peer.as_ref(), &listen.peer)?,
        client_address: reachable("grpc", listen.advertised_grpc.as_ref(), &listen.grpc)?,
    };
    let ca = fs::read_to_string(&config.tls.ca)
        .map_err(|e| format!("`{}` can't be read: {e}", config.tls.ca.display()))?;
    let credentials = Credentials {
        access_key_id: token.access_key_id,
        secret_access_key: token.secret_access_key,
        session_token: Some(token.session_token),
    };
    let addresses: Vec<String> =
        token.addresses.iter().map(|address| format!("https://{address}")).collect();
    let client = Client::connect(&addresses, &ca, credentials).await?;
    let cluster = client.send(&DescribeClusterRequest {}).await.map_err(refused)?;
    if cluster.name != config.cluster {
        let why = format!(
            "the token is for the cluster `{}`, the settings for `{}`",
            cluster.name, config.cluster
        );
        return Err(why.into());
    }
    match cluster.nodes.iter().find(|n| n.id == mine.id) {
        Some(known) if *known == mine => {}
        Some(known) => {
            let why = format!(
                "n{} is a member already, in {} at {}: a new node needs a number of its own",
                known.id, known.region, known.peer_address
            );
            return Err(why.into());
        }
        None => {
            let request_id = format!("join-n{}", mine.id);
            let request = RegisterNodeRequest { request_id, node: Some(mine.clone()) };
            client.send(&request).await.map_err(refused)?;
            tracing::info!(node = mine.id, region = mine.region, "the node has joined");
        }
    }
    if config.peers.is_empty() {
        let others = cluster.nodes.into_iter().filter(|n| n.id != mine.id);
        config.peers = others
            .map(|n| Peer {
                node: n.id,
                region: n.region,
                address: n.peer_address,
                grpc: n.client_address,
            })
            .collect();
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn refused(error: CallError) -> Failure {
    format!("the cluster does not let this node join: {error}").into()
}
