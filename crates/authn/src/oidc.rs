//! Tokens of `OpenID` Connect: from a text to somebody for whom an issuer speaks.
//!
//! Three steps, so that nothing is fetched for a token that could not be good anyway: [`IdentityToken::parse`] says whose token it claims to
//! be, [`IdentityToken::check`] compares its claims with what the account knows of that issuer and with the time, and
//! [`IdentityToken::verify`] believes it once one of the issuer's keys has signed it.

mod keys;

use serde::Deserialize;
use serde_json::{Map, Value};
use tidegate_policy::UnixMillis;

use crate::{FederatedIdentity, JwkError, JwkSet, Jws, JwsError, federated::KEY_CHARS_MAX};

pub use keys::{KeyShelf, KeyStep, KeyTimes};

/// How far the clocks of issuer and cluster may be apart, in seconds (AWS, `CreateOpenIDConnectProvider`: a window of five minutes).
pub const CLOCK_SKEW_SECONDS: u64 = 300;
/// Characters of a subject (`OpenID` Connect Core, section 2).
const SUBJECT_CHARS_MAX: usize = 255;
/// Condition keys that the claims of one token become.
const KEYS_MAX: usize = 64;

/// The claim with the tags of the session, and the beginning of the flat form of it.
const TAGS: &str = "https://aws.amazon.com/tags";
/// The claim with the source identity.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
/// Claims that say nothing of who somebody is.
const OF_THE_TOKEN: [&str; 9] =
    ["iss", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "auth_time"];

/// A token that is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// No token at all.
    #[error(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
    )]
    Malformed,
    /// Signed in a way that is not accepted.
    #[error("The signature algorithm {0} of the token is not supported")]
    Algorithm(String),
    /// A claim is missing, or is not what it must be.
    #[error("Missing a required claim: {0}")]
    MissingClaim(&'static str),
    /// Not for a client of this account.
    #[error("Incorrect token audience")]
    Audience,
    /// Of another issuer than the provider that was asked for.
    #[error("Incorrect token issuer")]
    Issuer,
    /// Over, with all allowance for clocks.
    #[error(
        "Token expired: current date/time {now} must be before the expiration date/time {expires}"
    )]
    Expired {
        /// The time, in seconds since the Unix epoch.
        now: u64,
        /// When it ended, in seconds since the Unix epoch.
        expires: u64,
    },
    /// Good only later.
    #[error("Token is not valid yet: current date/time {now} must be after {from}")]
    NotYet {
        /// The time, in seconds since the Unix epoch.
        now: u64,
        /// When it begins, in seconds since the Unix epoch.
        from: u64,
    },
    /// Tags or source identity that can't be used.
    #[error("{0}")]
    Claim(String),
    /// The issuer has no such key.
    #[error(
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
    )]
    UnknownKey,
    /// The issuer's key did not sign it.
    #[error("The signature of the token is not valid")]
    Signature,
}

impl From<JwsError> for OidcError {
    fn from(e: JwsError) -> Self {
        match e {
            JwsError::Algorithm(name) => Self::Algorithm(name),
            JwsError::Malformed | JwsError::Critical => Self::Malformed,
        }
    }
}

impl From<JwkError> for OidcError {
    fn from(e: JwkError) -> Self {
        match e {
            JwkError::Unknown => Self::UnknownKey,
            JwkError::Signature => Self::Signature,
        }
    }
}

/// What an issuer publishes of itself (`OpenID` Connect Discovery, section 3).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Discovery {
    /// Its own name, as its tokens have it.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
}

impl Discovery {
    /// Reads the document of `issuer`; `None` where it is not one, or another's.
    pub fn parse(json: &[u8], issuer: &str) -> Option<Self> {
        let found: Self = serde_json::from_slice(json).ok()?;
        (found.issuer.trim_end_matches('/') == issuer.trim_end_matches('/')).then_some(found)
    }
}

/// A token whose signature is still to be verified.
#[derive(Clone, Debug)]
pub struct IdentityToken {
    jws: Jws,
    claims: Map<String, Value>,
    issuer: String,
}

impl IdentityToken {
    /// Reads a token.
    pub fn parse(token: &str) -> Result<Self, OidcError> {
        let jws = Jws::parse(token)?;
        let claims: Map<String, Value> = jws.claims()?;
        let issuer = claims.get("iss").and_then(Value::as_str).filter(|i| !i.is_empty());
        let issuer = issuer.ok_or(OidcError::MissingClaim("iss"))?.to_owned();
        Ok(Self { jws, claims, issuer })
    }

    /// Whose token it claims to be: a URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The token as keys see it.
    pub fn jws(&self) -> &Jws {
        &self.jws
    }

    fn text(&self, claim: &'static str) -> Result<&str, OidcError> {
        let text = self.claims.get(claim).and_then(Value::as_str).filter(|t| !t.is_empty());
        text.ok_or(OidcError::MissingClaim(claim))
    }

    /// A time in whole seconds since the Unix epoch.
    fn seconds(&self, claim: &'static str) -> Result<u64, OidcError> {
        match self.claims.get(claim) {
            Some(Value::Number(n)) => n.as_u64().or_else(|| whole(n.as_f64()?)),
            _ => None,
        }
        .ok_or(OidcError::MissingClaim(claim))
    }

    /// The audience that counts: `azp`, where the issuer says who asked for the token, or else that of `aud` which the account knows.
    fn audience(&self, client_ids: &[String]) -> Result<String, OidcError> {
        let all = match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let party = self.claims.get("azp").and_then(Value::as_str);
        if all.is_empty() && party.is_none() {
            return Err(OidcError::MissingClaim("aud"));
        }
        let mut offered = match party {
            Some(party) => vec![party],
            None => all,
        };
        offered.retain(|a| client_ids.iter().any(|id| id == a));
        offered.first().map(|a| (*a).to_owned()).ok_or(OidcError::Audience)
    }

    /// Compares the claims with what the account knows of the issuer, and with the time. `name` is the provider's: its URL without the
    /// scheme.
    pub fn check(
        self,
        name: &str,
        client_ids: &[String],
        now: UnixMillis,
    ) -> Result<CheckedToken, OidcError> {
        let scheme = self.issuer.split_once("://").map(|(_, rest)| rest);
        if scheme.unwrap_or(&self.issuer).trim_end_matches('/') != name {
            return Err(OidcError::Issuer);
        }
        let subject = self.text("sub")?.to_owned();
        if subject.chars().count() > SUBJECT_CHARS_MAX {
            return Err(OidcError::MissingClaim("sub"));
        }
        let audience = self.audience(client_ids)?;
        let now = now.0 / 1000;
        let expires = self.seconds("exp")?;
        if now >= expires.saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(OidcError::Expired { now, expires });
        }
        let begins = match self.claims.get("nbf") {
            Some(_) => self.seconds("iat")?.max(self.seconds("nbf")?),
            None => self.seconds("iat")?,
        };
        if now.saturating_add(CLOCK_SKEW_SECONDS) < begins {
            return Err(OidcError::NotYet { now, from: begins });
        }
        let mut identity = FederatedIdentity {
            subject,
            issuer: self.issuer.clone(),
            audience,
            ..FederatedIdentity::default()
        };
        self.read_keys(name, &mut identity);
        self.read_tags(&mut identity)?;
        if let Some(source) = self.claims.get(SOURCE_IDENTITY) {
            let source = source.as_str().ok_or(OidcError::MissingClaim(SOURCE_IDENTITY))?;
            identity.source_identity = Some(source.to_owned());
        }
        if let Some(flaw) = identity.flaw() {
            return Err(OidcError::Claim(flaw));
        }
        Ok(CheckedToken { jws: self.jws, identity })
    }

    /// The claims as condition keys: `issuer:aud`, `issuer:sub`, `issuer:amr`, and whatever else the issuer says in a text, number or list.
    fn read_keys(&self, name: &str, identity: &mut FederatedIdentity) {
        let key = |claim: &str| format!("{name}:{claim}");
        identity.keys.push((key("aud"), vec![identity.audience.clone()]));
        identity.keys.push((key("sub"), vec![identity.subject.clone()]));
        if let Some(methods) = self.claims.get("amr").and_then(values) {
            identity.keys.push((key("amr"), methods));
        }
        if self.claims.contains_key("azp")
            && let Some(original) = self.claims.get("aud").and_then(values)
        {
            identity.keys.push((key("oaud"), original));
        }
        identity.session_keys = identity.keys.len();
        for (claim, value) in &self.claims {
            let taken = ["aud", "sub", "amr", "oaud"].contains(&&**claim)
                || OF_THE_TOKEN.contains(&&**claim)
                || claim.contains("://");
            if identity.keys.len() >= KEYS_MAX {
                return;
            }
            if let (false, Some(values)) = (taken, values(value)) {
                identity.keys.push((key(claim), values));
            }
        }
    }

    /// Tags in either form that AWS knows: one object, or a claim for each.
    fn read_tags(&self, identity: &mut FederatedIdentity) -> Result<(), OidcError> {
        let bad = || OidcError::MissingClaim(TAGS);
        let one = |value: &Value| match values(value).as_deref() {
            Some([one]) => Ok(one.clone()),
            _ => Err(bad()),
        };
        if let Some(nested) = self.claims.get(TAGS) {
            let nested = nested.as_object().ok_or_else(bad)?;
            if let Some(tags) = nested.get("principal_tags") {
                for (key, value) in tags.as_object().ok_or_else(bad)? {
                    identity.tags.push((key.clone(), one(value)?));
                }
            }
            if let Some(keys) = nested.get("transitive_tag_keys") {
                identity.transitive_tag_keys = values(keys).ok_or_else(bad)?;
            }
        }
        for (claim, value) in &self.claims {
            match claim.strip_prefix(TAGS).and_then(|rest| rest.strip_prefix('/')) {
                Some("transitive_tag_keys") => {
                    identity.transitive_tag_keys.extend(values(value).ok_or_else(bad)?);
                }
                Some(tag) => {
                    let key = tag.strip_prefix("principal_tags/").ok_or_else(bad)?;
                    identity.tags.push((key.to_owned(), one(value)?));
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// A token that says the right things. Whether the issuer said them is still open.
#[derive(Clone, Debug)]
pub struct CheckedToken {
    jws: Jws,
    identity: FederatedIdentity,
}

impl CheckedToken {
    /// The token as keys see it.
    pub fn jws(&self) -> &Jws {
        &self.jws
    }

    /// Believes the token if one of the issuer's keys signed it.
    pub fn verify(self, keys: &JwkSet) -> Result<FederatedIdentity, OidcError> {
        keys.verify(&self.jws)?;
        Ok(self.identity)
    }
}

/// The thumbprint by which accounts name a certificate: SHA-1 of its DER, in hexadecimal.
pub fn certificate_thumbprint(der: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the range that is tested"
)]
fn whole(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && (0.0..1e15).contains(&seconds)).then_some(seconds as u64)
}

/// The texts of a claim; `None` where it is an object, null, or longer than a key may be.
fn values(claim: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let all: Vec<String> = match claim {
        Value::Array(items) => items.iter().map(one).collect::<Option<_>>()?,
        other => vec![one(other)?],
    };
    (all.iter().map(String::len).sum::<usize>() <= KEY_CHARS_MAX).then_some(all)
}

#[cfg(test)]
mod tests;
