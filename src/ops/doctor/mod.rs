//! Checks everything that can be wrong with an installation, from its settings to the proxy in front of it, and says
//! what to do. It changes nothing, and its output can be shown to others.

mod backups;
mod clock;
mod databases;
mod directory;
mod file_system;
mod log_file;
mod machine;
mod port;
mod public;
mod redact;
mod settings;
mod upstream;
mod web;

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::finding::Finding;
use crate::domain::secret::Secret;
use crate::service::models::Probe;

/// The installation that is checked.
#[derive(Debug, Clone)]
pub struct Installation {
    /// What is unwise about the settings, one sentence each.
    pub warnings: Vec<String>,
    /// Files that settings were read from, and whether there is a secret in them.
    pub env_files: Vec<(PathBuf, bool)>,
    pub data_dir: PathBuf,
    pub log_file: PathBuf,
    pub backup_dir: PathBuf,
    /// The time between two automatic backups; `None`: there are none.
    pub backup_period: Option<Duration>,
    pub host: String,
    /// 0: the system chooses one.
    pub port: u16,
    /// The one of the settings.
    pub provider: Probe,
    /// Origin and sub-path as PUBLIC_URL has them.
    pub public_url: Option<String>,
    /// What must not appear in the output.
    pub secrets: Vec<Secret>,
}

/// The public address, and what is asked of it.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    pub url: String,
    /// Whether to hold a connection silent as long as a chat may be.
    pub idle: bool,
}

/// All findings, in the order in which a person would check.
pub fn examine(installation: &Installation, address: Option<&PublicAddress>) -> Vec<Finding> {
    let mut findings = settings::findings(installation);
    let file_system = file_system::of(&installation.data_dir);
    findings.extend(directory::findings(&installation.data_dir, file_system.keeps_modes));
    findings.push(file_system.finding);
    findings.extend(machine::findings(&installation.data_dir));
    let served = databases::lock(&installation.data_dir);
    findings.push(served.finding.clone());
    findings.extend(databases::findings(&installation.data_dir, served.pid.is_some()));
    findings.push(databases::administrator(&installation.data_dir, served.pid.is_some()));
    findings.push(port::finding(installation, served.pid.as_deref()));
    findings.extend(backups::findings(installation, served.pid.is_some()));
    findings.extend(log_file::findings(&installation.log_file));
    let (models, mut times, keys) = upstream::findings(installation, served.pid.is_some());
    findings.extend(models);
    if let Some(address) = address {
        let (through, time) = public::findings(installation, address);
        findings.extend(through);
        times.extend(time);
    }
    findings.push(clock::finding(&times));
    redact::clean(&mut findings, &[&*installation.secrets, &*keys].concat());
    findings
}
