//! What was typed becomes what is meant: flags before environment before credentials before env file before default.
//!
//! The table of settings is in `settings`; a new setting is a row there, a field of [`Config`] and a line in `build`.

mod build;
mod credentials;
mod envfile;
mod export;
mod near_misses;
mod networks;
mod parse;
mod redact;
mod resolve;
pub mod settings;
mod show;
mod url;

use std::path::PathBuf;

use ipnet::IpNet;
use log::LevelFilter;

use crate::domain::Error;
use crate::domain::secret::Secret;
use crate::domain::vendor::Vendor;

pub use resolve::{Source, Surroundings, Typed};
pub use show::{Effective, banner, effective};
pub use url::typed as typed_url;

/// The configuration, checked and typed.
#[derive(Debug, Clone)]
pub struct Config {
    /// 0: the kernel chooses.
    pub port: u16,
    /// An address, without brackets, or a name.
    pub host: String,
    /// Absolute.
    pub data_dir: PathBuf,
    pub llm: Llm,
    /// Certificates in PEM. Absolute.
    pub ca_file: Option<PathBuf>,
    /// `None`: made once and kept in the data directory.
    pub jwt_secret: Option<Secret>,
    pub invite_code_required: bool,
    /// Whether 1.9's code of the day is accepted.
    pub invite_code_daily: bool,
    /// The tool server `promptx` is declared, and whether there is a command of that name.
    pub enable_promptx: bool,
    pub has_promptx: bool,
    pub log_level: LevelFilter,
    pub trusted_proxies: Vec<IpNet>,
    pub public_url: Option<PublicUrl>,
    pub alerts: AlertSettings,
    /// What `/metrics` asks for. `None`: it is for this machine and its network.
    pub metrics_token: Option<Secret>,
    /// Per account and address. 0: no limit.
    pub login_failures_per_5min: u32,
    /// Per address. 0: no limit.
    pub registrations_per_hour: u32,
    pub messages_per_minute: u32,
    pub sockets_per_user: u32,
    /// 0: no limit.
    pub storage_per_user_mib: u32,
    /// Hosts that agents may fetch although they are not public; `None`: they fetch nothing.
    pub fetch_hosts: Option<Vec<String>>,
    pub backup: Backup,
    /// What works but is not wise, one sentence each, safe to show.
    pub warnings: Vec<String>,
    resolved: resolve::Resolved,
}

/// Alert channels.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    pub webhook: Option<Secret>,
    pub command: Option<Secret>,
    pub name: Option<String>,
    pub every_seconds: u32,
}

#[derive(Debug, Clone)]
pub struct Llm {
    pub provider: &'static Vendor,
    pub api_key: Option<Secret>,
    /// Without a slash at its end. `None`: the provider's own.
    pub url: Option<String>,
    /// Empty: the first that the provider lists.
    pub model: String,
}

/// Scheduled backups.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Minutes of the day, UTC, in order. Empty: none are made.
    pub schedule: Vec<u16>,
    /// Absolute.
    pub directory: PathBuf,
    /// 0: all are kept.
    pub retention_days: u32,
    /// Whom they are encrypted for (`age1…`). Empty: they are not.
    pub recipients: Vec<String>,
}

/// The address that people use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// `https://chat.example.com`, with a port where one was given.
    pub origin: String,
    /// The path we are served under: `` or `/chat`, never with a slash at its end.
    pub base_path: String,
}

impl Config {
    /// The path we are served under: `` or `/chat`.
    pub fn base_path(&self) -> &str {
        self.public_url.as_ref().map_or("", |url| &url.base_path)
    }

    /// Whether a request over HTTP can be known to come from this machine: behind a public address or a named proxy a
    /// loopback peer may be a tunnel that writes no forwarding headers.
    pub fn knows_local(&self) -> bool {
        let names_proxy =
            self.resolved.source("TRUSTED_PROXIES") != Source::Default && !self.trusted_proxies.is_empty();
        self.public_url.is_none() && !names_proxy
    }

    pub fn log_file(&self) -> PathBuf {
        self.data_dir.join("logs/portagent.log")
    }

    /// Where a browser on this machine finds the server that listens on `port`.
    pub fn local_url(&self, port: u16) -> String {
        let host = match self.host.as_str() {
            "0.0.0.0" | "::" | "127.0.0.1" | "::1" => "localhost".to_owned(),
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        format!("http://{host}:{port}{}", self.base_path())
    }

    /// The error for a setting that turns out to be unusable later, such as a data directory that cannot be written:
    /// it names the value and where it came from, and is a wrong usage.
    pub fn reject(&self, name: &'static str, why: &str) -> Error {
        self.resolved.reject(name, why)
    }
}
