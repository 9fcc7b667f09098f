//! What the configuration looks like to a person: never with a secret in it.

use std::path::PathBuf;

use super::Config;
use super::redact::redacted;
use super::resolve::{Source, Value};
use super::settings::Setting;
use crate::domain::secret::Secret;
use crate::domain::vendor::Kind;

/// One setting as it counts.
#[derive(Debug, Clone)]
pub struct Effective {
    pub setting: &'static Setting,
    /// Safe to show. For a secret: `set`, `not set`, or what happens without it.
    pub value: String,
    pub source: Source,
}

/// All settings, in the order of the table.
pub fn effective(config: &Config) -> Vec<Effective> {
    config
        .resolved
        .iter()
        .map(|value| Effective { setting: value.setting, value: shown(config, value), source: value.source.clone() })
        .collect()
}

/// What a server says when it starts, one log line each.
pub fn banner(config: &Config) -> Vec<String> {
    let settings: Vec<String> =
        effective(config).into_iter().map(|one| format!("{}={}", one.setting.name, quoted(&one.value))).collect();
    let mut lines = vec![
        format!("portagent {} starts with its data in {}", env!("CARGO_PKG_VERSION"), config.data_dir.display()),
        settings.join(" "),
    ];
    if !config.resolved.files.is_empty() {
        let files: Vec<String> = config.resolved.files.iter().map(|path| path.display().to_string()).collect();
        lines.push(format!("settings were read from {}", files.join(" and ")));
    }
    if config.port != 0 {
        lines.push(format!("open {}", config.local_url(config.port)));
    }
    if let Some(url) = &config.public_url {
        lines.push(format!("people use {}{}", url.origin, url.base_path));
    }
    lines
}

impl Config {
    /// The settings that have another value in `other`, by name.
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.resolved.iter().zip(other.resolved.iter());
        pairs.filter(|(ours, theirs)| ours.text != theirs.text).map(|(ours, _)| ours.setting.name).collect()
    }

    /// The files that settings were read from, and whether a secret came from there.
    pub fn files(&self) -> Vec<(PathBuf, bool)> {
        let holds_secret = |path: &PathBuf| {
            self.resolved.iter().any(|value| {
                value.setting.secret && matches!(&value.source, Source::File { path: from, .. } if from == path)
            })
        };
        self.resolved.files.iter().map(|path| (path.clone(), holds_secret(path))).collect()
    }

    /// Everything that must never be seen.
    pub fn secrets(&self) -> Vec<Secret> {
        let values = self.resolved.iter().filter(|value| value.setting.secret);
        values.filter_map(|value| value.text.as_ref()).map(|text| Secret::new(text.0.clone())).collect()
    }

    /// The env files that were read.
    pub fn env_files(&self) -> &[PathBuf] {
        &self.resolved.files
    }
}

/// One word, whatever the value is.
fn quoted(value: &str) -> String {
    if value.is_empty() || value.contains([' ', '"']) { format!("{value:?}") } else { value.to_owned() }
}

fn shown(config: &Config, value: &Value) -> String {
    match (value.setting.name, &value.text) {
        (_, text) if value.setting.secret => match (text, value.setting.default.text()) {
            (Some(_), _) => "set".to_owned(),
            (None, "") => "not set".to_owned(),
            (None, without) => without.to_owned(),
        },
        ("AGENTX_DIR", _) => config.data_dir.display().to_string(),
        ("BACKUP_DIR", _) => config.backup.directory.display().to_string(),
        ("LLM_PROVIDER_MODEL", _) if config.llm.model.is_empty() => "the first that the provider lists".to_owned(),
        ("LLM_PROVIDER_MODEL", _) => config.llm.model.clone(),
        ("LLM_PROVIDER_URL", _) if config.llm.provider.kind == Kind::Demo => "built in".to_owned(),
        (_, Some(text)) => redacted(text.0.trim()),
        (_, None) => value.setting.default.text().to_owned(),
    }
}
