//! Looks at everything that can be wrong with an installation, from its settings to the proxy in front of it, changes
//! nothing, and says of each thing how it is and what to do. What it says can be pasted in public.

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

use std::path::PathBuf;

use crate::domain::secret::Secret;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not looked at, because something else stands in the way or nobody asked.
    Skip,
    Pass,
    Warn,
    Fail,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found, in a sentence.
    pub detail: String,
    /// What to do, where there is something to do.
    pub hint: Option<String>,
}

impl Finding {
    pub fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name, verdict, detail: detail.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn pass(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Pass, detail)
    }

    fn warn(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, detail)
    }

    fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, detail)
    }

    fn skip(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skip, detail)
    }
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Patient {
    /// What is unwise about the settings, one sentence each.
    pub warnings: Vec<String>,
    /// Files that settings were read from, and whether there is a secret in them.
    pub env_files: Vec<(PathBuf, bool)>,
    pub data_dir: PathBuf,
    pub log_file: PathBuf,
    pub backup_dir: PathBuf,
    pub host: String,
    /// 0: nobody knows which.
    pub port: u16,
    pub model_server: ModelServer,
    /// Origin and sub-path as PUBLIC_URL has them.
    pub public_url: Option<String>,
    /// What must not be seen, wherever it turns up.
    pub secrets: Vec<Secret>,
}

#[derive(Debug, Clone)]
pub enum ModelServer {
    /// Part of this program.
    BuiltIn,
    Anthropic {
        /// Without `/v1`.
        url: String,
        key: Option<Secret>,
        model: String,
    },
}

/// The address that people use, as somebody typed it, and a certificate authority of one's own.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    pub url: String,
    /// PEM.
    pub authority: Option<Vec<u8>>,
}

/// All findings, in the order in which a person would look.
pub fn examine(patient: &Patient, address: Option<&PublicAddress>) -> Vec<Finding> {
    let mut findings = settings::findings(patient);
    findings.extend(directory::findings(&patient.data_dir));
    findings.extend(machine::findings(&patient.data_dir));
    let served = databases::lock(&patient.data_dir);
    findings.push(served.finding.clone());
    findings.extend(databases::findings(&patient.data_dir, served.pid.is_some()));
    findings.push(port::finding(patient, served.pid.as_deref()));
    findings.extend(backups::findings(patient, served.pid.is_some()));
    findings.extend(log_file::findings(&patient.log_file));
    let (models, mut times) = upstream::findings(&patient.model_server);
    findings.extend(models);
    if let Some(address) = address {
        let (through, time) = public::findings(patient, address);
        findings.extend(through);
        times.extend(time);
    }
    findings.push(clock::finding(&times));
    redact::clean(&mut findings, &patient.secrets);
    findings
}

/// The worst of them; what was skipped does not count.
pub fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Pass).max(Verdict::Pass)
}
