//! Policies, callers and requests that often meet: small vocabularies, so that patterns match and rules collide.

use std::sync::Arc;

use proptest::{
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Map, Value as Json, json};
use tidegate_policy::{
    Action, Arn, CompiledPolicy, Context, PolicyDocument, PolicyKind, PolicySet, PolicySource,
    Principal, Request, Value,
};

use crate::oracle::Texts;

pub(crate) const ACTIONS: [&str; 6] =
    ["s3:GetObject", "s3:PutObject", "s3:GetBucketAcl", "S3:Get", "iam:GetUser", "sts:AssumeRole"];
const ACTION_PATTERNS: [&str; 14] = [
    "*",
    "s3:*",
    "s3:Get*",
    "S3:getobject",
    "s3:?etObject",
    "*:Get*",
    "iam:*",
    "s3:GetObject",
    "s*:*t",
    "s3:PutObject",
    "sts:AssumeRole",
    "s3:Get",
    "s?:*Object",
    "iam:Get?ser",
];
pub(crate) const RESOURCES: [&str; 9] = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/ada/k",
    "arn:aws:s3:::b/red/k",
    "arn:aws:s3:::b/r*/k",
    "arn:aws:s3:::b/all/é",
    "arn:aws:s3:::c/k",
    "arn:aws:iam::123456789012:user/ada",
    "arn:aws:iam::123456789012:role/deploy",
];
const RESOURCE_PATTERNS: [&str; 14] = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::*/k",
    "arn:aws:s3:::?/k",
    "arn:aws:s3:::b/all/?",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*",
    "arn:aws:s3:::b/r${*}/k",
    "arn:aws:s3:::${s3:prefix}/k",
    "arn:aws:*",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::123456789012:user/${aws:username}",
    "arn:aws:iam::${aws:PrincipalAccount}:role/*",
];
/// Those whose naming has most rules stand here more than once.
const PRINCIPALS: [&str; 16] = [
    r#""*""#,
    r#"{"AWS":"*"}"#,
    r#"{"AWS":"123456789012"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
    r#"{"AWS":"210987654321"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#,
    r#"{"AWS":["arn:aws:iam::123456789012:user/ada","123456789012"]}"#,
    r#"{"AWS":"AIDAADA"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/deploy"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/deploy"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/deploy"}"#,
    r#"{"AWS":"AROADEPLOY"}"#,
    r#"{"AWS":["arn:aws:iam::123456789012:role/deploy","arn:aws:sts::123456789012:assumed-role/deploy/s1","123456789012"]}"#,
    r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/deploy/s1"}"#,
    r#"{"AWS":"arn:aws:sts::123456789012:federated-user/guest"}"#,
    r#"{"Service":["ec2.amazonaws.com"]}"#,
];
const OPERATORS: [&str; 17] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateLessThanEquals",
    "DateGreaterThan",
    "Bool",
    "IpAddress",
    "NotIpAddress",
    "ArnLike",
    "ArnNotEquals",
];
const KEYS: [&str; 13] = [
    "aws:username",
    "AWS:PrincipalArn",
    "aws:PrincipalTag/Team",
    "s3:prefix",
    "s3:max",
    "aws:SourceIp",
    "aws:CurrentTime",
    "aws:SecureTransport",
    "aws:TagKeys",
    "aws:TagKeys",
    "aws:tagkeys",
    "aws:ResourceAccount",
    "no:such",
];
const VALUES: [&str; 23] = [
    "ada",
    "Ada",
    "mallory",
    "red",
    "r*",
    "*",
    "",
    "b",
    "5",
    "10",
    "10.0",
    "true",
    "false",
    "10.0.0.0/8",
    "10.1.2.3",
    "2001:db8::/32",
    "2026-01-01T00:00:00Z",
    "1767225600",
    "123456789012",
    "${aws:username}",
    "${s3:prefix, 'b'}",
    "${no:such}",
    "arn:aws:iam::*:user/${aws:username}",
];
/// What a context may hold, by key.
const CONTEXT: [(&str, &[&str]); 6] = [
    ("s3:prefix", &["b", "ada", "r*", "", "arn:aws:iam::123456789012:user/ada"]),
    ("s3:max", &["5", "10", "7.5", "many"]),
    ("aws:SourceIp", &["10.1.2.3", "11.0.0.1", "2001:db8::1", "nowhere"]),
    ("aws:CurrentTime", &["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "1767225601"]),
    ("aws:SecureTransport", &["true", "false"]),
    ("AWS:USERNAME", &["mallory"]),
];

/// Who asks what.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) principal: Principal,
    pub(crate) action: Action,
    pub(crate) resource: &'static str,
    pub(crate) foreign: bool,
    pub(crate) context: Context,
}

impl Ask {
    pub(crate) fn request(&self) -> Request<'_> {
        let mut request = Request::new(&self.principal, &self.action, self.resource, &self.context);
        request.resource_account = self.foreign.then(|| "210987654321".parse().unwrap());
        request
    }
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    (
        principal(),
        select(&ACTIONS[..]),
        select(&RESOURCES[..]),
        prop::bool::weighted(0.15),
        context(),
    )
        .prop_map(|(principal, action, resource, foreign, context)| {
            let action = Action::parse(action).unwrap();
            Ask { principal, action, resource, foreign, context }
        })
}

fn principal() -> impl Strategy<Value = Principal> {
    let account = "123456789012".parse().unwrap();
    let callers = vec![
        Principal::user(account, "/", "ada", "AIDAADA"),
        Principal::user(account, "/", "ada", "AIDAADA"),
        Principal::user(account, "/", "r*", "AIDASTAR"),
        Principal::role_session(account, "/", "deploy", "AROADEPLOY", "s1"),
        Principal::role_session(account, "/", "deploy", "AROADEPLOY", "s1"),
        Principal::role_session(account, "/", "deploy", "AROADEPLOY", "s1"),
        Principal::federated_user(account, "ada", "/", "guest"),
        Principal::root(account),
        Principal::service("ec2.amazonaws.com"),
        Principal::anonymous(),
    ];
    let tags = prop::option::of(select(vec!["red", "r*", "all", ""]));
    (select(callers), tags)
        .prop_map(|(caller, team)| caller.with_tags(team.map(|team| ("TEAM", team))))
}

fn context() -> impl Strategy<Value = Context> {
    let single = subsequence(&CONTEXT[..], 0..=CONTEXT.len()).prop_flat_map(|keys| {
        keys.into_iter().map(|(key, values)| (Just(key), select(values))).collect::<Vec<_>>()
    });
    let tag_keys =
        prop::option::of(prop::collection::vec(select(vec!["red", "b", "", "Ada"]), 0..3));
    (single, tag_keys).prop_map(|(single, tag_keys)| {
        let mut context = Context::default();
        for (key, value) in single {
            context.insert(key, value);
        }
        if let Some(keys) = tag_keys {
            context
                .insert("aws:TagKeys", Value::Many(keys.into_iter().map(str::to_owned).collect()));
        }
        context
    })
}

/// A policy with up to four statements.
pub(crate) fn policy(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let statements = prop::collection::vec(statement(kind), 1..4);
    (statements, prop::bool::weighted(0.85)).prop_map(|(statements, variables)| {
        let mut policy = Map::new();
        if variables {
            policy.insert("Version".into(), json!("2012-10-17"));
        }
        policy.insert("Statement".into(), json!(statements));
        Json::Object(policy)
    })
}

/// Many statements are plain, so that a decision often hangs on who is named and which types of policy there are; some hang on one
/// condition.
pub(crate) fn statement(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let hanging =
        (plain_statement(kind), select(&CONDITIONS[..])).prop_map(|(mut statement, condition)| {
            statement["Condition"] = serde_json::from_str(condition).unwrap();
            statement
        });
    prop_oneof![2 => busy_statement(kind), 2 => plain_statement(kind), 1 => hanging]
}

/// Conditions with a rule of their own.
const CONDITIONS: [&str; 8] = [
    r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["red"]}}"#,
    r#"{"ForAllValues:StringNotEquals":{"aws:TagKeys":["red","Ada"]}}"#,
    r#"{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["red"]}}"#,
    r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["","red"]}}"#,
    r#"{"Null":{"aws:TagKeys":"true"}}"#,
    r#"{"StringEquals":{"aws:username":"mallory"}}"#,
    r#"{"StringNotEquals":{"aws:username":"mallory"}}"#,
    r#"{"StringEquals":{"aws:PrincipalTag/team":""}}"#,
];

fn plain_statement(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let action = select(vec!["*", "s3:*", "iam:*"]);
    (prop::bool::weighted(0.2), action, prop::bool::weighted(0.3), select(&PRINCIPALS[..]))
        .prop_map(move |(deny, action, not_principal, principal)| {
            let mut statement =
                json!({"Effect": if deny { "Deny" } else { "Allow" }, "Action": action});
            if kind != PolicyKind::Trust {
                statement["Resource"] = json!("*");
            }
            if kind.names_principals() {
                let element = if not_principal && kind != PolicyKind::Trust {
                    "NotPrincipal"
                } else {
                    "Principal"
                };
                statement[element] = serde_json::from_str(principal).unwrap();
            }
            statement
        })
}

fn busy_statement(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let actions =
        (prop::bool::weighted(0.15), prop::collection::vec(select(&ACTION_PATTERNS[..]), 1..3));
    let resources =
        (prop::bool::weighted(0.15), prop::collection::vec(select(&RESOURCE_PATTERNS[..]), 1..3));
    let principals = (prop::bool::weighted(0.15), select(&PRINCIPALS[..]));
    let conditions = prop::collection::btree_map(operator(), (select(&KEYS[..]), wanted()), 0..3);
    (prop::bool::weighted(0.3), actions, resources, principals, conditions).prop_map(
        move |(
            deny,
            (not_action, actions),
            (not_resource, resources),
            (not_principal, principal),
            conditions,
        )| {
            let mut map = Map::new();
            map.insert("Effect".into(), json!(if deny { "Deny" } else { "Allow" }));
            map.insert(if not_action { "NotAction" } else { "Action" }.into(), json!(actions));
            if kind != PolicyKind::Trust {
                map.insert(
                    if not_resource { "NotResource" } else { "Resource" }.into(),
                    json!(resources),
                );
            }
            if kind.names_principals() {
                let element = if not_principal && kind != PolicyKind::Trust {
                    "NotPrincipal"
                } else {
                    "Principal"
                };
                map.insert(element.into(), serde_json::from_str(principal).unwrap());
            }
            let conditions: Map<String, Json> = conditions
                .into_iter()
                .map(|(operator, (key, values))| (operator, json!({ key: values })))
                .collect();
            map.insert("Condition".into(), Json::Object(conditions));
            Json::Object(map)
        },
    )
}

fn operator() -> impl Strategy<Value = String> {
    let whole = (
        select(vec!["", "", "", "ForAllValues:", "ForAnyValue:"]),
        select(&OPERATORS[..]),
        any::<bool>(),
    )
        .prop_map(|(prefix, base, if_exists)| {
            format!("{prefix}{base}{}", if if_exists { "IfExists" } else { "" })
        });
    prop_oneof![12 => whole, 1 => Just("Null".to_owned())]
}

fn wanted() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&VALUES[..]), 1..3)
}

/// Policies of every type.
pub(crate) fn texts() -> impl Strategy<Value = Texts> {
    let one = || policy(PolicyKind::Identity);
    let resource = prop_oneof![
        2 => Just((None, false)),
        3 => policy(PolicyKind::Resource).prop_map(|p| (Some(p), false)),
        1 => policy(PolicyKind::Trust).prop_map(|p| (Some(p), true)),
    ];
    (
        prop::collection::vec(one(), 0..4),
        prop::option::weighted(0.4, one()),
        prop::option::weighted(0.3, prop::collection::vec(one(), 0..3)),
        resource,
    )
        .prop_map(|(identity, boundary, session, (resource, trust))| Texts {
            identity,
            boundary,
            session,
            resource,
            trust,
        })
}

pub(crate) fn compile(text: &Json, kind: PolicyKind) -> Arc<CompiledPolicy> {
    let document =
        PolicyDocument::parse(&text.to_string(), kind).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let source = match kind {
        PolicyKind::Trust => PolicySource::Trust("deploy".into()),
        PolicyKind::Resource => PolicySource::Resource("b".into()),
        _ => PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/p").unwrap()),
    };
    Arc::new(CompiledPolicy::compile(source, &document))
}

pub(crate) fn compile_all(texts: &Texts) -> PolicySet {
    let each =
        |list: &[Json]| list.iter().map(|text| compile(text, PolicyKind::Identity)).collect();
    let resource_kind = if texts.trust { PolicyKind::Trust } else { PolicyKind::Resource };
    PolicySet {
        identity: each(&texts.identity),
        boundary: texts.boundary.as_ref().map(|text| compile(text, PolicyKind::Boundary)),
        session: texts.session.as_deref().map(each),
        resource: texts.resource.as_ref().map(|text| compile(text, resource_kind)),
    }
}
