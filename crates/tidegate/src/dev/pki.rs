//! The certificates of a development cluster: an authority of its own and one certificate a node.

use std::{fs, io, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, string::Ia5String,
};

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PkiError {
    /// The library refused.
    #[error("a certificate can't be made")]
    Certificate(#[from] rcgen::Error),
    /// A file can't be written.
    #[error("`{path}` can't be written")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Signs node certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cluster: String,
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    let fail = |source| PkiError::Write { path: path.display().to_string(), source };
    fs::write(path, text).map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(fail)?;
    }
    Ok(())
}

impl Authority {
    /// Makes a new authority and writes `ca.pem` and `ca.key` into `folder`.
    pub(crate) fn create(folder: &Path, cluster: &str) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Tidegate authority of {cluster}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        write_private(&folder.join("ca.pem"), &certificate.pem())?;
        write_private(&folder.join("ca.key"), &key.serialize_pem())?;
        Ok(Self { issuer: Issuer::new(params, key), cluster: cluster.to_owned() })
    }

    /// Opens the authority that [`Authority::create`] left in `folder`.
    pub(crate) fn open(folder: &Path, cluster: &str) -> Result<Self, PkiError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path)
                .map_err(|source| PkiError::Write { path: path.display().to_string(), source })
        };
        let key = KeyPair::from_pem(&read("ca.key")?)?;
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, key)?;
        Ok(Self { issuer, cluster: cluster.to_owned() })
    }

    /// Writes `node.pem` and `node.key` for node `number` of `region` into `folder`. The names are the node's own, its SPIFFE
    /// id, and the loopback addresses that development clients dial.
    pub(crate) fn issue(&self, folder: &Path, number: u64, region: &str) -> Result<(), PkiError> {
        let cluster = &self.cluster;
        let names = vec![
            format!("n{number}.{cluster}.tidegate"),
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
        ];
        let mut params = CertificateParams::new(names)?;
        let spiffe = format!("spiffe://{cluster}/tidegate/node/{region}/{number}");
        params.subject_alt_names.push(SanType::URI(Ia5String::try_from(spiffe)?));
        params.distinguished_name.push(DnType::CommonName, format!("n{number}"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        write_private(&folder.join("node.pem"), &certificate.pem())?;
        write_private(&folder.join("node.key"), &key.serialize_pem())
    }
}
