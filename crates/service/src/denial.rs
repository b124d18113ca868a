//! What a denied request was, in the form of AWS's decoded authorization message, and the same sealed on its way to whoever may read it.
//!
//! The one idea: who is denied learns that, and which type of policy it was; the statements and the circumstances are for those who may call
//! `sts:DecodeAuthorizationMessage` in the same account. So they travel with the refusal, sealed for the account.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use tidegate_authn::{ClusterKey, SealError};
use tidegate_policy::{AccountId, Decision, Effect, Principal, Request, StatementRef};

/// Characters of an encoded message that are taken, as with AWS.
pub const AUTHORIZATION_MESSAGE_MAX: usize = 10_240;

/// What a denied request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    account: Option<AccountId>,
    message: String,
}

/// What the message is sealed for: nobody of another account opens it.
fn owner(account: AccountId) -> String {
    format!("authorization message v1 {account}")
}

fn principal(principal: &Principal) -> Json {
    let name = principal.username.as_deref().or_else(|| principal.arn.rsplit('/').next());
    json!({ "id": &*principal.user_id, "name": name, "arn": &*principal.arn })
}

fn statement(found: &StatementRef, effect: Effect) -> Json {
    let source = found.policy.source();
    json!({
        "statementId": found.sid().unwrap_or_default(),
        "effect": if effect == Effect::Allow { "ALLOW" } else { "DENY" },
        "policy": source.arn().map_or_else(|| source.to_string(), str::to_owned),
    })
}

fn conditions(request: &Request<'_>) -> Json {
    let of = |(key, values): (&str, &[String])| {
        let values: Vec<Json> = values.iter().map(|value| json!({ "value": value })).collect();
        json!({ "key": key, "values": { "items": values } })
    };
    let session = request.principal.session.iter().flat_map(|s| s.iter());
    let all = request.context.iter().chain(session).map(|(key, value)| (key, value.as_slice()));
    json!({ "items": all.map(of).collect::<Vec<_>>() })
}

impl Denial {
    /// What `decision` denied.
    pub fn new(request: &Request<'_>, decision: &Decision) -> Self {
        let matched = decision.statements.iter().map(|found| statement(found, decision.effect));
        let message = json!({
            "allowed": false,
            "explicitDeny": decision.effect == Effect::ExplicitDeny,
            "matchedStatements": { "items": matched.collect::<Vec<_>>() },
            "failures": { "items": [] },
            "context": {
                "principal": principal(request.principal),
                "action": request.action.to_string(),
                "resource": request.resource,
                "conditions": conditions(request),
            },
        });
        Self { account: request.principal.account, message: message.to_string() }
    }

    /// The message for the caller, which it can't read. `nonce` must never be used twice: draw it at random. `None` where it would be
    /// too long to be taken back, or the caller has no account.
    pub fn encode(&self, key: &ClusterKey, nonce: [u8; 12]) -> Option<String> {
        let sealed = key.seal(&owner(self.account?), self.message.as_bytes(), nonce).ok()?;
        let encoded = URL_SAFE_NO_PAD.encode(sealed);
        (encoded.len() <= AUTHORIZATION_MESSAGE_MAX).then_some(encoded)
    }
}

/// The message that [`Denial::encode`] made for a caller of `account`, as JSON.
pub fn decode_authorization_message(
    key: &ClusterKey,
    account: AccountId,
    encoded: &str,
) -> Result<String, SealError> {
    let sealed = URL_SAFE_NO_PAD.decode(encoded.trim()).map_err(|_| SealError::Altered)?;
    let plain = key.open(&owner(account), &sealed)?;
    String::from_utf8(plain).map_err(|_| SealError::Altered)
}
