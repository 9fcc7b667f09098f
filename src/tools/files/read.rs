//! The tool `read_file`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;

use serde::Deserialize;

use super::{LANE, Storage, spec};
use crate::domain::tool::ToolSpec;
use crate::domain::{Error, Result};
use crate::tools::{Call, Consent, Output, Tool};

/// Lines of one answer, where the model does not say.
const LINES: usize = 2000;
/// The longest file that is read, in bytes; what is behind it cannot be reached by lines.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// How often the call's deadline is looked at, in lines.
const LOOK_EVERY: usize = 1000;

pub(super) struct ReadFile {
    spec: ToolSpec,
    storage: Arc<Storage>,
}

#[derive(Deserialize)]
struct Input {
    path: String,
    /// The first line, from 1.
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

impl ReadFile {
    pub(super) fn new(storage: Arc<Storage>) -> Self {
        let spec = spec(
            "read_file",
            "Reads a text file in your work directory, as it is. A long file is read in parts, by lines.",
            r#"{"path":{"type":"string","description":"The file, relative to the work directory."},"offset":{"type":"integer","description":"The first line to read, counted from 1. Default: 1."},"limit":{"type":"integer","description":"How many lines to read. Default: 2000."}}"#,
            &["path"],
        );
        Self { spec, storage }
    }
}

impl Tool for ReadFile {
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
        let opened = self.storage.open(call, &input.path)?;
        let first = input.offset.max(1);
        let end = first.saturating_add(input.limit.unwrap_or(LINES).max(1));
        // Room for the note at the end.
        let most = call.text_bytes.saturating_sub(200);
        let mut reader = BufReader::new((&opened.file).take(FILE_BYTES));
        let (mut text, mut line, mut last) = (Vec::new(), 0, first - 1);
        let is_cut = loop {
            line += 1;
            if line % LOOK_EVERY == 0 {
                call.check()?;
            }
            let before = text.len();
            let read = (&mut reader).take(most as u64 + 1).read_until(b'\n', &mut text).map_err(cannot)?;
            if text[before..].contains(&0) {
                return Err(opened.no_text());
            }
            if read == 0 || line >= end {
                text.truncate(before);
                break read > 0;
            }
            if line < first {
                text.clear();
                continue;
            }
            if text.len() > most {
                text.truncate(if before == 0 { most } else { before });
                break true;
            }
            last = line;
        };
        Ok(Output::text(said(&text, first, last, line, is_cut, opened.size)))
    }
}

fn said(text: &[u8], first: usize, last: usize, line: usize, is_cut: bool, size: u64) -> String {
    let mut text = String::from_utf8_lossy(text).into_owned();
    let note = match () {
        () if is_cut && last < first => format!("[line {first} is cut off: it is too long]"),
        () if is_cut => format!("[lines {first} to {last}; read on with offset {}]", last + 1),
        () if size == 0 => "[the file is empty]".to_owned(),
        () if last < first => format!("[the file has {} lines]", line - 1),
        () => return text,
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + &note
}

fn cannot(cause: std::io::Error) -> Error {
    Error::unavailable("file_not_readable", "The file cannot be read").source(cause)
}
