//! Whether a server is the identity provider that it should be: by the authorities that everybody trusts, or by a thumbprint that the account
//! has registered.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use tidegate_authn::certificate_thumbprint;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Verifies what a provider's server shows.
#[derive(Debug)]
pub(super) struct ProviderVerifier {
    pub(super) provider: Arc<CryptoProvider>,
    /// By the trusted authorities; `None` where there are none.
    pub(super) public: Option<Arc<WebPkiServerVerifier>>,
    /// SHA-1 of certificates, in hexadecimal and lower case.
    pub(super) thumbprints: Vec<String>,
}

fn unknown() -> Error {
    Error::InvalidCertificate(CertificateError::UnknownIssuer)
}

impl ProviderVerifier {
    fn is_registered(&self, certificate: &CertificateDer<'_>) -> bool {
        let thumbprint = certificate_thumbprint(certificate);
        self.thumbprints.contains(&thumbprint)
    }

    /// By an authority of the chain that the account has registered.
    fn by_authority(
        &self,
        authority: &CertificateDer<'_>,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|_| unknown())?;
        verifier.verify_server_cert(end_entity, intermediates, name, &[], now)
    }

    /// By the server's own certificate: it must have the name and be within its time.
    fn by_itself(
        end_entity: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        let (_, parsed) = X509Certificate::from_der(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let validity = parsed.validity();
        if seconds > validity.not_after.timestamp() || seconds < validity.not_before.timestamp() {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for ProviderVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let public = self.public.as_ref().ok_or_else(unknown).and_then(|verifier| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
        });
        let Err(error) = public else { return public };
        if self.is_registered(end_entity) {
            return Self::by_itself(end_entity, name, now);
        }
        match intermediates.iter().find(|c| self.is_registered(c)) {
            Some(authority) => self.by_authority(authority, end_entity, intermediates, name, now),
            None => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
