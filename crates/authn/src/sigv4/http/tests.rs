//! The public vectors of AWS's signers, the published signer itself, and what must be refused.

use proptest::prelude::*;

use super::*;
use crate::Secret;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z: when the vectors were signed.
const NOW: UnixMillis = UnixMillis(1_440_938_160_000);

/// A request as text, read as a server reads it.
#[derive(Clone, Debug)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    fn read(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let (method, rest) = first.split_once(' ').unwrap();
        let target = rest.rsplit_once(" HTTP").unwrap().0;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with(' ') {
                headers.last_mut().unwrap().1.extend([" ", line.trim()]);
            } else {
                let (name, value) = line.split_once(':').unwrap();
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
        let (path, query) = (path.to_owned(), query.to_owned());
        Self { method: method.to_owned(), path, query, headers, body: body.to_owned() }
    }

    fn with<T>(&self, f: impl FnOnce(&HttpRequest<'_>) -> T) -> T {
        let header = |name: &str| {
            let all = self.headers.iter().filter(|(n, _)| n == name);
            let all: Vec<&str> = all.map(|(_, v)| v.trim()).collect();
            (!all.is_empty()).then(|| all.join(","))
        };
        f(&HttpRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            header: &header,
            body: self.body.as_bytes(),
        })
    }

    fn check(&self, now: UnixMillis) -> Result<(), AuthnError> {
        self.with(|request| {
            let presented = Presented::read_http(request)?;
            let key = SigningKey::derive(&Secret::new(SECRET.to_owned()), &presented);
            presented.verify_http(&key, request, now)
        })
    }
}

/// Name, request and canonical request of each vector, one after the other.
fn vectors() -> Vec<(&'static str, &'static str, &'static str)> {
    let text = include_str!("../../../testdata/aws-signing-test-suite.txt");
    let vector = |v: &'static str| {
        let (name, rest) = v.split_once('\n').unwrap();
        let (request, canonical) = rest.split_once("\n==== canonical\n").unwrap();
        (name, request, canonical.trim_end_matches('\n'))
    };
    text.split("==== vector ").skip(1).map(vector).collect()
}

#[test]
fn the_public_vectors_hold() {
    let all = vectors();
    assert_eq!(all.len(), 60);
    for (name, request, canonical) in all {
        let sent = Sent::read(request);
        let ours = sent.with(|r| Presented::read_http(r).unwrap().canonical(r).unwrap());
        assert_eq!(ours, canonical, "{name}");
        assert_eq!(sent.check(NOW), Ok(()), "{name}");
    }
}

fn vector(name: &str) -> Sent {
    Sent::read(vectors().into_iter().find(|v| v.0 == name).unwrap().1)
}

#[test]
fn whatever_is_altered_is_refused() {
    for name in ["post-x-www-form-urlencoded header", "get-vanilla-query query"] {
        let good = vector(name);
        let check = |altered: Sent| {
            assert_eq!(altered.check(NOW), Err(AuthnError::SignatureDoesNotMatch), "{altered:?}");
        };
        check(Sent { method: "PUT".into(), ..good.clone() });
        check(Sent { path: "/other".into(), ..good.clone() });
        check(Sent { query: format!("{}&a=b", good.query), ..good.clone() });
        check(Sent { body: format!("{}x", good.body), ..good.clone() });
        let mut host = good.clone();
        host.headers.iter_mut().find(|(n, _)| n == "host").unwrap().1.push('x');
        check(host);
    }
}

#[test]
fn an_unsigned_payload_is_not_taken() {
    let mut sent = vector("post-x-www-form-urlencoded header");
    let hash = sent.headers.iter_mut().find(|(n, _)| n == "x-amz-content-sha256").unwrap();
    hash.1 = super::super::UNSIGNED_PAYLOAD.into();
    assert_eq!(sent.check(NOW), Err(AuthnError::SignatureDoesNotMatch));
}

#[test]
fn time_is_bounded_on_both_sides() {
    let (header, query) = (vector("get-vanilla header"), vector("get-vanilla query"));
    let at = |sent: &Sent, seconds: i64| {
        sent.check(UnixMillis(NOW.0.checked_add_signed(seconds * 1000).unwrap()))
    };
    for seconds in [-900, 0, 900] {
        assert_eq!(at(&header, seconds), Ok(()));
    }
    assert_eq!(
        at(&header, 901).unwrap_err().to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        at(&header, -901).unwrap_err().to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"
    );
    assert_eq!(at(&query, 3_600), Ok(()));
    assert_eq!(at(&query, 3_601), Err(AuthnError::RequestExpired));
    assert!(matches!(at(&query, -901), Err(AuthnError::SignatureNotCurrent(_))));
}

#[test]
fn what_is_missing_or_twofold_is_named() {
    let query = vector("get-vanilla query");
    for part in query.query.split('&') {
        let rest: Vec<&str> = query.query.split('&').filter(|p| *p != part).collect();
        let sent = Sent { query: rest.join("&"), ..query.clone() };
        let missing = sent.check(NOW).unwrap_err();
        let none = part.starts_with("X-Amz-Algorithm");
        assert_eq!(missing == AuthnError::MissingAuthenticationToken, none, "{part}");
        assert!(none || matches!(missing, AuthnError::IncompleteSignature(_)), "{part}");
        let twice = Sent { query: format!("{}&{part}", query.query), ..query.clone() };
        assert!(matches!(twice.check(NOW), Err(AuthnError::IncompleteSignature(_))), "{part}");
    }
    let header = vector("get-vanilla header");
    for part in ["Credential=", "SignedHeaders=", "Signature="] {
        let mut sent = header.clone();
        let value = sent.headers.iter_mut().find(|(n, _)| n == "authorization").unwrap();
        value.1 = value.1.replacen(part, "Other=", 1);
        assert!(matches!(sent.check(NOW), Err(AuthnError::IncompleteSignature(_))), "{part}");
    }
    let mut none = header;
    none.headers.retain(|(n, _)| n != "authorization");
    assert_eq!(none.check(NOW), Err(AuthnError::MissingAuthenticationToken));
}

#[test]
fn a_session_token_must_be_signed() {
    let mut sent = vector("get-vanilla header");
    sent.headers.push(("x-amz-security-token".into(), "t".into()));
    assert!(matches!(sent.check(NOW), Err(AuthnError::IncompleteSignature(_))));
    assert_eq!(vector("get-vanilla-with-session-token header").check(NOW), Ok(()));
}

#[test]
fn the_scope_must_name_the_service_and_a_region() {
    let presented = vector("get-vanilla header").with(|r| Presented::read_http(r).unwrap());
    assert_eq!(presented.check_scope("service", &["eu-central-1", "us-east-1"]), Ok(()));
    let refused =
        |service, region| presented.check_scope(service, &[region]).unwrap_err().to_string();
    assert_eq!(
        refused("iam", "us-east-1"),
        "Credential should be scoped to correct service: 'iam'."
    );
    assert_eq!(refused("service", "eu-west-1"), "Credential should be scoped to a valid region.");
}

proptest! {
    #[test]
    fn hostile_requests_never_panic(query in ".{0,80}", path in ".{0,40}", text in ".{0,80}") {
        let date = "20150830T123600Z".to_owned();
        let sent = Sent {
            method: "GET".into(),
            path,
            query: format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"),
            headers: vec![("x-amz-date".into(), date), ("host".into(), text.clone())],
            body: text.clone(),
        };
        prop_assert!(sent.check(NOW).is_err());
        let mut headers = sent.headers.clone();
        headers.push(("authorization".into(), format!("AWS4-HMAC-SHA256 {text}")));
        let refused = Sent { query, headers, ..sent }.check(NOW).is_err();
        prop_assert!(refused);
    }
}
