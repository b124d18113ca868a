//! Which services a policy lets use at all: what "last accessed" reports ask, before any resource or condition.

use crate::{
    PolicyDocument,
    document::{ActionBlock, StatementEffect},
    wildcard::wildcard_matches,
};

/// Whether a statement of the policy allows some action of the service with this prefix (in lower case), whatever else others deny.
///
/// ```
/// use tidegate_policy::{PolicyDocument, PolicyKind, grants_service};
///
/// let text = r#"{"Statement": {"Effect": "Allow", "NotAction": ["s3:*", "ec2:Run*"], "Resource": "*"}}"#;
/// let document = PolicyDocument::parse(text, PolicyKind::Identity)?;
/// assert!(!grants_service(&document, "s3"));
/// assert!(grants_service(&document, "ec2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn grants_service(document: &PolicyDocument, service: &str) -> bool {
    let allows = document.statements().iter().filter(|s| s.effect == StatementEffect::Allow);
    allows.into_iter().any(|statement| match &statement.actions {
        ActionBlock::Action(patterns) => patterns.iter().any(|p| speaks_of(p, service)),
        ActionBlock::NotAction(patterns) => !patterns.iter().any(|p| covers_all_of(p, service)),
    })
}

/// Whether a pattern can match an action of the service.
fn speaks_of(pattern: &str, service: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.split_once(':') {
        Some((prefix, _)) => wildcard_matches(prefix, service),
        // A star may stand for the colon too.
        None => wildcard_matches(&pattern, &format!("{service}:any")),
    }
}

/// Whether a pattern matches every action of the service.
fn covers_all_of(pattern: &str, service: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.split_once(':') {
        Some((prefix, "*")) => wildcard_matches(prefix, service),
        Some(_) => false,
        None => pattern.ends_with('*') && wildcard_matches(&pattern, &format!("{service}:any")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyKind;

    #[test]
    fn allowed_actions_decide_and_denied_ones_do_not() {
        let check = |statements: &str, service: &str, granted: bool| {
            let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
            let document = PolicyDocument::parse(&text, PolicyKind::Identity).unwrap();
            assert_eq!(grants_service(&document, service), granted, "{text} {service}");
        };
        let allow = |action: &str| {
            format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}"#)
        };
        for (action, service, granted) in [
            ("*", "s3", true),
            ("S3:GetObject", "s3", true),
            ("s3:GetObject", "s3tables", false),
            ("s3*:Get*", "s3tables", true),
            ("ec2:*", "s3", false),
        ] {
            check(&allow(action), service, granted);
        }
        check(&allow("s3:*").replace("Allow", "Deny"), "s3", false);
        let all_but = |action: &str| allow(action).replace("\"Action\"", "\"NotAction\"");
        check(&all_but("s3:*"), "s3", false);
        check(&all_but("s3:Get*"), "s3", true);
        check(&all_but("*"), "ec2", false);
        check(&format!("{},{}", allow("ec2:*"), allow("s3:*")), "s3", true);
    }
}
