//! Signatures of every accepted algorithm, by the right key and no other, and tokens that are none.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::*;
use crate::TokenKey;

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(header: &Value, payload: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", text(header.to_string()), text(payload), text(signature))
}

fn set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The example of RFC 7515, appendix A.2: another implementation's signature.
#[test]
fn rfc_7515_a2_is_verified() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let keys = set(&[json!({ "kty": "RSA", "n": n, "e": "AQAB" })]);
    let jws = Jws::parse(token).unwrap();
    assert_eq!(keys.verify(&jws), Ok(()));
    assert_eq!(jws.claims::<Value>().unwrap()["iss"], "joe");
    let altered = token.replacen("eyJpc3MiOiJqb2UiLA", "eyJpc3MiOiJqb2YiLA", 1);
    assert_eq!(keys.verify(&Jws::parse(&altered).unwrap()), Err(JwkError::Signature));
}

#[test]
fn every_algorithm_is_verified_by_its_own_kind_of_key_alone() {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_key = json!({
        "kty": "RSA",
        "n": text(rsa.public_key().modulus().big_endian_without_leading_zero()),
        "e": text(rsa.public_key().exponent().big_endian_without_leading_zero()),
    });
    let encodings: [(&str, &'static dyn RsaEncoding); 5] = [
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let curves: [(&str, &str, &'static EcdsaSigningAlgorithm); 2] = [
        ("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES512", "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
    ];
    let mut tokens = Vec::new();
    for (name, encoding) in encodings {
        let head = token(&json!({ "alg": name }), "{}", "");
        let signed = head.trim_end_matches('.');
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(encoding, &random, signed.as_bytes(), &mut signature).unwrap();
        tokens.push((name, rsa_key.clone(), format!("{signed}.{}", text(signature))));
    }
    for (name, curve, algorithm) in curves {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let key = json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) });
        let head = token(&json!({ "alg": name }), "{}", "");
        let signed = head.trim_end_matches('.');
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        tokens.push((name, key, format!("{signed}.{}", text(signature))));
    }
    for (name, key, token) in &tokens {
        assert_eq!(
            set(core::slice::from_ref(key)).verify(&Jws::parse(token).unwrap()),
            Ok(()),
            "{name}"
        );
        let mut of_another = key.clone();
        of_another["alg"] = json!("RS256");
        let verdict = set(&[of_another]).verify(&Jws::parse(token).unwrap());
        assert_eq!(verdict, Err(JwkError::Unknown), "{name}");
    }
}

#[test]
fn what_is_no_acceptable_token_is_refused_before_any_key_is_asked() {
    let parse = |token: &str| Jws::parse(token).map(|_| ()).unwrap_err();
    for bad in ["", "a", "a.b", "a.b.c", "e30.e30.", "..", &"a".repeat(30_000)] {
        assert_eq!(parse(bad), JwsError::Malformed, "{bad:.20}");
    }
    for name in ["none", "None", "HS256", "RS1", "EdDSA", ""] {
        let verdict = parse(&token(&json!({ "alg": name }), "{}", "x"));
        assert_eq!(verdict, JwsError::Algorithm(name.to_owned()));
    }
    let critical = json!({ "alg": "RS256", "crit": ["b64"], "b64": false });
    assert_eq!(parse(&token(&critical, "{}", "x")), JwsError::Critical);
    let twice = format!("{}.e30.AA", text(r#"{"alg":"RS256","alg":"none"}"#));
    assert_eq!(parse(&twice), JwsError::Malformed);
}

#[test]
fn a_key_is_chosen_by_its_id_and_one_for_encryption_never() {
    let (old, new) = (
        TokenKey::generate(JwsAlgorithm::Es384).unwrap(),
        TokenKey::generate(JwsAlgorithm::Es384).unwrap(),
    );
    let signed = |key: &TokenKey, id: &str| Jws::parse(&key.sign(id, &json!({})).unwrap()).unwrap();
    let before = set(&[old.jwk("old")]);
    let both = set(&[old.jwk("old"), new.jwk("new")]);
    assert_eq!(before.verify(&signed(&new, "new")), Err(JwkError::Unknown));
    assert!(!before.knows(&signed(&new, "new")));
    assert_eq!(both.verify(&signed(&new, "new")), Ok(()));
    // The id names a key: that another one of the set fits does not help.
    assert_eq!(both.verify(&signed(&new, "old")), Err(JwkError::Signature));
    let mut encrypting = old.jwk("old");
    encrypting["use"] = json!("enc");
    assert_eq!(set(&[encrypting]).verify(&signed(&old, "old")), Err(JwkError::Unknown));
}

#[test]
fn a_set_passes_over_what_it_does_not_know_and_is_bounded() {
    let known = TokenKey::generate(JwsAlgorithm::Es384).unwrap().jwk("k");
    let mixed = json!({ "keys": [{ "kty": "oct", "k": "AA" }, { "kty": "OKP" }, 7, known] });
    assert_eq!(JwkSet::parse(mixed.to_string().as_bytes()).unwrap().keys.len(), 1);
    let many = json!({ "keys": vec![known; KEYS_MAX + 1] });
    assert!(JwkSet::parse(many.to_string().as_bytes()).is_none());
    for bad in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#] {
        assert!(JwkSet::parse(bad.as_bytes()).is_none(), "{bad}");
    }
}
