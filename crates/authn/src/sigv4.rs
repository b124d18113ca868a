//! Signature Version 4 for gRPC. The canonical request is specified in `docs/signing.md`. That of AWS's own services stands in `http.rs`.

mod http;

use std::collections::BTreeMap;

use aws_lc_rs::{digest, hmac};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tidegate_policy::UnixMillis;

use crate::{Issued, Secret, Verified};

pub use http::HttpRequest;

/// What stands in `x-amz-content-sha256` when the payload is not signed: streams, under TLS.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// Furthest that a caller's clock may be off, in milliseconds: five minutes, as AWS has it.
const SKEW_MAX: u64 = 300_000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "tidegate";
/// Signing keys that are kept. Past it the oldest goes.
const KEYS_MAX: usize = 4_096;
/// Keys of one day that voters have given and that are kept. Past it no more are.
const GRANTS_MAX: usize = 65_536;
/// Days of which given keys are kept: those that are asked for, and yesterday's.
const GRANT_DAYS_MAX: usize = 4;

/// Why a call is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// It is not signed.
    #[error("the call is not signed: it has no `authorization`")]
    MissingAuthenticationToken,
    /// A header is malformed or missing.
    #[error("the signature is incomplete: {0}")]
    IncompleteSignature(&'static str),
    /// The signature does not fit.
    #[error("the signature does not match the request")]
    SignatureDoesNotMatch,
    /// The caller's clock is too far off.
    #[error(
        "the request was signed at {signed}, {off_seconds} s from this node's clock; at most 300 s are accepted"
    )]
    RequestTimeTooSkewed {
        /// When it was signed.
        signed: String,
        /// How far that is off, in seconds.
        off_seconds: u64,
    },
    /// What AWS's services say of a time that is too far off.
    #[error("{0}")]
    SignatureNotCurrent(String),
    /// A presigned request that is over.
    #[error("Request has expired.")]
    RequestExpired,
    /// Signed for another service or region.
    #[error("Credential should be scoped to {0}.")]
    WrongScope(String),
}

/// A signature as it came with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The access key.
    pub access_key_id: String,
    /// `20261123`.
    pub date: String,
    /// The region that was signed for.
    pub region: String,
    /// The service that was signed for.
    pub service: String,
    /// `20261123T210000Z`.
    pub amz_date: String,
    /// Hash of the payload in hexadecimal, or [`UNSIGNED_PAYLOAD`].
    pub content_sha256: String,
    /// The session token, where there is one.
    pub session_token: Option<String>,
    signed_headers: String,
    signature: [u8; 32],
    /// Where the signature stands in the query: for how long it is good, in milliseconds.
    presigned: Option<u64>,
}

/// A key that signs for one access key, day and region.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

fn hmac_sha256(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

impl SigningKey {
    /// Derives the key from a secret access key, for what a signature was made for.
    pub fn derive(secret: &Secret, presented: &Presented) -> Self {
        Self::of(secret, &presented.date, &presented.region, &presented.service)
    }

    /// Derives the key with which a gRPC call is signed on a day (`20261123`) for a region.
    pub fn of_grpc(secret: &Secret, date: &str, region: &str) -> Self {
        Self::of(secret, date, region, SERVICE)
    }

    /// Derives the key for requests of a day (`20261123`) to a service (`iam`) in a region.
    pub fn of(secret: &Secret, date: &str, region: &str, service: &str) -> Self {
        Self::from_bytes(derived(secret, date, region, service).as_ref())
    }

    /// The bytes of the same key: whoever is given them verifies, and could sign, for that day, region and service, and no longer.
    pub fn bytes_of(secret: &Secret, date: &str, region: &str, service: &str) -> Vec<u8> {
        derived(secret, date, region, service).as_ref().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

fn derived(secret: &Secret, date: &str, region: &str, service: &str) -> hmac::Tag {
    let first = format!("AWS4{}", secret.expose());
    let day = hmac_sha256(first.as_bytes(), date);
    let regional = hmac_sha256(day.as_ref(), region);
    let service = hmac_sha256(regional.as_ref(), service);
    hmac_sha256(service.as_ref(), "aws4_request")
}

/// Derived keys, so that a call costs one HMAC.
#[derive(Debug, Default)]
pub struct SigningKeyCache {
    derived: Mutex<Derived>,
    /// Signatures of sessions that were found good.
    issued: Mutex<Verified>,
    /// Keys that voters have given, by their day and then by their name.
    granted: Mutex<BTreeMap<String, BTreeMap<String, SigningKey>>>,
}

/// How many keys were ever kept, and per access key, day and region the number of the key among them, and the key.
type Derived = (u64, BTreeMap<String, (u64, SigningKey)>);

impl SigningKeyCache {
    /// The key of an access key for a day and region, derived by `secret` when it is not here, and then not kept: see
    /// [`SigningKeyCache::keep`].
    pub fn get<E>(
        &self,
        presented: &Presented,
        fingerprint: &[u8],
        secret: impl FnOnce() -> Result<Secret, E>,
    ) -> Result<CachedKey, E> {
        let name = name_of(presented, &presented.date, fingerprint);
        if let Some((_, key)) = self.derived.lock().1.get(&name) {
            return Ok(CachedKey { key: key.clone(), name: None });
        }
        if let Some(key) =
            self.granted.lock().get(&presented.date).and_then(|of_day| of_day.get(&name))
        {
            return Ok(CachedKey { key: key.clone(), name: None });
        }
        let key = SigningKey::derive(&secret()?, presented);
        Ok(CachedKey { key, name: Some(name) })
    }

    /// Keeps a key for another day, or the same, of what a signature names: somebody who holds the secret has given it.
    pub fn grant(&self, presented: &Presented, date: &str, fingerprint: &[u8], key: &[u8]) {
        let mut granted = self.granted.lock();
        let of_day = granted.entry(date.to_owned()).or_default();
        if of_day.len() < GRANTS_MAX {
            of_day.insert(name_of(presented, date, fingerprint), SigningKey::from_bytes(key));
        }
        while granted.len() > GRANT_DAYS_MAX {
            granted.pop_first();
        }
    }

    /// Whether a session's issuer signed it; verified once for each session.
    pub fn is_issued(&self, issued: &Issued, public: &[u8]) -> bool {
        let name = issued.digest(public);
        if self.issued.lock().has(&name) {
            return true;
        }
        let good = issued.is_good(public);
        if good {
            self.issued.lock().note(name);
        }
        good
    }

    /// Keeps a key with which a signature was verified. Who only knows an access key's id can't fill the cache with dates and regions.
    pub fn keep(&self, cached: CachedKey) {
        let Some(name) = cached.name else { return };
        let (count, keys) = &mut *self.derived.lock();
        *count += 1;
        keys.insert(name, (*count, cached.key));
        if keys.len() > KEYS_MAX
            && let Some(oldest) =
                keys.iter().min_by_key(|(_, (n, _))| *n).map(|(name, _)| name.clone())
        {
            keys.remove(&oldest);
        }
    }
}

/// What a key is kept as: for the same access key with another secret it is another.
fn name_of(presented: &Presented, date: &str, fingerprint: &[u8]) -> String {
    format!(
        "{}/{date}/{}/{}/{}",
        presented.access_key_id,
        presented.region,
        presented.service,
        hex::encode(fingerprint)
    )
}

/// A signing key on its way to a verification.
#[derive(Debug)]
pub struct CachedKey {
    /// The key.
    pub key: SigningKey,
    /// What to keep it as; `None`: it is kept already, or must not be.
    name: Option<String>,
}

impl CachedKey {
    /// A key that is not kept: that of a session.
    pub fn passing(key: SigningKey) -> Self {
        Self { key, name: None }
    }
}

/// SHA-256 of a payload in hexadecimal.
pub fn payload_hash(payload: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, payload))
}

/// A point in time as `x-amz-date` has it.
pub fn amz_date(now: UnixMillis) -> String {
    now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

fn read_amz_date(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to);
    if text.len() != 16 {
        return None;
    }
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    );
    u64::try_from(tidegate_policy::parse_date(&iso)?).ok()
}

/// The string that is signed: algorithm, date, scope and hash of the canonical request. `headers` are the signed ones, ordered by name.
pub fn string_to_sign(
    path: &str,
    headers: &[(&str, &str)],
    content_sha256: &str,
    amz_date: &str,
    region: &str,
) -> String {
    let mut canonical = format!("POST\n{path}\n\n");
    let mut names = String::new();
    for (n, (name, value)) in headers.iter().enumerate() {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value.trim());
        canonical.push('\n');
        if n > 0 {
            names.push(';');
        }
        names.push_str(name);
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(content_sha256);
    of_canonical(&canonical, amz_date, region, SERVICE)
}

/// The string that is signed, of a canonical request.
fn of_canonical(canonical: &str, amz_date: &str, region: &str, service: &str) -> String {
    let date = amz_date.get(..8).unwrap_or_default();
    format!(
        "{ALGORITHM}\n{amz_date}\n{date}/{region}/{service}/aws4_request\n{}",
        payload_hash(canonical.as_bytes())
    )
}

/// The value of `authorization` for a call. `headers` are the signed ones, ordered by name.
pub fn sign(
    key: &SigningKey,
    access_key_id: &str,
    path: &str,
    headers: &[(&str, &str)],
    content_sha256: &str,
    amz_date: &str,
    region: &str,
) -> String {
    let signed = string_to_sign(path, headers, content_sha256, amz_date, region);
    let signature = hex::encode(hmac::sign(&key.0, signed.as_bytes()));
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let date = amz_date.get(..8).unwrap_or_default();
    format!(
        "{ALGORITHM} Credential={access_key_id}/{date}/{region}/{SERVICE}/aws4_request, SignedHeaders={}, Signature={signature}",
        names.join(";")
    )
}

impl Presented {
    /// Reads the signature of a call. `header` gives the value of a header by its name in lower case.
    pub fn read<'h>(header: &impl Fn(&str) -> Option<&'h str>) -> Result<Self, AuthnError> {
        let authorization =
            header("authorization").ok_or(AuthnError::MissingAuthenticationToken)?;
        let incomplete = AuthnError::IncompleteSignature;
        let rest = authorization
            .strip_prefix(ALGORITHM)
            .ok_or(incomplete("the algorithm must be AWS4-HMAC-SHA256"))?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(incomplete("an unknown part of `authorization`")),
            }
        }
        let credential = credential.ok_or(incomplete("`Credential` is missing"))?;
        let [id, date, region, SERVICE, "aws4_request"] =
            *credential.split('/').collect::<Vec<_>>()
        else {
            return Err(incomplete("`Credential` must be KEY/DATE/REGION/tidegate/aws4_request"));
        };
        let mut bytes = [0; 32];
        let signature = signature.ok_or(incomplete("`Signature` is missing"))?;
        hex::decode_to_slice(signature, &mut bytes)
            .map_err(|_| incomplete("`Signature` must be 64 hexadecimal digits"))?;
        let amz_date = header("x-amz-date").ok_or(incomplete("`x-amz-date` is missing"))?;
        if amz_date.get(..8) != Some(date) {
            return Err(incomplete("the credential's date must be that of `x-amz-date`"));
        }
        Ok(Self {
            access_key_id: id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: SERVICE.to_owned(),
            amz_date: amz_date.to_owned(),
            content_sha256: header("x-amz-content-sha256")
                .ok_or(incomplete("`x-amz-content-sha256` is missing"))?
                .to_owned(),
            session_token: header("x-amz-security-token").map(str::to_owned),
            signed_headers: signed_headers
                .ok_or(incomplete("`SignedHeaders` is missing"))?
                .to_owned(),
            signature: bytes,
            presigned: None,
        })
    }

    /// Whether the payload itself is signed.
    pub fn signs_payload(&self) -> bool {
        self.content_sha256 != UNSIGNED_PAYLOAD
    }

    /// Checks the time and the signature. Whether the payload has the stated hash is for the caller to check.
    pub fn verify<'h>(
        &self,
        key: &SigningKey,
        path: &str,
        header: &impl Fn(&str) -> Option<&'h str>,
        now: UnixMillis,
    ) -> Result<(), AuthnError> {
        let incomplete = AuthnError::IncompleteSignature;
        let signed_at = read_amz_date(&self.amz_date)
            .ok_or(incomplete("`x-amz-date` must be like 20261123T210000Z"))?;
        let off = signed_at.abs_diff(now.0);
        if off > SKEW_MAX {
            return Err(AuthnError::RequestTimeTooSkewed {
                signed: self.amz_date.clone(),
                off_seconds: off / 1000,
            });
        }
        let mut headers = Vec::with_capacity(4);
        for name in self.signed_headers.split(';') {
            let value = header(name).ok_or(incomplete("a signed header is missing"))?;
            headers.push((name, value));
        }
        let covers = |name: &str| headers.iter().any(|(n, _)| *n == name);
        if !covers("host") || !covers("x-amz-date") || !covers("x-amz-content-sha256") {
            return Err(incomplete("host, x-amz-date and x-amz-content-sha256 must be signed"));
        }
        if self.session_token.is_some() && !covers("x-amz-security-token") {
            return Err(incomplete("x-amz-security-token must be signed"));
        }
        let signed =
            string_to_sign(path, &headers, &self.content_sha256, &self.amz_date, &self.region);
        self.check_signature(key, &signed)
    }

    fn check_signature(&self, key: &SigningKey, signed: &str) -> Result<(), AuthnError> {
        let expected = hmac::sign(&key.0, signed.as_bytes());
        if bool::from(expected.as_ref().ct_eq(&self.signature)) {
            Ok(())
        } else {
            Err(AuthnError::SignatureDoesNotMatch)
        }
    }
}

#[cfg(test)]
mod tests;
