//! Passwords as they are stored: Argon2id, with OWASP's least memory and passes.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};

use crate::Secret;

/// Kibibytes of memory: 19 MiB, OWASP's floor for two passes.
const MEMORY_KIB: u32 = 19 << 10;
/// Passes over that memory.
const PASSES: u32 = 2;

/// A password that can't be hashed or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The library refused.
    #[error("the password can't be hashed: {0}")]
    Hash(String),
    /// It is another password.
    #[error("the password is not the right one")]
    Wrong,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, in the form that names its own parameters. Takes tens of milliseconds: call it where waiting is allowed.
/// `salt` must be drawn at random.
pub fn hash_password(password: &Secret, salt: &[u8; 16]) -> Result<String, PasswordError> {
    let fail = |e: argon2::password_hash::Error| PasswordError::Hash(e.to_string());
    let salt = SaltString::encode_b64(salt).map_err(fail)?;
    let hash = argon2()?.hash_password(password.expose().as_bytes(), &salt).map_err(fail)?;
    Ok(hash.to_string())
}

/// Checks a password against a hash, in constant time. Takes as long as hashing it.
pub fn verify_password(password: &Secret, hash: &str) -> Result<(), PasswordError> {
    let hash = PasswordHash::new(hash).map_err(|e| PasswordError::Hash(e.to_string()))?;
    argon2()?.verify_password(password.expose().as_bytes(), &hash).map_err(|_| PasswordError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_is_right() {
        let (right, wrong) = (Secret::new("Passw0rd".into()), Secret::new("passw0rd".into()));
        let hash = hash_password(&right, &[7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify_password(&right, &hash), Ok(()));
        assert_eq!(verify_password(&wrong, &hash), Err(PasswordError::Wrong));
        assert_ne!(hash_password(&right, &[8; 16]).unwrap(), hash);
        assert!(matches!(verify_password(&right, "x"), Err(PasswordError::Hash(_))));
    }
}
