//! Who is calling: signatures, sealed secrets, sealed sessions and authenticated tokens.
//!
//! The one idea: everything is a pure function of bytes, keys and a time that is an argument. Nothing is compared in a way that tells an
//! attacker how far it got, and no secret has a `Debug` that shows it.

mod certificate;
mod federated;
mod instance;
mod jose;
mod mac;
pub mod merkle;
mod node_key;
mod oidc;
mod outbound;
mod password;
mod qr_code;
mod recovery_key;
mod saml;
mod seal;
mod secret;
mod session;
mod sigv4;
mod ssh_key;
mod totp;
mod verified;

pub use certificate::{Certificate, CertificateError};
pub use federated::FederatedIdentity;
pub use instance::{InstanceSecret, InstanceSecretError};
pub use jose::{JwkError, JwkSet, Jws, JwsAlgorithm, JwsError};
pub use mac::{Mac, MacError};
pub use node_key::{NodeKey, NodeKeyError, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verify_signature};
pub use oidc::{
    CLOCK_SKEW_SECONDS, CheckedToken, Discovery, IdentityToken, KeyShelf, KeyStep, KeyTimes,
    OidcError, certificate_thumbprint,
};
pub use outbound::{SIGNING_ALGORITHMS, SigningError, TokenKey};
pub use password::{PasswordError, hash_password, verify_password};
pub use qr_code::{QrCodeError, qr_code_png};
pub use recovery_key::{RECOVERY_PURPOSE, RecoveryKey, RecoveryKeyError, recovery_public_key};
pub use saml::{SamlError, SamlExpected, SamlIdentity, SamlKey, SamlMetadata, verify_saml};
pub use seal::{ClusterKey, SEALING_KEYS_MAX, SealError, fingerprint, sealed_under};
pub use secret::Secret;
pub use session::{
    FederationKey, Issued, Session, SessionAttributes, SessionError, SessionFederation,
    SessionKind, SessionTag,
};
pub use sigv4::{
    AuthnError, CachedKey, HttpRequest, Presented, SigningKey, SigningKeyCache, UNSIGNED_PAYLOAD,
    amz_date, payload_hash, sign, string_to_sign,
};
pub use ssh_key::{SshKey, SshKeyError};
pub use totp::{SEED_BYTES, Seed, SeedError};
pub use verified::Verified;
