//! For each setting: which value counts, and where it came from.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::redact::redacted;
use super::settings::{Default, SETTINGS, Setting, find};
use super::{credentials, envfile, near_misses};
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
    /// All names in it.
    pub names: &'a [String],
    /// Where `.env.local` and `.env` are looked for.
    pub directory: &'a Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Environment,
    /// Handed over by the service manager.
    Credential(String),
    /// In a file of its own, which a variable names.
    Named {
        variable: String,
        path: String,
    },
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
            Self::Named { variable, path } => write!(f, "{variable}={path}"),
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

/// Beside them the values that cannot be read at all.
///
/// Errors: `Invalid` for an env file that is missing, unreadable or has a bad line.
pub(super) fn resolve(typed: &Typed, around: &Surroundings<'_>) -> Result<(Resolved, Vec<Error>)> {
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
    warnings.extend(near_misses::warnings(around.names, &entries));
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for setting in SETTINGS {
        let found = resolve_one(setting, typed, around, &entries).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        values.push(found.unwrap_or_else(|| Value::default(setting)));
    }
    Ok((Resolved { values, files, warnings }, errors))
}

/// Empty means unset, on every level; `None` where it is unset on all.
///
/// Errors: `Invalid` for a value that is no text, and for a file with a secret that cannot be read.
fn resolve_one(
    setting: &'static Setting,
    typed: &Typed,
    around: &Surroundings<'_>,
    entries: &[envfile::Entry],
) -> Result<Option<Value>> {
    let value = |text: &str, source| Ok(Some(Value { setting, text: Some(Text(text.to_owned())), source }));
    let in_file = |name: &str| entries.iter().find(|entry| entry.key == name && !is_empty(&entry.value));
    let variable = setting.file_variable();
    let flag = typed.settings.iter().rev().find(|(name, text)| *name == setting.name && !is_empty(text));
    if let Some((_, text)) = flag {
        return value(text, Source::Flag(setting.flag));
    }
    if let Some(text) = environment(setting.name, around)? {
        return value(&text, Source::Environment);
    }
    if let Some((variable, path)) = with(&variable, |name| environment(name, around))? {
        return named(setting, variable, &path).map(Some);
    }
    if let Some((name, text)) = credential(setting, around)? {
        return value(&text, Source::Credential(name));
    }
    if let Some(entry) = in_file(setting.name) {
        return value(&entry.value, Source::File { path: entry.path.clone(), line: entry.line });
    }
    if let Some((variable, path)) = with(&variable, |name| Ok(in_file(name).map(|entry| entry.value.clone())))? {
        return named(setting, variable, &path).map(Some);
    }
    Ok(None)
}

/// The variable, where there is one, and what it is set to.
fn with(variable: &Option<String>, look_up: impl Fn(&str) -> Result<Option<String>>) -> Result<Option<(&str, String)>> {
    let Some(variable) = variable else { return Ok(None) };
    Ok(look_up(variable)?.map(|path| (variable.as_str(), path)))
}

/// Errors: `Invalid` for one that is no text.
fn environment(name: &str, around: &Surroundings<'_>) -> Result<Option<String>> {
    let text = (around.environment)(name).map(OsString::into_string).transpose();
    let text =
        text.map_err(|_| Error::invalid("bad_setting", format!("{name} (from environment): not valid UTF-8")))?;
    Ok(text.filter(|text| !is_empty(text)))
}

fn named(setting: &'static Setting, variable: &str, path: &str) -> Result<Value> {
    let text = credentials::read_file(path, variable)?;
    let source = Source::Named { variable: variable.to_owned(), path: redacted(path.trim()) };
    Ok(Value { setting, text: Some(Text(text)).filter(|text| !is_empty(&text.0)), source })
}

impl Value {
    fn default(setting: &'static Setting) -> Self {
        let text = match setting.default {
            Default::Is(text) => Some(Text(text.to_owned())),
            Default::Derived(_) => None,
        };
        Self { setting, text, source: Source::Default }
    }
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
    ) -> Result<Option<T>, Rejected> {
        let Some(text) = self.exact(name) else { return Ok(None) };
        parse(text.trim()).map(Some).map_err(|problem| {
            let error = self.reject(name, &problem.what);
            Rejected { name, error: if problem.hint.is_empty() { error } else { error.hint(problem.hint) } }
        })
    }

    /// The same for a setting that has a default in the table.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<T, Rejected> {
        self.optional(name, parse)?.ok_or_else(|| Rejected { name, error: self.reject(name, "has no value") })
    }

    /// Goes on with the default, to find what else is wrong. False where that is what counts already.
    pub(super) fn forget(&mut self, name: &str) -> bool {
        let value = self.values.iter_mut().find(|value| value.setting.name == name);
        value
            .filter(|value| value.source != Source::Default)
            .map(|value| *value = Value::default(value.setting))
            .is_some()
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

/// A value that is wrong, and what is said about it.
pub(super) struct Rejected {
    pub name: &'static str,
    pub error: Error,
}

/// What is wrong with a value, and the way out.
pub(super) struct Problem {
    pub what: String,
    pub hint: String,
}

pub(super) fn problem(what: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { what: what.into(), hint: hint.into() }
}
