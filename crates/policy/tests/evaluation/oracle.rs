//! A second evaluator, naive and slow, written from AWS's documentation and not from the first one. It shares no code with it: it
//! reads the JSON and the case's words itself, knows no index and no compiled form, and asks every statement everything.

use serde_json::Value as Json;

use super::{
    case::{ACCOUNT, Ask, Caller, Texts, Who},
    language::{Symbol, chars, compares, symbols, wild},
};

/// What is decided, and by which type of policy where it is denied, in the words of AWS's sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Allow,
    Silence(&'static str),
    Deny(&'static str),
}

/// Decides by the flow chart on AWS's page "Policy evaluation logic".
pub(crate) fn decide(texts: &Texts, ask: &Ask) -> Verdict {
    let caller = &ask.caller;
    let linked =
        matches!(caller.who, Who::Role { path, .. } if path.starts_with("/aws-service-role/"));
    let has_account = !matches!(caller.who, Who::Service(_) | Who::Provider(_) | Who::Anonymous);
    let same_account = ask.owner.is_none_or(|owner| has_account && owner == ACCOUNT);
    let resource_type = if texts.trust { "role trust policy" } else { "resource-based policy" };
    let one = |policy: &Option<Json>| policy.iter().cloned().collect::<Vec<_>>();
    let (boundary, resource, endpoint) =
        (one(&texts.boundary), one(&texts.resource), one(&texts.endpoint));
    let session = texts.session.clone().unwrap_or_default();
    let bounded = texts.boundary.is_some();
    let applying = |policies: &[Json], effect: &str| -> Vec<Name> {
        policies.iter().flat_map(|p| applying(p, effect, ask, bounded)).collect()
    };
    let allows = |policies: &[Json]| !applying(policies, "Allow").is_empty();
    let every_level_allows = |levels: &[Vec<Json>]| levels.iter().all(|level| allows(level));

    let (no_levels, no_bounds) = (Vec::new(), linked || !has_account);
    let resource_control = if linked { &no_levels } else { &texts.resource_control };
    let service_control = if no_bounds { &no_levels } else { &texts.service_control };

    let groups: [(&'static str, Vec<Json>); 7] = [
        ("resource control policy", resource_control.concat()),
        ("service control policy", service_control.concat()),
        ("VPC endpoint policy", endpoint.clone()),
        (resource_type, resource.clone()),
        ("identity-based policy", texts.identity.clone()),
        ("permissions boundary", boundary.clone()),
        ("session policy", session.clone()),
    ];
    for (policy_type, policies) in &groups {
        if !applying(policies, "Deny").is_empty() {
            return Verdict::Deny(policy_type);
        }
    }
    if !every_level_allows(resource_control) {
        return Verdict::Silence("resource control policy");
    }
    if !every_level_allows(service_control) {
        return Verdict::Silence("service control policy");
    }
    if texts.endpoint.is_some() && !allows(&endpoint) {
        return Verdict::Silence("VPC endpoint policy");
    }
    let names = applying(&resource, "Allow");
    let must_allow = ask.facts.as_ref().is_some_and(|facts| facts.must_allow);
    if names.is_empty() && (must_allow || texts.trust || !same_account || !has_account) {
        return Verdict::Silence(resource_type);
    }
    if !has_account {
        return Verdict::Allow;
    }
    // The table on who is named, a column each.
    let named = |name: Name| same_account && names.contains(&name);
    let user = matches!(caller.who, Who::User { .. });
    let whole = named(Name::Everyone) || named(Name::Session) || user && named(Name::Entity);
    let root = caller.who == Who::Root;
    if !root && !whole && !named(Name::Entity) && !allows(&texts.identity) {
        return Verdict::Silence("identity-based policy");
    }
    if !root && !whole && bounded && !allows(&boundary) {
        return Verdict::Silence("permissions boundary");
    }
    let limited = texts.session.is_some() || matches!(caller.who, Who::Guest { .. });
    // Whom a policy names otherwise than as an account, everyone or a session is the role, the user, or nobody.
    if limited && !whole && !allows(&session) {
        return Verdict::Silence("session policy");
    }
    Verdict::Allow
}

/// By what a policy names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Account,
    Entity,
    Session,
    Everyone,
}

fn list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn texts(value: &Json) -> Vec<String> {
    list(value).iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect()
}

/// The statements of this effect that apply, each as the ways in which it names the caller.
fn applying(policy: &Json, effect: &str, ask: &Ask, bounded: bool) -> Vec<Name> {
    let variables = policy.get("Version").is_some_and(|v| v == "2012-10-17");
    let mut names = Vec::new();
    for statement in list(&policy["Statement"]) {
        if statement["Effect"] == effect
            && action(&statement, ask)
            && resource(&statement, effect, variables, ask)
            && met(&statement, effect, variables, ask)
        {
            names.extend(named(&statement, effect, &ask.caller, bounded));
        }
    }
    names
}

fn action(statement: &Json, ask: &Ask) -> bool {
    let asked = ask.action.to_lowercase();
    let any = |patterns: &Json| {
        texts(patterns).iter().any(|p| wild(&symbols(&p.to_lowercase()), &chars(&asked)))
    };
    match statement.get("NotAction") {
        Some(patterns) => !any(patterns),
        None => any(&statement["Action"]),
    }
}

fn resource(statement: &Json, effect: &str, variables: bool, ask: &Ask) -> bool {
    let expanded = |patterns: &Json| -> Vec<Option<Vec<Symbol>>> {
        texts(patterns).iter().map(|p| expand(p, variables, ask)).collect()
    };
    let any = |patterns: &[Option<Vec<Symbol>>]| {
        patterns.iter().flatten().any(|p| wild(p, &chars(ask.resource)))
    };
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(patterns), _) => any(&expanded(patterns)),
        (None, Some(patterns)) => {
            let patterns = expanded(patterns);
            // Who knows what is excluded by a variable without a value? Nothing is allowed then.
            let known = patterns.iter().all(Option::is_some);
            !any(&patterns) && (known || effect == "Deny")
        }
        (None, None) => true,
    }
}

/// Whether the conditions let the statement apply: an allow wants each to hold, a deny none to fail.
fn met(statement: &Json, effect: &str, variables: bool, ask: &Ask) -> bool {
    let operators =
        statement.get("Condition").and_then(Json::as_object).cloned().unwrap_or_default();
    operators.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            match holds(operator, key, &texts(wanted), variables, ask) {
                Some(holds) => holds,
                None => effect == "Deny",
            }
        })
    })
}

fn named(statement: &Json, effect: &str, caller: &Caller, bounded: bool) -> Vec<Name> {
    let names = |element: &Json| -> Vec<Name> {
        let Json::Object(kinds) = element else { return vec![Name::Everyone] };
        let pairs = kinds.iter().flat_map(|(k, v)| texts(v).into_iter().map(move |v| (k, v)));
        pairs.filter_map(|(kind, value)| names_of(kind, &value, caller)).collect()
    };
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(element), _) => names(element),
        (None, Some(element)) => {
            let found = names(element);
            // A `Deny` spares only a caller all of whose names are listed, and nobody who has a boundary.
            let needed = match caller.who {
                Who::Root => vec![Name::Account],
                Who::User { .. } => vec![Name::Account, Name::Entity],
                Who::Role { .. } | Who::Guest { .. } => {
                    vec![Name::Account, Name::Entity, Name::Session]
                }
                Who::Service(_) | Who::Provider(_) | Who::Anonymous => vec![Name::Entity],
            };
            let all_listed =
                found.contains(&Name::Everyone) || needed.iter().all(|name| found.contains(name));
            let spared = if effect == "Allow" { !found.is_empty() } else { all_listed && !bounded };
            if spared { Vec::new() } else { vec![Name::Everyone] }
        }
        (None, None) => vec![Name::Entity],
    }
}

fn names_of(kind: &str, value: &str, caller: &Caller) -> Option<Name> {
    let account = [ACCOUNT.to_owned(), format!("arn:aws:iam::{ACCOUNT}:root")];
    match (kind, caller.who) {
        ("AWS", _) if value == "*" => Some(Name::Everyone),
        ("Service", Who::Service(name)) => (value == "*" || value == name).then_some(Name::Entity),
        ("Federated", Who::Provider(name)) => (value == name).then_some(Name::Entity),
        (_, Who::Service(_) | Who::Provider(_) | Who::Anonymous) => None,
        ("AWS", _) if account.iter().any(|a| a == value) => Some(Name::Account),
        ("CanonicalUser", _) => (caller.canonical? == value).then_some(Name::Account),
        ("AWS", who) => {
            let (entity, id) = entity(who)?;
            if session_arn(who).is_some_and(|arn| arn == value) {
                Some(Name::Session)
            } else {
                (value == entity || value == id).then_some(Name::Entity)
            }
        }
        _ => None,
    }
}

/// ARN and id of the user or role behind a caller.
fn entity(who: Who) -> Option<(String, &'static str)> {
    match who {
        Who::User { path, name, id } | Who::Guest { path, name, id, .. } => {
            Some((format!("arn:aws:iam::{ACCOUNT}:user{path}{name}"), id))
        }
        Who::Role { path, name, id, .. } => {
            Some((format!("arn:aws:iam::{ACCOUNT}:role{path}{name}"), id))
        }
        _ => None,
    }
}

fn session_arn(who: Who) -> Option<String> {
    match who {
        Who::Role { name, session, .. } => {
            Some(format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"))
        }
        Who::Guest { session, .. } => {
            Some(format!("arn:aws:sts::{ACCOUNT}:federated-user/{session}"))
        }
        _ => None,
    }
}

/// The values of a key, and whether it is one of several values.
type Found = (Vec<String>, bool);

/// The keys that follow from the caller, by AWS's table "Principal key values".
fn of_caller(key: &str, caller: &Caller) -> Option<Found> {
    let one = |text: &str| Some((vec![text.to_owned()], false));
    let who = caller.who;
    let has_account = !matches!(who, Who::Service(_) | Who::Provider(_) | Who::Anonymous);
    match (key, who) {
        ("aws:principalarn", Who::Root) => one(&format!("arn:aws:iam::{ACCOUNT}:root")),
        ("aws:principalarn", Who::Guest { .. }) => one(&session_arn(who)?),
        ("aws:principalarn", _) => one(&entity(who)?.0),
        ("aws:userid", Who::Root) => one(ACCOUNT),
        ("aws:userid", Who::User { id, .. }) => one(id),
        ("aws:userid", Who::Role { id, session, .. }) => one(&format!("{id}:{session}")),
        ("aws:userid", Who::Guest { session, .. }) => one(&format!("{ACCOUNT}:{session}")),
        ("aws:userid", Who::Anonymous) => one("anonymous"),
        ("aws:principalaccount", _) if has_account => one(ACCOUNT),
        ("aws:principaltype", _) => one(match who {
            Who::Root => "Account",
            Who::User { .. } => "User",
            Who::Role { .. } => "AssumedRole",
            Who::Guest { .. } => "FederatedUser",
            Who::Service(_) => "Service",
            Who::Provider(_) => "Federated",
            Who::Anonymous => "Anonymous",
        }),
        ("aws:principalisawsservice", Who::Service(_)) => one("true"),
        ("aws:principalisawsservice", _) if has_account => one("false"),
        ("aws:username", Who::User { name, .. })
        | ("aws:principalservicename", Who::Service(name)) => one(name),
        ("aws:principalservicenameslist", Who::Service(name)) => {
            Some((vec![name.to_owned()], true))
        }
        ("aws:principalorgid", _) => one(caller.organization?.0),
        ("aws:principalorgpaths", _) => Some((vec![caller.organization?.1.to_owned()], true)),
        _ => {
            let wanted = key.strip_prefix("aws:principaltag/")?;
            let tag = caller.tags.iter().find(|(k, _)| k.to_lowercase() == wanted)?;
            one(tag.1)
        }
    }
}

const OF_SESSION: [&str; 6] = [
    "aws:tokenissuetime",
    "aws:multifactorauthpresent",
    "aws:multifactorauthage",
    "aws:sourceidentity",
    "aws:federatedprovider",
    "aws:assumedroot",
];

fn of_entries(key: &str, entries: &[super::case::Entry]) -> Option<Found> {
    let (_, values, many) = entries.iter().rev().find(|(k, ..)| k.to_lowercase() == key)?;
    Some((values.iter().map(|v| (*v).to_owned()).collect(), *many))
}

fn values(key: &str, ask: &Ask) -> Option<Found> {
    let key = key.to_lowercase();
    let one = |text: &str| Some((vec![text.to_owned()], false));
    let account = matches!(ask.caller.who, Who::Service(_) | Who::Provider(_) | Who::Anonymous);
    let own = if account { None } else { Some(ACCOUNT) };
    let foreign = ask.owner.is_some_and(|owner| own != Some(owner));
    let organization = match &ask.facts {
        Some(facts) => facts.organization,
        None if foreign => None,
        None => ask.caller.organization,
    };
    let from_context = || if ask.facts.is_some() { None } else { of_entries(&key, &ask.context) };
    match key.as_str() {
        "aws:resourceaccount" => one(ask.owner.or(own)?),
        "aws:resourceorgid" => match organization {
            Some((id, _)) => one(id),
            None => from_context(),
        },
        "aws:resourceorgpaths" => match organization {
            Some((_, path)) => Some((vec![path.to_owned()], true)),
            None => from_context(),
        },
        tag if tag.starts_with("aws:resourcetag/") => match &ask.facts {
            Some(facts) => {
                let wanted = tag.strip_prefix("aws:resourcetag/")?;
                one(facts.tags.iter().find(|(k, _)| k.to_lowercase() == wanted)?.1)
            }
            None => from_context(),
        },
        session if OF_SESSION.contains(&session) => {
            of_entries(session, ask.caller.session.as_ref()?)
        }
        caller
            if caller.starts_with("aws:principal")
                || ["aws:userid", "aws:username"].contains(&caller) =>
        {
            of_caller(caller, &ask.caller)
        }
        other => of_entries(other, &ask.context),
    }
}

/// Whether a condition holds; `None` where a value can't be read.
fn holds(operator: &str, key: &str, wanted: &[String], variables: bool, ask: &Ask) -> Option<bool> {
    let found = values(key, ask).map(|(values, _)| values);
    if operator.ends_with("Null") {
        let absent = found.is_none_or(|values| values.is_empty());
        return any(wanted.iter().map(|w| match w.to_lowercase().as_str() {
            "true" => Some(absent),
            "false" => Some(!absent),
            _ => None,
        }));
    }
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (Some(set), rest),
        None => (None, operator),
    };
    let (base, if_exists) = match rest.strip_suffix("IfExists") {
        Some(base) => (base, true),
        None => (rest, false),
    };
    let negated = base.contains("Not");
    let positive = base.replace("Not", "");
    let matches = |value: &String| {
        let listed = any(wanted.iter().map(|w| {
            // A variable without a value equals nothing.
            let pattern = if positive.starts_with("String") || positive.starts_with("Arn") {
                expand(w, variables, ask)
            } else {
                Some(symbols(w))
            };
            pattern.map_or(Some(false), |pattern| compares(&positive, &pattern, value))
        }))?;
        Some(listed != negated)
    };
    let filled = || found.iter().flatten().filter(|v| !v.is_empty());
    match set {
        Some("ForAllValues") => all(filled().map(matches)),
        Some(_) if filled().count() == 0 => Some(if_exists),
        Some(_) => any(filled().map(matches)),
        None => match &found {
            None => Some(if_exists || negated),
            Some(values) if negated => all(values.iter().map(matches)),
            Some(values) => any(values.iter().map(matches)),
        },
    }
}

fn any(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let truths: Vec<Option<bool>> = truths.collect();
    if truths.contains(&Some(true)) {
        Some(true)
    } else if truths.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn all(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(truths.map(|truth| truth.map(|t| !t))).map(|t| !t)
}

/// A text of a policy with values for its variables; `None` where one has none.
fn expand(text: &str, variables: bool, ask: &Ask) -> Option<Vec<Symbol>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let (true, Some(start)) = (variables, rest.find("${")) {
        out.extend(symbols(&rest[..start]));
        let inner = &rest[start + 2..start + rest[start..].find('}')?];
        rest = &rest[start + inner.len() + 3..];
        let value = match inner.split_once(", ") {
            _ if ["*", "?", "$"].contains(&inner) => inner.to_owned(),
            Some((key, default)) => {
                variable(key, ask).unwrap_or_else(|| default.trim_matches('\'').to_owned())
            }
            None => variable(inner, ask)?,
        };
        out.extend(value.chars().map(Symbol::Char));
    }
    out.extend(symbols(rest));
    Some(out)
}

fn variable(key: &str, ask: &Ask) -> Option<String> {
    if ["aws:tagkeys", "aws:calledvia"].contains(&key.to_lowercase().as_str()) {
        return None;
    }
    let (values, several) = values(key, ask)?;
    if several { None } else { values.into_iter().next() }
}
