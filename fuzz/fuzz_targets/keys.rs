//! Hostile certificates, private keys and SSH keys, as users upload them: read or refused, never a panic, and what was read can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_authn::{Certificate, SshKey};

/// A certificate to which keys and chains are held.
const OWN: &str = include_str!("../../tests/python/expired.pem");

fuzz_target!(|data: &[u8]| {
    // The first byte says what the rest is.
    let Some((first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match *first {
        b's' => match SshKey::parse(text) {
            Ok(key) => {
                let shown = key.to_open_ssh();
                let again = SshKey::parse(&shown).expect("what was shown is read");
                assert_eq!(again.fingerprint(), key.fingerprint());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        b'k' => {
            let own = Certificate::parse(OWN).expect("the certificate of the tests is read");
            // Nobody has the key of it but who made it.
            assert!(own.check_key(text).is_err());
            let _ = own.check_chain(text);
        }
        _ => {
            if let Ok(certificate) = Certificate::parse(text) {
                let _ = certificate.check_chain(text);
            }
        }
    }
});
