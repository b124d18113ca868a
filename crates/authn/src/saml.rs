//! SAML 2.0: from a provider's metadata and a signed response to somebody for whom the provider speaks.
//!
//! A strict profile and nothing beyond it: no DTD, no processing instruction, one assertion in the whole document, each id once, exclusive
//! canonicalization, SHA-2, and a signature that lies directly in what it signs. What is read is taken from the very nodes whose canonical
//! form was verified, so there is no second look that could be shown something else (signature wrapping).

mod canonical;
mod metadata;
mod response;
mod signature;
mod xml;

pub use metadata::{SamlKey, SamlMetadata};
pub use response::{SamlExpected, SamlIdentity, verify_saml};

/// Why a response, or metadata, is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamlError {
    /// Not the XML that it should be.
    #[error("Invalid SAML response: {0}")]
    Malformed(&'static str),
    /// Nothing that counts is signed, or not by a key of the provider.
    #[error("Response signature invalid")]
    Signature,
    /// The provider itself says that it did not authenticate anybody.
    #[error("The identity provider reported that authentication failed")]
    Rejected,
    /// Of another provider.
    #[error("Issuer not present in specified provider")]
    Issuer,
    /// For somebody else.
    #[error("Response does not contain the required audience")]
    Audience,
    /// To be given to somebody else, or in another way.
    #[error("Response does not confirm its subject for this recipient")]
    Recipient,
    /// Made too long ago, or over.
    #[error("Token must be redeemed within 5 minutes of issuance")]
    Expired,
    /// Good only later.
    #[error("Response is not valid yet")]
    NotYet,
    /// An attribute that is needed is missing, or one that is there can't be used.
    #[error("{0}")]
    Attribute(String),
}

#[cfg(test)]
mod tests;
