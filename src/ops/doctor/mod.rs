//! Checks everything that can be wrong with an installation, from its settings to the proxy in front of it, and says
//! what to do. It changes nothing, and its output can be shown to others.

mod backups;
mod clock;
mod databases;
mod directory;
mod log_file;
mod machine;
mod port;
mod public;
mod redact;
mod settings;
mod upstream;
mod web;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::finding::Finding;
use crate::domain::secret::Secret;

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
    pub model_server: ModelServer,
    /// Origin and sub-path as PUBLIC_URL has them.
    pub public_url: Option<String>,
    /// What must not appear in the output.
    pub secrets: Vec<Secret>,
}

/// What `app` knows of a model's wire, and this room does not.
#[derive(Clone)]
pub struct ReadModels(pub Arc<ReadIds>);

type ReadIds = dyn Fn(&str) -> Option<Vec<String>> + Send + Sync;

impl fmt::Debug for ReadModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadModels")
    }
}

#[derive(Debug, Clone)]
pub enum ModelServer {
    /// Part of this program.
    BuiltIn,
    Remote {
        /// Where its models are listed, and the headers that carry the key.
        url: String,
        headers: Vec<(&'static str, Secret)>,
        /// The ids in such a list. `None`: it is none.
        read: ReadModels,
        /// A key is needed, and none is set.
        lacks_key: bool,
        /// Empty: the first in the list.
        model: String,
    },
}

/// The public address, and a private certificate authority.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    pub url: String,
    /// PEM.
    pub authority: Option<Vec<u8>>,
}

/// All findings, in the order in which a person would check.
pub fn examine(installation: &Installation, address: Option<&PublicAddress>) -> Vec<Finding> {
    let mut findings = settings::findings(installation);
    findings.extend(directory::findings(&installation.data_dir));
    findings.extend(machine::findings(&installation.data_dir));
    let served = databases::lock(&installation.data_dir);
    findings.push(served.finding.clone());
    findings.extend(databases::findings(&installation.data_dir, served.pid.is_some()));
    findings.push(databases::administrator(&installation.data_dir, served.pid.is_some()));
    findings.push(port::finding(installation, served.pid.as_deref()));
    findings.extend(backups::findings(installation, served.pid.is_some()));
    findings.extend(log_file::findings(&installation.log_file));
    let (models, mut times) = upstream::findings(&installation.model_server);
    findings.extend(models);
    if let Some(address) = address {
        let (through, time) = public::findings(installation, address);
        findings.extend(through);
        times.extend(time);
    }
    findings.push(clock::finding(&times));
    redact::clean(&mut findings, &installation.secrets);
    findings
}
