//! Who a server is: by the authorities that are trusted or, where its own certificate is the one that the operator named,
//! by that alone. What `openssl req -x509` makes is an authority's certificate used as a server's; webpki refuses those,
//! and operators have them.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::validity;

#[derive(Debug)]
pub(super) struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    /// What the operator named.
    named: Vec<CertificateDer<'static>>,
    expires: Expires,
}

/// When the last certificate that was seen ends to be valid, in seconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Expires(Arc<Mutex<Option<i64>>>);

impl Expires {
    pub fn at(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, at: Option<i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl Verifier {
    pub(super) fn new(usual: Arc<WebPkiServerVerifier>, named: Vec<CertificateDer<'static>>, expires: Expires) -> Self {
        Self { usual, named, expires }
    }
}

/// Whether a certificate that is itself trusted is for this name, and now.
fn check(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let (begins, ends) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < begins {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > ends {
        return Err(CertificateError::Expired.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.expires.set(validity(certificate).map(|(_, ends)| ends));
        if self.named.iter().any(|named| named == certificate) {
            return check(certificate, name, now).map(|()| ServerCertVerified::assertion());
        }
        self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
