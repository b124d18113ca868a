//! Sessions, and who is asking.

use tidegate_policy::{UnixMillis, aws_managed};
use tidegate_query::{Code, Fields, Refusal};
use tidegate_service::{AssumeRole, AssumedRole, assume_role as assume};

use crate::{
    aws::{
        answer::{Answered, Outcome},
        call::Call,
    },
    operations::{self, Seen},
};

/// Characters of a session's policies together. AWS packs them; this is what its limit comes to for plain text.
const PACKED_MAX: usize = 2_048;

/// Parameters of `AssumeRole` that are not served: to pass over one of them would give another session than was asked for.
const NOT_SERVED: [&str; 6] = [
    "Tags",
    "TransitiveTagKeys",
    "SourceIdentity",
    "SerialNumber",
    "TokenCode",
    "ProvidedContexts",
];

fn policies(call: &Call<'_>, seen: &Seen) -> Result<Vec<String>, Refusal> {
    let account = seen.account(call.caller.account)?;
    let mut all: Vec<String> =
        call.input.text("Policy").map(ToOwned::to_owned).into_iter().collect();
    for descriptor in call.input.structures("PolicyArns") {
        let arn = descriptor.text_or_empty("arn");
        let own = account.policy(&arn).and_then(|p| p.versions.get(&p.meta.default_version));
        let text = own.map(|v| v.document.clone()).or_else(|| {
            let name = account.aws_managed(&arn)?;
            aws_managed::find(&name).map(|p| p.document.to_string())
        });
        all.push(text.ok_or_else(|| {
            let message = format!("Session policy {arn} does not exist or is not attachable.");
            Refusal::new(Code::MalformedPolicyDocument, message)
        })?);
    }
    Ok(all)
}

fn packed(call: &Call<'_>) -> Result<Option<i64>, Refusal> {
    let arns: usize =
        call.input.structures("PolicyArns").map(|d| d.text_or_empty("arn").len()).sum();
    let size = call.text("Policy").len() + arns;
    if size > PACKED_MAX {
        let percent = size * 100 / PACKED_MAX;
        let message = format!(
            "Packed policy consumes {percent}% of allotted space, please use smaller policy."
        );
        return Err(Refusal::new(Code::PackedPolicyTooLarge, message));
    }
    Ok((size > 0).then(|| i64::try_from((size * 100).div_ceil(PACKED_MAX)).unwrap_or(100)))
}

fn credentials(assumed: &AssumedRole) -> Fields {
    let session = &assumed.session;
    Fields::new()
        .with("AccessKeyId", &*session.access_key_id)
        .with("SecretAccessKey", session.secret.expose())
        .with("SessionToken", &*assumed.token)
        .with("Expiration", UnixMillis(session.expires))
}

pub(super) async fn assume_role(call: &Call<'_>) -> Outcome {
    if let Some(name) = NOT_SERVED.into_iter().find(|n| call.input.get(n).is_some()) {
        let message = format!("The parameter {name} of AssumeRole is not served here.");
        return Err(Refusal::new(Code::UnsupportedOperation, message));
    }
    let packed = packed(call)?;
    let seen = call.view().await?;
    let mut caller = operations::still(call.core, &seen, call.caller)?;
    if let Some(id) = call.input.text("ExternalId") {
        caller.context.insert("sts:ExternalId", id);
    }
    let seconds = call.input.integer("DurationSeconds").unwrap_or_default();
    let request = AssumeRole {
        role_arn: call.text("RoleArn"),
        session_name: call.text("RoleSessionName"),
        duration_seconds: u32::try_from(seconds).unwrap_or_default(),
        policies: policies(call, &seen)?,
    };
    let core = call.core;
    let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
    let now = core.platform.wall();
    let assumed = assume(&seen, &caller, &request, now, &mut entropy, &core.cluster_key)?;
    let user = Fields::new()
        .with("AssumedRoleId", format!("{}:{}", assumed.session.role_id, assumed.session.name))
        .with("Arn", &*assumed.arn);
    let output = Fields::new()
        .with("Credentials", credentials(&assumed))
        .with("AssumedRoleUser", user)
        .with_some("PackedPolicySize", packed);
    call.seen(&seen, output)
}

/// Needs no permission, as with AWS.
pub(super) async fn get_caller_identity(call: &Call<'_>) -> Outcome {
    let principal = &call.caller.resolved.principal;
    let output = Fields::new()
        .with("UserId", &*principal.user_id)
        .with("Account", call.caller.account.to_string())
        .with("Arn", &*principal.arn);
    call.seen(&call.view().await?, output)
}

pub(super) async fn get_access_key_info(call: &Call<'_>) -> Outcome {
    let id = call.text("AccessKeyId");
    let directory = &call.view().await?.directory;
    let account = directory
        .account_of_key(&id)
        .ok_or_else(|| Refusal::new(Code::ValidationError, format!("Invalid AccessKeyId: {id}")))?;
    let output = Fields::new().with("Account", account.to_string());
    Ok(Answered { output, evidence: None })
}
