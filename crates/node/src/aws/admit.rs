//! Lets only those in who proved who they are: the signature, its scope, its time, and the body that it covers.

use std::net::IpAddr;

use http::request::Parts;
use tidegate_authn::{AuthnError, HttpRequest, Presented};
use tidegate_policy::{Context, Value};
use tidegate_query::{Fields, Refusal, Service};
use tidegate_service::{Caller, authenticate};

use crate::core::Core;

/// The region of IAM, which in AWS is global.
const GLOBAL: &str = "us-east-1";

/// Reads the signature of a request and says whose service it names.
///
/// # Errors
/// Those of [`Presented::read_http`] and of a scope that names another service or region.
pub(super) fn scope(core: &Core, presented: &Presented) -> Result<Service, AuthnError> {
    let own = core.region.to_string();
    let service =
        if presented.service == Service::Sts.scope() { Service::Sts } else { Service::Iam };
    let regions: &[&str] = match service {
        Service::Iam => &[&own, GLOBAL],
        Service::Sts => &[&own],
    };
    presented.check_scope(service.scope(), regions)?;
    Ok(service)
}

/// What a use of a key is noted as: the service, in the form in which gRPC's paths name it.
fn noted_as(service: Service) -> &'static str {
    match service {
        Service::Iam => "/tidegate.iam.v1",
        Service::Sts => "/tidegate.sts.v1",
    }
}

/// The value of a header; where it came more than once, the values joined by commas.
pub(super) fn header(parts: &Parts, name: &str) -> Option<String> {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    if let ("host", Some(authority)) = (name, authority) {
        return Some(authority.to_owned());
    }
    let values: Option<Vec<&str>> =
        parts.headers.get_all(name).iter().map(|v| v.to_str().ok()).collect();
    values.filter(|v| !v.is_empty()).map(|v| v.join(","))
}

pub(super) fn context(core: &Core, parts: &Parts, address: IpAddr, region: &str) -> Context {
    let now = core.platform.wall();
    let mut context = Context::default()
        .with("aws:SecureTransport", core.platform.tls())
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", (now.0 / 1000).to_string())
        .with("aws:SourceIp", address.to_string())
        .with("aws:RequestedRegion", region);
    for (key, name) in [("aws:UserAgent", "user-agent"), ("aws:Referer", "referer")] {
        if let Some(value) = header(parts, name) {
            context.insert(key, value);
        }
    }
    context
}

/// Puts into the context what policies may ask about a call's own parameters: its tags, its boundary, the policy that it attaches.
pub(super) fn conditions(context: &mut Context, input: &Fields) {
    let tags = input.structures("Tags").map(|t| (t.text_or_empty("Key"), t.text_or_empty("Value")));
    let mut keys = input.texts("TagKeys");
    for (key, value) in tags {
        context.insert(&format!("aws:RequestTag/{key}"), value);
        keys.push(key);
    }
    if !keys.is_empty() {
        context.insert("aws:TagKeys", Value::Many(keys));
    }
    for (key, member) in [
        ("iam:AWSServiceName", "AWSServiceName"),
        ("iam:PermissionsBoundary", "PermissionsBoundary"),
        ("iam:PolicyARN", "PolicyArn"),
    ] {
        if let Some(value) = input.text(member) {
            context.insert(key, value);
        }
    }
}

/// The caller of a signed request, and the service that the signature names.
pub(super) fn caller(
    core: &Core,
    parts: &Parts,
    body: &[u8],
    address: IpAddr,
) -> Result<(Service, Caller), Refusal> {
    let lookup = |name: &str| header(parts, name);
    let request = HttpRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        header: &lookup,
        body,
    };
    let presented = Presented::read_http(&request)?;
    let service = scope(core, &presented)?;
    let now = core.platform.wall();
    let context = context(core, parts, address, &presented.region);
    let view = core.views.load();
    let (caller, key) =
        authenticate(&view, &core.cluster_key, &core.signing_keys, &presented, now, context)?;
    presented.verify_http(&key.key, &request, core.platform.real_wall())?;
    core.signing_keys.keep(key);
    core.uses.note(&caller, noted_as(service), now);
    Ok((service, caller))
}
