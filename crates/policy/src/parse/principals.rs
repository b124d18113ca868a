//! Whom a statement can name (AWS, "AWS JSON policy elements: Principal").

use super::{Wrong, object, string, wrong};
use crate::{
    Arn, LintCode,
    document::{PolicyKind, PrincipalPair},
    json::{Json, Located},
};

pub(super) fn principals(
    at: Located<'_, '_>,
    kind: PolicyKind,
) -> Result<Vec<PrincipalPair>, Wrong> {
    let expected = "`*`, or an object of `AWS`, `Service`, `Federated` or `CanonicalUser`";
    if let Json::String(text) = at.value() {
        return if text != "*" {
            wrong(LintCode::InvalidPrincipalFormat, at.span(), expected, format!("`{text}`"))
        } else if kind == PolicyKind::Trust {
            // AWS: "contained an invalid principal: "STAR:"". An object with the same star is taken.
            let code = LintCode::RoleTrustPolicyUnsupportedWildcardInPrincipal;
            let expected = "principals of a trust policy as an object, such as `{\"AWS\": \"*\"}`";
            wrong(code, at.span(), expected, "`*`")
        } else {
            Ok(vec![("*".into(), "*".into())])
        };
    }
    let mut all = Vec::new();
    for member in object(at, expected)? {
        let expected = match member.key() {
            "AWS" => "an account id, an ARN without wildcards, a unique id, or `*`",
            "Service" => "a service such as `ec2.amazonaws.com`",
            "Federated" => "an identity provider's ARN or domain",
            "CanonicalUser" => "a canonical user id",
            other => {
                let code = LintCode::InvalidPrincipalKey;
                return wrong(code, member.key_span(), expected, format!("`{other}`"));
            }
        };
        for item in member.one_or_many() {
            let text = string(item, expected)?;
            if !names_a_principal(member.key(), text) {
                let code = match member.key() {
                    _ if text.contains(['*', '?']) => LintCode::UnsupportedWildcardInPrincipal,
                    "Service" => LintCode::InvalidServicePrincipalFormat,
                    _ => LintCode::InvalidPrincipalFormat,
                };
                return wrong(code, item.span(), expected, format!("`{text}`"));
            }
            all.push((member.key().into(), text.into()));
        }
    }
    Ok(all)
}

/// Whether a text can name a principal of this kind. Wildcards inside a name can't: only the whole `*`.
fn names_a_principal(kind: &str, text: &str) -> bool {
    if text.is_empty() || text.contains(['*', '?']) || text.contains(char::is_whitespace) {
        return text == "*" && matches!(kind, "AWS" | "Service");
    }
    match kind {
        "AWS" => {
            let account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
            account || is_unique_id(text) || Arn::parse(text).is_ok_and(|arn| is_principal(&arn))
        }
        "Service" => {
            text.contains('.')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        }
        _ => true,
    }
}

/// As many characters as a unique id has at least and at most (AWS, IAM API, type `idType`).
const UNIQUE_ID_LENGTHS: core::ops::RangeInclusive<usize> = 16..=128;

/// The unique id of a user or a role: what AWS stores in place of their ARNs. Other things with unique ids, such as groups, can't ask.
fn is_unique_id(text: &str) -> bool {
    UNIQUE_ID_LENGTHS.contains(&text.len())
        && (text.starts_with("AIDA") || text.starts_with("AROA"))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether an ARN is that of an account, a user, a role or a session. Groups, policies and resources of services can't ask.
fn is_principal(arn: &Arn) -> bool {
    let whole = |name: &str| !name.is_empty() && !name.ends_with('/');
    let resource = arn.resource();
    let (of_what, name) = resource.split_once('/').unwrap_or((resource, ""));
    let known = match (arn.service(), of_what) {
        ("iam", "root") => resource == "root",
        ("iam", "user" | "role") | ("sts", "federated-user") => whole(name),
        // The role's name and the session's, without the role's path.
        ("sts", "assumed-role") => name.split_once('/').is_some_and(|(role, session)| {
            !role.is_empty() && !session.is_empty() && !session.contains('/')
        }),
        _ => false,
    };
    known && arn.region().is_empty() && arn.account_id().is_some()
}
