//! The words in which a command line says who asks, and which policies have a say.

use tidegate_policy::cases::{PrincipalSpec, Question};

use super::super::{Failure, report::Usage};

/// Who asks, of what is asked, and under which policies. Policies are files, JSON or YAML, or ARNs of AWS's own.
#[derive(Debug, clap::Args)]
pub(crate) struct QuestionArgs {
    /// Who asks: the ARN of a root user, a user, a role's or a federated session, a service, or `anonymous`.
    #[arg(long)]
    principal: Option<String>,
    /// Unique id of the user or the role, AIDA… or AROA….
    #[arg(long, value_name = "ID")]
    principal_id: Option<String>,
    /// ARN of the role, with its path, or of the user behind a session.
    #[arg(long, value_name = "ARN")]
    principal_behind: Option<String>,
    /// The organization of the caller's account, and the account's path in it.
    #[arg(long, value_name = "ID=PATH", value_parser = pair)]
    principal_org: Option<(String, String)>,
    /// A tag of the caller; may come again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    principal_tag: Vec<(String, String)>,
    /// A condition key of the caller's session, such as aws:MultiFactorAuthPresent; may come again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    session_key: Vec<(String, String)>,
    /// A policy of the user, one of its groups, or the role; may come again.
    #[arg(long, value_name = "FILE")]
    identity: Vec<String>,
    /// The permissions boundary.
    #[arg(long, value_name = "FILE")]
    boundary: Option<String>,
    /// A session policy; may come again.
    #[arg(long, value_name = "FILE")]
    session_policy: Vec<String>,
    /// The resource's policy.
    #[arg(long, value_name = "FILE", conflicts_with = "trust_policy")]
    resource_policy: Option<String>,
    /// The trust policy of the role that is to be assumed.
    #[arg(long, value_name = "FILE")]
    trust_policy: Option<String>,
    /// Service control policies of one level, from the root to the account; may come again for the next level.
    #[arg(long, value_name = "FILE,FILE")]
    scp: Vec<String>,
    /// Resource control policies of one level, from the root to the account; may come again for the next level.
    #[arg(long, value_name = "FILE,FILE")]
    rcp: Vec<String>,
    /// The policy of the VPC endpoint that the request comes by.
    #[arg(long, value_name = "FILE")]
    endpoint_policy: Option<String>,
    /// The account that the resource belongs to; the caller's by default.
    #[arg(long, value_name = "ACCOUNT")]
    resource_account: Option<String>,
    /// The resource's policy must allow whatever others do, as that of a KMS key must.
    #[arg(long)]
    resource_policy_must_allow: bool,
    /// A tag of the resource; may come again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    resource_tag: Vec<(String, String)>,
    /// A condition key, as KEY=VALUE; one that comes again has several values.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
}

/// `KEY=VALUE`; a value may hold more of them.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

impl QuestionArgs {
    /// The question, for these actions and resources.
    pub(crate) fn question(
        &self,
        actions: &[String],
        resources: &[String],
    ) -> Result<Question, Failure> {
        let asks = self.principal.as_deref();
        let asks = asks.ok_or_else(|| Usage("who asks? --principal says it".to_owned()))?;
        let mut principal = PrincipalSpec::named(asks)
            .with_id(self.principal_id.clone())
            .behind(self.principal_behind.clone());
        for (key, value) in &self.principal_tag {
            principal = principal.with_tag(key, value);
        }
        for (key, value) in &self.session_key {
            principal = principal.with_session_key(key, value);
        }
        if let Some((id, path)) = &self.principal_org {
            principal = principal.in_organization(id, path);
        }
        principal.principal().map_err(|e| Usage(e.to_string()))?;
        let level = |files: &String| files.split(',').map(str::to_owned).collect();
        Ok(Question {
            principal,
            actions: actions.to_vec(),
            resources: resources.to_vec(),
            resource_account: self.resource_account.clone(),
            resource_policy_must_allow: self.resource_policy_must_allow,
            resource_tags: self.resource_tag.clone(),
            context: self.context.clone(),
            identity: self.identity.clone(),
            boundary: self.boundary.clone(),
            session: self.session_policy.clone(),
            resource_policy: self.resource_policy.clone(),
            trust_policy: self.trust_policy.clone(),
            scp: self.scp.iter().map(level).collect(),
            rcp: self.rcp.iter().map(level).collect(),
            endpoint_policy: self.endpoint_policy.clone(),
        })
    }
}
