//! What verifying a request of the AWS Query protocol costs, beside what the published `aws-sigv4` takes to sign the same request:
//! `cargo bench -p tidegate-authn --bench signature`.

#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark whose request does not fit must stop"
)]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use tidegate_authn::{HttpRequest, Presented, Secret, SigningKey};
use tidegate_policy::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_795_467_600_000);
const BODY: &[u8] = b"Action=GetUser&Version=2010-05-08&UserName=ada";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HEADERS: [(&str, &str); 2] = [
    ("host", "127.0.0.1:7701"),
    ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
];

fn main() {
    divan::main();
}

/// The headers that the published signer adds.
fn signed() -> Vec<(String, String)> {
    let identity = Credentials::new("AKIAEXAMPLE", SECRET, None, None, "bench").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("iam")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0))
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters are there")
        .into();
    let body = SignableBody::Bytes(BODY);
    let request =
        SignableRequest::new("POST", "https://127.0.0.1:7701/", HEADERS.into_iter(), body)
            .expect("the request can be signed");
    let (instructions, _) = sign(request, &params).expect("it is signed").into_parts();
    let added = instructions.headers().map(|(n, v)| (n.to_owned(), v.to_owned()));
    let own = HEADERS.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
    own.chain(added).collect()
}

/// The peer: the published signer, with the day's key derived each time, as it does.
#[divan::bench]
fn sign_with_aws_sigv4() -> usize {
    signed().len()
}

fn verify(headers: &[(String, String)], key: Option<&SigningKey>) {
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let request = HttpRequest { method: "POST", path: "/", query: "", header: &header, body: BODY };
    let presented = Presented::read_http(&request).expect("it is read");
    let derive = || SigningKey::derive(&Secret::new(SECRET.to_owned()), &presented);
    let derived = key.is_none().then(derive);
    let key = key.or(derived.as_ref()).expect("one of them");
    presented.verify_http(key, &request, NOW).expect("it fits");
}

/// As a node does for a key that it has not seen today.
#[divan::bench]
fn verify_deriving_the_key(bencher: divan::Bencher<'_, '_>) {
    let headers = signed();
    bencher.bench_local(|| verify(&headers, None));
}

/// As a node does for a key whose derived key it keeps.
#[divan::bench]
fn verify_with_a_kept_key(bencher: divan::Bencher<'_, '_>) {
    let headers = signed();
    let key = SigningKey::of(&Secret::new(SECRET.to_owned()), "20261123", "us-east-1", "iam");
    bencher.bench_local(|| verify(&headers, Some(&key)));
}
