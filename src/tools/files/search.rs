//! The tool `search_files`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;

use serde::Deserialize;

use super::{LANE, Storage, spec};
use crate::domain::tool::ToolSpec;
use crate::domain::{Error, Result};
use crate::tools::{Call, Consent, Output, Tool};
use crate::workdirs::{Place, Sort};

/// Hits of one answer, and what is shown of a line, in characters.
const HITS: usize = 200;
const LINE_CHARS: usize = 300;
/// Of each file so much is searched, in bytes; a line is cut after this.
const FILE_BYTES: u64 = 8 * 1024 * 1024;
const LINE_BYTES: u64 = 64 * 1024;

pub(super) struct SearchFiles {
    spec: ToolSpec,
    storage: Arc<Storage>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    text: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    path: String,
}

impl SearchFiles {
    pub(super) fn new(storage: Arc<Storage>) -> Self {
        let spec = spec(
            "search_files",
            "Searches the files in your work directory: by their name, by a text in them, or both. Upper and lower case \
             are the same.",
            r#"{"text":{"type":"string","description":"Lines that contain this are shown."},"name":{"type":"string","description":"Only files whose name fits; * stands for anything, ? for one character."},"path":{"type":"string","description":"Only below this directory."}}"#,
            &[],
        );
        Self { spec, storage }
    }
}

impl Tool for SearchFiles {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn consent(&self) -> Consent {
        Consent::Auto
    }

    fn lane(&self) -> Option<&str> {
        Some(LANE)
    }

    fn call(&self, call: &Call<'_>) -> Result<Output> {
        let input: Input = call.arguments()?;
        if input.text.is_empty() && input.name.is_empty() {
            return Err(Error::invalid("bad_tool_input", "Give a text or a name to search for"));
        }
        let (wanted, pattern) = (input.text.to_lowercase(), input.name.to_lowercase());
        let mut found = Found { text: String::new(), hits: 0, most_bytes: call.text_bytes.saturating_sub(200) };
        let workdir = self.storage.workdir(call)?;
        workdir.each(&Place::parse(&input.path)?, &mut |listed, open| {
            call.check()?;
            let name = listed.path.rsplit('/').next().unwrap_or_default().to_lowercase();
            if listed.sort != Sort::File || !pattern.is_empty() && !fits(&pattern, &name) {
                return Ok(true);
            }
            match open() {
                _ if wanted.is_empty() => found.add(&format!("{} ({} bytes)", listed.path, listed.size)),
                Ok(file) => lines(&listed.path, file, &wanted, &mut found, call)?,
                Err(_) => {}
            }
            Ok(!found.is_full())
        })?;
        if found.hits == 0 {
            found.text.push_str("(nothing was found)");
        }
        if found.is_full() {
            found.text.push_str("[there may be more; search more narrowly]");
        }
        Ok(Output::text(found.text))
    }
}

struct Found {
    text: String,
    hits: usize,
    most_bytes: usize,
}

impl Found {
    fn add(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
        self.hits += 1;
    }

    fn is_full(&self) -> bool {
        self.hits >= HITS || self.text.len() >= self.most_bytes
    }
}

/// A file with a zero byte in it is no text.
fn lines(path: &str, file: File, wanted: &str, found: &mut Found, call: &Call<'_>) -> Result<()> {
    let mut reader = BufReader::new(file.take(FILE_BYTES));
    let (mut line, mut number) = (Vec::new(), 0);
    while !found.is_full() {
        line.clear();
        // What vanishes while it is read has no more lines.
        let read = (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).unwrap_or(0);
        if read == 0 || line.contains(&0) {
            break;
        }
        number += 1;
        if number % 1000 == 0 {
            call.check()?;
        }
        let text = String::from_utf8_lossy(&line);
        if text.to_lowercase().contains(wanted) {
            let shown: String = text.trim_end().chars().take(LINE_CHARS).collect();
            found.add(&format!("{path}:{number}: {shown}"));
        }
    }
    Ok(())
}

/// `*` stands for anything, `?` for one character. In time that grows with the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    (at, in_name) = (*place + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        let check =
            |pattern: &str, name: &str, expected: bool| assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        check("*.txt", "a.txt", true);
        check("*.txt", "a.txt.bak", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*", "", true);
        check("", "", true);
        check("a*b*c", "aXbXbc", true);
        check("深*", "深度.md", true);
        check(&"*a".repeat(50), &"a".repeat(100), true);
        check(&format!("{}b", "*a".repeat(50)), &"a".repeat(200), false);
    }
}
