//! A provider's metadata: its name, until when it is good, and the keys that it signs with.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tidegate_policy::{UnixMillis, parse_date};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    SamlError,
    xml::{self, DSIG, METADATA},
};

/// Keys of a provider that are tried; AWS takes two.
const KEYS_MAX: usize = 10;

/// Object identifiers of public keys.
const OID_RSA: &str = "1.2.840.113549.1.1.1";
const OID_EC: &str = "1.2.840.10045.2.1";

/// A public key out of a certificate.
///
/// The dates of the certificate do not count: metadata is trusted because an administrator put it there, not because of who signed a
/// certificate in it (SAML V2.0 Metadata Interoperability Profile, section 2.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SamlKey {
    /// RSA: the key in DER (PKCS #1).
    Rsa(Vec<u8>),
    /// A point on P-256 or P-384: 65 or 97 bytes.
    Ec(Vec<u8>),
}

impl SamlKey {
    fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let info = certificate.public_key();
        let bits = info.subject_public_key.data.to_vec();
        match info.algorithm.algorithm.to_id_string().as_str() {
            OID_RSA => Some(Self::Rsa(bits)),
            OID_EC if matches!(bits.len(), 65 | 97) => Some(Self::Ec(bits)),
            _ => None,
        }
    }

    /// Whether a signature of this algorithm, named as XML signatures name it, is of this key.
    pub(super) fn verifies(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> bool {
        let ok = |with: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(with, key).verify(message, signed).is_ok()
        };
        let name = algorithm.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#");
        match (self, name) {
            (Self::Rsa(key), Some("rsa-sha256")) => ok(&signature::RSA_PKCS1_2048_8192_SHA256, key),
            (Self::Rsa(key), Some("rsa-sha384")) => ok(&signature::RSA_PKCS1_2048_8192_SHA384, key),
            (Self::Rsa(key), Some("rsa-sha512")) => ok(&signature::RSA_PKCS1_2048_8192_SHA512, key),
            (Self::Ec(key), Some("ecdsa-sha256")) if key.len() == 65 => {
                ok(&signature::ECDSA_P256_SHA256_FIXED, key)
            }
            (Self::Ec(key), Some("ecdsa-sha384")) if key.len() == 97 => {
                ok(&signature::ECDSA_P384_SHA384_FIXED, key)
            }
            _ => false,
        }
    }
}

/// What a provider's metadata says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamlMetadata {
    /// The provider's name, as its responses have it.
    pub entity_id: String,
    /// Until when the metadata is good; `None`: it does not say.
    pub valid_until: Option<UnixMillis>,
    /// The keys that it signs with.
    pub keys: Vec<SamlKey>,
}

impl SamlMetadata {
    /// Reads metadata of one provider.
    ///
    /// # Errors
    /// [`SamlError::Malformed`] for anything that is not the metadata of an identity provider. One without a key of a kind that is known
    /// here can be kept, but nothing is believed of it.
    pub fn parse(text: &str) -> Result<Self, SamlError> {
        let bad = SamlError::Malformed;
        let document = xml::parse(text)?;
        let root = document.root_element();
        if !xml::is(root, METADATA, "EntityDescriptor") {
            return Err(bad("it is not an EntityDescriptor"));
        }
        let entity_id =
            xml::attribute(root, "entityID").filter(|id| (1..=1024).contains(&id.len()));
        let entity_id = entity_id.ok_or(bad("it has no entityID"))?.to_owned();
        let date =
            |text: &str| parse_date(text).and_then(|d| u64::try_from(d).ok()).map(UnixMillis);
        let valid_until = match xml::attribute(root, "validUntil") {
            Some(text) => Some(date(text).ok_or(bad("its validUntil is no date"))?),
            None => None,
        };
        let mut descriptors = xml::children(root, METADATA, "IDPSSODescriptor").peekable();
        descriptors.peek().ok_or(bad("it does not describe an identity provider"))?;
        let keys: Vec<SamlKey> = descriptors
            .flat_map(|d| xml::children(d, METADATA, "KeyDescriptor"))
            .filter(|d| xml::attribute(*d, "use").is_none_or(|purpose| purpose == "signing"))
            .flat_map(|d| d.descendants().filter(|n| xml::is(*n, DSIG, "X509Certificate")))
            .filter_map(|n| {
                let text: String = xml::text(n).split_whitespace().collect();
                SamlKey::of_certificate(&STANDARD.decode(text).ok()?)
            })
            .take(KEYS_MAX)
            .collect();
        Ok(Self { entity_id, valid_until, keys })
    }
}
