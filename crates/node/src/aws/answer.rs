//! What a handler gives back, and the HTTP answer that it becomes.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use tidegate_query::{Code, Fields, Refusal, Service};

use super::headers;
use crate::{core::Core, operations::Evidence, telemetry::metrics::ReasonLabel};

/// An answer of an operation, not yet on the wire.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) output: Fields,
    /// What it rests on; `None`: on nothing that changes.
    pub(super) evidence: Option<Evidence>,
}

/// What a handler gives.
pub(super) type Outcome = Result<Answered, Refusal>;

/// A fault of ours.
pub(super) fn internal(error: &(dyn core::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "an answer to an AWS client could not be made");
    Refusal::new(
        Code::InternalFailure,
        "The request processing has failed because of an unknown error, exception or failure.",
    )
}

/// An id in the form that AWS's have.
pub(super) fn request_id(core: &Core) -> String {
    let id = crate::operations::decision_id(core);
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

/// An answer that went well.
pub(super) fn good(
    core: &Core,
    request_id: &str,
    body: String,
    evidence: Option<&Evidence>,
) -> Response<Full<Bytes>> {
    let mut response = response(StatusCode::OK, body);
    headers::write(core, response.headers_mut(), request_id, evidence);
    response
}

/// A refusal.
pub(super) fn refused(
    core: &Core,
    request_id: &str,
    service: Option<Service>,
    refusal: &Refusal,
) -> Response<Full<Bytes>> {
    let (code, status, _) = refusal.code.row();
    core.metrics.refused.get_or_create(&ReasonLabel { reason: code.to_owned() }).inc();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, refusal.body(service, request_id));
    headers::write(core, response.headers_mut(), request_id, None);
    if let Some(denial) = &refusal.denial {
        let mut nonce = [0; 12];
        core.platform.entropy(&mut nonce);
        headers::write_denial(response.headers_mut(), denial.encode(&core.cluster_key, nonce));
    }
    response
}
