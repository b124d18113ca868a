//! Certificates: those that servers show, and those that users sign with.

use tidegate_authn::{Certificate, CertificateError};
use tidegate_model::{
    AccountState, Reply, ResourceKind,
    ids::{self, IdKind},
    resource::{Body, Change, Resource, ServerCertificate, SigningCertificate, held_name, holder},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};

use super::{
    held::{self, status},
    providers::missing,
    shapes,
};
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given},
    },
    operations::{Subject, draw},
};

const SERVER: ResourceKind = ResourceKind::ServerCertificate;
const SIGNING: ResourceKind = ResourceKind::SigningCertificate;

fn refused(error: &CertificateError) -> Refusal {
    let code = match error {
        CertificateError::KeyMismatch => Code::KeyPairMismatch,
        _ => Code::MalformedCertificate,
    };
    Refusal::new(code, error.to_string())
}

/// What is wrong with the time for which a certificate is good; `None`: it is good now.
fn untimely(certificate: &Certificate, now: u64) -> Option<String> {
    if now < certificate.not_before {
        return Some(format!(
            "The certificate is not valid before {}.",
            UnixMillis(certificate.not_before)
        ));
    }
    (now > certificate.not_after)
        .then(|| format!("The certificate expired on {}.", UnixMillis(certificate.not_after)))
}

fn server_body(r: &Resource) -> ServerCertificate {
    match &r.body {
        Some(Body::ServerCertificate(body)) => body.clone(),
        _ => ServerCertificate::default(),
    }
}

fn metadata(account: &AccountState, r: &Resource) -> Fields {
    Fields::new()
        .with("Path", &*r.path)
        .with("ServerCertificateName", &*r.name)
        .with("ServerCertificateId", &*r.id)
        .with("Arn", SERVER.arn(account, &r.path, &r.name))
        .with("UploadDate", UnixMillis(r.created))
        .with("Expiration", UnixMillis(server_body(r).expires))
}

fn with_tags(fields: Fields, r: &Resource) -> Fields {
    fields.with_some("Tags", (!r.tags.is_empty()).then(|| shapes::tags(&r.tags)))
}

/// The private key proves that the certificate is the caller's; nothing here serves TLS in its name, so it is not kept.
pub(super) async fn upload_server(call: &Call<'_>) -> Outcome {
    let text = call.text("CertificateBody");
    let certificate = Certificate::parse(&text).map_err(|e| refused(&e))?;
    certificate.check_key(&call.text("PrivateKey")).map_err(|e| refused(&e))?;
    let chain = call.text("CertificateChain");
    if !chain.is_empty() {
        certificate.check_chain(&chain).map_err(|e| refused(&e))?;
    }
    if let Some(wrong) = untimely(&certificate, call.core.platform.wall().0) {
        return Err(Refusal::new(Code::MalformedCertificate, wrong));
    }
    let name = call.text("ServerCertificateName");
    let body = ServerCertificate { certificate: text, chain, expires: certificate.not_after };
    let new = Resource {
        name: name.clone(),
        path: call.text("Path"),
        id: ids::unique_id(IdKind::Certificate, &draw(call.core)),
        tags: shapes::read_tags(call.input),
        body: Some(Body::ServerCertificate(body)),
        ..Resource::default()
    };
    let done = call.change(held::change(SERVER, name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let output = Fields::new().with("ServerCertificateMetadata", metadata(&done.account, &made));
    call.changed(&done, with_tags(output, &made))
}

pub(super) async fn get_server(call: &Call<'_>) -> Outcome {
    let name = call.text("ServerCertificateName");
    let (seen, account) = call.read(Subject::Resource(SERVER, &name)).await?;
    let found = account.resource(SERVER, &name).ok_or_else(|| missing(SERVER, &name))?;
    let body = server_body(&found.value);
    let fields = Fields::new()
        .with("ServerCertificateMetadata", metadata(&account, &found.value))
        .with("CertificateBody", body.certificate)
        .with_text("CertificateChain", &body.chain);
    call.seen(&seen, Fields::new().with("ServerCertificate", with_tags(fields, &found.value)))
}

pub(super) async fn list_servers(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let prefix = call.text("PathPrefix");
    let all = account.resources(SERVER).filter(|r| r.value.path.starts_with(&prefix));
    let items = all.map(|r| {
        let fields = metadata(&account, &r.value);
        (r.value.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    call.seen(&seen, call.page("ServerCertificateMetadataList", items)?)
}

pub(super) async fn update_server(call: &Call<'_>) -> Outcome {
    let new = Resource {
        name: call.text("NewServerCertificateName"),
        path: call.text("NewPath"),
        body: Some(Body::ServerCertificate(ServerCertificate::default())),
        ..Resource::default()
    };
    let name = call.text("ServerCertificateName");
    call.just(held::change(SERVER, name, Change::Update(new))).await
}

pub(super) async fn delete_server(call: &Call<'_>) -> Outcome {
    let name = call.text("ServerCertificateName");
    call.just(held::change(SERVER, name, Change::Delete(true))).await
}

fn signing(user: &str, r: &Resource) -> Fields {
    let (certificate, active) = match &r.body {
        Some(Body::SigningCertificate(body)) => (body.certificate.as_str(), body.active),
        _ => ("", false),
    };
    Fields::new()
        .with("UserName", user)
        .with("CertificateId", holder(&r.name).1)
        .with("CertificateBody", certificate)
        .with("Status", status(active))
        .with("UploadDate", UnixMillis(r.created))
}

pub(super) async fn upload_signing(call: &Call<'_>) -> Outcome {
    let text = call.text("CertificateBody");
    let certificate = Certificate::parse(&text).map_err(|e| refused(&e))?;
    if let Some(wrong) = untimely(&certificate, call.core.platform.wall().0) {
        return Err(Refusal::new(Code::InvalidCertificate, wrong));
    }
    let user = call.user_name();
    let name = held_name(&user, &hex::encode_upper(draw(call.core)));
    let fingerprint = certificate.fingerprint;
    let body = SigningCertificate { certificate: text, fingerprint, active: true };
    let new = held::new(&name, String::new(), Body::SigningCertificate(body));
    let done = call.change(held::change(SIGNING, name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let user = held::shown_user(&done.account, &user);
    call.changed(&done, Fields::new().with("Certificate", signing(&user, &made)))
}

pub(super) async fn list_signing(call: &Call<'_>) -> Outcome {
    held::list(call, SIGNING, "Certificates", signing).await
}

pub(super) async fn update_signing(call: &Call<'_>) -> Outcome {
    let active = held::read_status(call)?;
    let body =
        Body::SigningCertificate(SigningCertificate { active, ..SigningCertificate::default() });
    held::update(call, SIGNING, "CertificateId", body).await
}

pub(super) async fn delete_signing(call: &Call<'_>) -> Outcome {
    held::delete(call, SIGNING, "CertificateId").await
}
