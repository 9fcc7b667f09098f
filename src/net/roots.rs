//! The certificate authorities that are trusted: those of SSL_CERT_FILE, or the system's store where there is one, or
//! those that are built in; and with any of them those of CA_FILE, which may also be a server's own certificate.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Where distributions keep all authorities in one file: Debian and Alpine, Fedora, openSUSE.
const STORES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
/// The largest file with certificates, in bytes; a system's store has a quarter of a million.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Read once: a process trusts the same authorities from its first request to its last.
static ROOTS: LazyLock<Vec<Certificate>> =
    LazyLock::new(|| of_environment(std::env::var_os("SSL_CERT_FILE").as_deref()));
/// What the operator named for this program.
static NAMED: OnceLock<Vec<Certificate>> = OnceLock::new();

type Certificate = CertificateDer<'static>;

/// Trusts the certificates of this PEM as well, from the first call on. False where there is none in it.
pub fn trust_also(pem: &[u8]) -> bool {
    let certificates = parsed(pem);
    let is_some = !certificates.is_empty();
    let _ = NAMED.set(certificates); // a reload of the settings does not change whom a process trusts
    is_some
}

pub(super) fn named() -> Vec<Certificate> {
    NAMED.get().cloned().unwrap_or_default()
}

/// All of them; those that are built in where the system has none.
pub(super) fn store() -> RootCertStore {
    let mut store = RootCertStore::empty();
    if ROOTS.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store.add_parsable_certificates(ROOTS.iter().cloned().chain(named()));
    store
}

/// None of them: those that are built in count.
fn of_environment(named: Option<&std::ffi::OsStr>) -> Vec<Certificate> {
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
    STORES.iter().find_map(|store| read(Path::new(store))).unwrap_or_default()
}

/// `None` without a single certificate.
fn read(path: &Path) -> Option<Vec<Certificate>> {
    let mut pem = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES).read_to_end(&mut pem).ok()?;
    Some(parsed(&pem)).filter(|certificates| !certificates.is_empty())
}

fn parsed(pem: &[u8]) -> Vec<Certificate> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
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
        assert!(read(&file).is_some_and(|found| found.len() == 1));
        assert!(of_environment(Some(file.as_os_str())).len() == 1);
    }
}
