//! Credentials in answers: kept in a profile of their own, so that no secret has to pass a screen.

use std::path::Path;

use prost_reflect::{DynamicMessage, Value};

use super::{Failure, report::Usage};
use crate::profile;

/// Where the credentials stand in the answers that have some: the access key id, the secret, the session token.
const ANSWERS: [(&str, &str, &str, &str); 3] = [
    (
        "tidegate.iam.v1.AccountService/CreateAccount",
        "root_access_key.access_key.access_key_id",
        "root_access_key.secret_access_key",
        "",
    ),
    (
        "tidegate.iam.v1.IamService/CreateAccessKey",
        "access_key.access_key.access_key_id",
        "access_key.secret_access_key",
        "",
    ),
    (
        "tidegate.sts.v1.StsService/AssumeRole",
        "credentials.access_key_id",
        "credentials.secret_access_key",
        "credentials.session_token",
    ),
];

/// Whether the answer of a method has credentials.
pub(crate) fn gives(method: &str) -> bool {
    ANSWERS.iter().any(|(m, ..)| *m == method)
}

fn get(message: &DynamicMessage, path: &str) -> Option<String> {
    match path.split_once('.') {
        Some((head, rest)) => get(message.get_field_by_name(head)?.as_message()?, rest),
        None => Some(message.get_field_by_name(path)?.as_str()?.to_owned()),
    }
}

fn hide(message: &mut DynamicMessage, path: &str, word: &str) {
    match path.split_once('.') {
        Some((head, rest)) => {
            let inner = message.get_field_by_name_mut(head).and_then(Value::as_message_mut);
            if let Some(inner) = inner {
                hide(inner, rest, word);
            }
        }
        None if !path.is_empty() => {
            message.set_field_by_name(path, Value::String(word.to_owned()));
        }
        None => {}
    }
}

/// The row whose fields the answer has.
fn row(
    answer: &DynamicMessage,
) -> Option<&'static (&'static str, &'static str, &'static str, &'static str)> {
    ANSWERS.iter().find(|(_, id, ..)| get(answer, id).is_some_and(|id| !id.is_empty()))
}

/// Writes a profile like `model`, but with the credentials of the answer, and hides their secrets in it.
///
/// # Errors
/// Where there is such a file already: it may hold the only copy of another secret.
pub(crate) fn save(answer: &mut DynamicMessage, model: &Path, path: &Path) -> Result<(), Failure> {
    let Some((_, id, secret, session)) = row(answer) else { return Ok(()) };
    let mut profile = profile::read(model)?;
    profile.access_key_id = get(answer, id).unwrap_or_default();
    profile.secret_access_key = get(answer, secret).unwrap_or_default();
    profile.session_token = get(answer, session).filter(|t| !t.is_empty());
    if profile.secret_access_key.is_empty() {
        warn(answer);
        return Err("there is no secret to save".into());
    }
    profile::write_new(path, &profile)?;
    for secret in [secret, session] {
        hide(answer, secret, &format!("in {}", path.display()));
    }
    Ok(())
}

/// Whether `path` may become a profile, before anything is made whose secret could be lost.
pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Usage(format!("`{}` exists already", path.display())).into());
    }
    Ok(())
}

/// Says that the secret of a key was in an answer that did not arrive: a change that is tried again gives its first outcome, but no
/// secret twice.
pub(crate) fn warn(answer: &DynamicMessage) {
    let Some((_, id, secret, _)) = row(answer) else { return };
    if get(answer, secret).is_some_and(|s| s.is_empty()) {
        let id = get(answer, id).unwrap_or_default();
        eprintln!(
            "The secret of {id} was in an answer that did not arrive, and is shown once only: delete the key and make another."
        );
    }
}
