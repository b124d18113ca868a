//! Certificates of a small authority made for the test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

struct Made {
    leaf: String,
    key: String,
    intermediate: String,
    root: String,
}

fn named(name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn made() -> Made {
    let (root_key, middle_key, key) =
        (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root_params = named("root", true);
    let root = root_params.self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(root_params, root_key);
    let middle_params = named("middle", true);
    let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(middle_params, middle_key);
    let leaf = named("leaf", false).signed_by(&key, &middle_issuer).unwrap();
    Made {
        leaf: leaf.pem(),
        key: key.serialize_pem(),
        intermediate: middle.pem(),
        root: root.pem(),
    }
}

#[test]
fn a_certificate_says_how_long_it_lasts_and_which_key_is_its_own() {
    let made = made();
    let leaf = Certificate::parse(&made.leaf).unwrap();
    assert!(leaf.not_before < leaf.not_after, "{leaf:?}");
    assert_eq!(leaf.fingerprint.len(), 64);
    assert_eq!(leaf.check_key(&made.key), Ok(()));
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(leaf.check_key(&other), Err(CertificateError::KeyMismatch));
    for broken in ["", "none", &made.leaf, &made.key.replace("PRIVATE", "ENCRYPTED PRIVATE")] {
        assert_eq!(leaf.check_key(broken), Err(CertificateError::MalformedKey), "{broken}");
    }
}

#[test]
fn what_is_no_single_certificate_is_refused() {
    let made = made();
    let twice = format!("{}{}", made.leaf, made.leaf);
    let cut = made.leaf.replace("MII", "AII");
    for text in ["", "-----BEGIN CERTIFICATE-----", &made.key, &twice, &cut] {
        assert_eq!(Certificate::parse(text), Err(CertificateError::Malformed), "{text}");
    }
}

#[test]
fn a_chain_begins_with_the_signer_and_goes_up() {
    let made = made();
    let leaf = Certificate::parse(&made.leaf).unwrap();
    let chain = |parts: &[&str]| leaf.check_chain(&parts.concat());
    assert_eq!(chain(&[&made.intermediate]), Ok(()));
    assert_eq!(chain(&[&made.intermediate, &made.root]), Ok(()));
    assert_eq!(chain(&[&made.root, &made.intermediate]), Err(CertificateError::BrokenChain(0)));
    assert_eq!(chain(&[&made.intermediate, &made.leaf]), Err(CertificateError::BrokenChain(1)));
    assert_eq!(chain(&[]), Err(CertificateError::Malformed));
    assert_eq!(chain(&["x"]), Err(CertificateError::Malformed));
    // The name of the signer alone is not its signature.
    let forged = named("middle", true).self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    assert_eq!(chain(&[&forged]), Err(CertificateError::BrokenChain(0)));
}
