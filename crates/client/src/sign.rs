//! Signature Version 4 in gRPC metadata, made by the published `aws-sigv4`, as `docs/signing.md` specifies it.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use tonic::{Request, metadata::MetadataValue};

use crate::ClientError;

/// What a call is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token, with temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Where the time of a signature comes from.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What is signed beside the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    /// The node's host and port.
    pub(crate) authority: &'a str,
    /// The method's path.
    pub(crate) path: &'a str,
    /// SHA-256 of the message, in hexadecimal, or `UNSIGNED-PAYLOAD`.
    pub(crate) hash: &'a str,
}

/// A request with its signature in the metadata, as of `now`.
pub(crate) fn request<M>(
    credentials: &Credentials,
    region: &str,
    what: Signed<'_>,
    now: SystemTime,
    message: M,
) -> Result<Request<M>, ClientError> {
    let fail = |e: &dyn fmt::Display| ClientError::Sign(e.to_string());
    let identity = AwsCredentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "tidegate",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("tidegate")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|e| fail(&e))?
        .into();
    let headers = [("host", what.authority), ("x-amz-content-sha256", what.hash)];
    let uri = format!("https://{}{}", what.authority, what.path);
    let body = SignableBody::Precomputed(what.hash.to_owned());
    let signable =
        SignableRequest::new("POST", uri, headers.into_iter(), body).map_err(|e| fail(&e))?;
    let (instructions, _) = sign(signable, &params).map_err(|e| fail(&e))?.into_parts();
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata
        .insert("x-amz-content-sha256", MetadataValue::try_from(what.hash).map_err(|e| fail(&e))?);
    for (name, value) in instructions.headers() {
        let value = MetadataValue::try_from(value).map_err(|e| fail(&e))?;
        match name.to_ascii_lowercase().as_str() {
            "authorization" => metadata.insert("authorization", value),
            "x-amz-date" => metadata.insert("x-amz-date", value),
            "x-amz-security-token" => metadata.insert("x-amz-security-token", value),
            _ => None,
        };
    }
    Ok(request)
}
