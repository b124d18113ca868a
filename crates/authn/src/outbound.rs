//! Tokens that the cluster signs for its principals, so that others can know them: keys, signatures, and what is published of both.

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::JwsAlgorithm;

/// The algorithms that tokens are asked for in (AWS, `GetWebIdentityToken`).
pub const SIGNING_ALGORITHMS: [JwsAlgorithm; 2] = [JwsAlgorithm::Es384, JwsAlgorithm::Rs256];

/// A key that can't be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key can't be made, read or used")]
pub struct SigningError;

/// A key that signs tokens.
pub struct TokenKey {
    algorithm: JwsAlgorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl core::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TokenKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A fresh key, drawn by the cryptographic library's own generator. Takes up to a second for RSA.
    pub fn generate(algorithm: JwsAlgorithm) -> Result<Self, SigningError> {
        let pair = match algorithm {
            JwsAlgorithm::Rs256 => {
                Pair::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| SigningError)?)
            }
            JwsAlgorithm::Es384 => Pair::Ecdsa(
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)
                    .map_err(|_| SigningError)?,
            ),
            _ => return Err(SigningError),
        };
        Ok(Self { algorithm, pair })
    }

    /// The private key in PKCS #8, to be sealed.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        Ok(Zeroizing::new(match &self.pair {
            Pair::Rsa(pair) => pair.as_der().map_err(|_| SigningError)?.as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(|_| SigningError)?.as_ref().to_vec(),
        }))
    }

    /// The key that [`TokenKey::to_pkcs8`] gave.
    pub fn from_pkcs8(algorithm: JwsAlgorithm, der: &[u8]) -> Result<Self, SigningError> {
        let pair = match algorithm {
            JwsAlgorithm::Rs256 => {
                Pair::Rsa(RsaKeyPair::from_pkcs8(der).map_err(|_| SigningError)?)
            }
            JwsAlgorithm::Es384 => Pair::Ecdsa(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der)
                    .map_err(|_| SigningError)?,
            ),
            _ => return Err(SigningError),
        };
        Ok(Self { algorithm, pair })
    }

    /// What is published of it, as a member of a JWK set.
    pub fn jwk(&self, key_id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let common = json!({ "use": "sig", "alg": self.algorithm.name(), "kid": key_id });
        let own = match &self.pair {
            Pair::Rsa(pair) => json!({
                "kty": "RSA",
                "n": text(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": text(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": "P-384", "x": text(x), "y": text(y) })
            }
        };
        let members = |value: Value| match value {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        Value::Object(members(own).into_iter().chain(members(common)).collect())
    }

    /// A token of these claims.
    pub fn sign(&self, key_id: &str, claims: &Value) -> Result<String, SigningError> {
        let header = json!({ "alg": self.algorithm.name(), "kid": key_id, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                    .map_err(|_| SigningError)?;
                signature
            }
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, signed.as_bytes()).map_err(|_| SigningError)?;
                signature.as_ref().to_vec()
            }
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JwkError, JwkSet, Jws};

    #[test]
    fn what_is_signed_is_verified_by_what_is_published() {
        for algorithm in SIGNING_ALGORITHMS {
            let made = TokenKey::generate(algorithm).unwrap();
            let key = TokenKey::from_pkcs8(algorithm, &made.to_pkcs8().unwrap()).unwrap();
            let token = key.sign("k1", &json!({ "sub": "ada" })).unwrap();
            let published = json!({ "keys": [made.jwk("k1")] }).to_string();
            let set = JwkSet::parse(published.as_bytes()).unwrap();
            let jws = Jws::parse(&token).unwrap();
            assert_eq!(set.verify(&jws), Ok(()));
            assert_eq!(jws.claims::<Value>().unwrap(), json!({ "sub": "ada" }));
            let other = TokenKey::generate(algorithm).unwrap();
            let forged = Jws::parse(&other.sign("k1", &json!({})).unwrap()).unwrap();
            assert_eq!(set.verify(&forged), Err(JwkError::Signature));
            let published = published.to_lowercase();
            assert!(!published.contains("\"d\""), "no private part is published");
        }
    }

    #[test]
    fn keys_of_other_algorithms_are_not_made() {
        for algorithm in JwsAlgorithm::ALL {
            let asked = SIGNING_ALGORITHMS.contains(&algorithm);
            assert!(TokenKey::from_pkcs8(algorithm, b"no key").is_err());
            assert_eq!(asked, matches!(algorithm.name(), "RS256" | "ES384"));
        }
        assert_eq!(TokenKey::generate(JwsAlgorithm::Rs512).unwrap_err(), SigningError);
    }
}
