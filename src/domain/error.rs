//! One error type for every room: what kind it is, a sentence that is safe to show, and a cause that is only logged.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller has to tell cases apart. `http` maps it to a status, `cli` to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's input is wrong.
    Invalid,
    /// No valid login.
    Unauthenticated,
    /// We know who asks, and they may not.
    Forbidden,
    /// It does not exist, or it belongs to another person: both look the same.
    NotFound,
    /// The state of things does not allow it now.
    Conflict,
    /// More than a named limit allows.
    TooLarge,
    /// Too often; `retry_after` says when again.
    RateLimited,
    /// The model's server failed us.
    Upstream,
    /// We cannot do it at the moment; `retry_after` may say when again.
    Unavailable,
    /// Our fault.
    Internal,
}

/// What went wrong, as programs tell it apart: stable, `snake_case`, part of the interface. Those that our own code acts
/// upon have a name here, so that a comparison with a code that does not exist cannot compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static str);

impl Code {
    pub const CANNOT_WRITE: Self = Self("cannot_write");
    pub const DATABASE_BUSY: Self = Self("database_busy");
    pub const DATABASE_DAMAGED: Self = Self("database_damaged");
    pub const DATABASE_NOT_WRITABLE: Self = Self("database_not_writable");
    pub const DATABASE_REPLACED: Self = Self("database_replaced");
    pub const DATA_DIR_IN_USE: Self = Self("data_dir_in_use");
    pub const DATA_DIR_NOT_WRITABLE: Self = Self("data_dir_not_writable");
    pub const DISK_FAILURE: Self = Self("disk_failure");
    pub const DISK_FULL: Self = Self("disk_full");
    pub const DISK_TOO_SMALL: Self = Self("disk_too_small");
    /// There is a first account already.
    pub const NOT_THE_FIRST: Self = Self("not_the_first");
    /// A person has stored as much as they may.
    pub const QUOTA_EXCEEDED: Self = Self("quota_exceeded");
    /// A command or a job was cut off.
    pub const STOPPED: Self = Self("stopped");
    /// The server is stopping.
    pub const STOPPING: Self = Self("stopping");
    /// A file of a type that no message takes.
    pub const UNSUPPORTED_FILE: Self = Self("unsupported_file");
    /// The prompt does not fit the model.
    pub const UPSTREAM_TOO_LARGE: Self = Self("upstream_too_large");

    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static str> for Code {
    fn from(code: &'static str) -> Self {
        Self(code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// An error on its way out: `message` and `hint` are safe to show, `source` goes to the log only.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    pub code: Code,
    pub message: Cow<'static, str>,
    /// The way out, where we know one.
    pub hint: Option<Cow<'static, str>>,
    pub retry_after: Option<Duration>,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, code: impl Into<Code>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code: code.into(), message: message.into(), hint: None, retry_after: None, source: None }
    }

    pub fn invalid(code: impl Into<Code>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("{what} not found"))
    }

    pub fn conflict(code: impl Into<Code>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "unauthenticated", "Please log in")
    }

    pub fn unavailable(code: impl Into<Code>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unavailable, code, message)
    }

    /// Something broke inside: the person learns that, the log learns what.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Kind::Internal, "internal", "Something went wrong on the server")
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The model to choose instead of one that is not available, as clients name it.
    #[must_use]
    pub fn with_next_model(self, model: &str) -> Self {
        self.source(NextModel(model.to_owned()))
    }

    pub fn next_model(&self) -> Option<&str> {
        let next = self.source.as_ref().and_then(|source| source.downcast_ref::<NextModel>());
        next.map(|NextModel(model)| model.as_str())
    }

    /// One error of several, in their order. `None` of none.
    pub fn all(errors: Vec<Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        let others: Vec<Self> = errors.collect();
        Some(if others.is_empty() { first } else { first.source(Several(others)) })
    }

    /// What is wrong as well, each with its own way out.
    pub fn also(&self) -> &[Self] {
        let several = self.source.as_ref().and_then(|source| source.downcast_ref::<Several>());
        several.map_or(&[], |several| &several.0)
    }

    /// For the log: the sentence and, behind it, the cause.
    pub fn with_cause(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {source}", self.message),
            None => self.message.to_string(),
        }
    }
}

/// Carried as a cause, because few errors have one and each is returned by value.
#[derive(Debug)]
struct NextModel(String);

impl fmt::Display for NextModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} can be chosen", self.0)
    }
}

impl std::error::Error for NextModel {}

/// The errors beside the first: its cause has no other place, and an error is returned often and looked at seldom.
#[derive(Debug)]
struct Several(Vec<Error>);

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<&str> = self.0.iter().map(|error| &*error.message).collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for Several {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
