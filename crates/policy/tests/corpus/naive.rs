//! A case in the words of the naive evaluator, which knows one account and reads whatever it can from text.

use std::sync::Arc;

use serde_json::Value as Json;
use tidegate_policy::{
    CompiledPolicy, Context, Decision, Effect, Organization, PolicySource, Principal,
    PrincipalKind, Request, Value, cases::Situation,
};

use crate::{
    case::{ACCOUNT, Ask, Caller, Entry, Facts, Texts, Who},
    oracle::Verdict,
};

/// Without their negations.
const OPERATORS: [&str; 19] = [
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "NumericEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "Null",
];

/// The verdict of the engine in the same words.
pub(crate) fn verdict(decision: &Decision) -> Verdict {
    let by = decision.policy_type.map(|by| leak(&by.to_string())).unwrap_or_default();
    match decision.effect {
        Effect::Allow => Verdict::Allow,
        Effect::ImplicitDeny => Verdict::Silence(by),
        Effect::ExplicitDeny => Verdict::Deny(by),
    }
}

/// The policies; `None` where one of them has words that the naive evaluator does not know.
pub(crate) fn texts(situation: &Situation) -> Option<Texts> {
    // It knows a service by one name.
    if situation.principal.service_names.len() > 1 {
        return None;
    }
    let set = &situation.set;
    let policy = |policy: &Arc<CompiledPolicy>| {
        let text = moved(policy.text(), &situation.principal);
        let json: Json = serde_json::from_str(&text).unwrap();
        list(&json["Statement"]).iter().all(is_known).then_some(json)
    };
    let many = |list: &[Arc<CompiledPolicy>]| list.iter().map(policy).collect::<Option<Vec<_>>>();
    let one = |one: &Option<Arc<CompiledPolicy>>| {
        one.as_ref().map(policy).map_or(Some(None), |p| p.map(Some))
    };
    let levels = |levels: &[Vec<_>]| levels.iter().map(|level| many(level)).collect::<Option<_>>();
    let trust = set.resource.as_ref().map(|policy| policy.source().clone());
    Some(Texts {
        identity: many(&set.identity)?,
        boundary: one(&set.boundary)?,
        session: set.session.as_deref().map(many).map_or(Some(None), |s| s.map(Some))?,
        resource: one(&set.resource)?,
        trust: matches!(trust, Some(PolicySource::Trust(_))),
        service_control: levels(&set.service_control)?,
        resource_control: levels(&set.resource_control)?,
        endpoint: one(&set.endpoint)?,
    })
}

/// The request.
pub(crate) fn ask(situation: &Situation, request: &Request<'_>) -> Ask {
    let principal = &situation.principal;
    let word = |text: &str| leak(&moved(text, principal));
    let tags =
        |tags: &[(Arc<str>, Arc<str>)]| tags.iter().map(|(k, v)| (word(k), word(v))).collect();
    let organization = |organization: &Organization| {
        let path = organization.paths().first().map_or("", String::as_str);
        (word(organization.id()), word(path))
    };
    Ask {
        caller: Caller {
            who: who(principal),
            tags: tags(&principal.tags),
            organization: principal.organization.as_deref().map(organization),
            session: session(principal),
            canonical: principal.canonical_user_id.as_deref().map(leak),
        },
        action: request.action.as_str().to_owned(),
        resource: word(request.resource),
        owner: request.resource_account.map(|owner| word(owner.as_str())),
        facts: request.resource_facts.map(|facts| Facts {
            organization: facts.organization.as_deref().map(organization),
            tags: tags(&facts.tags),
            must_allow: facts.policy_must_allow,
        }),
        context: entries(request.context, principal),
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// The text with the caller's account in the place that the naive evaluator expects.
fn moved(text: &str, principal: &Principal) -> String {
    match principal.account {
        Some(account) => text.replace(account.as_str(), ACCOUNT),
        None => text.to_owned(),
    }
}

fn who(principal: &Principal) -> Who {
    let resource = |arn: &str| arn.splitn(6, ':').nth(5).unwrap_or_default().to_owned();
    let entity = resource(&principal.entity_arn);
    let entity = entity.trim_start_matches("user").trim_start_matches("role");
    let (path, name) = entity.split_at(entity.rfind('/').map_or(0, |slash| slash + 1));
    let (path, name, id) = (leak(path), leak(name), leak(&principal.entity_id));
    let session = leak(principal.arn.rsplit('/').next().unwrap_or_default());
    match principal.kind {
        PrincipalKind::Root => Who::Root,
        PrincipalKind::User => Who::User { path, name, id },
        PrincipalKind::AssumedRole => Who::Role { path, name, id, session },
        PrincipalKind::FederatedUser => Who::Guest { path, name, id, session },
        PrincipalKind::Service => Who::Service(leak(&principal.arn)),
        PrincipalKind::Federated => Who::Provider(leak(&moved(&principal.arn, principal))),
        PrincipalKind::Anonymous => Who::Anonymous,
    }
}

/// The keys of the session, asked for one by one: it does not list them.
fn session(principal: &Principal) -> Option<Vec<Entry>> {
    const KEYS: [&str; 12] = [
        "aws:TokenIssueTime",
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:SourceIdentity",
        "aws:FederatedProvider",
        "aws:AssumedRoot",
        "aws:SignInSessionArn",
        "aws:ChatbotSourceArn",
        "aws:Ec2InstanceSourceVpc",
        "aws:Ec2InstanceSourcePrivateIPv4",
        "ec2:RoleDelivery",
        "ec2:SourceInstanceArn",
    ];
    let session = principal.session.as_deref()?;
    let found = |key| session.get(key).map(|value| entry(key, value, principal));
    Some(KEYS.into_iter().filter_map(found).collect())
}

/// The context, and the keys of the session that the naive evaluator takes for those of any request.
fn entries(context: &Context, principal: &Principal) -> Vec<Entry> {
    let of_request = context.iter().map(|(key, value)| entry(key, value, principal));
    of_request.chain(session(principal).unwrap_or_default()).collect()
}

fn entry(key: &str, value: &Value, principal: &Principal) -> Entry {
    let values = value.as_slice().iter().map(|value| leak(&moved(value, principal)));
    (leak(key), values.collect(), matches!(value, Value::Many(_)))
}

fn list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// `2026-01-02T03:04:05Z`: it reads no other date, and no fraction of a second.
fn is_plain_date(text: &str) -> bool {
    let shape = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
    shape.collect::<String>() == "0000-00-00T00:00:00Z"
}

fn is_known(statement: &Json) -> bool {
    let operators = statement["Condition"].as_object().cloned().unwrap_or_default();
    operators.iter().all(|(operator, keys)| {
        let base = operator.rsplit(':').next().unwrap_or_default().trim_end_matches("IfExists");
        let known = OPERATORS.contains(&&*base.replace("Not", ""));
        let values = keys.as_object().into_iter().flat_map(|keys| keys.values()).flat_map(list);
        let mut texts = values.map(|value| value.as_str().unwrap_or_default().to_owned());
        known && (!base.starts_with("Date") || texts.all(|text| is_plain_date(&text)))
    })
}
