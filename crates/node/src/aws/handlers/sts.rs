//! Sessions, and who is asking.

use tidegate_authn::Session;
use tidegate_model::AccountState;
use tidegate_policy::{Arn, UnixMillis, aws_managed};
use tidegate_query::{Code, Fields, Refusal};
use tidegate_service::{
    AssumeRole, GetFederationToken, assume_role as assume, check, check_may_assume,
    decode_authorization_message, get_federation_token as federate, get_session_token as begin,
};

use super::{mfa, shapes};
use crate::{
    aws::{
        answer::{Answered, Outcome},
        call::Call,
    },
    operations,
};

/// Characters of a session's policies, their ARNs and its tags together. AWS packs them; this is what its limit comes to for plain text.
pub(crate) const PACKED_MAX: usize = 2_048;
/// Managed policies of one session.
const ARNS_MAX: usize = 10;

/// Parameters that are not served: to pass over one of them would give another session than was asked for.
const NOT_SERVED: [&str; 2] = ["ProvidedContexts", "MinimumSessionTokenSize"];

fn check_served(call: &Call<'_>) -> Result<(), Refusal> {
    let Some(name) = NOT_SERVED.into_iter().find(|n| call.input.get(n).is_some()) else {
        return Ok(());
    };
    let operation = &call.asked.operation.name;
    let message = format!("The parameter {name} of {operation} is not served here.");
    Err(Refusal::new(Code::UnsupportedOperation, message))
}

/// The policies of a session, inline and managed; managed ones of the account or of AWS.
pub(in crate::aws) fn policies(
    input: &Fields,
    account: &AccountState,
) -> Result<Vec<String>, Refusal> {
    let mut all: Vec<String> = input.text("Policy").map(ToOwned::to_owned).into_iter().collect();
    for descriptor in input.structures("PolicyArns") {
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

/// How much of what a session may carry is used, in percent; `None` where it carries nothing.
pub(in crate::aws) fn packed(input: &Fields) -> Result<Option<i64>, Refusal> {
    let arns = input.structures("PolicyArns").map(|d| d.text_or_empty("arn").len());
    let arns: Vec<usize> = arns.collect();
    if arns.len() > ARNS_MAX {
        let message = format!("A session has at most {ARNS_MAX} managed session policies.");
        return Err(Refusal::new(Code::ValidationError, message));
    }
    let tags = input.structures("Tags");
    let tags = tags.map(|t| t.text_or_empty("Key").len() + t.text_or_empty("Value").len());
    let size = input.text_or_empty("Policy").len() + arns.into_iter().chain(tags).sum::<usize>();
    if size > PACKED_MAX {
        let percent = size * 100 / PACKED_MAX;
        let message = format!(
            "Packed policy consumes {percent}% of allotted space, please use smaller policy."
        );
        return Err(Refusal::new(Code::PackedPolicyTooLarge, message));
    }
    Ok((size > 0).then(|| i64::try_from((size * 100).div_ceil(PACKED_MAX)).unwrap_or(100)))
}

/// A session as answers have it.
pub(in crate::aws) fn credentials(session: &Session, token: &str) -> Fields {
    Fields::new()
        .with("AccessKeyId", &*session.access_key_id)
        .with("SecretAccessKey", session.secret.expose())
        .with("SessionToken", token)
        .with("Expiration", UnixMillis(session.expires))
}

fn seconds(call: &Call<'_>) -> u32 {
    let seconds = call.input.integer("DurationSeconds").unwrap_or_default();
    u32::try_from(seconds).unwrap_or_default()
}

pub(super) async fn assume_role(call: &Call<'_>) -> Outcome {
    check_served(call)?;
    check_may_assume(call.caller)?;
    let packed = packed(call.input)?;
    let mfa_at = mfa::authenticated(call).await?;
    let role_arn = call.text("RoleArn");
    let groups = call.groups_with(Arn::parse(&role_arn).ok().and_then(|arn| arn.account_id()));
    let seen = call.view_of(&groups).await?;
    let caller = operations::still(call.core, &seen, call.caller)?;
    let request = AssumeRole {
        role_arn,
        session_name: call.text("RoleSessionName"),
        duration_seconds: seconds(call),
        policies: policies(call.input, seen.account(call.caller.account)?)?,
        tags: shapes::read_tags(call.input),
        transitive_tag_keys: call.input.texts("TransitiveTagKeys"),
        source_identity: call.text("SourceIdentity"),
        external_id: call.text("ExternalId"),
        mfa_at,
    };
    let core = call.core;
    let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
    let now = core.platform.wall();
    let assumed = assume(&seen, &caller, &request, now, &mut entropy, &core.cluster_key)?;
    let session = &assumed.session;
    let user = Fields::new()
        .with("AssumedRoleId", format!("{}:{}", session.role_id, session.name))
        .with("Arn", &*assumed.arn);
    let output = Fields::new()
        .with("Credentials", credentials(session, &assumed.token))
        .with("AssumedRoleUser", user)
        .with_some("PackedPolicySize", packed)
        .with_text("SourceIdentity", &session.attributes.source_identity);
    call.seen_of(&seen, &groups, output)
}

pub(super) async fn get_session_token(call: &Call<'_>) -> Outcome {
    check_served(call)?;
    let mfa_at = mfa::authenticated(call).await?;
    let seen = call.view().await?;
    let caller = operations::still(call.core, &seen, call.caller)?;
    let core = call.core;
    let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
    let now = core.platform.wall();
    let key = &core.cluster_key;
    let issued = begin(&seen, &caller, seconds(call), mfa_at, now, &mut entropy, key)?;
    let fields = credentials(&issued.session, &issued.token);
    call.seen(&seen, Fields::new().with("Credentials", fields))
}

pub(super) async fn get_federation_token(call: &Call<'_>) -> Outcome {
    check_served(call)?;
    let packed = packed(call.input)?;
    let seen = call.view().await?;
    let caller = operations::still(call.core, &seen, call.caller)?;
    let request = GetFederationToken {
        name: call.text("Name"),
        duration_seconds: seconds(call),
        policies: policies(call.input, seen.account(call.caller.account)?)?,
        tags: shapes::read_tags(call.input),
    };
    let core = call.core;
    let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
    let now = core.platform.wall();
    let issued = federate(&seen, &caller, &request, now, &mut entropy, &core.cluster_key)?;
    let (account, name) = (call.caller.account, &request.name);
    let partition = call.caller.state.partition();
    let user = Fields::new()
        .with("FederatedUserId", format!("{account}:{name}"))
        .with("Arn", format!("arn:{partition}:sts::{account}:federated-user/{name}"));
    let output = Fields::new()
        .with("Credentials", credentials(&issued.session, &issued.token))
        .with("FederatedUser", user)
        .with_some("PackedPolicySize", packed);
    call.seen(&seen, output)
}

/// Reads what a refusal of this account's said to whoever may read it.
pub(super) async fn decode_message(call: &Call<'_>) -> Outcome {
    let seen = call.view().await?;
    let caller = operations::still(call.core, &seen, call.caller)?;
    check(&caller, "sts:DecodeAuthorizationMessage", "*")?;
    let (key, encoded) = (&call.core.cluster_key, call.text("EncodedMessage"));
    let message = decode_authorization_message(key, call.caller.account, &encoded);
    let message = message.map_err(|_| {
        let message =
            "The encoded message is not valid: this cluster did not make it for this account.";
        Refusal::new(Code::InvalidAuthorizationMessage, message)
    })?;
    call.seen(&seen, Fields::new().with("DecodedMessage", message))
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
