//! `AssumeRoleWithSAML`: sessions on the word of a provider of SAML assertions.

use tidegate_authn::{SamlExpected, SamlMetadata, verify_saml};
use tidegate_model::{
    ResourceKind,
    resource::{Body, SamlProvider},
};
use tidegate_query::{Code, Fields, Refusal};
use tidegate_service::Vouched;

use super::{Stranger, account_of, invalid_token};
use crate::aws::answer::Outcome;

const SAML: ResourceKind = ResourceKind::SamlProvider;
const ACTION: &str = "sts:AssumeRoleWithSAML";

pub(super) async fn assume_role(call: &Stranger<'_>) -> Outcome {
    let (role_arn, provider_arn) = (call.text("RoleArn"), call.text("PrincipalArn"));
    let account = account_of(&provider_arn)?;
    account_of(&role_arn)?;
    let (seen, groups) = call.view(account).await?;
    let unknown = || invalid_token("Specified provider doesn't exist");
    let state = seen.account(account).map_err(|_| unknown())?;
    let prefix = SAML.arn(state, "", "");
    let found = provider_arn.strip_prefix(&prefix).and_then(|name| state.resource(SAML, name));
    let found = found.filter(|r| provider_arn.ends_with(&r.value.name)).ok_or_else(unknown)?;
    let provider = match &found.value.body {
        Some(Body::SamlProvider(provider)) => provider.clone(),
        _ => SamlProvider::default(),
    };
    let now = call.now();
    if now.0 >= provider.valid_until {
        let message = "The metadata of the provider has expired";
        return Err(Refusal::new(Code::ExpiredTokenException, message));
    }
    let metadata = SamlMetadata::parse(&provider.metadata)?;
    let number = account.to_string();
    let expected = SamlExpected {
        recipients: &call.core.config.federation.saml_recipients,
        account: &number,
        provider: &found.value.name,
    };
    let response = verify_saml(&call.text("SAMLAssertion"), &metadata, &expected, now)?;
    if !response.offers(&role_arn, &provider_arn) {
        let message = format!("Not authorized to perform {ACTION}");
        return Err(Refusal::new(Code::AccessDenied, message));
    }
    let vouched = Vouched {
        action: ACTION,
        provider: &provider_arn,
        identity: &response.identity,
        seconds_max: response.session_seconds,
        until: response.session_until,
    };
    let output = Fields::new()
        .with("Subject", &*response.identity.subject)
        .with_text("SubjectType", &response.subject_type)
        .with("Issuer", &*response.identity.issuer)
        .with("NameQualifier", &*response.name_qualifier);
    call.assume(output, &vouched, &response.session_name, account, &groups).await
}
