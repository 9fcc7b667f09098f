//! The tool `edit_file`.

use std::io::Read as _;
use std::sync::Arc;

use serde::Deserialize;

use super::{LANE, Storage, spec};
use crate::domain::tool::ToolSpec;
use crate::domain::{Error, Kind, Result};
use crate::tools::{Call, Consent, Output, Tool};

/// The longest file that is edited, in bytes.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

pub(super) struct EditFile {
    spec: ToolSpec,
    storage: Arc<Storage>,
}

#[derive(Deserialize)]
struct Input {
    path: String,
    old_text: String,
    new_text: String,
    #[serde(default)]
    replace_all: bool,
}

impl EditFile {
    pub(super) fn new(storage: Arc<Storage>) -> Self {
        let spec = spec(
            "edit_file",
            "Replaces a piece of a text file in your work directory. The old text must stand in the file exactly once, \
             unless all occurrences are replaced.",
            r#"{"path":{"type":"string","description":"The file, relative to the work directory."},"old_text":{"type":"string","description":"What is replaced, exactly as it stands in the file."},"new_text":{"type":"string","description":"What comes in its place."},"replace_all":{"type":"boolean","description":"Replaces every occurrence. Default: false."}}"#,
            &["path", "old_text", "new_text"],
        );
        Self { spec, storage }
    }
}

impl Tool for EditFile {
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
        let input: Input = call.arguments()?;
        let opened = self.storage.open(call, &input.path)?;
        let (place, size) = (&opened.place, opened.size);
        if size > FILE_BYTES {
            let message = format!("{place} has {size} bytes; files of more than {FILE_BYTES} are not edited");
            return Err(Error::new(Kind::TooLarge, "file_too_large", message));
        }
        let mut text = String::new();
        (&opened.file).take(FILE_BYTES + 1).read_to_string(&mut text).map_err(|_| opened.no_text())?;
        let count = if input.old_text.is_empty() { 0 } else { text.matches(&input.old_text).count() };
        match count {
            0 => Err(Error::invalid("no_match", format!("The old text does not stand in {place}"))),
            2.. if !input.replace_all => {
                let message = format!("The old text stands in {place} {count} times: give more of what is around it");
                Err(Error::invalid("many_matches", message))
            }
            _ => {
                let text = text.replace(&input.old_text, &input.new_text);
                (call.write)(place, text.as_bytes())?;
                let places = if count == 1 { "1 place" } else { &format!("{count} places") };
                Ok(Output::text(format!("Edited {place} in {places}")).wrote(place.to_string(), text.len()))
            }
        }
    }
}
