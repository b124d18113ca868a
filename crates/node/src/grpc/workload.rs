//! Instances, and the credentials that workloads on them are given, over gRPC.

use std::sync::Arc;

use tidegate_authn::InstanceSecret;
use tidegate_model::{
    AccountState, Command, Reply, ResourceKind,
    resource::{Body, Change, ChangeResource, EC2, Instance, Resource, role_of_instance},
};
use tidegate_policy::UnixMillis;
use tidegate_proto::{
    sts::v1::Credentials,
    workload::v1::{
        self as pb, instance_service_server::InstanceService,
        workload_service_server::WorkloadService,
    },
};
use tidegate_replica::{GroupId, RegionName};
use tidegate_service::{Caller, Reason, ServiceError, instance_credentials};
use tonic::{Request, Response, Status};

use super::{status::refuse, wire};
use crate::{
    core::Core,
    operations::{self, Done, Subject, draw},
    vouching,
};

const KIND: ResourceKind = ResourceKind::Instance;

/// Serves instances of the caller's account.
#[derive(Clone, Debug)]
pub(crate) struct InstanceHandler(pub(crate) Arc<Core>);

/// Serves workloads, which prove themselves by their instance's secret.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadHandler(pub(crate) Arc<Core>);

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

fn shown(account: &AccountState, r: &Resource) -> pb::Instance {
    let own = match &r.body {
        Some(Body::Instance(instance)) => Some(instance),
        _ => None,
    };
    let role = own.and_then(|i| role_of_instance(account, i));
    let profile = own.and_then(|i| account.resource(ResourceKind::InstanceProfile, &i.profile));
    pb::Instance {
        instance_id: r.name.clone(),
        arn: KIND.arn(account, &r.path, &r.name),
        region: r.path.clone(),
        instance_profile_name: profile.map(|p| p.value.name.clone()).unwrap_or_default(),
        role_name: role.map(|r| r.value.name.clone()).unwrap_or_default(),
        create_date: Some(wire::timestamp(UnixMillis(r.created))),
    }
}

impl InstanceHandler {
    async fn change(
        &self,
        caller: &Caller,
        (request_id, validate_only): (String, bool),
        name: String,
        change: Change,
    ) -> Result<(Done, Option<tidegate_proto::common::v1::ResponseMetadata>), Status> {
        let core = &self.0;
        let change = ChangeResource { kind: KIND as u32, name, change: Some(change) };
        let command = Command::ChangeResource(change);
        let done = operations::mutate(core, caller, request_id, validate_only, command);
        let done = done.await.map_err(refuse)?;
        let metadata = |place| {
            let request_id = done.request_id.clone();
            wire::metadata(core, caller.account, place, done.reply.revision, request_id)
        };
        let metadata = done.place.map(metadata).transpose()?;
        Ok((done, metadata))
    }
}

#[tonic::async_trait]
impl InstanceService for InstanceHandler {
    async fn register_instance(
        &self,
        request: Request<pb::RegisterInstanceRequest>,
    ) -> Result<Response<pb::RegisterInstanceResponse>, Status> {
        let core = &self.0;
        let mut caller = wire::caller(&request)?;
        let r = request.into_inner();
        let region = if r.region.is_empty() { core.region.to_string() } else { r.region };
        RegionName::new(&region).map_err(|e| invalid(e.to_string()))?;
        let drawn = hex::encode(draw(core));
        let id = format!("i-{}", drawn.get(..17).unwrap_or_default());
        let entropy = [draw(core), draw(core)].concat().try_into().unwrap_or([0; 32]);
        let secret = InstanceSecret::new(caller.account, &id, entropy);
        let new = Resource {
            name: id.clone(),
            path: region,
            body: Some(Body::Instance(Instance {
                profile: r.instance_profile_name.to_ascii_lowercase(),
                role: r.role_name.to_ascii_lowercase(),
                secret_hash: secret.hash(),
            })),
            ..Resource::default()
        };
        // What a policy may ask of a role that is passed on.
        let arn = KIND.arn(&caller.state, &new.path, &id);
        caller.context.insert("iam:PassedToService", EC2);
        caller.context.insert("iam:AssociatedResourceArn", arn);
        let asked = (r.request_id, r.validate_only);
        let (done, metadata) = self.change(&caller, asked, id.clone(), Change::Create(new)).await?;
        let Some(Reply::Resource(made)) = &done.reply.reply else {
            let message = "the group gave another answer than an instance";
            return Err(refuse(ServiceError::new(Reason::Internal, message)));
        };
        Ok(Response::new(pb::RegisterInstanceResponse {
            instance: Some(shown(&done.account, made)),
            instance_secret: if made.name == id { secret.expose() } else { String::new() },
            metadata,
        }))
    }

    async fn list_instances(
        &self,
        request: Request<pb::ListInstancesRequest>,
    ) -> Result<Response<pb::ListInstancesResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let fresh = wire::fresh(core, r.consistency.as_ref())?;
        let read =
            operations::read(core, &caller, &fresh, "tidegate:ListInstances", Subject::Account);
        let (seen, account) = read.await.map_err(refuse)?;
        let items =
            account.resources(KIND).map(|r| (r.value.name.clone(), shown(&account, &r.value)));
        let page = operations::page(core, "ListInstances", r.page_size, &r.page_token, items);
        let (instances, next_page_token) = page.map_err(refuse)?;
        let evidence = wire::evidence(core, &seen, &seen.groups_of(caller.account))?;
        let evidence = Some(evidence);
        Ok(Response::new(pb::ListInstancesResponse { instances, next_page_token, evidence }))
    }

    async fn end_instance(
        &self,
        request: Request<pb::EndInstanceRequest>,
    ) -> Result<Response<pb::EndInstanceResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let asked = (r.request_id, r.validate_only);
        let (_done, metadata) =
            self.change(&caller, asked, r.instance_id, Change::Delete(true)).await?;
        Ok(Response::new(pb::EndInstanceResponse { metadata }))
    }
}

#[tonic::async_trait]
impl WorkloadService for WorkloadHandler {
    async fn get_role_credentials(
        &self,
        request: Request<pb::GetRoleCredentialsRequest>,
    ) -> Result<Response<pb::GetRoleCredentialsResponse>, Status> {
        let core = &self.0;
        let r = request.into_inner();
        let proof = InstanceSecret::parse(&r.instance_secret)
            .map_err(|e| refuse(ServiceError::new(Reason::InvalidClientTokenId, e.to_string())))?;
        vouching::settled(core).await;
        let view = wire::Seen::present(core);
        let group = view.group_of(proof.account).unwrap_or(GroupId::DIRECTORY);
        let groups = [GroupId::DIRECTORY, group];
        view.check_ceiling(core, &groups).map_err(refuse)?;
        let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
        let now = core.platform.wall();
        let seconds = r.duration_seconds;
        let given =
            instance_credentials(&view, &proof, seconds, now, &mut entropy, &core.cluster_key)
                .map_err(refuse)?;
        let session = &given.session;
        let (instance_profile_arn, instance_profile_id) = given.profile;
        Ok(Response::new(pb::GetRoleCredentialsResponse {
            account_id: proof.account.to_string(),
            instance_id: proof.instance,
            region: given.region,
            partition: given.partition,
            role_name: given.role_name,
            role_arn: given.role_arn,
            instance_profile_arn,
            instance_profile_id,
            credentials: Some(Credentials {
                access_key_id: session.access_key_id.clone(),
                secret_access_key: session.secret.expose().to_owned(),
                session_token: given.token,
                expiration: Some(wire::timestamp(UnixMillis(session.expires))),
            }),
            evidence: Some(wire::evidence(core, &view, &groups)?),
        }))
    }
}
