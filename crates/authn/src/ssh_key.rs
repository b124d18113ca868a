//! SSH public keys: read from OpenSSH's line or from PEM, written as either, with the fingerprint that AWS shows.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    signature::RsaSubjectPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use x509_parser::pem::Pem;

/// The shortest key that is taken, in bits (AWS: "a minimum bit-length of 2048").
const BITS_MIN: usize = 2_048;
/// The longest, in bits: the longest that the library reads.
const BITS_MAX: usize = 8_192;
/// What OpenSSH calls an RSA key.
const RSA: &str = "ssh-rsa";

/// A text that is no usable SSH public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// It is neither of the two encodings.
    #[error("the public key is neither in ssh-rsa nor in PEM format")]
    UnknownEncoding,
    /// It is encoded well enough, but is no RSA key of a usable length.
    #[error(
        "the public key is malformed or otherwise invalid: an RSA key of 2048 to 8192 bits is needed"
    )]
    Invalid,
}

/// An RSA public key.
#[derive(Clone, Debug)]
pub struct SshKey {
    key: RsaSubjectPublicKey,
}

/// One field of OpenSSH's wire form: a length in four bytes, and as many bytes. Gives it and the rest.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn put_field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

/// An element of DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let used: Vec<u8> = length.into_iter().skip_while(|b| *b == 0).collect();
    let mut out = vec![tag];
    match (used.as_slice(), u8::try_from(used.len())) {
        ([], _) => out.push(0),
        ([short], _) if *short < 128 => out.push(*short),
        (_, count) => {
            out.push(0x80 | count.unwrap_or(0));
            out.extend(&used);
        }
    }
    out.extend(content);
    out
}

/// A number with a zero before it where its first bit would make it negative: as SSH and DER both have it.
fn signed(number: &[u8]) -> Vec<u8> {
    let lead = number.first().is_some_and(|b| *b >= 0x80);
    lead.then_some(0).into_iter().chain(number.iter().copied()).collect()
}

fn open_ssh(text: &str) -> Result<Vec<u8>, SshKeyError> {
    let blob = text.split_ascii_whitespace().nth(1).and_then(|b| STANDARD.decode(b).ok());
    let blob = blob.ok_or(SshKeyError::Invalid)?;
    let read = || {
        let (name, rest) = field(&blob)?;
        let (exponent, rest) = field(rest)?;
        let (modulus, rest) = field(rest)?;
        (name == RSA.as_bytes() && rest.is_empty())
            .then(|| der(0x30, &[der(2, modulus), der(2, exponent)].concat()))
    };
    read().ok_or(SshKeyError::Invalid)
}

impl SshKey {
    /// Reads a key from OpenSSH's line (`ssh-rsa AAAA… comment`) or from PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`).
    ///
    /// # Errors
    /// Those of [`SshKeyError`].
    pub fn parse(text: &str) -> Result<Self, SshKeyError> {
        let text = text.trim();
        let bytes = if text.split_ascii_whitespace().next() == Some(RSA) {
            open_ssh(text)?
        } else if text.starts_with("-----BEGIN ") {
            let pem = Pem::iter_from_buffer(text.as_bytes()).next();
            let pem = pem.and_then(Result::ok).ok_or(SshKeyError::Invalid)?;
            if !matches!(pem.label.as_str(), "PUBLIC KEY" | "RSA PUBLIC KEY") {
                return Err(SshKeyError::UnknownEncoding);
            }
            pem.contents
        } else {
            return Err(SshKeyError::UnknownEncoding);
        };
        let key = RsaSubjectPublicKey::from_der(&bytes).map_err(|_| SshKeyError::Invalid)?;
        let parsed = Self { key };
        let bits = parsed.modulus().len() * 8;
        if (BITS_MIN..=BITS_MAX).contains(&bits) { Ok(parsed) } else { Err(SshKeyError::Invalid) }
    }

    fn modulus(&self) -> Vec<u8> {
        self.key.modulus().big_endian_without_leading_zero().to_vec()
    }

    fn wire(&self) -> Vec<u8> {
        let exponent = self.key.exponent().big_endian_without_leading_zero().to_vec();
        let mut out = Vec::new();
        put_field(&mut out, RSA.as_bytes());
        put_field(&mut out, &signed(&exponent));
        put_field(&mut out, &signed(&self.modulus()));
        out
    }

    /// OpenSSH's line, without a comment.
    pub fn to_open_ssh(&self) -> String {
        format!("{RSA} {}", STANDARD.encode(self.wire()))
    }

    /// The same key in PEM (`PUBLIC KEY`). `None` where the library can't write it.
    pub fn to_pem(&self) -> Option<String> {
        let der: PublicKeyX509Der<'_> = self.key.as_der().ok()?;
        let text = STANDARD.encode(der.as_ref());
        let mut lines = vec!["-----BEGIN PUBLIC KEY-----"];
        let mut rest = text.as_str();
        while let Some((line, more)) = rest.split_at_checked(64) {
            lines.push(line);
            rest = more;
        }
        lines.extend((!rest.is_empty()).then_some(rest));
        lines.push("-----END PUBLIC KEY-----");
        Some(lines.join("\n"))
    }

    /// MD5 of OpenSSH's wire form, in hexadecimal with colons: a name that people compare by eye, and no protection of anything.
    pub fn fingerprint(&self) -> String {
        let hash = Md5::digest(self.wire());
        hash.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
    }
}

#[cfg(test)]
mod tests;
