//! Hostile tokens of OpenID Connect, and hostile key sets and discovery documents: never a panic, and no token is believed without the key.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use tidegate_authn::{Discovery, IdentityToken, JwkSet, OidcError};
use tidegate_policy::UnixMillis;

/// Keys of each kind, of RFC 7515 (A.2, A.3) and RFC 7517 (A.1). No seed is signed by any of them.
static KEYS: LazyLock<JwkSet> = LazyLock::new(|| {
    JwkSet::parse(include_bytes!("../seeds/token/keys")).expect("the key set of the seeds is read")
});
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const NAME: &str = "idp.example.com";

/// Reads a token as a node does when it is shown one.
fn believe(token: &str, keys: &JwkSet) -> Result<(), OidcError> {
    let token = IdentityToken::parse(token)?;
    let checked = token.check(NAME, &["tide".to_owned()], NOW)?;
    checked.verify(keys).map(|_| ())
}

fuzz_target!(|data: &[u8]| {
    // What an issuer publishes is as hostile as the token.
    let own = JwkSet::parse(data);
    if let Some(found) = Discovery::parse(data, "https://idp.example.com") {
        assert_eq!(found.issuer.trim_end_matches('/'), "https://idp.example.com");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(believe(text, &KEYS).is_err());
    // Header, claims and signature, each on a line of its own, so that changes of them reach what is behind the base64.
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (header, claims, signature) = (line(), line(), line());
    let packed = [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    match believe(&packed, &KEYS) {
        Ok(()) => panic!("a token is believed that nobody signed: {text}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(own) = own {
        let _ = believe(&packed, &own);
    }
});
