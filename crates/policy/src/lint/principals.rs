//! Principals that were deleted, that can't make the call, or that everyone can be.

use super::{
    LintCode, Notes, reaches,
    view::{PrincipalText, Text, View},
};
use crate::{
    AccountId, Arn,
    document::{PolicyKind, PrincipalBlock},
};

/// The actions that a trust policy can decide on.
const TRUST_ACTIONS: [&str; 6] = [
    ASSUME,
    WITH_SAML,
    WITH_WEB_IDENTITY,
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
];
const ASSUME: &str = "sts:AssumeRole";
const WITH_SAML: &str = "sts:AssumeRoleWithSAML";
const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Providers that need no ARN, and that everyone can have an identity of, each with the ends of the keys of which one tells whose.
/// (AWS, "Identity-provider controls for shared OIDC providers".)
const SHARED: [(&str, &[&str]); 6] = [
    ("token.actions.githubusercontent.com", &[":sub"]),
    ("accounts.google.com", &[":aud", ":sub", ":oaud"]),
    ("cognito-identity.amazonaws.com", &[":aud", ":sub"]),
    ("graph.facebook.com", &[":app_id", ":id"]),
    ("www.amazon.com", &[":app_id", ":user_id"]),
    ("oidc.vercel.com", &[":aud", ":sub"]),
];

/// Of those, the ones that a policy names by their domain alone.
const BY_DOMAIN: [&str; 4] = [
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
];

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    for principal in view.principals.iter().filter(|principal| principal.kind == "AWS") {
        let Text { text, span } = principal.value;
        if text.starts_with("AROA") {
            notes.add(LintCode::InvalidRoleReference, span, text);
        } else if text.starts_with("AIDA") {
            notes.add(LintCode::InvalidUserReference, span, text);
        }
    }
    if !view.allows() && matches!(view.statement.principals, PrincipalBlock::NotPrincipal(_)) {
        spared(view, notes);
    }
    if view.kind == PolicyKind::Trust {
        for principal in view.principals.iter().filter(|p| p.kind == "Service") {
            let Text { text, span } = principal.value;
            if text == "*" {
                let code = LintCode::RoleTrustPolicyUnsupportedWildcardInPrincipal;
                notes.add(code, span, text);
            }
        }
        trust_actions(view, notes);
        federated(view, notes);
    }
}

/// Whoever is to be spared must be listed by all its names: those of its account, its role and its session
/// (AWS, "`NotPrincipal` with `Deny`").
fn spared(view: &View<'_>, notes: &mut Notes) {
    let listed: Vec<&str> = view.principals.iter().map(|principal| principal.value.text).collect();
    let arns: Vec<Arn> = listed.iter().filter_map(|text| Arn::parse(text).ok()).collect();
    let account_is_listed = |account: AccountId| {
        listed.iter().any(|text| text.parse() == Ok(account))
            || arns.iter().any(|arn| arn.root_account() == Some(account))
    };
    for principal in &view.principals {
        let Text { text, span } = principal.value;
        let Ok(arn) = Arn::parse(text) else { continue };
        let Some(account) = arn.account_id() else { continue };
        let mut session = arn.resource().split('/');
        let role = session.next().filter(|kind| *kind == "assumed-role").and(session.next());
        // A session's ARN has lost its role's path.
        let role_is_listed = role.is_none_or(|role| {
            let is_role = |a: &&Arn| a.account_id() == Some(account) && a.service() == "iam";
            let name = |a: &Arn| a.resource().rsplit('/').next() == Some(role);
            arns.iter().filter(is_role).any(name)
        });
        if !account_is_listed(account) || !role_is_listed {
            notes.add(LintCode::NotPrincipalWithoutAccount, span, text);
        }
    }
}

fn trust_actions(view: &View<'_>, notes: &mut Notes) {
    for action in view.positive_actions().unwrap_or_default() {
        if !TRUST_ACTIONS.iter().any(|known| reaches(action.text, known)) {
            notes.add(LintCode::MismatchedActionForTrustPolicy, action.span, action.text);
        }
    }
}

fn federated(view: &View<'_>, notes: &mut Notes) {
    let PrincipalBlock::Principal(_) = view.statement.principals else { return };
    for principal in &view.principals {
        let Text { text, span } = principal.value;
        if principal.kind == "Federated" && ways(principal).is_none() {
            let code = LintCode::InvalidFederatedPrincipalSyntaxInRoleTrustPolicy;
            notes.add(code, span, text);
            continue;
        }
        makes_the_call(view, principal, notes);
        if view.allows() && principal.kind == "Federated" {
            whose_identity(view, principal.value, notes);
        }
    }
}

/// The ways in which a principal can assume a role; `None` for a provider that can't be one.
fn ways(principal: &PrincipalText<'_>) -> Option<&'static [&'static str]> {
    let provider = principal.value.text;
    let resource = || provider.splitn(6, ':').nth(5).unwrap_or_default();
    match principal.kind {
        "Federated" if BY_DOMAIN.contains(&provider) => Some(&[WITH_WEB_IDENTITY]),
        "Federated" if provider.starts_with("arn:") => {
            if resource().starts_with("oidc-provider/") {
                Some(&[WITH_WEB_IDENTITY])
            } else if resource().starts_with("saml-provider/") {
                Some(&[WITH_SAML])
            } else {
                None
            }
        }
        "Federated" => None,
        "*" => Some(&[ASSUME, WITH_SAML, WITH_WEB_IDENTITY]),
        _ => Some(&[ASSUME]),
    }
}

/// Each action that assumes a role must be one that the principal can call.
fn makes_the_call(view: &View<'_>, principal: &PrincipalText<'_>, notes: &mut Notes) {
    let ways = ways(principal).unwrap_or_default();
    // Anyone may be anybody, and a list for several kinds of principals has actions for each.
    if principal.value.text == "*" || view.principals.iter().any(|p| p.kind != principal.kind) {
        return;
    }
    let all = [ASSUME, WITH_SAML, WITH_WEB_IDENTITY];
    for action in view.positive_actions().unwrap_or_default() {
        let mut assumes = all.into_iter().filter(|way| reaches(action.text, way)).peekable();
        if assumes.peek().is_some() && !assumes.any(|way| ways.contains(&way)) {
            notes.add(LintCode::MismatchedActionForPrincipal, action.span, action.text);
        }
    }
}

/// A shared provider must be asked whose identity it is, and the answer must not be anyone's.
fn whose_identity(view: &View<'_>, provider: Text<'_>, notes: &mut Notes) {
    let shared = SHARED.iter().find(|(domain, _)| {
        provider.text == *domain || provider.text.ends_with(&format!("/{domain}"))
    });
    let Some((domain, ends)) = shared else { return };
    let told = view.conditions.iter().any(|condition| {
        let key = condition.key.text.to_ascii_lowercase();
        let Some(end) = key.strip_prefix(domain) else { return false };
        // `repo:*` is every repository there is.
        let anyone = |value: &Text<'_>| value.text.starts_with('*') || value.text == "repo:*";
        ends.contains(&end) && !condition.values.iter().any(anyone)
    });
    if !told {
        notes.add(LintCode::MissingConditionKeyForOidcPrincipal, provider.span, provider.text);
    }
}
