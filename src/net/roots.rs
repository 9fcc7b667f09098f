//! The certificate authorities that are trusted: those of SSL_CERT_FILE, or the system's store where there is one, or
//! those that are built in. A company adds its own to the first or the second.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Where distributions keep all authorities in one file: Debian and Alpine, Fedora, openSUSE.
const STORES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
/// The largest file with certificates, in bytes; a system's store has a quarter of a million.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Read once: a process trusts the same authorities from its first request to its last.
static ROOTS: LazyLock<RootCerts> = LazyLock::new(|| of_environment(std::env::var_os("SSL_CERT_FILE").as_deref()));

pub fn tls() -> TlsConfig {
    TlsConfig::builder().root_certs(ROOTS.clone()).build()
}

/// Trusts the certificates of this PEM, and no others.
pub fn tls_trusting(pem: &[u8]) -> TlsConfig {
    TlsConfig::builder().root_certs(parsed(pem).unwrap_or_else(|| RootCerts::new_with_certs(&[]))).build()
}

fn of_environment(named: Option<&std::ffi::OsStr>) -> RootCerts {
    if let Some(path) = named.filter(|path| !path.is_empty()) {
        match read(Path::new(path)) {
            Some(roots) => return roots,
            None => log::warn!(
                target: "net",
                "SSL_CERT_FILE: there is no certificate in {}: the usual authorities are trusted",
                path.to_string_lossy()
            ),
        }
    }
    STORES.iter().find_map(|store| read(Path::new(store))).unwrap_or(RootCerts::WebPki)
}

fn read(path: &Path) -> Option<RootCerts> {
    let mut pem = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES).read_to_end(&mut pem).ok()?;
    parsed(&pem)
}

/// `None` without a single certificate.
fn parsed(pem: &[u8]) -> Option<RootCerts> {
    let certificates: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    (!certificates.is_empty()).then(|| RootCerts::from(certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_not_trusted() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("ca.pem");
        assert!(read(&file).is_none());
        std::fs::write(&file, "no certificate").unwrap();
        assert!(read(&file).is_none());
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(read(&file), Some(RootCerts::Specific(found)) if found.len() == 1));
        assert!(matches!(of_environment(Some(file.as_os_str())), RootCerts::Specific(found) if found.len() == 1));
    }
}
