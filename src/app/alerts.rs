//! From settings to the channels of alerts.

use std::time::Duration;

use crate::config::Config;
use crate::config::settings::SETTINGS;
use crate::domain::Result;
use crate::ops::{AlertOptions, alert_test};

/// Without a name of its own a server is called by the address that people use.
pub(super) fn options(config: &Config) -> AlertOptions {
    let instance = config.alerts.name.clone().or_else(|| config.public_url.as_ref().map(|url| url.origin.clone()));
    AlertOptions {
        webhook: config.alerts.webhook.clone(),
        command: config.alerts.command.clone(),
        instance: instance.unwrap_or_else(|| "portagent".to_owned()),
        every: Duration::from_secs(config.alerts.every_seconds.into()),
        hidden: SETTINGS.iter().filter(|setting| setting.secret).map(|setting| setting.name).collect(),
    }
}

/// Sends a test over every configured channel, and returns the outcome of each.
pub fn test(config: &Config) -> Vec<(&'static str, Result<(), String>)> {
    alert_test(&options(config))
}
