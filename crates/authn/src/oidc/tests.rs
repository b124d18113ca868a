//! Tokens of a wrong issuer, audience, key or time, each refused by name, and what a good one says.

use serde_json::json;

use super::*;
use crate::{JwsAlgorithm, TokenKey};

const NAME: &str = "idp.example.com/realm";
/// Seconds since the Unix epoch.
const NOW: u64 = 1_800_000_000;

fn good() -> Value {
    json!({
        "iss": "https://idp.example.com/realm",
        "sub": "ada",
        "aud": "tide",
        "iat": NOW - 10,
        "exp": NOW + 600,
    })
}

fn with(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

struct Issuer {
    key: TokenKey,
    keys: JwkSet,
}

impl Issuer {
    fn new() -> Self {
        let key = TokenKey::generate(JwsAlgorithm::Es384).unwrap();
        let set = json!({ "keys": [key.jwk("k1")] }).to_string();
        Self { key, keys: JwkSet::parse(set.as_bytes()).unwrap() }
    }

    fn ask(&self, claims: &Value) -> Result<FederatedIdentity, OidcError> {
        let token = IdentityToken::parse(&self.key.sign("k1", claims).unwrap())?;
        let clients = ["tide".to_owned(), "other".to_owned()];
        token.check(NAME, &clients, UnixMillis(NOW * 1000))?.verify(&self.keys)
    }
}

#[test]
fn a_good_token_says_who_it_is() {
    let found = Issuer::new().ask(&with(&json!({ "amr": ["pwd", "mfa"], "repo": "a/b" }))).unwrap();
    assert_eq!((&*found.subject, &*found.audience), ("ada", "tide"));
    assert_eq!(found.issuer, "https://idp.example.com/realm");
    let keys: Vec<(&str, String)> = found.keys.iter().map(|(k, v)| (&**k, v.join(","))).collect();
    let of = |key: &'static str, value: &str| (key, value.to_owned());
    assert_eq!(
        keys,
        [
            of("idp.example.com/realm:aud", "tide"),
            of("idp.example.com/realm:sub", "ada"),
            of("idp.example.com/realm:amr", "pwd,mfa"),
            of("idp.example.com/realm:repo", "a/b"),
        ]
    );
    assert_eq!(found.session_keys, 3);
}

#[test]
fn a_token_of_a_wrong_issuer_audience_key_or_time_is_refused_by_name() {
    let issuer = Issuer::new();
    let refused = |changes: Value| issuer.ask(&with(&changes)).unwrap_err();
    assert_eq!(refused(json!({ "iss": "https://evil.example.com/realm" })), OidcError::Issuer);
    assert_eq!(refused(json!({ "aud": "somebody" })), OidcError::Audience);
    assert_eq!(refused(json!({ "aud": ["x", "y"] })), OidcError::Audience);
    // Whoever asked for the token counts, whatever else it is for.
    assert_eq!(refused(json!({ "azp": "somebody" })), OidcError::Audience);
    let ended = NOW - CLOCK_SKEW_SECONDS;
    assert_eq!(refused(json!({ "exp": ended })), OidcError::Expired { now: NOW, expires: ended });
    let text = refused(json!({ "exp": 5 })).to_string();
    assert_eq!(
        text,
        "Token expired: current date/time 1800000000 must be before the expiration date/time 5"
    );
    let later = NOW + CLOCK_SKEW_SECONDS + 1;
    assert_eq!(refused(json!({ "nbf": later })), OidcError::NotYet { now: NOW, from: later });
    assert_eq!(refused(json!({ "iat": later })), OidcError::NotYet { now: NOW, from: later });
    for claim in ["iss", "sub", "aud", "iat", "exp"] {
        assert_eq!(refused(json!({ claim: null })), OidcError::MissingClaim(claim));
        assert_eq!(refused(json!({ claim: {} })), OidcError::MissingClaim(claim));
    }
    assert_eq!(refused(json!({ "sub": "x".repeat(256) })), OidcError::MissingClaim("sub"));
    let other = Issuer::new();
    let token = IdentityToken::parse(&other.key.sign("k1", &good()).unwrap()).unwrap();
    let checked = token.check(NAME, &["tide".to_owned()], UnixMillis(NOW * 1000)).unwrap();
    assert_eq!(checked.verify(&issuer.keys), Err(OidcError::Signature));
    let token = IdentityToken::parse(&issuer.key.sign("k2", &good()).unwrap()).unwrap();
    let checked = token.check(NAME, &["tide".to_owned()], UnixMillis(NOW * 1000)).unwrap();
    assert_eq!(checked.verify(&issuer.keys), Err(OidcError::UnknownKey));
    assert_eq!(IdentityToken::parse("gho_access_token").unwrap_err(), OidcError::Malformed);
}

#[test]
fn within_the_allowance_for_clocks_a_token_is_good() {
    let issuer = Issuer::new();
    for changes in [
        json!({ "exp": NOW - CLOCK_SKEW_SECONDS + 1 }),
        json!({ "nbf": NOW + CLOCK_SKEW_SECONDS }),
        json!({ "iat": NOW + CLOCK_SKEW_SECONDS }),
        json!({ "exp": 1_800_000_010.5 }),
        json!({ "iss": "https://idp.example.com/realm/" }),
        json!({ "aud": ["x", "other"] }),
        json!({ "aud": "elsewhere", "azp": "tide" }),
    ] {
        assert!(issuer.ask(&with(&changes)).is_ok(), "{changes}");
    }
}

#[test]
fn tags_come_nested_or_flat_and_are_checked() {
    let issuer = Issuer::new();
    let nested = json!({ TAGS: {
        "principal_tags": { "Team": ["blue"], "Cost": "9" }, "transitive_tag_keys": ["Team"]
    }, SOURCE_IDENTITY: "ada" });
    let flat = json!({
        "https://aws.amazon.com/tags/principal_tags/Cost": ["9"],
        "https://aws.amazon.com/tags/principal_tags/Team": "blue",
        "https://aws.amazon.com/tags/transitive_tag_keys": ["Team"],
        SOURCE_IDENTITY: "ada",
    });
    for claims in [nested, flat] {
        let mut found = issuer.ask(&with(&claims)).unwrap();
        found.tags.sort();
        let tag = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(found.tags, [tag("Cost", "9"), tag("Team", "blue")]);
        assert_eq!(found.transitive_tag_keys, ["Team"]);
        assert_eq!(found.source_identity.as_deref(), Some("ada"));
        assert!(found.keys.iter().all(|(key, _)| !key.contains("tags")));
    }
    for bad in [
        json!({ TAGS: { "principal_tags": { "Team": ["a", "b"] } } }),
        json!({ TAGS: "x" }),
        json!({ TAGS: { "transitive_tag_keys": ["Team"] } }),
        json!({ SOURCE_IDENTITY: "aws:x" }),
        json!({ SOURCE_IDENTITY: 7 }),
    ] {
        assert!(issuer.ask(&with(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_discovery_document_is_its_issuers_own() {
    let read = |text: &str| Discovery::parse(text.as_bytes(), "https://idp.example.com");
    let good = r#"{"issuer":"https://idp.example.com/","jwks_uri":"https://idp.example.com/k"}"#;
    assert_eq!(read(good).unwrap().jwks_uri, "https://idp.example.com/k");
    assert_eq!(read(&good.replace("idp.example.com/\"", "evil.example.com\"")), None);
    assert_eq!(read("{}"), None);
    assert_eq!(read("<html>"), None);
}
