//! Policies, callers and requests that often meet.

use proptest::{
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Map, Value as Json, json};
use tidegate_policy::PolicyKind;

use super::{
    case::{Ask, Caller, Entry, Facts, Texts, Who},
    words::{
        ACTION_PATTERNS, ACTIONS, CALLERS, CONDITIONS, CONTEXT, FAMILIES, ORGANIZATIONS,
        PRINCIPALS, RESOURCE_PATTERNS, RESOURCES, SESSION, SET_KEYS, SET_VALUES,
    },
};

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    let owner = prop_oneof![
        6 => Just(None),
        2 => Just(Some("123456789012")),
        2 => Just(Some("210987654321")),
    ];
    let what = (select(&ACTIONS[..]), select(&RESOURCES[..]), owner);
    (caller(), what, prop::option::weighted(0.4, facts()), context()).prop_map(
        |(caller, (action, resource, owner), facts, context)| Ask {
            caller,
            action: action.to_owned(),
            resource,
            owner,
            facts,
            context,
        },
    )
}

fn caller() -> impl Strategy<Value = Caller> {
    let tags =
        prop::option::of((select(vec!["TEAM", "team"]), select(vec!["red", "r*", "all", ""])));
    let organization = prop::option::of(select(&ORGANIZATIONS[..]));
    let session = entries(&SESSION);
    let canonical = prop::option::of(Just("79a59df900b949e5"));
    (select(&CALLERS[..]), tags, organization, prop::option::weighted(0.6, session), canonical)
        .prop_map(|(who, tags, organization, session, canonical)| {
            let account = !matches!(who, Who::Service(_) | Who::Provider(_) | Who::Anonymous);
            Caller {
                who,
                tags: tags.into_iter().collect(),
                organization: organization.filter(|_| account),
                session: session.filter(|entries| account && !entries.is_empty()),
                canonical: canonical.filter(|_| account),
            }
        })
}

fn facts() -> impl Strategy<Value = Facts> {
    let tags = prop::option::of((select(vec!["TEAM", "Team"]), select(vec!["red", "r*"])));
    let organization = prop::option::of(select(&ORGANIZATIONS[..]));
    (organization, tags, prop::bool::weighted(0.2)).prop_map(|(organization, tags, must_allow)| {
        Facts { organization, tags: tags.into_iter().collect(), must_allow }
    })
}

fn entries(
    words: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = Vec<Entry>> {
    subsequence(words, 0..=words.len()).prop_flat_map(|keys| {
        keys.into_iter()
            .map(|(key, values)| select(values).prop_map(move |value| (key, vec![value], false)))
            .collect::<Vec<_>>()
    })
}

fn context() -> impl Strategy<Value = Vec<Entry>> {
    let tag_keys =
        (prop::collection::vec(select(vec!["red", "b", "", "Ada"]), 0..3), any::<bool>());
    (entries(&CONTEXT), prop::option::of(tag_keys)).prop_map(|(mut context, tag_keys)| {
        if let Some((keys, many)) = tag_keys {
            context.push(("aws:TagKeys", if many { keys } else { vec!["red"] }, many));
        }
        context
    })
}

/// A policy with up to three statements.
pub(crate) fn policy(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let statements = prop::collection::vec(statement(kind), 1..4);
    (statements, prop::bool::weighted(0.7)).prop_map(|(statements, variables)| {
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
    prop_oneof![3 => busy_statement(kind), 2 => plain_statement(kind), 2 => hanging].prop_map(
        move |statement| {
            if kind == PolicyKind::ResourceControl {
                as_resource_control(statement)
            } else {
                statement
            }
        },
    )
}

/// What such a policy can say of what a statement says.
fn as_resource_control(mut statement: Json) -> Json {
    let map = statement.as_object_mut().unwrap();
    map.remove("NotPrincipal");
    map.insert("Principal".into(), json!("*"));
    map.insert("Effect".into(), json!("Deny"));
    let actions = map.remove("NotAction").or_else(|| map.remove("Action")).unwrap();
    let bare = |action: &Json| action == "*";
    let listed = actions.as_array().cloned().unwrap_or_else(|| vec![actions]);
    let listed: Vec<Json> =
        listed.into_iter().map(|a| if bare(&a) { json!("s3:*") } else { a }).collect();
    map.insert("Action".into(), json!(listed));
    statement
}

fn principal_element(
    statement: &mut Map<String, Json>,
    kind: PolicyKind,
    not: bool,
    principal: &str,
) {
    if kind.names_principals() {
        let element = if not && kind != PolicyKind::Trust { "NotPrincipal" } else { "Principal" };
        // A trust policy names everyone only in an object.
        let bare = kind == PolicyKind::Trust && principal == r#""*""#;
        let principal = if bare { r#"{"AWS":"*"}"# } else { principal };
        statement.insert(element.into(), serde_json::from_str(principal).unwrap());
    }
}

fn plain_statement(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let action = select(vec!["*", "*", "s3:*", "iam:*"]);
    (prop::bool::weighted(0.15), action, prop::bool::weighted(0.3), select(&PRINCIPALS[..]))
        .prop_map(move |(deny, action, not_principal, principal)| {
            let mut map = Map::new();
            map.insert("Effect".into(), json!(if deny { "Deny" } else { "Allow" }));
            map.insert("Action".into(), json!(action));
            if kind != PolicyKind::Trust {
                map.insert("Resource".into(), json!("*"));
            }
            principal_element(&mut map, kind, not_principal, principal);
            Json::Object(map)
        })
}

fn busy_statement(kind: PolicyKind) -> impl Strategy<Value = Json> {
    let patterns = |words: &'static [&'static str]| {
        (prop::bool::weighted(0.15), prop::collection::vec(select(words), 1..3))
    };
    let principals = (prop::bool::weighted(0.15), select(&PRINCIPALS[..]));
    let conditions = prop::collection::vec(condition(), 0..3);
    (
        prop::bool::weighted(0.25),
        patterns(&ACTION_PATTERNS),
        patterns(&RESOURCE_PATTERNS),
        principals,
        conditions,
    )
        .prop_map(move |(deny, actions, resources, (not_principal, principal), conditions)| {
            let mut map = Map::new();
            map.insert("Effect".into(), json!(if deny { "Deny" } else { "Allow" }));
            map.insert(if actions.0 { "NotAction" } else { "Action" }.into(), json!(actions.1));
            if kind != PolicyKind::Trust {
                let element = if resources.0 { "NotResource" } else { "Resource" };
                map.insert(element.into(), json!(resources.1));
            }
            principal_element(&mut map, kind, not_principal, principal);
            let conditions: Map<String, Json> = conditions
                .into_iter()
                .map(|(operator, key, values)| (operator, json!({ key: values })))
                .collect();
            map.insert("Condition".into(), Json::Object(conditions));
            Json::Object(map)
        })
}

/// An operator with one key and its values.
fn condition() -> impl Strategy<Value = (String, &'static str, Vec<&'static str>)> {
    let single = (0..FAMILIES.len()).prop_flat_map(|family| {
        let family = &FAMILIES[family];
        let values = prop::collection::vec(select(family.values), 1..3);
        (select(family.operators), any::<bool>(), select(family.keys), values)
            .prop_map(|(base, exists, key, values)| (suffixed("", base, exists), key, values))
    });
    let prefix = select(vec!["", "ForAllValues:", "ForAllValues:", "ForAnyValue:", "ForAnyValue:"]);
    let values = prop::collection::vec(select(&SET_VALUES[..]), 1..3);
    let base = select(FAMILIES[0].operators);
    let set = (prefix, base, any::<bool>(), select(&SET_KEYS[..]), values).prop_map(
        |(prefix, base, exists, key, values)| (suffixed(prefix, base, exists), key, values),
    );
    let keys: Vec<&str> = FAMILIES.iter().flat_map(|family| family.keys.iter().copied()).collect();
    let null = (select(keys), select(vec!["true", "false", "maybe"]))
        .prop_map(|(key, value)| ("Null".to_owned(), key, vec![value]));
    prop_oneof![9 => single, 3 => set, 1 => null]
}

fn suffixed(prefix: &str, operator: &str, if_exists: bool) -> String {
    format!("{prefix}{operator}{}", if if_exists { "IfExists" } else { "" })
}

/// Policies of every type.
pub(crate) fn texts() -> impl Strategy<Value = Texts> {
    let resource = prop_oneof![
        2 => Just((None, false)),
        3 => policy(PolicyKind::Resource).prop_map(|p| (Some(p), false)),
        1 => policy(PolicyKind::Trust).prop_map(|p| (Some(p), true)),
    ];
    let own = (
        prop::collection::vec(policy(PolicyKind::Identity), 0..4),
        prop::option::weighted(0.3, policy(PolicyKind::Boundary)),
        prop::option::weighted(0.3, prop::collection::vec(policy(PolicyKind::Session), 0..3)),
    );
    let limits = (
        levels(PolicyKind::ServiceControl),
        levels(PolicyKind::ResourceControl),
        prop::option::weighted(0.15, policy(PolicyKind::Resource)),
    );
    (own, resource, limits).prop_map(
        |(
            (identity, boundary, session),
            (resource, trust),
            (service_control, resource_control, endpoint),
        )| Texts {
            identity,
            boundary,
            session,
            resource,
            trust,
            service_control,
            resource_control,
            endpoint,
        },
    )
}

/// The policies of an organization's levels, most of which allow everything and limit little.
fn levels(kind: PolicyKind) -> impl Strategy<Value = Vec<Vec<Json>>> {
    let mut full = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    if kind.names_principals() {
        full["Principal"] = json!("*");
    }
    let full = json!({"Version": "2012-10-17", "Statement": [full]});
    let more = prop::option::weighted(0.3, policy(kind));
    let level = (prop::bool::weighted(0.85), more).prop_map(move |(allows, more)| {
        let full = full.clone();
        allows.then_some(full).into_iter().chain(more).collect()
    });
    prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(level, 1..4)]
}
