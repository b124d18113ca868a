//! The sentence in which AWS denies.

use crate::{Decision, Effect, PolicySource, PrincipalKind, Request};

impl Decision {
    /// The sentence in which AWS denies this request; `None` when allowed. Of an explicit deny it names the policy where that has an
    /// ARN, as AWS does since 2026.
    pub fn denied_sentence(&self, request: &Request<'_>) -> Option<String> {
        let policy_type = self.policy_type?;
        let action = request.action;
        let caller = match request.principal.kind {
            PrincipalKind::Anonymous => "anonymous",
            _ => &request.principal.arn,
        };
        let on = if request.resource == "*" {
            String::new()
        } else {
            format!(" on resource: {}", request.resource)
        };
        let why = match self.effect {
            Effect::Allow => return None,
            Effect::ImplicitDeny => format!("because no {policy_type} allows the {action} action"),
            Effect::ExplicitDeny => {
                let policy = self.statements.first().and_then(|found| found.policy.source().arn());
                let named = policy.map(|arn| format!(": {arn}")).unwrap_or_default();
                format!("with an explicit deny in {}{named}", policy_type.with_article())
            }
        };
        Some(format!("User: {caller} is not authorized to perform: {action}{on} {why}"))
    }
}

impl PolicySource {
    /// The policy's ARN, where it has one: inline policies, trust policies and those of sessions have none.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Managed(arn) | Self::Boundary(arn) => Some(arn.as_str()),
            Self::ServiceControl(id) | Self::ResourceControl(id) => {
                id.starts_with("arn:").then_some(&**id)
            }
            _ => None,
        }
    }

    /// Whether it is one of AWS's own, which nobody else can change.
    pub(crate) fn is_awss_own(&self) -> bool {
        match self {
            Self::Managed(arn) | Self::Boundary(arn) => arn.account() == "aws",
            // AWS's own are attached to every level, under names of their own.
            Self::ServiceControl(id) => id.ends_with("FullAWSAccess"),
            Self::ResourceControl(id) => id.ends_with("RCPFullAWSAccess"),
            _ => false,
        }
    }
}
