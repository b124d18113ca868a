//! The gRPC front door: handlers that only translate, behind one layer that authenticates.

mod auth;
mod cluster;
mod decision;
mod development;
mod iam;
mod membership;
mod peer;
mod propagation;
mod region;
mod status;
mod sts;
mod wire;
mod workload;

use std::{io, sync::Arc};

use futures::Stream;
use tidegate_model::record::node_state;
use tidegate_proto::{
    FILE_DESCRIPTORS,
    cluster::v1::cluster_service_server::ClusterServiceServer,
    decision::v1::decision_service_server::DecisionServiceServer,
    iam::v1::{account_service_server::AccountServiceServer, iam_service_server::IamServiceServer},
    membership::v1::membership_service_server::MembershipServiceServer,
    peer::v1::peer_service_server::PeerServiceServer,
    propagation::v1::propagation_service_server::PropagationServiceServer,
    region::v1::quarantine_service_server::QuarantineServiceServer,
    sts::v1::sts_service_server::StsServiceServer,
    workload::v1::{
        instance_service_server::InstanceServiceServer,
        workload_service_server::WorkloadServiceServer,
    },
};
use tokio::sync::watch;
use tonic::{
    service::{Routes, RoutesBuilder},
    transport::Server,
};

use crate::{core::Core, dial::Accepted, peers::PEER_MESSAGE_MAX};

async fn stopped(mut stop: watch::Receiver<bool>) {
    let _sender_gone = stop.wait_for(|stop| *stop).await.is_err();
}

/// Serves peers until the node stops.
pub(crate) async fn serve_peers(
    core: Arc<Core>,
    incoming: impl Stream<Item = io::Result<Accepted>> + Send,
    stop: watch::Receiver<bool>,
) {
    let service = PeerServiceServer::new(peer::PeerHandler::new(core))
        .max_decoding_message_size(PEER_MESSAGE_MAX)
        .max_encoding_message_size(PEER_MESSAGE_MAX);
    let served = Server::builder()
        .http2_keepalive_interval(Some(core::time::Duration::from_secs(1)))
        .http2_keepalive_timeout(Some(core::time::Duration::from_secs(2)))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stopped(stop))
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "peers are served no more");
    }
}

/// What clients may call, but for health and reflection.
fn services(core: &Arc<Core>) -> Routes {
    let limit = core.config.limits.message_bytes_max;
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(
            AccountServiceServer::new(iam::AccountHandler(Arc::clone(core)))
                .max_decoding_message_size(limit),
        )
        .add_service(
            IamServiceServer::new(iam::IamHandler(Arc::clone(core)))
                .max_decoding_message_size(limit),
        )
        .add_service(StsServiceServer::new(sts::StsHandler(Arc::clone(core))))
        .add_service(
            DecisionServiceServer::new(decision::DecisionHandler(Arc::clone(core)))
                .max_decoding_message_size(limit),
        )
        .add_service(PropagationServiceServer::new(propagation::PropagationHandler(Arc::clone(
            core,
        ))))
        .add_service(QuarantineServiceServer::new(region::QuarantineHandler(Arc::clone(core))))
        .add_service(MembershipServiceServer::new(membership::MembershipHandler(Arc::clone(core))))
        .add_service(InstanceServiceServer::new(workload::InstanceHandler(Arc::clone(core))))
        .add_service(WorkloadServiceServer::new(workload::WorkloadHandler(Arc::clone(core))))
        .add_service(ClusterServiceServer::new(cluster::ClusterHandler(Arc::clone(core))));
    routes.routes()
}

/// Serves clients until the node stops.
pub(crate) async fn serve_clients(
    core: Arc<Core>,
    incoming: impl Stream<Item = io::Result<Accepted>> + Send,
    stop: watch::Receiver<bool>,
) {
    let (health, health_service) = tonic_health::server::health_reporter();
    let watching = tokio::spawn(report_health(Arc::clone(&core), health));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
        .build_v1();
    let reflection = match reflection {
        Ok(service) => Some(service),
        Err(error) => {
            tracing::error!(%error, "reflection is not served");
            None
        }
    };
    let mut routes = RoutesBuilder::from(services(&core));
    routes.add_service(health_service);
    if let Some(reflection) = reflection {
        routes.add_service(reflection);
    }
    let served = Server::builder()
        // A client that is gone without a word gives its connection back.
        .http2_keepalive_interval(Some(core::time::Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(core::time::Duration::from_secs(20)))
        .layer(auth::AuthLayer::new(core))
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(incoming, stopped(stop))
        .await;
    watching.abort();
    if let Err(error) = served {
        tracing::error!(%error, "clients are served no more");
    }
}

/// Health: the node itself once it has a view, and `freshness` while the view is fresh enough.
async fn report_health(core: Arc<Core>, health: tonic_health::server::HealthReporter) {
    use tonic_health::ServingStatus;
    loop {
        let view = core.views.load();
        let drained = view.directory.node(core.me.0).is_some_and(|n| n.state != node_state::ACTIVE);
        let stays = !drained && core.check_standing().is_ok();
        let there = view.directory.cluster().is_some() && stays;
        let groups: Vec<_> =
            view.directory.placements().map(|p| tidegate_replica::GroupId(p.group)).collect();
        let soft = core::time::Duration::from_millis(core.config.limits.staleness_soft_ms);
        let fresh =
            core.gossip.staleness(core.platform.monotonic(), &groups).is_some_and(|s| s <= soft);
        let status =
            |good: bool| if good { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_service_status("", status(there)).await;
        health.set_service_status("freshness", status(there && fresh)).await;
        tokio::time::sleep(core::time::Duration::from_millis(250)).await;
    }
}
