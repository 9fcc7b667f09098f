//! The tool `write_file`.

use serde::Deserialize;

use super::{LANE, spec};
use crate::domain::Result;
use crate::domain::tool::ToolSpec;
use crate::tools::{Call, Consent, Output, Tool};
use crate::workdirs::Place;

pub(super) struct WriteFile {
    spec: ToolSpec,
}

#[derive(Deserialize)]
struct Input {
    path: String,
    content: String,
}

impl WriteFile {
    pub(super) fn new() -> Self {
        let spec = spec(
            "write_file",
            "Writes a text file in your work directory, in the place of one that is there. Directories are made as \
             needed. The person sees the file as a link and can download it.",
            r#"{"path":{"type":"string","description":"The file, relative to the work directory."},"content":{"type":"string","description":"All of its text."}}"#,
            &["path", "content"],
        );
        Self { spec }
    }
}

impl Tool for WriteFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn consent(&self) -> Consent {
        Consent::Ask
    }

    fn lane(&self) -> Option<&str> {
        Some(LANE)
    }

    fn call(&self, call: &Call<'_>) -> Result<Output> {
        let Input { path, content } = call.arguments()?;
        let place = Place::parse(&path)?;
        (call.write)(&place, content.as_bytes())?;
        let said = Output::text(format!("Wrote {place} ({} bytes)", content.len()));
        Ok(said.wrote(place.to_string(), content.len()))
    }
}
