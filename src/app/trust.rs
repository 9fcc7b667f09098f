//! The certificates of CA_FILE, for every client of this process.

use std::path::Path;

use crate::config::Config;
use crate::domain::Result;
use crate::net;

/// The largest file, in bytes.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Errors: `Invalid` for a file that cannot be read, or has no certificate in it.
pub fn trust(config: &Config) -> Result<()> {
    let Some(path) = &config.ca_file else { return Ok(()) };
    let hint = "name a file with certificates in PEM: lines between BEGIN CERTIFICATE and END CERTIFICATE";
    let reject = |why: &str| Err(config.reject("CA_FILE", why).hint(hint));
    match read(path) {
        Ok(pem) if net::trust_also(&pem) => Ok(()),
        Ok(_) => reject("there is no certificate in it"),
        Err(error) => reject(&format!("it cannot be read: {error}")),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut pem = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES).read_to_end(&mut pem)?;
    Ok(pem)
}
