//! The settings: they were good enough to be read; here is what is unwise about them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Installation;
use crate::domain::finding::Finding;

const CONFIGURATION: &str = "configuration";
const ENV_FILE: &str = "env file";

pub(super) fn findings(installation: &Installation) -> Vec<Finding> {
    let mut findings = vec![Finding::pass(CONFIGURATION, "every setting is valid")];
    let open: Vec<String> =
        installation.env_files.iter().filter(|(path, secret)| *secret && others_read(path)).map(name).collect();
    if !open.is_empty() {
        let files = open.join(" ");
        findings.push(
            Finding::fail(ENV_FILE, format!("others on this machine can read the secrets in {files}"))
                .hint(format!("chmod 600 {files}")),
        );
    } else if !installation.env_files.is_empty() {
        let files: Vec<String> = installation.env_files.iter().map(name).collect();
        findings.push(Finding::pass(ENV_FILE, format!("settings are read from {}", files.join(" and "))));
    }
    // An env file that is open to others was reported above.
    let others = installation.warnings.iter().filter(|warning| !warning.contains("chmod 600"));
    findings.extend(others.map(|warning| Finding::warn(CONFIGURATION, warning)));
    findings
}

fn others_read(path: &std::path::Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn name((path, _): &(std::path::PathBuf, bool)) -> String {
    path.display().to_string()
}
