//! Hostile SAML: metadata is read or refused, and a response is believed only if it says what its provider signed.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use tidegate_authn::{SamlExpected, SamlMetadata, verify_saml};
use tidegate_policy::UnixMillis;

/// Whose private keys nobody has any more: what is signed by them is in the seeds.
static METADATA: LazyLock<SamlMetadata> = LazyLock::new(|| {
    let text = include_str!("../../crates/authn/testdata/saml/metadata.xml");
    SamlMetadata::parse(text).expect("the metadata of the tests is read")
});
static RECIPIENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    ["https://signin.aws.amazon.com/saml", "urn:amazon:webservices"].map(str::to_owned).to_vec()
});
/// A second after the responses of the seeds were issued.
const NOW: UnixMillis = UnixMillis(1_800_000_001_000);

fn respond(text: &str) {
    let expected =
        SamlExpected { recipients: &RECIPIENTS, account: "000000000001", provider: "corp" };
    match verify_saml(&STANDARD.encode(text), &METADATA, &expected, NOW) {
        // What all signed seeds say. A change that is let through changes it.
        Ok(found) => {
            assert_eq!(found.identity.subject, "ada & sons");
            assert_eq!(found.session_name, "ada@example.com");
            assert_eq!(found.identity.tags, [("Team".to_owned(), "blue".to_owned())]);
            assert_eq!(found.session_seconds, Some(7_200));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fuzz_target!(|data: &[u8]| {
    // The first byte says what the rest is.
    let Some((first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if *first == b'm' {
        match SamlMetadata::parse(text) {
            Ok(found) => assert!(!found.entity_id.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    } else {
        respond(text);
    }
});
