//! The tool `list_directory`.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Deserialize;

use super::{LANE, Storage, spec};
use crate::domain::Result;
use crate::domain::tool::ToolSpec;
use crate::tools::{Call, Consent, Output, Tool};
use crate::workdirs::{Place, Sort};

/// Entries of one answer.
const ENTRIES: usize = 500;

pub(super) struct ListDirectory {
    spec: ToolSpec,
    storage: Arc<Storage>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    path: String,
}

impl ListDirectory {
    pub(super) fn new(storage: Arc<Storage>) -> Self {
        let spec = spec(
            "list_directory",
            "Lists the files and directories in your work directory, which belongs to this conversation, or in one of \
             its directories.",
            r#"{"path":{"type":"string","description":"A directory, relative to the work directory. Default: the work directory itself."}}"#,
            &[],
        );
        Self { spec, storage }
    }
}

impl Tool for ListDirectory {
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
        let (entries, more) = self.storage.workdir(call)?.list(&Place::parse(&input.path)?, ENTRIES)?;
        let mut text = String::new();
        for entry in &entries {
            // Writing to a String cannot fail.
            let _ = match entry.sort {
                Sort::File => writeln!(text, "{} ({} bytes)", entry.path, entry.size),
                Sort::Directory => writeln!(text, "{}/", entry.path),
                Sort::Other => writeln!(text, "{} (a link or device: it is not opened)", entry.path),
            };
        }
        if entries.is_empty() {
            text.push_str("(empty)");
        }
        if more {
            let _ = write!(text, "[more than {ENTRIES}; the others are not listed]");
        }
        Ok(Output::text(text))
    }
}
