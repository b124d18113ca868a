//! The account as an issuer: turning that on and off, and tokens for its principals that others can verify.

use serde_json::{Map, Value, json};
use tidegate_authn::{JwsAlgorithm, SIGNING_ALGORITHMS, TokenKey};
use tidegate_model::{
    Command, Reply,
    federation::{ChangeOutbound, Outbound, OutboundKey},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal};
use tidegate_service::check;

use super::published;
use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, given},
    },
    core::Core,
    operations::{self, Subject},
};

/// How long a token lasts that nobody gave a time for, in seconds (AWS).
const SECONDS_DEFAULT: u64 = 300;
/// Bytes of a token's claims: with the signature it still fits into a header of most servers.
const CLAIMS_BYTES_MAX: usize = 4_096;
/// The claim with what the cluster knows of the principal.
const OWN: &str = "https://sts.amazonaws.com/";

fn disabled(code: Code) -> Refusal {
    Refusal::new(code, "Outbound web identity federation is not enabled for this account.")
}

/// A fresh key, sealed for its name. On a thread that may take its time: one of RSA needs up to a second.
async fn fresh_key(core: &Core, algorithm: JwsAlgorithm) -> Result<OutboundKey, Refusal> {
    let id = operations::decision_id(core);
    let made = tokio::task::spawn_blocking(move || {
        let key = TokenKey::generate(algorithm)?;
        Ok::<_, tidegate_authn::SigningError>((key.to_pkcs8()?, key))
    });
    let (private, key) = made.await.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
    let sealed = core.seal_secret(&id, &private)?;
    let jwk = key.jwk(&id).to_string();
    Ok(OutboundKey { id, algorithm: algorithm.name().to_owned(), sealed, jwk, created: 0 })
}

pub(in crate::aws) async fn enable(call: &Call<'_>) -> Outcome {
    // Keys cost time: whoever may not, or need not, is told before.
    let (_, account) = call.read(Subject::Account).await?;
    if account.outbound().is_some_and(|o| o.enabled) {
        let message = "Outbound web identity federation is already enabled for this account.";
        return Err(Refusal::new(Code::FeatureEnabled, message));
    }
    let settings = &call.core.config;
    let base = match settings.federation.issuer_url.as_str() {
        "" => format!("https://{}", settings.listen.aws),
        url => url.to_owned(),
    };
    let mut keys = Vec::new();
    for algorithm in SIGNING_ALGORITHMS {
        keys.push(fresh_key(call.core, algorithm).await?);
    }
    let issuer = published::issuer(&base, call.caller.account);
    let change = ChangeOutbound { enabled: true, issuer, keys };
    let done = call.change(Command::ChangeOutbound(change)).await?;
    let made = given(&done, |reply| match reply {
        Reply::Outbound(outbound) => Some(outbound.clone()),
        _ => None,
    })?;
    call.changed(&done, Fields::new().with("IssuerIdentifier", made.issuer))
}

pub(in crate::aws) async fn disable(call: &Call<'_>) -> Outcome {
    let (_, account) = call.read(Subject::Account).await?;
    if account.outbound().is_none_or(|o| !o.enabled) {
        return Err(disabled(Code::FeatureDisabled));
    }
    call.just(Command::ChangeOutbound(ChangeOutbound::default())).await
}

pub(in crate::aws) async fn get_info(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let outbound = account.outbound().filter(|o| o.enabled);
    let outbound = outbound.ok_or_else(|| disabled(Code::FeatureDisabled))?;
    let output = Fields::new()
        .with("IssuerIdentifier", &*outbound.issuer)
        .with("JwtVendingEnabled", outbound.enabled);
    call.seen(&seen, output)
}

/// When a token ends that is asked for now, in seconds since the Unix epoch: never after the session that asks for it.
fn expiry(call: &Call<'_>, now: u64) -> Result<u64, Refusal> {
    let asked = call.input.integer("DurationSeconds").and_then(|n| u64::try_from(n).ok());
    let ends = match call.caller.reference.expires {
        0 => u64::MAX,
        millis => millis / 1000,
    };
    match asked {
        Some(seconds) if now + seconds > ends => Err(Refusal::new(
            Code::SessionDurationEscalation,
            "The requested token duration would extend the session beyond its original expiration time.",
        )),
        Some(seconds) => Ok(now + seconds),
        None => Ok((now + SECONDS_DEFAULT).min(ends)),
    }
}

/// What a token says.
fn claims(call: &Call<'_>, outbound: &Outbound, now: u64, expires: u64) -> Value {
    let principal = &call.caller.resolved.principal;
    let tags = |all: Vec<(String, String)>| -> Map<String, Value> {
        all.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
    };
    let mut own = Map::new();
    own.insert("aws_account".to_owned(), json!(call.caller.account.to_string()));
    own.insert("source_region".to_owned(), json!(call.core.region.to_string()));
    own.insert("principal_id".to_owned(), json!(&*principal.arn));
    let of_principal =
        principal.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let of_request = call
        .input
        .structures("Tags")
        .map(|t| (t.text_or_empty("Key"), t.text_or_empty("Value")))
        .collect();
    for (name, tags) in [("principal_tags", tags(of_principal)), ("request_tags", tags(of_request))]
    {
        if !tags.is_empty() {
            own.insert(name.to_owned(), Value::Object(tags));
        }
    }
    if let Some(federation) = &call.caller.reference.federation {
        own.insert("federated_provider".to_owned(), json!(federation.provider));
    }
    if !call.caller.reference.source_identity.is_empty() {
        own.insert("source_identity".to_owned(), json!(call.caller.reference.source_identity));
    }
    if call.caller.reference.expires != 0 {
        let ends = UnixMillis(call.caller.reference.expires / 1000 * 1000);
        own.insert("original_session_exp".to_owned(), json!(ends.to_string()));
    }
    let audiences = call.input.texts("Audience");
    let audience = match audiences.as_slice() {
        [one] => json!(one),
        many => json!(many),
    };
    json!({
        "iss": outbound.issuer,
        "sub": &*principal.principal_arn,
        "aud": audience,
        "iat": now,
        "exp": expires,
        "jti": operations::decision_id(call.core),
        OWN: own,
    })
}

pub(in crate::aws) async fn get_token(call: &Call<'_>) -> Outcome {
    let core = call.core;
    let name = call.text("SigningAlgorithm");
    let algorithm = SIGNING_ALGORITHMS.into_iter().find(|a| a.name() == name).ok_or_else(|| {
        let message = format!(
            "1 validation error detected: Value '{name}' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ES384, RS256]"
        );
        Refusal::new(Code::ValidationError, message)
    })?;
    let seen = call.view().await?;
    let now = core.platform.wall().0 / 1000;
    let expires = expiry(call, now)?;
    let mut caller = operations::still(core, &seen, call.caller)?;
    caller.context.insert("sts:IdentityTokenAudience", call.input.texts("Audience"));
    caller.context.insert("sts:SigningAlgorithm", &*name);
    caller.context.insert("sts:DurationSeconds", (expires - now).to_string());
    check(&caller, "sts:GetWebIdentityToken", "*")?;
    if call.input.structures("Tags").next().is_some() {
        check(&caller, "sts:TagGetWebIdentityToken", "*")?;
    }
    let account = seen.account(call.caller.account)?;
    let outbound = account.outbound().filter(|o| o.enabled);
    let outbound = outbound.ok_or_else(|| disabled(Code::OutboundFederationDisabled))?;
    let claims = claims(call, outbound, now, expires);
    if claims.to_string().len() > CLAIMS_BYTES_MAX {
        let message = format!(
            "The requested token payload size exceeds the maximum of {CLAIMS_BYTES_MAX} bytes. Reduce the number of request tags or audiences."
        );
        return Err(Refusal::new(Code::JwtPayloadSizeExceeded, message));
    }
    let stored = outbound.signing(algorithm.name());
    let stored = stored.ok_or_else(|| disabled(Code::OutboundFederationDisabled))?;
    let private = core.open_secret(call.caller.account, &stored.id, &stored.sealed)?;
    let private = zeroize::Zeroizing::new(private);
    let key = TokenKey::from_pkcs8(algorithm, &private).map_err(|e| internal(&e))?;
    let token = key.sign(&stored.id, &claims).map_err(|e| internal(&e))?;
    let output = Fields::new()
        .with("WebIdentityToken", token)
        .with("Expiration", UnixMillis(expires * 1000));
    call.seen(&seen, output)
}
