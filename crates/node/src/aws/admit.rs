//! Lets only those in who proved who they are: the signature, its scope, its time, and the body that it covers.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use tidegate_authn::{AuthnError, HttpRequest, Presented};
use tidegate_policy::{Context, Value};
use tidegate_proto::peer::v1::{CarriedCall, Door};
use tidegate_query::{Fields, Refusal, Service};
use tidegate_service::{Caller, authenticate};

use crate::{carrying, core::Core};

/// The region of IAM, which in AWS is global.
const GLOBAL: &str = "us-east-1";

/// Reads the signature of a request and says whose service it names.
///
/// # Errors
/// Those of [`Presented::read_http`] and of a scope that names another service or region.
///
/// `carrier`: the region of the node that brought the call; else it is this node's own.
pub(super) fn scope(
    core: &Core,
    presented: &Presented,
    carrier: Option<&str>,
) -> Result<Service, AuthnError> {
    let own = carrier.map_or_else(|| core.region.to_string(), str::to_owned);
    let service =
        if presented.service == Service::Sts.scope() { Service::Sts } else { Service::Iam };
    let regions: &[&str] = match service {
        Service::Iam => &[&own, GLOBAL],
        Service::Sts => &[&own],
    };
    presented.check_scope(service.scope(), regions)?;
    Ok(service)
}

/// A request as it came, here or to the node that carried it here.
#[derive(Clone, Copy)]
pub(super) struct Came<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) address: IpAddr,
    /// The region of the node that carried it.
    pub(super) carrier: Option<&'a str>,
}

impl Came<'_> {
    /// The same, to be carried to a voter.
    pub(super) fn kept(&self) -> CarriedCall {
        carrying::kept(Door::Aws, self.parts, self.body.clone(), Some(self.address))
    }
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
pub(super) async fn caller(core: &Core, came: &Came<'_>) -> Result<(Service, Caller), Refusal> {
    let (service, _, caller) = known(core, came).await?;
    core.uses.note(&caller, noted_as(service), core.platform.wall());
    Ok((service, caller))
}

/// A request as signatures cover it.
fn as_signed<'a>(
    parts: &'a Parts,
    body: &'a [u8],
    header: &'a dyn Fn(&str) -> Option<String>,
) -> HttpRequest<'a> {
    HttpRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        header,
        body,
    }
}

/// The signature of a request, verified, the service that it names, and who made it.
pub(super) async fn known(
    core: &Core,
    came: &Came<'_>,
) -> Result<(Service, Presented, Caller), Refusal> {
    let Came { parts, body, address, carrier } = *came;
    let presented = Presented::read_http(&as_signed(parts, body, &|name| header(parts, name)))?;
    let service = scope(core, &presented, carrier)?;
    let now = core.platform.wall();
    let context = context(core, parts, address, &presented.region);
    let find = |context| {
        let view = core.views.load();
        authenticate(&view, &core.cluster_key, &core.signing_keys, &presented, now, context)
    };
    let (caller, key) = match find(context.clone()) {
        Err(e) if carrying::is_unverifiable(&presented, &e) => {
            carrying::ask_grant(core, &presented, came.kept()).await?;
            find(context)?
        }
        found => found?,
    };
    let lookup = |name: &str| header(parts, name);
    let request = as_signed(parts, body, &lookup);
    presented.verify_http(&key.key, &request, core.platform.real_wall())?;
    core.signing_keys.keep(key);
    Ok((service, presented, caller))
}
