//! Hostile requests to the verification of signatures: never a panic, and nothing is taken without the secret.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_authn::{HttpRequest, Presented, Secret, SigningKey};
use tidegate_policy::UnixMillis;

/// 2015-08-30T12:36:00Z: when the public vectors were signed.
const NOW: UnixMillis = UnixMillis(1_440_938_160_000);

fuzz_target!(|data: &[u8]| {
    // Path, query, the value of `authorization`, the value of every other header, and the body, each on a line of its own.
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, query, authorization, other, body) = (line(), line(), line(), line(), line());
    let header = |name: &str| match name {
        "authorization" => (!authorization.is_empty()).then(|| authorization.to_owned()),
        _ => Some(other.to_owned()),
    };
    let request = HttpRequest { method: "POST", path, query, header: &header, body: body.as_bytes() };
    match Presented::read_http(&request) {
        Ok(presented) => {
            let key = SigningKey::derive(&Secret::new("nobody knows this one".to_owned()), &presented);
            assert!(presented.verify_http(&key, &request, NOW).is_err());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
