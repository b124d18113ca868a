//! Session tags and source identities: what is asked for, what was inherited, and what the new session has.

use tidegate_authn::{SessionAttributes, SessionTag};
use tidegate_model::{CallerRef, record::Tag};
use tidegate_policy::{Context, Value};

use super::invalid;
use crate::{Reason, ServiceError};

/// Tags of one session.
const TAGS_MAX: usize = 50;
/// Characters of a tag's key, and of its value.
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn check_tags(tags: &[Tag]) -> Result<(), ServiceError> {
    for (n, tag) in tags.iter().enumerate() {
        let sized = (1..=KEY_CHARS_MAX).contains(&tag.key.chars().count())
            && tag.value.chars().count() <= VALUE_CHARS_MAX;
        if !sized {
            return Err(invalid(format!(
                "The tag with key `{}` is too long, or has no key.",
                tag.key
            )));
        }
        if tag.key.get(..4).is_some_and(|start| same(start, "aws:")) {
            return Err(invalid("Tag keys that begin with `aws:` are reserved for system use."));
        }
        if tags.iter().take(n).any(|t| same(&t.key, &tag.key)) {
            return Err(invalid(format!(
                "Duplicate tag keys found. Please note that tag keys are case insensitive: `{}`.",
                tag.key
            )));
        }
    }
    Ok(())
}

/// The tags of a new session: those that are asked for, and those that the caller's session hands on.
fn tags(
    caller: &CallerRef,
    asked: &[Tag],
    transitive: &[String],
) -> Result<Vec<SessionTag>, ServiceError> {
    check_tags(asked)?;
    let handed_on = |tag: &&Tag| caller.transitive_tag_keys.iter().any(|key| same(key, &tag.key));
    let inherited: Vec<&Tag> = caller.session_tags.iter().filter(handed_on).collect();
    if asked.iter().any(|tag| inherited.iter().any(|t| same(&t.key, &tag.key))) {
        return Err(invalid(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
        ));
    }
    let known = |key: &&String| {
        asked.iter().any(|t| same(&t.key, key)) || inherited.iter().any(|t| same(&t.key, key))
    };
    if let Some(key) = transitive.iter().find(|key| !known(key)) {
        return Err(invalid(format!(
            "The specified transitive tag key must be included in the requested tags: `{key}`."
        )));
    }
    if asked.len() + inherited.len() > TAGS_MAX {
        return Err(invalid(format!("A session has at most {TAGS_MAX} tags.")));
    }
    let made = |tag: &Tag, transitive: bool| SessionTag {
        key: tag.key.clone(),
        value: tag.value.clone(),
        transitive,
    };
    let inherited = inherited.iter().map(|tag| made(tag, true));
    let asked = asked.iter().map(|tag| made(tag, transitive.iter().any(|key| same(key, &tag.key))));
    Ok(inherited.chain(asked).collect())
}

/// The source identity of a new session: once there is one it stays.
fn source_identity(caller: &CallerRef, asked: &str) -> Result<String, ServiceError> {
    let present = &caller.source_identity;
    if !present.is_empty() && !asked.is_empty() && present != asked {
        let message = format!(
            "The source identity `{present}` of the calling session can't be changed to `{asked}`."
        );
        return Err(ServiceError::new(Reason::AccessDenied, message));
    }
    let chosen = if present.is_empty() { asked } else { present };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let well_formed = (2..=64).contains(&chosen.len()) && chosen.chars().all(allowed);
    if !(chosen.is_empty() || well_formed) {
        return Err(invalid(format!(
            "the source identity `{chosen}` needs 2 to 64 of letters, digits and +=,.@_-"
        )));
    }
    Ok(chosen.to_owned())
}

/// What a new session of a role knows of how it is made.
pub(super) fn attributes(
    caller: &CallerRef,
    asked: &[Tag],
    transitive: &[String],
    identity: &str,
) -> Result<SessionAttributes, ServiceError> {
    Ok(SessionAttributes {
        tags: tags(caller, asked, transitive)?,
        source_identity: source_identity(caller, identity)?,
        // AWS: what comes of AssumeRole does not say that a code was given for it.
        mfa_at: None,
    })
}

/// Puts into a context what policies may ask about tags and the source identity that are asked for. What the caller's session hands on is in
/// the caller's own tags.
pub(crate) fn describe(
    context: &mut Context,
    asked: &[Tag],
    transitive: &[String],
    identity: &str,
) {
    for tag in asked {
        context.insert(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    if !asked.is_empty() {
        let keys: Vec<String> = asked.iter().map(|tag| tag.key.clone()).collect();
        context.insert("aws:TagKeys", Value::Many(keys));
    }
    if !transitive.is_empty() {
        context.insert("sts:TransitiveTagKeys", Value::Many(transitive.to_vec()));
    }
    if !identity.is_empty() {
        context.insert("sts:SourceIdentity", identity);
    }
}
