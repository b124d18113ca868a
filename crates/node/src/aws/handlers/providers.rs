//! Identity providers: `OpenID` Connect and SAML.

use tidegate_authn::SamlMetadata;
use tidegate_model::{
    AccountState, Command, ResourceKind,
    resource::{Body, Change, ChangeResource, OidcProvider, Resource, SamlProvider, holder},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};

use super::shapes;
use crate::{
    aws::{answer::Outcome, call::Call, federation},
    core::Core,
    operations::Subject,
};

const OIDC: ResourceKind = ResourceKind::OidcProvider;
const SAML: ResourceKind = ResourceKind::SamlProvider;
/// How long metadata is good that says nothing of it: a hundred years, as with AWS, in milliseconds.
const METADATA_MILLIS: u64 = 100 * 365 * 86_400_000;

/// A resource that is not there.
pub(super) fn missing(kind: ResourceKind, name: &str) -> Refusal {
    let message = match kind {
        OIDC | SAML => format!("{} not found for {name}", kind.title()),
        ResourceKind::LoginProfile => format!("Login Profile for User {name} cannot be found."),
        ResourceKind::ServerCertificate => {
            format!("The Server Certificate with name {name} cannot be found.")
        }
        kind if kind.is_held() => {
            format!("The {} with id {} cannot be found.", kind.title(), holder(name).1)
        }
        _ => format!("{} {name} cannot be found.", kind.title()),
    };
    Refusal::new(Code::NoSuchEntity, message)
}

/// The name of the provider whose ARN a call gives.
pub(super) fn named(call: &Call<'_>, kind: ResourceKind) -> Result<String, Refusal> {
    let (member, word) = match kind {
        OIDC => ("OpenIDConnectProviderArn", "oidc-provider"),
        _ => ("SAMLProviderArn", "saml-provider"),
    };
    let arn = call.text(member);
    let partition = call.caller.state.partition();
    let prefix = format!("arn:{partition}:iam::{}:{word}/", call.caller.account);
    let name = arn.strip_prefix(&prefix).filter(|n| !n.is_empty());
    name.map(ToOwned::to_owned)
        .ok_or_else(|| Refusal::new(Code::InvalidInput, format!("Invalid ARN: {arn}")))
}

fn change(kind: ResourceKind, name: String, change: Change) -> Command {
    Command::ChangeResource(ChangeResource { kind: kind as u32, name, change: Some(change) })
}

fn with_tags(fields: Fields, r: &Resource) -> Fields {
    fields.with_some("Tags", (!r.tags.is_empty()).then(|| shapes::tags(&r.tags)))
}

fn all(account: &AccountState, kind: ResourceKind) -> impl Iterator<Item = (String, &Resource)> {
    account.resources(kind).map(move |r| (kind.arn(account, "", &r.value.name), &r.value))
}

fn oidc_body(call: &Call<'_>) -> Body {
    Body::OidcProvider(OidcProvider {
        client_ids: call.input.texts("ClientIDList"),
        thumbprints: call.input.texts("ThumbprintList"),
    })
}

pub(super) async fn create_oidc(call: &Call<'_>) -> Outcome {
    let url = call.text("Url");
    let development = Core::development(&call.core.views.load());
    let name = federation::provider_name(&url, development).filter(|n| {
        !n.is_empty() && n.bytes().all(|b| b.is_ascii_graphic()) && !n.contains(['?', '#', '@'])
    });
    let name = name.map(ToOwned::to_owned).ok_or_else(|| {
        Refusal::new(Code::ValidationError, "Invalid Open ID Connect Provider URL")
    })?;
    let new = Resource {
        name: name.clone(),
        tags: shapes::read_tags(call.input),
        body: Some(oidc_body(call)),
        ..Resource::default()
    };
    let output = Fields::new();
    let output = with_tags(output, &new);
    let done = call.change(change(OIDC, name.clone(), Change::Create(new))).await?;
    let arn = OIDC.arn(&done.account, "", &name);
    call.changed(&done, output.with("OpenIDConnectProviderArn", arn))
}

pub(super) async fn get_oidc(call: &Call<'_>) -> Outcome {
    let name = named(call, OIDC)?;
    let (seen, account) = call.read(Subject::Resource(OIDC, &name)).await?;
    let found = account.resource(OIDC, &name).ok_or_else(|| missing(OIDC, &name))?;
    let provider = match &found.value.body {
        Some(Body::OidcProvider(provider)) => provider.clone(),
        _ => OidcProvider::default(),
    };
    let output = Fields::new()
        .with("Url", &*found.value.name)
        .with("ClientIDList", provider.client_ids.into_iter().collect::<Value>())
        .with("ThumbprintList", provider.thumbprints.into_iter().collect::<Value>())
        .with("CreateDate", UnixMillis(found.value.created));
    call.seen(&seen, with_tags(output, &found.value))
}

pub(super) async fn list_oidc(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let list = all(&account, OIDC).map(|(arn, _)| Fields::new().with("Arn", arn));
    call.seen(&seen, Fields::new().with("OpenIDConnectProviderList", list.collect::<Value>()))
}

pub(super) async fn delete_oidc(call: &Call<'_>) -> Outcome {
    call.just(change(OIDC, named(call, OIDC)?, Change::Delete(true))).await
}

pub(super) async fn add_client_id(call: &Call<'_>) -> Outcome {
    call.just(change(OIDC, named(call, OIDC)?, Change::Add(call.text("ClientID")))).await
}

pub(super) async fn remove_client_id(call: &Call<'_>) -> Outcome {
    call.just(change(OIDC, named(call, OIDC)?, Change::Remove(call.text("ClientID")))).await
}

pub(super) async fn update_thumbprints(call: &Call<'_>) -> Outcome {
    let name = named(call, OIDC)?;
    let update =
        Resource { name: name.clone(), body: Some(oidc_body(call)), ..Resource::default() };
    call.just(change(OIDC, name, Change::Update(update))).await
}

/// A SAML provider's body from its metadata; `now` is where the time begins that metadata without an end is good for.
fn saml_body(call: &Call<'_>) -> Result<Body, Refusal> {
    let unserved = ["AssertionEncryptionMode", "AddPrivateKey", "RemovePrivateKey"];
    if let Some(name) = unserved.into_iter().find(|n| call.input.get(n).is_some()) {
        let message =
            format!("The parameter {name} is not served here: assertions are not encrypted.");
        return Err(Refusal::new(Code::UnsupportedOperation, message));
    }
    let metadata = call.text("SAMLMetadataDocument");
    let read = SamlMetadata::parse(&metadata)
        .map_err(|_| Refusal::new(Code::InvalidInput, "Could not parse metadata"))?;
    let without_end = call.core.platform.wall().0 + METADATA_MILLIS;
    let valid_until = read.valid_until.map_or(without_end, |until| until.0);
    Ok(Body::SamlProvider(SamlProvider { metadata, valid_until }))
}

pub(super) async fn create_saml(call: &Call<'_>) -> Outcome {
    let name = call.text("Name");
    let new = Resource {
        name: name.clone(),
        tags: shapes::read_tags(call.input),
        body: Some(saml_body(call)?),
        ..Resource::default()
    };
    let output = with_tags(Fields::new(), &new);
    let done = call.change(change(SAML, name.clone(), Change::Create(new))).await?;
    let arn = SAML.arn(&done.account, "", &name);
    call.changed(&done, output.with("SAMLProviderArn", arn))
}

pub(super) async fn get_saml(call: &Call<'_>) -> Outcome {
    let name = named(call, SAML)?;
    let (seen, account) = call.read(Subject::Resource(SAML, &name)).await?;
    let found = account.resource(SAML, &name).ok_or_else(|| missing(SAML, &name))?;
    let provider = match &found.value.body {
        Some(Body::SamlProvider(provider)) => provider.clone(),
        _ => SamlProvider::default(),
    };
    let output = Fields::new()
        .with("SAMLMetadataDocument", provider.metadata)
        .with("CreateDate", UnixMillis(found.value.created))
        .with("ValidUntil", UnixMillis(provider.valid_until));
    call.seen(&seen, with_tags(output, &found.value))
}

pub(super) async fn list_saml(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let entry = |(arn, r): (String, &Resource)| {
        let until = match &r.body {
            Some(Body::SamlProvider(provider)) => provider.valid_until,
            _ => 0,
        };
        Fields::new()
            .with("Arn", arn)
            .with("ValidUntil", UnixMillis(until))
            .with("CreateDate", UnixMillis(r.created))
    };
    let list: Value = all(&account, SAML).map(entry).collect();
    call.seen(&seen, Fields::new().with("SAMLProviderList", list))
}

pub(super) async fn update_saml(call: &Call<'_>) -> Outcome {
    let name = named(call, SAML)?;
    let update =
        Resource { name: name.clone(), body: Some(saml_body(call)?), ..Resource::default() };
    let done = call.change(change(SAML, name.clone(), Change::Update(update))).await?;
    let arn = SAML.arn(&done.account, "", &name);
    call.changed(&done, Fields::new().with("SAMLProviderArn", arn))
}

pub(super) async fn delete_saml(call: &Call<'_>) -> Outcome {
    call.just(change(SAML, named(call, SAML)?, Change::Delete(true))).await
}
