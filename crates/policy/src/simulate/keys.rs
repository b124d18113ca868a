//! Condition keys that policies ask for: `GetContextKeysForCustomPolicy` and `GetContextKeysForPrincipalPolicy`.

use super::{SimulationError, SimulationSource};
use crate::{
    PolicyDocument, PolicyKind,
    document::{ResourceBlock, Statement, Version},
    key::Key,
    template::variable_names,
};

/// A key as it is compared, and as a policy spells it.
pub(super) type Spelled = (Key, Box<str>);

/// The condition keys that policies ask for in conditions and in variables, each once and as it is spelled first: policy by policy,
/// statement by statement, those of resources before those of conditions.
///
/// # Errors
/// Where there is no policy, or a text is none: [`SimulationError::Empty`], [`SimulationError::Unreadable`].
///
/// ```
/// use tidegate_policy::simulate::context_keys;
///
/// let policy = r#"{"Version":"2012-10-17", "Statement":{"Effect":"Allow","Action":"dynamodb:*",
///     "Resource":"arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}",
///     "Condition":{"DateGreaterThan":{"aws:CurrentTime":"2015-08-16T12:00:00Z"}}}}"#;
/// assert_eq!(context_keys(&[policy.to_owned()])?, ["aws:username", "aws:CurrentTime"]);
/// # Ok::<(), tidegate_policy::simulate::SimulationError>(())
/// ```
pub fn context_keys(policies: &[String]) -> Result<Vec<String>, SimulationError> {
    if policies.is_empty() {
        return Err(SimulationError::Empty("PolicyInputList".to_owned()));
    }
    Ok(names(&read(policies)?))
}

/// The same for a principal's own policies, its groups' too, and then those of the input.
///
/// # Errors
/// Where a text of the input is no policy: [`SimulationError::Unreadable`].
pub fn principal_context_keys(
    source: &SimulationSource,
    policies: &[String],
) -> Result<Vec<String>, SimulationError> {
    let own = source.policies.identity.iter().filter_map(|policy| policy.document());
    let documents: Vec<PolicyDocument> = own.chain(read(policies)?).collect();
    Ok(names(&documents))
}

fn read(policies: &[String]) -> Result<Vec<PolicyDocument>, SimulationError> {
    let document = |(n, text): (usize, &String)| {
        let place = format!("PolicyInputList.{}", n + 1);
        if text.is_empty() {
            return Err(SimulationError::Empty(place));
        }
        // Any kind of policy asks for keys.
        let as_kind = |kind| PolicyDocument::parse(text, kind);
        as_kind(PolicyKind::Identity)
            .or_else(|source| as_kind(PolicyKind::Resource).map_err(|_| source))
            .or_else(|source| as_kind(PolicyKind::Trust).map_err(|_| source))
            .map_err(|source| SimulationError::Unreadable { place, source })
    };
    policies.iter().enumerate().map(document).collect()
}

fn names(documents: &[PolicyDocument]) -> Vec<String> {
    let mut found = Vec::new();
    for document in documents {
        for statement in document.statements() {
            for spelled in of(statement, document.version()) {
                add(&mut found, &spelled);
            }
        }
    }
    found.into_iter().map(|(_, name)| name.into_string()).collect()
}

/// The keys that a statement asks for, as they come, perhaps more than once.
pub(super) fn of(statement: &Statement, version: Version) -> Vec<Spelled> {
    let variables = version == Version::V2012;
    let resources: &[Box<str>] = match &statement.resources {
        ResourceBlock::Resource(list) | ResourceBlock::NotResource(list) if variables => list,
        _ => &[],
    };
    let mut keys: Vec<Spelled> = resources.iter().flat_map(|text| in_text(text)).collect();
    for condition in &statement.conditions {
        keys.push(spelled(&condition.key));
        if variables && condition.operator.takes_variables() {
            keys.extend(condition.values.iter().flat_map(|text| in_text(text)));
        }
    }
    keys
}

/// Adds a key that is not there yet.
pub(super) fn add(keys: &mut Vec<Spelled>, (key, name): &Spelled) {
    if keys.iter().all(|(known, _)| known != key) {
        keys.push((key.clone(), name.clone()));
    }
}

fn in_text(text: &str) -> impl Iterator<Item = Spelled> {
    variable_names(text).map(spelled)
}

fn spelled(name: &str) -> Spelled {
    (Key::new(name), name.into())
}

#[cfg(test)]
mod tests;
