//! The registers: what each kind is, and how it is written and read over public calls.

use tidegate_client::{CallError, Client, Credentials, Operation};
use tidegate_history::log::{Asked, State, WriteId};
use tidegate_proto::{
    common::v1::{
        AtLeastAsFresh, Consistency, ErrorReason, Evidence, ResponseMetadata, consistency::Mode,
    },
    decision::v1::{AuthorizeRequest, Effect, Question},
    iam::v1::{
        AttachUserPolicyRequest, CreateUserRequest, DeleteUserPolicyRequest, DeleteUserRequest,
        DetachUserPolicyRequest, GetUserPolicyRequest, GetUserRequest, ListAccessKeysRequest,
        ListAttachedUserPoliciesRequest, PutUserPolicyRequest, Tag, UpdateAccessKeyRequest,
        UpdateAssumeRolePolicyRequest,
    },
    sts::v1::{AssumeRoleRequest, GetCallerIdentityRequest},
};

/// Name of the inline policy that a grant is.
pub(crate) const INLINE: &str = "state";
/// Key of the tag that names the write that made a user.
const MADE_BY: &str = "made-by";

/// What a register is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// An inline policy of a user, whose statement's name is the write.
    Grant {
        /// The user's name.
        user: String,
        /// Its ARN.
        arn: String,
    },
    /// Whether a user is there. Each is made once and deleted at most once.
    Person {
        /// The user's name.
        user: String,
    },
    /// Whether a managed policy is attached to a user.
    Attached {
        /// The user's name.
        user: String,
        /// The policy.
        policy: String,
    },
    /// Whether an access key is active.
    Key {
        /// The user's name.
        user: String,
        /// The key.
        credentials: Credentials,
    },
    /// Whether a user of the run may take on a role.
    Trust {
        /// The role's name.
        role: String,
        /// Its ARN.
        arn: String,
        /// The account that is trusted, or not.
        account: String,
        /// Of the user that takes it on: a root user takes on none.
        assumer: Credentials,
    },
}

/// A register.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    /// Its number in the log.
    pub(crate) number: u32,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is there: an allowing grant, a user, an attachment, an active key, a role that is trusted.
    There,
    /// A grant that denies.
    Denies,
    /// It is not.
    Gone,
}

impl Register {
    /// The state that a write leaves.
    pub(crate) fn state(&self, wanted: Wanted, id: WriteId) -> State {
        match (&self.kind, wanted) {
            (Kind::Grant { .. } | Kind::Person { .. }, Wanted::There | Wanted::Denies) => {
                State::Of(id)
            }
            (Kind::Attached { .. }, Wanted::There | Wanted::Denies) => State::Word("attached"),
            (Kind::Key { .. }, Wanted::There | Wanted::Denies) => State::Word("active"),
            (Kind::Trust { .. }, Wanted::There | Wanted::Denies) => State::Word("trusted"),
            // A key that is not there and one that is not active are refused alike, and so are roles.
            (_, Wanted::Gone) => State::Absent,
        }
    }

    /// What calls that write it are counted as.
    pub(crate) fn writing(&self) -> &'static str {
        match self.kind {
            Kind::Grant { .. } => "write grant",
            Kind::Person { .. } => "write user",
            Kind::Attached { .. } => "write attachment",
            Kind::Key { .. } => "write key",
            Kind::Trust { .. } => "write trust",
        }
    }

    /// What calls that read it are counted as.
    pub(crate) fn reading(&self) -> &'static str {
        match self.kind {
            Kind::Grant { .. } => "read grant",
            Kind::Person { .. } => "read user",
            Kind::Attached { .. } => "read attachment",
            Kind::Key { .. } => "read key",
            Kind::Trust { .. } => "assume role",
        }
    }

    /// Whether answers can be asked for in every mode, and say how old they are.
    pub(crate) fn has_modes(&self) -> bool {
        !matches!(self.kind, Kind::Trust { .. })
    }
}

/// The trust policy of a role that trusts an account, or nobody who calls.
pub(crate) fn trust(account: &str, trusted: bool) -> String {
    let principal = if trusted {
        format!(r#"{{"AWS":"arn:aws:iam::{account}:root"}}"#)
    } else {
        r#"{"Service":"ec2.amazonaws.com"}"#.to_owned()
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
    )
}

fn grant(id: WriteId, effect: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"W{id}","Effect":"{effect}","Action":"s3:*","Resource":"*"}}}}"#
    )
}

async fn change<O: Operation>(
    client: &Client,
    message: O,
    metadata: impl Fn(O::Answer) -> Option<ResponseMetadata>,
) -> Result<ResponseMetadata, CallError> {
    Ok(metadata(client.send(&message).await?).unwrap_or_default())
}

async fn write_grant(
    client: &Client,
    user: &str,
    (id, wanted): (WriteId, Wanted),
    request_id: String,
) -> Result<ResponseMetadata, CallError> {
    let (user_name, policy_name) = (user.to_owned(), INLINE.to_owned());
    let effect = match wanted {
        Wanted::There => "Allow",
        Wanted::Denies => "Deny",
        Wanted::Gone => {
            let message = DeleteUserPolicyRequest {
                user_name,
                policy_name,
                request_id,
                validate_only: false,
            };
            return change(client, message, |a| a.metadata).await;
        }
    };
    let message = PutUserPolicyRequest {
        user_name,
        policy_name,
        policy_document: grant(id, effect),
        request_id,
        validate_only: false,
    };
    change(client, message, |a| a.metadata).await
}

async fn write_person(
    client: &Client,
    (user, path): (&str, &str),
    (id, gone): (WriteId, bool),
    request_id: String,
) -> Result<ResponseMetadata, CallError> {
    let user_name = user.to_owned();
    if gone {
        let message = DeleteUserRequest { user_name, request_id, ..DeleteUserRequest::default() };
        return change(client, message, |a| a.metadata).await;
    }
    let message = CreateUserRequest {
        user_name,
        path: path.to_owned(),
        tags: vec![Tag { key: MADE_BY.to_owned(), value: id.to_string() }],
        request_id,
        ..CreateUserRequest::default()
    };
    change(client, message, |a| a.metadata).await
}

async fn write_attachment(
    client: &Client,
    (user, policy): (&str, &str),
    gone: bool,
    request_id: String,
) -> Result<ResponseMetadata, CallError> {
    let (user_name, policy_arn, validate_only) = (user.to_owned(), policy.to_owned(), false);
    if gone {
        let message = DetachUserPolicyRequest { user_name, policy_arn, request_id, validate_only };
        return change(client, message, |a| a.metadata).await;
    }
    let message = AttachUserPolicyRequest { user_name, policy_arn, request_id, validate_only };
    change(client, message, |a| a.metadata).await
}

/// Writes a register under a request id: once, however often it is sent. `path`: where a user is made.
pub(crate) async fn write(
    client: &Client,
    register: &Register,
    (id, wanted): (WriteId, Wanted),
    path: &str,
    request_id: String,
) -> Result<ResponseMetadata, CallError> {
    let gone = wanted == Wanted::Gone;
    match &register.kind {
        Kind::Grant { user, .. } => write_grant(client, user, (id, wanted), request_id).await,
        Kind::Person { user } => write_person(client, (user, path), (id, gone), request_id).await,
        Kind::Attached { user, policy } => {
            write_attachment(client, (user, policy), gone, request_id).await
        }
        Kind::Key { user, credentials } => {
            let message = UpdateAccessKeyRequest {
                user_name: user.clone(),
                access_key_id: credentials.access_key_id.clone(),
                status: if gone { "Inactive" } else { "Active" }.to_owned(),
                request_id,
                validate_only: false,
            };
            change(client, message, |a| a.metadata).await
        }
        Kind::Trust { role, account, .. } => {
            let message = UpdateAssumeRolePolicyRequest {
                role_name: role.clone(),
                policy_document: trust(account, !gone),
                request_id,
                ..UpdateAssumeRolePolicyRequest::default()
            };
            change(client, message, |a| a.metadata).await
        }
    }
}

/// What a read gave: the state, whether it is an explicit deny, and the evidence where the answer has one.
pub(crate) type Read = (State, bool, Option<Evidence>);

/// How a read asks: the mode, and the tokens where it is one of tokens.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// The mode.
    pub(crate) asked: Asked,
    /// Tokens that the answer must cover.
    pub(crate) tokens: Vec<String>,
    /// Of two ways to read, the second: not what is decided but what is stored; the key itself rather than the list of keys.
    pub(crate) other_way: bool,
}

impl How {
    /// From the node as it stands.
    pub(crate) fn eventual() -> Self {
        Self { asked: Asked::Eventual, tokens: Vec::new(), other_way: false }
    }

    fn consistency(&self) -> Option<Consistency> {
        let mode = match &self.asked {
            Asked::Eventual => return None,
            Asked::AtLeast(_) => {
                Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: self.tokens.clone() })
            }
            Asked::Bounded(bound) => Mode::Bounded(prost_types::Duration {
                seconds: i64::try_from(bound.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(bound.subsec_nanos()).unwrap_or(0),
            }),
            Asked::Strong => Mode::Strong(true),
        };
        Some(Consistency { mode: Some(mode) })
    }

    /// A client whose calls cover the tokens, for calls that take no consistency.
    fn carrying(&self, client: &Client) -> Client {
        let client = client.session();
        for token in &self.tokens {
            client.saw(token);
        }
        client
    }
}

fn absent(error: CallError) -> Result<Read, CallError> {
    if error.kind() == ErrorReason::NoSuchEntity {
        Ok((State::Absent, false, None))
    } else {
        Err(error)
    }
}

fn written(sid: &str) -> Option<WriteId> {
    sid.strip_prefix('W')?.parse().ok()
}

async fn read_grant(
    client: &Client,
    (user, arn): (&str, &str),
    how: &How,
) -> Result<Read, CallError> {
    if how.other_way {
        let message = GetUserPolicyRequest {
            user_name: user.to_owned(),
            policy_name: INLINE.to_owned(),
            consistency: how.consistency(),
        };
        let answer = match client.send(&message).await {
            Ok(answer) => answer,
            Err(error) => return absent(error),
        };
        let document: serde_json::Value =
            serde_json::from_str(&answer.policy_document).unwrap_or_default();
        let text =
            |name: &str| document.pointer(&format!("/Statement/{name}")).and_then(|v| v.as_str());
        let id = text("Sid").and_then(written);
        let state = id.map_or(State::Word("a policy of nobody's"), State::Of);
        return Ok((state, text("Effect") == Some("Deny"), answer.evidence));
    }
    let question = Question {
        principal: arn.to_owned(),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::tidegate-check/key".to_owned(),
        ..Question::default()
    };
    let message = AuthorizeRequest { question: Some(question), consistency: how.consistency() };
    let answered = client.send(&message).await?;
    let answer = answered.answer.unwrap_or_default();
    let id = answer.statements.first().and_then(|s| written(&s.sid));
    let denies = answer.effect() == Effect::ExplicitDeny;
    Ok((id.map_or(State::Absent, State::Of), denies, answered.evidence))
}

async fn read_key(
    client: &Client,
    (user, key): (&str, &Credentials),
    how: &How,
) -> Result<Read, CallError> {
    let state = |active| if active { State::Word("active") } else { State::Absent };
    if how.other_way {
        let used = how.carrying(client).with_credentials(key.clone());
        return match used.send(&GetCallerIdentityRequest {}).await {
            Ok(_) => Ok((state(true), false, None)),
            Err(error) if error.kind() == ErrorReason::InvalidClientTokenId => {
                Ok((state(false), false, None))
            }
            Err(error) => Err(error),
        };
    }
    let message = ListAccessKeysRequest {
        user_name: user.to_owned(),
        page_size: 10,
        consistency: how.consistency(),
        ..ListAccessKeysRequest::default()
    };
    let answer = match client.send(&message).await {
        Ok(answer) => answer,
        Err(error) => return absent(error),
    };
    let found = answer.access_keys.iter().find(|k| k.access_key_id == key.access_key_id);
    let state = found.map_or(State::Absent, |k| state(k.status == "Active"));
    Ok((state, false, answer.evidence))
}

/// Reads a register once.
///
/// # Errors
/// The answer was refused for a reason that says nothing of the register.
pub(crate) async fn read(
    client: &Client,
    register: &Register,
    how: &How,
) -> Result<Read, CallError> {
    match &register.kind {
        Kind::Grant { user, arn } => read_grant(client, (user, arn), how).await,
        Kind::Key { user, credentials } => read_key(client, (user, credentials), how).await,
        Kind::Person { user } => {
            let message =
                GetUserRequest { user_name: user.clone(), consistency: how.consistency() };
            let answer = match client.send(&message).await {
                Ok(answer) => answer,
                Err(error) => return absent(error),
            };
            let tags = answer.user.unwrap_or_default().tags;
            let id = tags.iter().find(|t| t.key == MADE_BY).and_then(|t| t.value.parse().ok());
            Ok((id.map_or(State::Word("a user of nobody's"), State::Of), false, answer.evidence))
        }
        Kind::Attached { user, policy } => {
            let message = ListAttachedUserPoliciesRequest {
                user_name: user.clone(),
                page_size: 10,
                consistency: how.consistency(),
                ..ListAttachedUserPoliciesRequest::default()
            };
            let answer = match client.send(&message).await {
                Ok(answer) => answer,
                Err(error) => return absent(error),
            };
            let there = answer.attached_policies.iter().any(|p| p.policy_arn == *policy);
            let state = if there { State::Word("attached") } else { State::Absent };
            Ok((state, false, answer.evidence))
        }
        Kind::Trust { arn, assumer, .. } => {
            let message = AssumeRoleRequest {
                role_arn: arn.clone(),
                role_session_name: "check".to_owned(),
                ..AssumeRoleRequest::default()
            };
            let assuming = how.carrying(client).with_credentials(assumer.clone());
            match assuming.send(&message).await {
                Ok(answer) => Ok((State::Word("trusted"), false, answer.evidence)),
                Err(error) if error.kind() == ErrorReason::AccessDenied => {
                    Ok((State::Absent, false, None))
                }
                Err(error) => Err(error),
            }
        }
    }
}

/// Gives back what a write left, in secret.
pub(crate) async fn undo(
    client: &Client,
    register: &Register,
    request_id: String,
) -> Result<(), CallError> {
    write(client, register, (0, Wanted::Gone), "", request_id).await.map(drop)
}
