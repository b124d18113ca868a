//! What every operation does the same way, in the words of gRPC.

use tidegate_proto::common::v1::Evidence;

use super::{
    AccountState, Arc, Caller, Command, Consistency, Core, ReplyBox, ResponseMetadata, Seen,
    Status, refuse, wire,
};
use crate::operations;
pub(super) use crate::operations::{Subject, own_name};

/// A change that took effect, or, with `validate_only`, would.
pub(super) struct Done {
    pub(super) account: Arc<AccountState>,
    pub(super) reply: ReplyBox,
    pub(super) metadata: Option<ResponseMetadata>,
}

/// See [`operations::page`].
pub(in crate::grpc) fn page<T>(
    core: &Core,
    operation: &'static str,
    size: u32,
    token: &str,
    items: impl Iterator<Item = (String, T)>,
) -> Result<(Vec<T>, String), Status> {
    operations::page(core, operation, size, token, items).map_err(refuse)
}

/// See [`operations::mutate`].
pub(super) async fn mutate(
    core: &Core,
    caller: &Caller,
    request_id: String,
    validate_only: bool,
    command: Command,
) -> Result<Done, Status> {
    let done = operations::mutate(core, caller, request_id, validate_only, command);
    let operations::Done { account, reply, place, request_id } = done.await.map_err(refuse)?;
    let metadata = |place| wire::metadata(core, caller.account, place, reply.revision, request_id);
    let metadata = place.map(metadata).transpose()?;
    Ok(Done { account, reply, metadata })
}

/// See [`operations::read`].
pub(super) async fn read(
    core: &Core,
    caller: &Caller,
    consistency: Option<&Consistency>,
    action: &str,
    subject: Subject<'_>,
) -> Result<(Seen, Arc<AccountState>), Status> {
    let fresh = wire::fresh(core, consistency)?;
    operations::read(core, caller, &fresh, action, subject).await.map_err(refuse)
}

pub(super) fn evidence(
    core: &Core,
    caller: &Caller,
    view: &Seen,
) -> Result<Option<Evidence>, Status> {
    wire::evidence(core, view, &view.groups_of(caller.account)).map(Some)
}
