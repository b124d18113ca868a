//! Signature Version 4 as AWS's own services have it: in a header or in the query, over any method, path, query and body.
//!
//! The payload's hash is always that of the body: IAM and STS take no unsigned payload, so a request that claims one does not match.

use std::collections::BTreeMap;

use super::{
    ALGORITHM, AuthnError, Presented, SigningKey, amz_date, of_canonical, payload_hash,
    read_amz_date,
};
use tidegate_policy::UnixMillis;

/// Furthest that a caller's clock may be off, in milliseconds: fifteen minutes, as IAM and STS have it.
const SKEW_MAX: u64 = 900_000;
/// Longest that a presigned request may be good, in seconds: seven days.
const EXPIRES_SECONDS_MAX: u64 = 604_800;
/// Headers that one signature may cover.
const SIGNED_HEADERS_MAX: usize = 64;

/// A request as its signature sees it.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as it was sent, still encoded.
    pub path: &'a str,
    /// The query as it was sent, without the question mark.
    pub query: &'a str,
    /// The value of a header by its name in lower case; where it came more than once, the values joined by commas in their order.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The body.
    pub body: &'a [u8],
}

impl core::fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HttpRequest").field("path", &self.path).finish_non_exhaustive()
    }
}

const INCOMPLETE: fn(&'static str) -> AuthnError = AuthnError::IncompleteSignature;

/// What a signature says of itself, wherever it stands.
struct Stated {
    credential: String,
    signed_headers: String,
    signature: String,
    amz_date: String,
    session_token: Option<String>,
    presigned: Option<u64>,
}

fn unescaped(text: &str) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)));
        let value = pair.and_then(|(h, l)| u8::try_from(h * 16 + l).ok());
        match (byte, value) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (other, _) => {
                out.push(*other);
                at += 1;
            }
        }
    }
    out
}

/// Percent-encoding of all but the unreserved characters, and those in `also`.
fn escaped(bytes: &[u8], also: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || also.contains(byte);
        if plain {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([*byte]));
        }
    }
    out
}

/// Names and values of a query, encoded in the canonical way, in the order in which they came.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|p| !p.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (escaped(&unescaped(name), b""), escaped(&unescaped(value), b""))
    })
}

fn canonical_query(query: &str, presigned: bool) -> String {
    let mut all: Vec<_> =
        pairs(query).filter(|(name, _)| !(presigned && name == "X-Amz-Signature")).collect();
    all.sort();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.join("&")
}

/// The path without `.`, `..` and empty segments, encoded once more than it was sent.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut canonical = format!("/{}", segments.join("/"));
    let folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if folder && !segments.is_empty() {
        canonical.push('/');
    }
    escaped(canonical.as_bytes(), b"/")
}

/// A header's value without white space around it, and with one space wherever there was more white space.
fn canonical_value(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Stated {
    fn in_header(authorization: &str, request: &HttpRequest<'_>) -> Result<Self, AuthnError> {
        let rest = authorization
            .strip_prefix(ALGORITHM)
            .ok_or(INCOMPLETE("the algorithm must be AWS4-HMAC-SHA256"))?;
        let mut parts = BTreeMap::new();
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(INCOMPLETE(
                "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters",
            ))?;
            if parts.insert(name, value).is_some() {
                return Err(INCOMPLETE("a part of the Authorization header is given twice"));
            }
        }
        let mut part =
            |name, missing| parts.remove(name).map(ToOwned::to_owned).ok_or(INCOMPLETE(missing));
        Ok(Self {
            credential: part(
                "Credential",
                "Authorization header requires 'Credential' parameter.",
            )?,
            signed_headers: part(
                "SignedHeaders",
                "Authorization header requires 'SignedHeaders' parameter.",
            )?,
            signature: part("Signature", "Authorization header requires 'Signature' parameter.")?,
            amz_date: (request.header)("x-amz-date").ok_or(INCOMPLETE(
                "Authorization header requires existence of an 'X-Amz-Date' header.",
            ))?,
            session_token: (request.header)("x-amz-security-token"),
            presigned: None,
        })
    }

    fn in_query(query: &str) -> Result<Self, AuthnError> {
        let mut given = BTreeMap::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = String::from_utf8(unescaped(name)).unwrap_or_default();
            if !name.starts_with("X-Amz-") {
                continue;
            }
            let value = String::from_utf8(unescaped(value))
                .map_err(|_| INCOMPLETE("a query parameter of the signature is no text"))?;
            if given.insert(name, value).is_some() {
                return Err(INCOMPLETE("a query parameter of the signature is given twice"));
            }
        }
        let mut part = |name, missing| given.remove(name).ok_or(INCOMPLETE(missing));
        let algorithm = part("X-Amz-Algorithm", "'X-Amz-Algorithm' is missing")?;
        if algorithm != ALGORITHM {
            return Err(INCOMPLETE("'X-Amz-Algorithm' must be AWS4-HMAC-SHA256"));
        }
        let expires = part("X-Amz-Expires", "'X-Amz-Expires' is missing")?;
        let expires = expires
            .parse::<u64>()
            .ok()
            .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
            .ok_or(INCOMPLETE("'X-Amz-Expires' must be between 1 and 604800 seconds"))?;
        Ok(Self {
            credential: part("X-Amz-Credential", "'X-Amz-Credential' is missing")?,
            signed_headers: part("X-Amz-SignedHeaders", "'X-Amz-SignedHeaders' is missing")?,
            signature: part("X-Amz-Signature", "'X-Amz-Signature' is missing")?,
            amz_date: part("X-Amz-Date", "'X-Amz-Date' is missing")?,
            session_token: given.remove("X-Amz-Security-Token"),
            presigned: Some(expires * 1000),
        })
    }
}

impl Presented {
    /// Reads the signature of a request to one of AWS's services, from its `Authorization` header or from its query.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` where there is none, `IncompleteSignature` where it is malformed.
    pub fn read_http(request: &HttpRequest<'_>) -> Result<Self, AuthnError> {
        let in_query = pairs(request.query).any(|(name, _)| name == "X-Amz-Algorithm");
        let stated = match (request.header)("authorization") {
            Some(_) if in_query => {
                return Err(INCOMPLETE(
                    "sign in the Authorization header or in the query, not both",
                ));
            }
            Some(authorization) => Stated::in_header(&authorization, request)?,
            None if in_query => Stated::in_query(request.query)?,
            None => return Err(AuthnError::MissingAuthenticationToken),
        };
        let [id, date, region, service, "aws4_request"] =
            *stated.credential.split('/').collect::<Vec<_>>()
        else {
            return Err(INCOMPLETE("'Credential' must be KEY/DATE/REGION/SERVICE/aws4_request"));
        };
        if read_amz_date(&stated.amz_date).is_none() {
            return Err(INCOMPLETE(
                "the date must be in ISO-8601 'basic format', as 20261123T210000Z",
            ));
        }
        if stated.amz_date.get(..8) != Some(date) {
            return Err(INCOMPLETE("the date of the credential must be that of the request"));
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(&stated.signature, &mut signature)
            .map_err(|_| INCOMPLETE("'Signature' must be 64 hexadecimal digits"))?;
        Ok(Self {
            access_key_id: id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            content_sha256: payload_hash(request.body),
            session_token: stated.session_token,
            signed_headers: stated.signed_headers,
            signature,
            presigned: stated.presigned,
            amz_date: stated.amz_date,
        })
    }

    /// Refuses a signature that was made for another service than `service`, or for none of `regions`.
    pub fn check_scope(&self, service: &str, regions: &[&str]) -> Result<(), AuthnError> {
        if self.service != service {
            return Err(AuthnError::WrongScope(format!("correct service: '{service}'")));
        }
        if !regions.contains(&self.region.as_str()) {
            return Err(AuthnError::WrongScope("a valid region".to_owned()));
        }
        Ok(())
    }

    fn check_time(&self, now: UnixMillis) -> Result<(), AuthnError> {
        let signed = read_amz_date(&self.amz_date).unwrap_or_default();
        let current = |what: &str, bound: u64, sign: char| {
            let (bound, now) = (amz_date(UnixMillis(bound)), amz_date(now));
            let (bound, now) = (plain_seconds(&bound), plain_seconds(&now));
            AuthnError::SignatureNotCurrent(format!(
                "Signature {what}: {} is {} than {bound} ({now} {sign} 15 min.)",
                self.amz_date,
                if sign == '-' { "now earlier" } else { "still later" },
            ))
        };
        let (earliest, latest) = (now.0.saturating_sub(SKEW_MAX), now.0 + SKEW_MAX);
        if signed > latest {
            return Err(current("not yet current", latest, '+'));
        }
        match self.presigned {
            Some(expires) if now.0 > signed + expires => Err(AuthnError::RequestExpired),
            None if signed < earliest => Err(current("expired", earliest, '-')),
            _ => Ok(()),
        }
    }

    /// The canonical request, and so what is signed.
    fn canonical(&self, request: &HttpRequest<'_>) -> Result<String, AuthnError> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        if names.len() > SIGNED_HEADERS_MAX || !names.is_sorted() {
            return Err(INCOMPLETE("'SignedHeaders' must be at most 64 names in order"));
        }
        let covers = |name: &str| names.contains(&name);
        if !covers("host") {
            return Err(INCOMPLETE(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let in_header = self.presigned.is_none();
        if in_header && !covers("x-amz-date") {
            return Err(INCOMPLETE("'X-Amz-Date' must be a 'SignedHeader'"));
        }
        if in_header && self.session_token.is_some() && !covers("x-amz-security-token") {
            return Err(INCOMPLETE("'X-Amz-Security-Token' must be a 'SignedHeader'"));
        }
        let mut headers = String::new();
        for name in &names {
            let value = (request.header)(name).ok_or(INCOMPLETE("a signed header is missing"))?;
            headers.extend([name, ":", &canonical_value(&value), "\n"]);
        }
        Ok(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            request.method,
            canonical_path(request.path),
            canonical_query(request.query, !in_header),
            self.signed_headers,
            self.content_sha256
        ))
    }

    /// Checks the time and the signature of a request that [`Presented::read_http`] has read.
    pub fn verify_http(
        &self,
        key: &SigningKey,
        request: &HttpRequest<'_>,
        now: UnixMillis,
    ) -> Result<(), AuthnError> {
        self.check_time(now)?;
        let canonical = self.canonical(request)?;
        self.check_signature(
            key,
            &of_canonical(&canonical, &self.amz_date, &self.region, &self.service),
        )
    }
}

/// `20261123T210000Z` of a time that may have a fraction.
fn plain_seconds(date: &str) -> String {
    let whole = date.trim_end_matches('Z').split('.').next().unwrap_or_default();
    format!("{whole}Z")
}

#[cfg(test)]
mod tests;
