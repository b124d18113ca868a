//! Our signatures are those of the published signer; what is altered is refused.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign as aws_sign,
    },
    sign::v4,
};
use proptest::prelude::*;

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_467_600_000);
const PATH: &str = "/tidegate.iam.v1.IamService/CreateUser";
const BODY: &[u8] = b"\x0a\x03ada";

fn key() -> SigningKey {
    SigningKey::of(
        &Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
        "20261123",
        "eu-central-1",
        SERVICE,
    )
}

type Headers = Vec<(String, String)>;

fn signed() -> Headers {
    let (date, hash) = (amz_date(NOW), payload_hash(BODY));
    let headers =
        [("host", "127.0.0.1:7401"), ("x-amz-content-sha256", &*hash), ("x-amz-date", &*date)];
    let authorization = sign(&key(), "AKIAEXAMPLE", PATH, &headers, &hash, &date, "eu-central-1");
    let mut all: Headers =
        headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    all.push(("authorization".into(), authorization));
    all
}

fn check(headers: &Headers, path: &str, now: UnixMillis) -> Result<(), AuthnError> {
    let lookup = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    Presented::read(&lookup)?.verify(&key(), path, &lookup, now)
}

#[test]
fn the_published_signer_gives_the_same_signature() {
    let identity = Credentials::new(
        "AKIAEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        None,
        None,
        "test",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("tidegate")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let hash = payload_hash(BODY);
    let headers = [("host", "127.0.0.1:7401"), ("x-amz-content-sha256", &*hash)];
    let uri = format!("https://127.0.0.1:7401{PATH}");
    let request = SignableRequest::new(
        "POST",
        uri,
        headers.into_iter(),
        SignableBody::Precomputed(hash.clone()),
    )
    .unwrap();
    let (_, theirs) = aws_sign(request, &params).unwrap().into_parts();
    let ours = signed();
    assert!(ours[3].1.ends_with(&theirs), "{} does not end with {theirs}", ours[3].1);
}

#[test]
fn whatever_is_altered_is_refused() {
    assert_eq!(check(&signed(), PATH, NOW), Ok(()));
    assert_eq!(check(&signed(), "/other", NOW), Err(AuthnError::SignatureDoesNotMatch));
    for n in 0..2 {
        let mut altered = signed();
        altered[n].1 = altered[n].1.replace('1', "2");
        assert_eq!(
            check(&altered, PATH, NOW),
            Err(AuthnError::SignatureDoesNotMatch),
            "{}",
            altered[n].0
        );
    }
    let late = check(&signed(), PATH, UnixMillis(NOW.0 + 301_000));
    assert!(matches!(late, Err(AuthnError::RequestTimeTooSkewed { off_seconds: 301, .. })));
    let unsigned: Headers = signed().into_iter().filter(|(n, _)| n != "authorization").collect();
    assert_eq!(check(&unsigned, PATH, NOW), Err(AuthnError::MissingAuthenticationToken));
    let mut fewer = signed();
    fewer[3].1 = fewer[3].1.replace("host;", "");
    assert!(matches!(check(&fewer, PATH, NOW), Err(AuthnError::IncompleteSignature(_))));
    let mut with_token = signed();
    with_token.push(("x-amz-security-token".into(), "t".into()));
    assert!(matches!(check(&with_token, PATH, NOW), Err(AuthnError::IncompleteSignature(_))));
}

#[test]
fn the_vectors_of_the_document_hold() {
    let headers = signed();
    let vector = include_str!("../../testdata/signature.txt").trim();
    assert_eq!(headers[3].1, vector);
}

proptest! {
    #[test]
    fn hostile_headers_never_panic(text in ".{0,120}", date in ".{0,20}") {
        let lookup = |name: &str| match name {
            "authorization" => Some(text.as_str()),
            _ => Some(date.as_str()),
        };
        if let Ok(presented) = Presented::read(&lookup) {
            let _ = presented.verify(&key(), PATH, &lookup, NOW);
        }
    }
}
