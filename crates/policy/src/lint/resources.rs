//! Resources that no service has.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{
    Fix, LintCode, Notes,
    similar::nearest,
    view::{Text, View, is_star},
};
use crate::{
    AccountId,
    catalogue::{self, ArnPattern, ResourceType},
    wildcard::wildcard_matches,
};

/// AWS, "Amazon Resource Names": the partitions, those of isolated regions too.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-us-gov"];

type Types = BTreeMap<&'static str, Vec<&'static ResourceType>>;

/// Resource types by the service that their ARNs name. A service without types has an empty list.
static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let mut types = Types::new();
    for service in catalogue::services() {
        types.entry(service.prefix).or_default();
        for of in service.resource_types() {
            // Recovery points are named after the service whose resource they keep, and sometimes after the one that keeps it.
            let named = of.arn_service();
            let named = if named.contains("${") { of.service } else { named };
            types.entry(named).or_default().push(of);
        }
    }
    types
});

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    for resource in &view.resources {
        if !is_star(resource.text)
            && let Some((code, fix)) = wrong(*resource)
        {
            notes.add_with(code, resource.span, resource.text, fix);
        }
    }
}

/// The text with `*` in the place of each variable: variables hold colons of their own.
fn without_variables(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((_, after)) = behind.split_once('}') else { break };
        plain.push_str(before);
        plain.push('*');
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// The first thing that is wrong with a resource.
fn wrong(resource: Text<'_>) -> Option<(LintCode, Option<Fix>)> {
    let plain = without_variables(resource.text);
    let parts: Vec<&str> = plain.splitn(6, ':').collect();
    // One of fewer parts ends in a star, which stands for all the others.
    let [_, partition, service, region, account, path] = parts.as_slice() else { return None };
    if !PARTITIONS.iter().any(|known| wildcard_matches(partition, known)) {
        return Some((LintCode::InvalidPartition, None));
    }
    let lower = service.to_ascii_lowercase();
    let Some(types) = types_under(&lower) else {
        return Some(unknown_service(resource, service));
    };
    if lower != *service {
        let fixed = resource.text.replacen(service, &lower, 1);
        return Some((LintCode::InvalidArnServiceCase, Some(Fix::text(resource.span, &fixed))));
    }
    if types.is_empty() || can_be(&types, [partition, service, region, account, path]) {
        return places(region, account).map(|code| (code, None));
    }
    let (meant, named) = meant(&types, path);
    let code = if can_be(&meant, [partition, service, "*", account, path]) {
        if region.is_empty() { LintCode::MissingArnRegion } else { LintCode::ArnRegionNotAllowed }
    } else if can_be(&meant, [partition, service, region, "*", path]) {
        if account.is_empty() {
            LintCode::MissingArnAccount
        } else {
            LintCode::ArnAccountNotAllowed
        }
    } else if named {
        LintCode::InvalidArnResource
    } else {
        LintCode::UnknownResourceType
    };
    Some((code, None))
}

/// Whether an ARN of these parts can be one of these types.
fn can_be(types: &[&ResourceType], parts: [&str; 5]) -> bool {
    let pattern = ArnPattern::of_policy(&format!("arn:{}", parts.join(":")));
    types.iter().any(|of| of.pattern().overlaps(&pattern))
}

/// The types that an ARN with this last part is likely to mean, and whether it names them.
fn meant<'a>(types: &[&'a ResourceType], path: &str) -> (Vec<&'a ResourceType>, bool) {
    let named: Vec<&ResourceType> = types.iter().filter(|of| is_named(of, path)).copied().collect();
    if !named.is_empty() {
        return (named, true);
    }
    if path.starts_with(['*', '?']) {
        return (types.to_vec(), false);
    }
    // A type whose last part begins with a placeholder can be meant by anything. Several tell something where they agree.
    let places = |of: &ResourceType| {
        let mut parts = of.arn.split(':').skip(3).map(str::is_empty);
        (parts.next(), parts.next())
    };
    let open = types.iter().filter(|of| last_part(of).starts_with("${")).copied();
    let open: Vec<&ResourceType> = open.collect();
    let agree = open.windows(2).all(|pair| match pair {
        [one, two] => places(one) == places(two),
        _ => true,
    });
    (if agree { open } else { Vec::new() }, false)
}

fn last_part(of: &ResourceType) -> &'static str {
    of.arn.splitn(6, ':').last().unwrap_or_default()
}

/// The resource types whose ARNs name a service that a pattern matches; `None` where there is no such service.
fn types_under(pattern: &str) -> Option<Vec<&'static ResourceType>> {
    if !pattern.contains(['*', '?']) {
        return TYPES.get(pattern).cloned();
    }
    let mut matching = TYPES.iter().filter(|(name, _)| wildcard_matches(pattern, name)).peekable();
    matching.peek()?;
    Some(matching.flat_map(|(_, types)| types).copied().collect())
}

fn unknown_service(resource: Text<'_>, service: &str) -> (LintCode, Option<Fix>) {
    match nearest(service, TYPES.keys().copied()) {
        Some(near) => {
            let fixed = resource.text.replacen(service, near, 1);
            (LintCode::InvalidService, Some(Fix::text(resource.span, &fixed)))
        }
        None => (LintCode::UnknownService, None),
    }
}

/// Whether the last part of an ARN begins with the word that resources of this type begin with, as in `table/`.
fn is_named(of: &ResourceType, path: &str) -> bool {
    let word = |part: &str| -> Option<String> {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')?;
        Some(part.get(..end)?.to_ascii_lowercase())
    };
    word(last_part(of))
        .is_some_and(|word_of_type| !word_of_type.is_empty() && word(path) == Some(word_of_type))
}

/// What is wrong with region and account by themselves.
fn places(region: &str, account: &str) -> Option<LintCode> {
    if !region.is_empty() && !region.contains(['*', '?']) && !is_region(region) {
        return Some(LintCode::InvalidArnRegion);
    }
    let whole = account.is_empty() || account.contains(['*', '?']);
    // Some resources are AWS's own: those of `aws`, or of a word that stands in the reference.
    let word = account.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_account = whole || word || account.parse::<AccountId>().is_ok();
    (!is_account).then_some(LintCode::InvalidArnAccount)
}

/// Whether a text has the form of a region: `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let is_word = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && words.len() >= 2
        && words.iter().all(is_word)
}
