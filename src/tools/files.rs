//! The tools with which an agent works on its files: in its own work directory, and nowhere else.

mod edit;
mod list;
mod read;
mod search;
mod write;

use std::fs::File;
use std::sync::Arc;

use super::{Call, Tool};
use crate::domain::tool::ToolSpec;
use crate::domain::{Error, Result};
use crate::workdirs::{Place, Workdir, Workdirs};

/// Calls of one round run in their order: a file that is written is read afterwards.
const LANE: &str = "files";

/// A file that is read.
struct Opened {
    place: Place,
    file: File,
    size: u64,
}

impl Opened {
    fn no_text(&self) -> Error {
        Error::invalid("not_text", format!("{} is no text in UTF-8 ({} bytes)", self.place, self.size))
    }
}

/// Where the files are.
struct Storage(Workdirs);

impl Storage {
    fn workdir(&self, call: &Call<'_>) -> Result<Workdir> {
        self.0.workdir(call.owner, call.conversation)
    }

    /// The file that a model names.
    fn open(&self, call: &Call<'_>, path: &str) -> Result<Opened> {
        let place = Place::parse(path)?;
        let (file, listed) = self.workdir(call)?.open(&place)?;
        Ok(Opened { place, file, size: listed.size })
    }
}

pub(super) fn all(workdirs: Workdirs) -> Vec<Arc<dyn Tool>> {
    let storage = Arc::new(Storage(workdirs));
    vec![
        Arc::new(list::ListDirectory::new(storage.clone())),
        Arc::new(read::ReadFile::new(storage.clone())),
        Arc::new(write::WriteFile::new()),
        Arc::new(edit::EditFile::new(storage.clone())),
        Arc::new(search::SearchFiles::new(storage)),
    ]
}

fn spec(name: &str, description: &str, properties: &str, required: &[&str]) -> ToolSpec {
    let required = serde_json::to_string(required).unwrap_or_default();
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema: format!(r#"{{"type":"object","properties":{properties},"required":{required}}}"#),
    }
}

#[cfg(test)]
mod tests;
