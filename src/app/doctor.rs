//! What the doctor needs to know of the configuration.

use crate::config::Config;
use crate::domain::finding::Finding;
use crate::domain::{Error, Result};
use crate::ops::doctor::{self, Installation, PublicAddress};
use crate::service::models::Probe;

/// Checks everything. `url`: the public address; without one, PUBLIC_URL. `idle`: also whether a silent connection stays.
///
/// Errors: `Invalid` for a URL that is none.
pub fn examine(config: &Config, url: Option<&str>, idle: bool) -> Result<Vec<Finding>> {
    let typed = url.map(crate::config::typed_url).transpose()?;
    let url = typed.as_ref().or(config.public_url.as_ref());
    let address = url.map(|url| PublicAddress { url: format!("{}{}", url.origin, url.base_path), idle });
    Ok(doctor::examine(&installation(config), address.as_ref()))
}

/// Where the settings are wrong, nothing else can be checked.
pub fn wrong_settings(error: &Error) -> Vec<Finding> {
    let finding = |error: &Error| {
        let hint = error.hint.clone().unwrap_or("`portagent config` shows every setting".into());
        Finding::fail("configuration", error.message.clone()).hint(hint)
    };
    std::iter::once(error).chain(error.also()).map(finding).collect()
}

fn installation(config: &Config) -> Installation {
    Installation {
        warnings: config.warnings.clone(),
        env_files: config.files(),
        data_dir: config.data_dir.clone(),
        log_file: config.log_file(),
        backup_dir: config.backup.directory.clone(),
        backup_period: super::backup::period(config),
        host: config.host.clone(),
        port: config.port,
        provider: Probe::of_settings(super::endpoint(config, None)),
        public_url: config.public_url.as_ref().map(|url| format!("{}{}", url.origin, url.base_path)),
        secrets: config.secrets(),
    }
}
