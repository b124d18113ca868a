//! What names, paths and documents must look like (AWS IAM API reference).

use std::sync::Arc;

use tidegate_policy::{CompiledPolicy, PolicyDocument, PolicyKind, PolicySource};

use crate::{
    DOCUMENT_BYTES_MAX, TAGS_MAX,
    record::Tag,
    rejection::{Rejection, RejectionKind},
};

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-')
}

/// A user, group, role or policy name; gives it in lower case.
pub(crate) fn name(what: &str, text: &str, max: usize) -> Result<String, Rejection> {
    let well_formed = (1..=max).contains(&text.len()) && text.chars().all(is_name_char);
    if well_formed {
        Ok(text.to_ascii_lowercase())
    } else {
        let shown: String = text.chars().take(140).collect();
        Err(Rejection::invalid(format!(
            "The specified value for {what} is invalid: `{shown}`. It must contain only alphanumeric characters and/or the following: +=,.@_- and have 1 to {max} of them."
        )))
    }
}

/// The name of an inline policy.
pub(crate) fn inline_name(text: &str) -> Result<String, Rejection> {
    name("policyName", text, 128)
}

/// A path; empty means `/`.
pub(crate) fn path(text: &str) -> Result<String, Rejection> {
    if text.is_empty() {
        return Ok("/".to_owned());
    }
    let well_formed = text.len() <= 512
        && text.starts_with('/')
        && text.ends_with('/')
        && !text.contains("//")
        && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if well_formed {
        Ok(text.to_owned())
    } else {
        let shown: String = text.chars().take(140).collect();
        Err(Rejection::invalid(format!(
            "The specified value for path is invalid: `{shown}`. It must begin and end with / and contain only alphanumeric characters and/or / characters."
        )))
    }
}

/// An account alias: lower case letters, digits and single hyphens, and no account's number.
pub(crate) fn alias(text: &str) -> Result<(), Rejection> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let number = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
    let sized = (3..=63).contains(&text.len());
    if sized && text.chars().all(allowed) && !hyphens && !number {
        return Ok(());
    }
    let shown: String = text.chars().take(140).collect();
    Err(Rejection::new(
        RejectionKind::InvalidInput,
        format!(
            "The account alias `{shown}` is not 3 to 63 of lower case letters, digits and single hyphens between them, or is twelve digits."
        ),
    ))
}

/// Tags: keys unique without regard to case, sizes as AWS has them.
pub(crate) fn tags(tags: &[Tag]) -> Result<(), Rejection> {
    if tags.len() > TAGS_MAX {
        return Err(Rejection::limit("TagsPerEntity", TAGS_MAX));
    }
    for (n, tag) in tags.iter().enumerate() {
        let sized =
            (1..=128).contains(&tag.key.chars().count()) && tag.value.chars().count() <= 256;
        let again = tags.iter().take(n).any(|t| t.key.eq_ignore_ascii_case(&tag.key));
        if !sized || again {
            return Err(Rejection::new(
                RejectionKind::InvalidInput,
                format!("The tag with key `{}` is duplicate or too long.", tag.key),
            ));
        }
    }
    Ok(())
}

/// A description.
pub(crate) fn description(text: &str) -> Result<(), Rejection> {
    if text.chars().count() <= 1_000 {
        Ok(())
    } else {
        Err(Rejection::invalid("The description is longer than 1000 characters."))
    }
}

/// A policy document of at most `max` counted characters.
pub(crate) fn document(
    text: &str,
    kind: PolicyKind,
    quota: &str,
    max: usize,
) -> Result<PolicyDocument, Rejection> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Rejection::limit(quota, max));
    }
    let document = PolicyDocument::parse(text, kind).map_err(|e| {
        Rejection::new(
            RejectionKind::MalformedPolicyDocument,
            format!("Syntax errors in policy: {e}"),
        )
    })?;
    if document.counted_size() > max { Err(Rejection::limit(quota, max)) } else { Ok(document) }
}

/// A stored document, ready to decide. Documents were parsed before they were stored.
pub(crate) fn compiled(
    text: &str,
    kind: PolicyKind,
    source: PolicySource,
) -> Option<Arc<CompiledPolicy>> {
    let document = PolicyDocument::parse(text, kind).ok()?;
    Some(Arc::new(CompiledPolicy::compile(source, &document)))
}
