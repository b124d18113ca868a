//! `AssumeRoleWithWebIdentity`: sessions on the word of a provider of `OpenID` Connect.

use tidegate_authn::IdentityToken;
use tidegate_model::{
    ResourceKind,
    resource::{Body, OidcProvider},
};
use tidegate_query::{Code, Fields, Refusal};
use tidegate_service::Vouched;

use super::{Stranger, account_of, invalid_token};
use crate::{
    aws::answer::Outcome,
    core::Core,
    federation::{FetchError, is_loopback},
};

const OIDC: ResourceKind = ResourceKind::OidcProvider;

/// What AWS says where a provider does not answer.
const NO_ANSWER: &str = "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached.";
/// What AWS says where a provider's answer holds no keys.
const NO_KEYS: &str = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements";
/// What AWS says where somebody else answers.
const NOT_THE_PROVIDER: &str =
    "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";

impl From<FetchError> for Refusal {
    fn from(e: FetchError) -> Self {
        match e {
            FetchError::Unreachable | FetchError::Address | FetchError::Soon => {
                Self::new(Code::IdpCommunicationError, NO_ANSWER)
            }
            FetchError::Certificate => invalid_token(NOT_THE_PROVIDER),
            FetchError::Url | FetchError::Status | FetchError::Content => invalid_token(NO_KEYS),
        }
    }
}

/// The name of a provider by the issuer of a token: its URL without the scheme. Without TLS only one on this machine, and in development.
pub(in crate::aws) fn provider_name(issuer: &str, development: bool) -> Option<&str> {
    let (scheme, rest) = issuer.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let plain = development && scheme == "http" && is_loopback(bare);
    (scheme == "https" || plain).then(|| rest.trim_end_matches('/'))
}

pub(super) async fn assume_role(call: &Stranger<'_>) -> Outcome {
    if let Some(id) = call.input.text("ProviderId") {
        // Access tokens of OAuth 2.0 are not signed: only whoever gave one out can say whose it is.
        let message = format!("The provider {id} of OAuth 2.0 access tokens is not served here.");
        return Err(Refusal::new(Code::ValidationError, message));
    }
    let account = account_of(&call.text("RoleArn"))?;
    let token = IdentityToken::parse(&call.text("WebIdentityToken"))?;
    let (seen, groups) = call.view(account).await?;
    let development = Core::development(&seen);
    let issuer = token.issuer().to_owned();
    let unknown =
        || invalid_token(format!("No OpenIDConnect provider found in your account for {issuer}"));
    let name = provider_name(&issuer, development).ok_or_else(unknown)?;
    let state = seen.account(account).map_err(|_| unknown())?;
    let found = state.resource(OIDC, name).filter(|r| r.value.name == name).ok_or_else(unknown)?;
    let provider = match &found.value.body {
        Some(Body::OidcProvider(provider)) => provider.clone(),
        _ => OidcProvider::default(),
    };
    let arn = OIDC.arn(state, "", &found.value.name);
    let checked = token.check(name, &provider.client_ids, call.now())?;
    let keys = call.core.issuers.keys(
        account.as_u64(),
        &issuer,
        provider.thumbprints,
        development,
        checked.jws(),
    );
    let keys = keys.await?;
    let identity = checked.verify(&keys)?;
    let vouched = Vouched {
        action: "sts:AssumeRoleWithWebIdentity",
        provider: &arn,
        identity: &identity,
        seconds_max: None,
        until: None,
    };
    let output = Fields::new()
        .with("SubjectFromWebIdentityToken", &*identity.subject)
        .with("Provider", &*arn);
    let name = call.text("RoleSessionName");
    call.assume(output, &vouched, &name, account, &groups).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_has_tls_unless_it_is_on_this_machine_in_development() {
        let check = |issuer: &str, name: Option<&str>, development: Option<&str>| {
            assert_eq!(provider_name(issuer, false), name, "{issuer}");
            assert_eq!(provider_name(issuer, true), development, "{issuer}");
        };
        let google = Some("accounts.google.com");
        check("https://accounts.google.com", google, google);
        check("https://accounts.google.com/", google, google);
        check("https://a.example.com/id/1", Some("a.example.com/id/1"), Some("a.example.com/id/1"));
        check("http://127.0.0.1:99/realm", None, Some("127.0.0.1:99/realm"));
        check("http://localhost:99", None, Some("localhost:99"));
        check("http://[::1]:99", None, Some("[::1]:99"));
        check("http://idp.example.com", None, None);
        check("http://127.0.0.1.evil.com", None, None);
        check("accounts.google.com", None, None);
        check("ftp://127.0.0.1", None, None);
    }
}
