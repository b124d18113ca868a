//! A second evaluator, naive and slow, written from AWS's documentation and not from the first one. It shares no code with it: it
//! reads the JSON itself, knows no index, no compiled form, and asks every statement everything.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value as Json;
use tidegate_policy::{Effect, Principal, PrincipalKind, Request, Value};

/// The same policies as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    pub(crate) identity: Vec<Json>,
    pub(crate) boundary: Option<Json>,
    pub(crate) session: Option<Vec<Json>>,
    pub(crate) resource: Option<Json>,
    /// Whether `resource` is a role's trust policy.
    pub(crate) trust: bool,
}

/// Decides by the flow chart on AWS's page "Policy evaluation logic".
pub(crate) fn decide(texts: &Texts, ask: &Request<'_>) -> Effect {
    let boundary: Vec<Json> = texts.boundary.iter().cloned().collect();
    let session = texts.session.clone().unwrap_or_default();
    let resource: Vec<Json> = texts.resource.iter().cloned().collect();
    let all = [&texts.identity, &boundary, &session, &resource];
    if all.iter().any(|policies| policies.iter().any(|p| !applying(p, "Deny", ask).is_empty())) {
        return Effect::ExplicitDeny;
    }
    let allows = |policies: &[Json]| policies.iter().any(|p| !applying(p, "Allow", ask).is_empty());
    let resource_names: Vec<Name> =
        resource.iter().flat_map(|p| applying(p, "Allow", ask)).collect();
    let answer = |allowed: bool| if allowed { Effect::Allow } else { Effect::ImplicitDeny };

    let kind = ask.principal.kind;
    let no_account = kind == PrincipalKind::Service || kind == PrincipalKind::Anonymous;
    let same_account =
        ask.resource_account.is_none_or(|owner| ask.principal.account == Some(owner));
    if no_account {
        return answer(!resource_names.is_empty());
    }
    if (!same_account || texts.trust) && resource_names.is_empty() {
        return Effect::ImplicitDeny;
    }
    if kind == PrincipalKind::Root {
        return Effect::Allow;
    }
    let identity = allows(&texts.identity);
    let boundary = texts.boundary.is_none() || allows(&boundary);
    let session = match &texts.session {
        Some(policies) => allows(policies),
        None => kind != PrincipalKind::FederatedUser,
    };
    let by_name = |name: &Name| match (name, kind) {
        (Name::Everyone | Name::Session, _) | (Name::Entity, PrincipalKind::User) => true,
        (Name::Entity, _) => boundary && session,
        (Name::Account, _) => false,
    };
    answer(identity && boundary && session || same_account && resource_names.iter().any(by_name))
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
fn applying(policy: &Json, effect: &str, ask: &Request<'_>) -> Vec<Name> {
    let variables = policy.get("Version").is_some_and(|v| v == "2012-10-17");
    let mut names = Vec::new();
    for statement in list(&policy["Statement"]) {
        let all_hold = || {
            conditions(&statement)
                .all(|(op, key, values)| holds(&op, &key, &values, variables, ask))
        };
        if statement["Effect"] == effect
            && action(&statement, ask)
            && resource(&statement, variables, ask)
            && all_hold()
        {
            names.extend(named(&statement, effect, ask.principal));
        }
    }
    names
}

fn action(statement: &Json, ask: &Request<'_>) -> bool {
    let asked = ask.action.as_str().to_lowercase();
    let any = |patterns: &Json| {
        texts(patterns).iter().any(|p| wild(&symbols(&p.to_lowercase()), &chars(&asked)))
    };
    match statement.get("NotAction") {
        Some(patterns) => !any(patterns),
        None => any(&statement["Action"]),
    }
}

fn resource(statement: &Json, variables: bool, ask: &Request<'_>) -> bool {
    let any = |patterns: &Json| {
        texts(patterns)
            .iter()
            .any(|p| expand(p, variables, ask).is_some_and(|p| wild(&p, &chars(ask.resource))))
    };
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(patterns), _) => any(patterns),
        (None, Some(patterns)) => !any(patterns),
        (None, None) => true,
    }
}

fn conditions(statement: &Json) -> impl Iterator<Item = (String, String, Vec<String>)> {
    let operators =
        statement.get("Condition").and_then(Json::as_object).cloned().unwrap_or_default();
    operators.into_iter().flat_map(|(operator, keys)| {
        let keys = keys.as_object().cloned().unwrap_or_default();
        keys.into_iter().map(move |(key, values)| (operator.clone(), key, texts(&values)))
    })
}

fn named(statement: &Json, effect: &str, caller: &Principal) -> Vec<Name> {
    let read = |element: &Json| -> Vec<(String, String)> {
        match element {
            Json::Object(kinds) => kinds
                .iter()
                .flat_map(|(k, v)| texts(v).into_iter().map(move |v| (k.clone(), v)))
                .collect(),
            _ => vec![("AWS".to_owned(), "*".to_owned())],
        }
    };
    let names = |element| -> Vec<Name> {
        read(element).iter().flat_map(|(k, v)| names_of(k, v, caller)).collect()
    };
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(element), _) => names(element),
        (None, Some(element)) => {
            let found = names(element);
            // A `Deny` spares only a caller all of whose names are listed.
            let mut needed = vec![Name::Entity];
            if caller.account.is_some() {
                needed.push(Name::Account);
            }
            if matches!(caller.kind, PrincipalKind::AssumedRole | PrincipalKind::FederatedUser) {
                needed.push(Name::Session);
            }
            if caller.kind == PrincipalKind::Root {
                needed.retain(|name| *name == Name::Account);
            }
            let all_listed =
                found.contains(&Name::Everyone) || needed.iter().all(|name| found.contains(name));
            let spared = if effect == "Allow" { !found.is_empty() } else { all_listed };
            if spared { Vec::new() } else { vec![Name::Everyone] }
        }
        (None, None) => vec![Name::Entity],
    }
}

fn names_of(kind: &str, value: &str, caller: &Principal) -> Vec<Name> {
    let mut names = Vec::new();
    let account = caller.account.map(|a| a.to_string()).unwrap_or_default();
    match kind {
        "AWS" if value == "*" => names.push(Name::Everyone),
        "AWS" => {
            if !account.is_empty()
                && (value == account || value == format!("arn:aws:iam::{account}:root"))
            {
                names.push(Name::Account);
            }
            let session =
                matches!(caller.kind, PrincipalKind::AssumedRole | PrincipalKind::FederatedUser);
            if session && value == &*caller.arn {
                names.push(Name::Session);
            }
            let is_root_arn = value.ends_with(":root");
            if !is_root_arn && value == &*caller.principal_arn {
                names.push(Name::Entity);
            }
            let unique_id = caller.user_id.split(':').next().unwrap_or_default();
            if value.starts_with('A') && value == unique_id {
                names.push(Name::Entity);
            }
        }
        "Service"
            if caller.kind == PrincipalKind::Service && (value == "*" || value == &*caller.arn) =>
        {
            names.push(Name::Entity);
        }
        _ => {}
    }
    names
}

/// The values of a key, and whether it is one of several values.
fn values(key: &str, ask: &Request<'_>) -> Option<(Vec<String>, bool)> {
    let caller = ask.principal;
    let lower = key.to_lowercase();
    let known = caller.kind != PrincipalKind::Anonymous;
    let one = |text: &str| Some((vec![text.to_owned()], false));
    match lower.as_str() {
        "aws:principalarn" => known.then(|| one(&caller.principal_arn))?,
        "aws:userid" => known.then(|| one(&caller.user_id))?,
        "aws:username" => one(caller.username.as_deref()?),
        "aws:principalaccount" => one(&caller.account?.to_string()),
        "aws:resourceaccount" => one(&ask.resource_account.or(caller.account)?.to_string()),
        tag if tag.starts_with("aws:principaltag/") => {
            let tags: BTreeMap<String, &str> =
                caller.tags.iter().map(|(k, v)| (k.to_lowercase(), &**v)).collect();
            one(tags.get(tag.trim_start_matches("aws:principaltag/"))?)
        }
        other => match ask.context.iter().find(|(k, _)| k.to_lowercase() == other)?.1 {
            Value::One(text) => one(text),
            Value::Many(texts) => Some((texts.clone(), true)),
        },
    }
}

fn holds(operator: &str, key: &str, wanted: &[String], variables: bool, ask: &Request<'_>) -> bool {
    let found = values(key, ask).map(|(values, _)| values);
    if operator == "Null" {
        let absent = found.is_none_or(|values| values.is_empty());
        return wanted.iter().any(|w| w.to_lowercase() == absent.to_string());
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
    let any_listed =
        |value: &String| wanted.iter().any(|w| compares(&positive, w, value, variables, ask));
    let non_empty = || found.iter().flatten().filter(|v| !v.is_empty());
    match set {
        Some("ForAllValues") => non_empty().all(|v| any_listed(v) != negated),
        Some(_) if non_empty().count() == 0 => if_exists,
        Some(_) => non_empty().any(|v| any_listed(v) != negated),
        None => match &found {
            None => if_exists || negated,
            Some(values) => values.iter().any(any_listed) != negated,
        },
    }
}

fn compares(
    operator: &str,
    wanted: &str,
    actual: &str,
    variables: bool,
    ask: &Request<'_>,
) -> bool {
    let expanded = || expand(wanted, variables, ask);
    let plain = |symbols: Vec<Symbol>| -> String { symbols.iter().map(|s| s.as_char()).collect() };
    let numbers = || Some((wanted.parse::<f64>().ok()?, actual.parse::<f64>().ok()?));
    let dates = || Some((seconds(wanted)?, seconds(actual)?));
    match operator {
        "StringEquals" => expanded().is_some_and(|w| plain(w) == actual),
        "StringEqualsIgnoreCase" => {
            expanded().is_some_and(|w| plain(w).to_lowercase() == actual.to_lowercase())
        }
        "StringLike" => expanded().is_some_and(|w| wild(&w, &chars(actual))),
        "ArnEquals" | "ArnLike" => expanded().is_some_and(|w| arn(&w, actual)),
        "NumericEquals" => {
            numbers().is_some_and(|(w, a)| a.partial_cmp(&w) == Some(std::cmp::Ordering::Equal))
        }
        "NumericLessThan" => numbers().is_some_and(|(w, a)| a < w),
        "NumericGreaterThanEquals" => numbers().is_some_and(|(w, a)| a >= w),
        "DateEquals" => dates().is_some_and(|(w, a)| a == w),
        "DateLessThanEquals" => dates().is_some_and(|(w, a)| a <= w),
        "DateGreaterThan" => dates().is_some_and(|(w, a)| a > w),
        "Bool" => ["true", "false"].contains(&actual) && wanted.to_lowercase() == actual,
        "IpAddress" => in_block(wanted, actual).unwrap_or(false),
        other => panic!("the generator makes no {other}"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    Star,
    Any,
    Char(char),
}

impl Symbol {
    fn as_char(self) -> char {
        match self {
            Self::Star => '*',
            Self::Any => '?',
            Self::Char(c) => c,
        }
    }
}

fn symbols(text: &str) -> Vec<Symbol> {
    let symbol = |c| match c {
        '*' => Symbol::Star,
        '?' => Symbol::Any,
        c => Symbol::Char(c),
    };
    text.chars().map(symbol).collect()
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn wild(pattern: &[Symbol], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((Symbol::Star, rest)), _) => (0..=text.len()).any(|skip| wild(rest, &text[skip..])),
        (Some((Symbol::Any, rest)), Some((_, behind))) => wild(rest, behind),
        (Some((Symbol::Char(c), rest)), Some((found, behind))) => c == found && wild(rest, behind),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn expand(text: &str, variables: bool, ask: &Request<'_>) -> Option<Vec<Symbol>> {
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

fn variable(key: &str, ask: &Request<'_>) -> Option<String> {
    let (values, several) = values(key, ask)?;
    if several { None } else { values.into_iter().next() }
}

fn arn(pattern: &[Symbol], text: &str) -> bool {
    let patterns: Vec<&[Symbol]> = pattern.splitn(6, |s| *s == Symbol::Char(':')).collect();
    let texts: Vec<&str> = text.splitn(6, ':').collect();
    patterns.len() == texts.len() && patterns.iter().zip(&texts).all(|(p, t)| wild(p, &chars(t)))
}

/// Epoch seconds of `2026-01-02T03:04:05Z` or of a plain number.
fn seconds(text: &str) -> Option<i64> {
    if text.len() > 4 && text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    let numbers: Vec<i64> = text
        .strip_suffix('Z')?
        .split(['-', 'T', ':'])
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else { return None };
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    Some(((years + months + day - 1) * 24 + hour) * 3600 + minute * 60 + second)
}

fn in_block(block: &str, address: &str) -> Option<bool> {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(a) => format!("{:032b}", u32::from(a)),
        IpAddr::V6(a) => format!("{:0128b}", u128::from(a)),
    };
    let (base, length) = match block.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<usize>().ok()?)),
        None => (block, None),
    };
    let (base, address) = (bits(base.parse().ok()?), bits(address.parse().ok()?));
    let length = length.unwrap_or(base.len());
    Some(base.len() == address.len() && base.get(..length)? == address.get(..length)?)
}
