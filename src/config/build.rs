//! From texts to a [`Config`]: every value is parsed here, in the order of the table.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::resolve::{Rejected, Resolved, Source, Surroundings, Typed, resolve};
use super::{AlertSettings, Backup, Config, Llm, networks, parse, url};
use crate::domain::secret::Secret;
use crate::domain::vendor::Kind;
use crate::domain::{Error, Result};

/// A key for HS256 wants as many bytes as its hash has (RFC 7518 section 3.2).
const GOOD_SECRET_BYTES: usize = 32;

impl Config {
    /// From what was typed and what the process finds around it.
    ///
    /// Errors: `Invalid`, naming every bad value and where it came from.
    pub fn load(typed: &Typed, around: &Surroundings<'_>) -> Result<Self> {
        let (mut resolved, mut errors) = resolve(typed, around)?;
        let built = loop {
            match build(&resolved, around) {
                Ok(config) => break Some(config),
                Err(Rejected { name, error }) => {
                    errors.push(error);
                    if !resolved.forget(name) {
                        break None;
                    }
                }
            }
        };
        // Part of what is wrong may be a name that was not understood.
        let is_wrong = !errors.is_empty();
        let passed_over = resolved.warnings.iter().filter(|_| is_wrong);
        errors.extend(passed_over.map(|warning| Error::invalid("bad_setting", warning.clone())));
        match (built, Error::all(errors)) {
            (Some(config), None) => Ok(config),
            (_, Some(error)) => Err(error),
            (None, None) => Err(Error::invalid("bad_setting", "the settings cannot be read")),
        }
    }

    /// From what was typed and the process's own environment and working directory.
    pub fn from_process(typed: &Typed) -> Result<Self> {
        let directory = PathBuf::from(".");
        let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        let environment = |name: &str| std::env::var_os(name);
        Self::load(typed, &Surroundings { environment: &environment, names: &names, directory: &directory })
    }
}

/// Whether a program of that name is found, as a shell would look for it.
fn has_command(name: &str, around: &Surroundings<'_>) -> bool {
    let path = (around.environment)("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.is_absolute() && directory.join(name).is_file())
}

fn fetch_hosts(resolved: &Resolved) -> Result<Option<Vec<String>>, Rejected> {
    let hosts = resolved.optional("FETCH_URL_ALLOWED_HOSTS", parse::hosts)?.unwrap_or_default();
    Ok(resolved.required("FETCH_URL", parse::switch)?.then_some(hosts))
}

fn build(resolved: &Resolved, around: &Surroundings<'_>) -> Result<Config, Rejected> {
    let home = (around.environment)("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let data_dir = data_dir(resolved, home.clone())?;
    let has_promptx = has_command("promptx", around);
    Ok(Config {
        backup: backup(resolved, &data_dir, home.as_deref())?,
        port: resolved.required("PORT", parse::port)?,
        host: resolved.required("HOST", parse::host)?,
        data_dir,
        llm: llm(resolved)?,
        ca_file: resolved.optional("CA_FILE", |text| parse::directory(text, home.as_deref()))?,
        jwt_secret: resolved.exact("JWT_SECRET").map(Secret::new),
        invite_code_required: resolved.required("INVITE_CODE_REQUIRED", parse::switch)?,
        invite_code_daily: resolved.required("INVITE_CODE_DAILY", parse::switch)?,
        enable_promptx: resolved.optional("ENABLE_PROMPTX", parse::switch)?.unwrap_or(has_promptx),
        has_promptx,
        log_level: resolved.required("LOG_LEVEL", parse::level)?,
        trusted_proxies: resolved.required("TRUSTED_PROXIES", networks::networks)?,
        public_url: resolved.optional("PUBLIC_URL", url::public)?,
        alerts: alerts(resolved)?,
        metrics_token: resolved.optional("METRICS_TOKEN", parse::token)?.map(Secret::new),
        login_failures_per_5min: resolved.required("LOGIN_FAILURES_PER_5MIN", parse::number)?,
        registrations_per_hour: resolved.required("REGISTRATIONS_PER_HOUR", parse::number)?,
        messages_per_minute: resolved.required("MESSAGES_PER_MINUTE", parse::number)?,
        sockets_per_user: resolved.required("SOCKETS_PER_USER", parse::number)?,
        storage_per_user_mib: resolved.required("STORAGE_PER_USER_MB", parse::number)?,
        fetch_hosts: fetch_hosts(resolved)?,
        warnings: warnings(resolved),
        resolved: resolved.clone(),
    })
}

fn data_dir(resolved: &Resolved, home: Option<PathBuf>) -> Result<PathBuf, Rejected> {
    let typed = resolved.optional("AGENTX_DIR", |text| parse::directory(text, home.as_deref()))?;
    match (typed, home) {
        (Some(path), _) => Ok(path),
        (None, Some(home)) => Ok(home.join(".agentx")),
        (None, None) => {
            let problem = parse::no_home();
            let error = Error::invalid("bad_setting", format!("AGENTX_DIR: {}", problem.what)).hint(problem.hint);
            Err(Rejected { name: "AGENTX_DIR", error })
        }
    }
}

fn backup(resolved: &Resolved, data_dir: &Path, home: Option<&Path>) -> Result<Backup, Rejected> {
    let directory = resolved.optional("BACKUP_DIR", |text| parse::directory(text, home))?;
    Ok(Backup {
        schedule: resolved.required("BACKUP_SCHEDULE", parse::schedule)?,
        directory: directory.unwrap_or_else(|| data_dir.join("backups")),
        retention_days: resolved.required("BACKUP_RETENTION_DAYS", parse::days)?,
        recipients: resolved.optional("BACKUP_RECIPIENT", parse::recipients)?.unwrap_or_default(),
    })
}

fn llm(resolved: &Resolved) -> Result<Llm, Rejected> {
    let provider = resolved.required("LLM_PROVIDER", parse::provider)?;
    let url = resolved.optional("LLM_PROVIDER_URL", url::api)?;
    Ok(Llm {
        provider,
        api_key: resolved.optional("LLM_PROVIDER_KEY", parse::api_key)?.map(Secret::new),
        url: url.filter(|_| provider.kind != Kind::Demo),
        model: resolved
            .optional("LLM_PROVIDER_MODEL", parse::model)?
            .unwrap_or_else(|| provider.default_model.to_owned()),
    })
}

fn alerts(resolved: &Resolved) -> Result<AlertSettings, Rejected> {
    Ok(AlertSettings {
        webhook: resolved.optional("ALERT_WEBHOOK_URL", url::webhook)?.map(Secret::new),
        command: resolved.exact("ALERT_COMMAND").map(Secret::new),
        name: resolved.optional("ALERT_NAME", parse::words)?,
        every_seconds: resolved.required("ALERT_EVERY_SECONDS", parse::seconds)?,
    })
}

fn warnings(resolved: &Resolved) -> Vec<String> {
    let mut warnings = resolved.warnings.clone();
    for value in resolved.iter().filter(|value| value.setting.secret) {
        let name = value.setting.name;
        match &value.source {
            Source::Flag(flag) => warnings.push(format!(
                "--{flag} is visible to all users of this machine in the process list: use {name} or an env file"
            )),
            Source::File { path, .. }
                if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) =>
            {
                warnings.push(format!("{name} stands in {0}, which others may read: chmod 600 {0}", path.display()));
            }
            _ => {}
        }
    }
    if resolved.exact("JWT_SECRET").is_some_and(|secret| secret.len() < GOOD_SECRET_BYTES) {
        warnings.push(format!("JWT_SECRET is short: {GOOD_SECRET_BYTES} random bytes or more cannot be guessed"));
    }
    warnings
}
