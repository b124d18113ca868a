//! JSON Web Tokens: which keys an issuer publishes, and whether one of them signed a token (RFC 7515, 7517, 7518).
//!
//! Written over `aws-lc-rs` rather than taken whole: it is a screen of code, reads no clock, knows ES512, and refuses what a general library
//! has to offer (`none`, shared secrets, keys that a token brings along).

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

/// Keys of one issuer. The largest issuers publish about ten.
const KEYS_MAX: usize = 100;
/// Longest token, in bytes (AWS, `AssumeRoleWithWebIdentity`).
const TOKEN_BYTES_MAX: usize = 20_000;

/// A signature algorithm that is accepted. Everything else is refused by not being here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JwsAlgorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA-PSS, SHA-256.
    Ps256,
    /// RSA-PSS, SHA-384.
    Ps384,
    /// RSA-PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// ECDSA on P-384, SHA-384.
    Es384,
    /// ECDSA on P-521, SHA-512.
    Es512,
}

impl JwsAlgorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
    ];

    /// As a token's header writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    fn rsa(self) -> Option<&'static signature::RsaParameters> {
        Some(match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::Es512 => return None,
        })
    }

    /// The algorithm on its curve, the curve's name, and the bytes of a coordinate.
    fn ecdsa(
        self,
    ) -> Option<(&'static signature::EcdsaVerificationAlgorithm, &'static str, usize)> {
        match self {
            Self::Es256 => Some((&signature::ECDSA_P256_SHA256_FIXED, "P-256", 32)),
            Self::Es384 => Some((&signature::ECDSA_P384_SHA384_FIXED, "P-384", 48)),
            Self::Es512 => Some((&signature::ECDSA_P521_SHA512_FIXED, "P-521", 66)),
            _ => None,
        }
    }
}

/// A token that can't be read. Nothing of it was believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three parts of base64url, or not JSON in them.
    #[error("not a JSON Web Token")]
    Malformed,
    /// Signed in a way that is not accepted.
    #[error("the signature algorithm `{0}` is not accepted")]
    Algorithm(String),
    /// It says that whoever does not know an extension must refuse it.
    #[error("the token has critical extensions")]
    Critical,
}

/// A signature that nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// None of the keys is of the token's id and kind: it may be newer than the set.
    #[error("none of the keys is that of the token")]
    Unknown,
    /// The keys that it may be signed with did not sign it.
    #[error("the token is not signed by its key")]
    Signature,
}

/// A signed token whose signature is still to be verified.
#[derive(Clone, Debug)]
pub struct Jws {
    /// How it claims to be signed.
    pub algorithm: JwsAlgorithm,
    /// The id of the key that it claims to be signed with.
    pub key_id: Option<String>,
    payload: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed)
}

impl Jws {
    /// Reads a token in the compact form.
    pub fn parse(token: &str) -> Result<Self, JwsError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwsError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Malformed)?;
        if header.crit.is_some() {
            return Err(JwsError::Critical);
        }
        let shown = || JwsError::Algorithm(header.alg.chars().take(16).collect());
        Ok(Self {
            algorithm: JwsAlgorithm::from_name(&header.alg).ok_or_else(shown)?,
            key_id: header.kid,
            payload: decode(payload)?,
            signed: signed.as_bytes().to_vec(),
            signature: decode(signature)?,
        })
    }

    /// What it claims. Not to be believed before [`JwkSet::verify`].
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        serde_json::from_slice(&self.payload).map_err(|_| JwsError::Malformed)
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A number of a key, without leading zeros.
fn number(text: Option<&String>) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text?).ok()?;
    let from = bytes.iter().position(|b| *b != 0)?;
    bytes.get(from..).map(<[u8]>::to_vec)
}

/// A number of a key in just as many bytes as its curve has.
fn coordinate(text: Option<&String>, bytes: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok().filter(|c| c.len() == bytes)
}

impl Jwk {
    /// Whether a token may be signed with it, going by what both say.
    fn fits(&self, jws: &Jws) -> bool {
        let kind = if jws.algorithm.rsa().is_some() { "RSA" } else { "EC" };
        let curve = jws.algorithm.ecdsa().map(|(_, curve, _)| curve);
        self.kty == kind
            && (curve.is_none() || self.crv.as_deref() == curve)
            && self.purpose.as_deref().is_none_or(|p| p == "sig")
            && self.alg.as_deref().is_none_or(|a| a == jws.algorithm.name())
            && (jws.key_id.is_none() || self.kid == jws.key_id)
    }

    fn signed(&self, jws: &Jws) -> bool {
        if let Some(parameters) = jws.algorithm.rsa() {
            let (Some(n), Some(e)) = (number(self.n.as_ref()), number(self.e.as_ref())) else {
                return false;
            };
            let key = RsaPublicKeyComponents { n, e };
            return key.verify(parameters, &jws.signed, &jws.signature).is_ok();
        }
        let Some((algorithm, _, bytes)) = jws.algorithm.ecdsa() else { return false };
        let at = |text: &Option<String>| coordinate(text.as_ref(), bytes);
        let (Some(x), Some(y)) = (at(&self.x), at(&self.y)) else { return false };
        let point = [[4].as_slice(), &x, &y].concat();
        UnparsedPublicKey::new(algorithm, point).verify(&jws.signed, &jws.signature).is_ok()
    }
}

/// The public keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a set as issuers publish it. Keys of kinds that are not known here are passed over (RFC 7517, section 5); `None` where it is no
    /// set, has no key, or too many.
    pub fn parse(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).ok()?;
        if set.keys.len() > KEYS_MAX {
            return None;
        }
        let keys: Vec<Jwk> =
            set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let keys: Vec<Jwk> =
            keys.into_iter().filter(|key| matches!(&*key.kty, "RSA" | "EC")).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Whether it has a key that the token may be signed with.
    pub fn knows(&self, jws: &Jws) -> bool {
        self.keys.iter().any(|key| key.fits(jws))
    }

    /// Verifies the signature of a token.
    pub fn verify(&self, jws: &Jws) -> Result<(), JwkError> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(jws)).peekable();
        if fitting.peek().is_none() {
            return Err(JwkError::Unknown);
        }
        if fitting.any(|key| key.signed(jws)) { Ok(()) } else { Err(JwkError::Signature) }
    }
}

#[cfg(test)]
mod tests;
