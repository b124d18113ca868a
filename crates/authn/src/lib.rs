//! Who is calling: signatures, sealed secrets, sealed sessions and authenticated tokens.
//!
//! The one idea: everything is a pure function of bytes, keys and a time that is an argument. Nothing is compared in a way that tells an
//! attacker how far it got, and no secret has a `Debug` that shows it.

mod mac;
pub mod merkle;
mod node_key;
mod password;
mod qr_code;
mod seal;
mod secret;
mod session;
mod sigv4;
mod totp;
mod verified;

pub use mac::{Mac, MacError};
pub use node_key::{NodeKey, NodeKeyError, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verify_signature};
pub use password::{PasswordError, hash_password, verify_password};
pub use qr_code::{QrCodeError, qr_code_png};
pub use seal::{ClusterKey, SealError};
pub use secret::Secret;
pub use session::{Issued, Session, SessionAttributes, SessionError, SessionKind, SessionTag};
pub use sigv4::{
    AuthnError, CachedKey, HttpRequest, Presented, SigningKey, SigningKeyCache, UNSIGNED_PAYLOAD,
    amz_date, payload_hash, sign, string_to_sign,
};
pub use totp::{SEED_BYTES, Seed, SeedError};
pub use verified::Verified;
