//! For each setting: which value counts, and where it came from.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::redact::redacted;
use super::settings::{Default, SETTINGS, Setting, find};
use super::{credentials, envfile};
use crate::domain::{Error, Result};

/// Settings from the command line.
#[derive(Debug, Clone, std::default::Default)]
pub struct Typed {
    /// Name of the setting and value, in the order typed: the last one counts.
    pub settings: Vec<(&'static str, String)>,
    /// A named env file replaces `./.env.local` and `./.env`.
    pub env_file: Option<PathBuf>,
}

/// What a process finds around it. Tests bring their own.
pub struct Surroundings<'a> {
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where `.env.local` and `.env` are looked for.
    pub directory: &'a Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Environment,
    /// Handed over by the service manager.
    Credential(String),
    File {
        path: PathBuf,
        line: usize,
    },
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Environment => f.write_str("environment"),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting with the text that counts; `None` where it is not set and the default is worked out.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub setting: &'static Setting,
    pub text: Option<Text>,
    pub source: Source,
}

/// A value as it was typed. Some are secrets, so none of them prints itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All settings, in the order of the table.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    values: Vec<Value>,
    /// The env files that were read.
    pub files: Vec<PathBuf>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Errors: `Invalid` for an env file that is missing, unreadable or has a bad line, and for a value that is no text.
pub(super) fn resolve(typed: &Typed, around: &Surroundings<'_>) -> Result<Resolved> {
    let mut entries = Vec::new();
    let mut files = Vec::new();
    let candidates = match &typed.env_file {
        Some(path) => vec![path.clone()],
        None => [".env.local", ".env"].map(|name| around.directory.join(name)).to_vec(),
    };
    let mut warnings = Vec::new();
    for path in candidates {
        if let Some(why) = envfile::foreign(&path).filter(|_| typed.env_file.is_none()) {
            warnings.push(why);
            continue;
        }
        if let Some(found) = envfile::read(&path, typed.env_file.is_some())? {
            entries.extend(found);
            files.push(path);
        }
    }
    let value = |setting| resolve_one(setting, typed, around, &entries);
    Ok(Resolved { values: SETTINGS.iter().map(value).collect::<Result<_>>()?, files, warnings })
}

/// Empty means unset, on every level.
fn resolve_one(
    setting: &'static Setting,
    typed: &Typed,
    around: &Surroundings<'_>,
    entries: &[envfile::Entry],
) -> Result<Value> {
    let value = |text: &str, source| Value { setting, text: Some(Text(text.to_owned())), source };
    let flag = typed.settings.iter().rev().find(|(name, text)| *name == setting.name && !is_empty(text));
    if let Some((_, text)) = flag {
        return Ok(value(text, Source::Flag(setting.flag)));
    }
    if let Some(text) = (around.environment)(setting.name) {
        let text = text.into_string().map_err(|_| {
            Error::invalid("bad_setting", format!("{} (from environment): not valid UTF-8", setting.name))
        })?;
        if !is_empty(&text) {
            return Ok(value(&text, Source::Environment));
        }
    }
    if let Some((name, text)) = credential(setting, around)? {
        return Ok(value(&text, Source::Credential(name)));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.key == setting.name && !is_empty(&entry.value)) {
        return Ok(value(&entry.value, Source::File { path: entry.path.clone(), line: entry.line }));
    }
    let text = match setting.default {
        Default::Is(text) => Some(Text(text.to_owned())),
        Default::Derived(_) => None,
    };
    Ok(Value { setting, text, source: Source::Default })
}

/// Name and text, where the service manager hands one over for this setting.
fn credential(setting: &Setting, around: &Surroundings<'_>) -> Result<Option<(String, String)>> {
    let directory = (around.environment)("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty());
    let (Some(directory), Some(name)) = (directory, credentials::name(setting)) else { return Ok(None) };
    let text = credentials::read(Path::new(&directory), &name)?;
    Ok(text.filter(|text| !is_empty(text)).map(|text| (name, text)))
}

fn is_empty(text: &str) -> bool {
    text.trim().is_empty()
}

impl Resolved {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.setting.name == name)
    }

    /// The text that counts, exactly as typed.
    pub(super) fn exact(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(|value| value.text.as_ref()).map(|text| text.0.as_str())
    }

    pub(super) fn source(&self, name: &str) -> Source {
        self.value(name).map_or(Source::Default, |value| value.source.clone())
    }

    /// The value as `parse` reads it; `None` where it is not set.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>> {
        let Some(text) = self.exact(name) else { return Ok(None) };
        parse(text.trim()).map(Some).map_err(|problem| {
            let error = self.reject(name, &problem.what);
            if problem.hint.is_empty() { error } else { error.hint(problem.hint) }
        })
    }

    /// The same for a setting that has a default in the table.
    pub(super) fn required<T>(&self, name: &'static str, parse: impl Fn(&str) -> Result<T, Problem>) -> Result<T> {
        self.optional(name, parse)?.ok_or_else(|| self.reject(name, "has no value"))
    }

    pub(super) fn reject(&self, name: &'static str, why: &str) -> Error {
        let from = match self.source(name) {
            Source::Default => String::new(),
            source => format!(" (from {source})"),
        };
        let shown = match (find(name), self.exact(name)) {
            (Some(setting), Some(text)) if !setting.secret => format!("={}", redacted(text)),
            _ => String::new(),
        };
        Error::invalid("bad_setting", format!("{name}{shown}{from}: {why}"))
            .hint("`portagent config` shows every setting and where it comes from")
    }
}

/// What is wrong with a value, and the way out.
pub(super) struct Problem {
    pub what: String,
    pub hint: String,
}

pub(super) fn problem(what: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { what: what.into(), hint: hint.into() }
}
