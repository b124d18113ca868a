//! X.509 certificates that people bring along: whether they can be read, until when they last, and whether a private key is theirs.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{
        self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey,
        VerificationAlgorithm,
    },
};
use x509_parser::{
    pem::Pem,
    prelude::{FromDer as _, X509Certificate},
};

/// A certificate or key that can't be used. The sentences are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is no certificate in PEM.
    #[error("Unable to parse certificate. Please ensure the certificate is in PEM format.")]
    Malformed,
    /// It is no private key in PEM, or one of a kind that is not known.
    #[error(
        "Unable to parse key; the private key must be an unencrypted RSA or EC key in PEM format."
    )]
    MalformedKey,
    /// The private key is another's.
    #[error("Public key certificate and private key doesn't match.")]
    KeyMismatch,
    /// A certificate of the chain does not sign the one before it.
    #[error(
        "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: {0}"
    )]
    BrokenChain(usize),
}

/// Certificates in one chain: more are refused as malformed.
const CHAIN_MAX: usize = 10;

/// What is known of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// From when it is good, in milliseconds since the Unix epoch.
    pub not_before: u64,
    /// Until when, in milliseconds since the Unix epoch.
    pub not_after: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub fingerprint: String,
    der: Vec<u8>,
}

fn millis(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

fn pems(text: &str) -> Option<Vec<Pem>> {
    Pem::iter_from_buffer(text.as_bytes()).take(CHAIN_MAX + 1).collect::<Result<_, _>>().ok()
}

/// The algorithm by which a certificate is signed; `None`: one that is not checked here.
fn algorithm(oid: &str, curve: usize) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (oid, curve) {
        ("1.2.840.113549.1.1.11", _) => &signature::RSA_PKCS1_2048_8192_SHA256,
        ("1.2.840.113549.1.1.12", _) => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", _) => &signature::RSA_PKCS1_2048_8192_SHA512,
        ("1.2.840.10045.4.3.2", 65) => &signature::ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.2", 97) => &signature::ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", 65) => &signature::ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.3", 97) => &signature::ECDSA_P384_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", 133) => &signature::ECDSA_P521_SHA512_ASN1,
        ("1.3.101.112", _) => &signature::ED25519,
        _ => return None,
    })
}

/// Whether `issuer` signed `certificate`.
fn signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let key: &[u8] = &issuer.public_key().subject_public_key.data;
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    let named = certificate.issuer() == issuer.subject();
    named
        && algorithm(&oid, key.len()).is_some_and(|algorithm| {
            let signed: &[u8] = certificate.tbs_certificate.as_ref();
            UnparsedPublicKey::new(algorithm, key)
                .verify(signed, &certificate.signature_value.data)
                .is_ok()
        })
}

impl Certificate {
    /// Reads one certificate in PEM.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] where the text holds none, more than one, or something behind it.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let all = pems(text).ok_or(CertificateError::Malformed)?;
        let [pem] = all.as_slice() else { return Err(CertificateError::Malformed) };
        Self::read(pem)
    }

    fn read(pem: &Pem) -> Result<Self, CertificateError> {
        if pem.label != "CERTIFICATE" {
            return Err(CertificateError::Malformed);
        }
        let (rest, read) =
            X509Certificate::from_der(&pem.contents).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        Ok(Self {
            not_before: millis(read.validity().not_before.timestamp()),
            not_after: millis(read.validity().not_after.timestamp()),
            fingerprint: hex::encode(digest(&SHA256, &pem.contents)),
            der: pem.contents.clone(),
        })
    }

    fn parsed(&self) -> Result<X509Certificate<'_>, CertificateError> {
        X509Certificate::from_der(&self.der)
            .map(|(_, c)| c)
            .map_err(|_| CertificateError::Malformed)
    }

    /// Refuses a private key in PEM that is not this certificate's.
    ///
    /// # Errors
    /// [`CertificateError::MalformedKey`] where it can't be read, [`CertificateError::KeyMismatch`] where it is another's.
    pub fn check_key(&self, text: &str) -> Result<(), CertificateError> {
        let all = pems(text).ok_or(CertificateError::MalformedKey)?;
        // OpenSSL puts the parameters of an EC key before it.
        let mut keys = all.iter().filter(|pem| pem.label != "EC PARAMETERS");
        let (Some(pem), None) = (keys.next(), keys.next()) else {
            return Err(CertificateError::MalformedKey);
        };
        let public = public_key(&pem.label, &pem.contents).ok_or(CertificateError::MalformedKey)?;
        if *self.parsed()?.public_key().subject_public_key.data == *public {
            Ok(())
        } else {
            Err(CertificateError::KeyMismatch)
        }
    }

    /// Refuses a chain in PEM whose certificates do not each sign the one before it, beginning with this one.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] where it can't be read, [`CertificateError::BrokenChain`] with the place of the first that does
    /// not sign the one before it.
    pub fn check_chain(&self, text: &str) -> Result<(), CertificateError> {
        let all = pems(text).ok_or(CertificateError::Malformed)?;
        if all.is_empty() || all.len() > CHAIN_MAX {
            return Err(CertificateError::Malformed);
        }
        let mut below = self.clone();
        for (index, pem) in all.iter().enumerate() {
            let above = Self::read(pem)?;
            if !signed_by(&below.parsed()?, &above.parsed()?) {
                return Err(CertificateError::BrokenChain(index));
            }
            below = above;
        }
        Ok(())
    }
}

/// The public half of a private key, as certificates have it.
fn public_key(label: &str, der: &[u8]) -> Option<Vec<u8>> {
    let rsa = match label {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).ok(),
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(der).ok(),
        "EC PRIVATE KEY" => None,
        _ => return None,
    };
    if let Some(pair) = rsa {
        return Some(pair.public_key().as_ref().to_vec());
    }
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let pair = curves.into_iter().find_map(|c| EcdsaKeyPair::from_private_key_der(c, der).ok())?;
    Some(pair.public_key().as_ref().to_vec())
}

#[cfg(test)]
mod tests;
