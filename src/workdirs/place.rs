//! A path below a work directory, as a model or a person writes it. It begins at the directory, wherever it says it
//! begins, and never leads above it.

use std::ffi::OsStr;
use std::fmt;

use super::name::is_plain;
use crate::domain::{Error, Result};

/// The longest path, in bytes, and the most names in it.
const PATH_BYTES: usize = 1024;
const NAMES: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Vec<String>);

impl Place {
    /// Errors: `Invalid` for a path that leads up, is too long, or has control characters in it.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |message: &str| Err(Error::invalid("bad_path", message.to_owned()));
        if text.len() > PATH_BYTES {
            return invalid("The path is too long");
        }
        if text.chars().any(char::is_control) {
            return invalid("The path has control characters in it");
        }
        let names: Vec<String> = text.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect();
        if names.iter().any(|name| name == "..") {
            return invalid("The path may not lead up: it begins at the work directory");
        }
        if names.len() > NAMES || !names.iter().all(|name| is_plain(name.as_bytes())) {
            return invalid("The path has too many names, or one that is too long");
        }
        Ok(Self(names))
    }

    /// The work directory itself.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directories, and the name of what is in the last of them. `None` for the work directory itself.
    pub(super) fn split(&self) -> Option<(&[String], &OsStr)> {
        let (name, parents) = self.0.split_last()?;
        Some((parents, OsStr::new(name)))
    }

    pub(super) fn names(&self) -> &[String] {
        &self.0
    }

    /// The last name; `.` for the work directory itself.
    pub fn name(&self) -> &str {
        self.0.last().map_or(".", String::as_str)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { f.write_str(&self.0.join("/")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let got = Place::parse(text).map(|place| place.to_string()).map_err(|error| error.code.as_str());
            assert_eq!(got, expected.map(str::to_owned), "{text:?}");
        };
        check("notes.txt", Ok("notes.txt"));
        check("./a//b/./c/", Ok("a/b/c"));
        check("/etc/passwd", Ok("etc/passwd"));
        check("深/a b/…", Ok("深/a b/…"));
        check("", Ok("."));
        check("/", Ok("."));
        check("a..b/...", Ok("a..b/..."));
        for bad in
            ["..", "a/../b", "/..", "../x", "a\0b", "a\nb", &"x".repeat(256), &"x/".repeat(33), &"深/".repeat(300)]
        {
            check(bad, Err("bad_path"));
        }
    }
}
