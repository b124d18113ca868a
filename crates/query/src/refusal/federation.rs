//! What tokens of identity providers are refused with.

use tidegate_authn::{OidcError, SamlError};

use super::{Code, Refusal};

impl From<OidcError> for Refusal {
    fn from(e: OidcError) -> Self {
        let code = match e {
            OidcError::Expired { .. } => Code::ExpiredTokenException,
            OidcError::Malformed
            | OidcError::Algorithm(_)
            | OidcError::MissingClaim(_)
            | OidcError::Audience
            | OidcError::Issuer
            | OidcError::NotYet { .. }
            | OidcError::Claim(_)
            | OidcError::UnknownKey
            | OidcError::Signature => Code::InvalidIdentityToken,
        };
        Self::new(code, e.to_string())
    }
}

impl From<SamlError> for Refusal {
    fn from(e: SamlError) -> Self {
        let code = match e {
            SamlError::Expired => Code::ExpiredTokenException,
            SamlError::Rejected => Code::IdpRejectedClaim,
            SamlError::Malformed(_)
            | SamlError::Signature
            | SamlError::Issuer
            | SamlError::Audience
            | SamlError::Recipient
            | SamlError::NotYet
            | SamlError::Attribute(_) => Code::InvalidIdentityToken,
        };
        Self::new(code, e.to_string())
    }
}
