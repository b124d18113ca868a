//! Calls of those for whom an identity provider speaks: not signed, since what they bring is what proves who they are.

mod outbound;
mod published;
mod saml;
mod web_identity;

use std::net::IpAddr;

use http::request::Parts;
use tidegate_policy::{AccountId, Arn, UnixMillis};
use tidegate_query::{Asked, Code, Fields, Form, Refusal, Service};
use tidegate_replica::GroupId;
use tidegate_service::{AssumeFederated, Vouched, assume_federated};

pub(super) use self::{
    outbound::{disable, enable, get_info, get_token},
    published::published,
    web_identity::provider_name,
};
use super::{
    admit,
    answer::{Answered, Outcome},
    handlers::sts,
    headers::Wanted,
};
use crate::{
    core::Core,
    operations::{self, Fresh, Seen},
    vouching,
};

/// The operations that are served to those who do not sign.
#[cfg(test)]
pub(super) const SERVED: [(Service, &str); 2] =
    [(Service::Sts, "AssumeRoleWithSAML"), (Service::Sts, "AssumeRoleWithWebIdentity")];

/// A call of somebody who is still to be known.
pub(super) struct Stranger<'a> {
    core: &'a Core,
    parts: &'a Parts,
    address: IpAddr,
    input: Fields,
    wanted: &'a Wanted,
}

/// What a form asks for, if that is served without a signature.
pub(super) fn asked(form: &Form) -> Option<Result<Asked, Refusal>> {
    let action = form.text("Action")?;
    let served = matches!(action, "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity");
    served.then(|| Asked::read(form, Some(Service::Sts)))
}

/// Serves a call of a stranger.
pub(super) async fn serve(
    core: &Core,
    parts: &Parts,
    address: IpAddr,
    wanted: &Wanted,
    asked: Asked,
    form: &Form,
) -> Outcome {
    let stranger = Stranger { core, parts, address, input: asked.input(form)?, wanted };
    vouching::settled(core).await;
    match asked.operation.name.as_str() {
        "AssumeRoleWithSAML" => saml::assume_role(&stranger).await,
        _ => web_identity::assume_role(&stranger).await,
    }
}

/// The account that an ARN of a call names.
fn account_of(arn: &str) -> Result<AccountId, Refusal> {
    let account = Arn::parse(arn).ok().and_then(|arn| arn.account_id());
    account.ok_or_else(|| Refusal::new(Code::ValidationError, format!("{arn} is invalid")))
}

fn invalid_token(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::InvalidIdentityToken, message)
}

impl Stranger<'_> {
    fn text(&self, name: &str) -> String {
        self.input.text_or_empty(name)
    }

    fn now(&self) -> UnixMillis {
        self.core.platform.wall()
    }

    /// A view that is as fresh as the call asks for, about an account; and the groups that it is about.
    async fn view(&self, account: AccountId) -> Result<(Seen, [GroupId; 2]), Refusal> {
        let present = self.core.views.load();
        let group = present.group_of(account).unwrap_or(GroupId::DIRECTORY);
        let groups = [GroupId::DIRECTORY, group];
        Ok((operations::view(self.core, &self.wanted.reads, &groups).await?, groups))
    }

    /// The session, on a view of now: what was fetched meanwhile may have taken a while. `output`: what the answer says besides.
    async fn assume(
        &self,
        output: Fields,
        vouched: &Vouched<'_>,
        session_name: &str,
        account: AccountId,
        groups: &[GroupId],
    ) -> Outcome {
        let packed = sts::packed(&self.input)?;
        let seen = operations::view(self.core, &Fresh::Eventual, groups).await?;
        let seconds = self.input.integer("DurationSeconds").unwrap_or_default();
        let role_arn = self.text("RoleArn");
        let request = AssumeFederated {
            role_arn: &role_arn,
            session_name,
            duration_seconds: u32::try_from(seconds).unwrap_or_default(),
            policies: sts::policies(&self.input, seen.account(account)?)?,
            context: admit::context(
                self.core,
                self.parts,
                self.address,
                &self.core.region.to_string(),
            ),
        };
        let core = self.core;
        let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
        let assumed = assume_federated(
            &seen,
            vouched,
            &request,
            self.now(),
            &mut entropy,
            &core.cluster_key,
        )?;
        let session = &assumed.session;
        let user = Fields::new()
            .with("AssumedRoleId", format!("{}:{}", session.role_id, session.name))
            .with("Arn", &*assumed.arn);
        let output = output
            .with("Credentials", sts::credentials(session, &assumed.token))
            .with("AssumedRoleUser", user)
            .with("Audience", &*vouched.identity.audience)
            .with_some("SourceIdentity", vouched.identity.source_identity.as_deref())
            .with_some("PackedPolicySize", packed);
        let evidence = operations::evidence(core, &seen, groups)?;
        Ok(Answered { output, evidence: Some(evidence) })
    }
}
