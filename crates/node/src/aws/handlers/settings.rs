//! Settings of the account: its properties, and the version of session tokens that it prefers.

use std::collections::BTreeMap;

use tidegate_model::{
    AccountState, ResourceKind,
    resource::{AccountProperties, Body, Change, TokenPreferences},
};
use tidegate_query::{Fields, Value};

use super::held;
use crate::{
    aws::{answer::Outcome, call::Call},
    operations::Subject,
};

const PROPERTIES: ResourceKind = ResourceKind::AccountProperties;
const TOKENS: ResourceKind = ResourceKind::TokenPreferences;

pub(super) async fn get_properties(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let found = account.resource(PROPERTIES, &account.id().to_string());
    let properties = match found.and_then(|r| r.value.body.as_ref()) {
        Some(Body::AccountProperties(body)) => body.properties.clone(),
        _ => BTreeMap::new(),
    };
    let map = properties.into_iter().map(|(key, value)| (key, Value::Text(value))).collect();
    call.seen(&seen, Fields::new().with("Properties", Value::Map(map)))
}

pub(super) async fn put_properties(call: &Call<'_>) -> Outcome {
    let given = match call.input.get("Properties") {
        Some(Value::Map(map)) => map.clone(),
        _ => BTreeMap::new(),
    };
    let text = |(key, value)| match value {
        Value::Text(text) => Some((key, text)),
        _ => None,
    };
    let properties = given.into_iter().filter_map(text).collect();
    let name = call.caller.account.to_string();
    let body = Body::AccountProperties(AccountProperties { properties });
    let update = held::new(&name, String::new(), body);
    call.just(held::change(PROPERTIES, name, Change::Update(update))).await
}

/// The version of session tokens that an account prefers: 1 unless it said else.
pub(super) fn token_version(account: &AccountState) -> usize {
    let found = account.resource(TOKENS, &account.id().to_string());
    match found.and_then(|r| r.value.body.as_ref()) {
        Some(Body::TokenPreferences(body)) => body.version as usize,
        _ => 1,
    }
}

/// Noted and told in the account's summary. A token of this cluster is good in all of its regions, whichever version is preferred.
pub(super) async fn set_token_version(call: &Call<'_>) -> Outcome {
    let version = if call.text("GlobalEndpointTokenVersion") == "v2Token" { 2 } else { 1 };
    let name = call.caller.account.to_string();
    let body = Body::TokenPreferences(TokenPreferences { version });
    let update = held::new(&name, String::new(), body);
    call.just(held::change(TOKENS, name, Change::Update(update))).await
}
