//! What is imported: a file of JSON, or a zip archive with some in it and with files beside them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _};

use serde::Deserialize;

use crate::domain::{Error, Result};
use crate::service::transfer::portable;
use crate::zip::{Archive, Entry};

/// The list of files in an archive of ours, in bytes.
const LIST_BYTES: u64 = 64 * 1024 * 1024;
/// What is looked at to see what a file is, in bytes.
const HEAD_BYTES: u64 = 1024;

pub(super) enum Source {
    Json(File),
    Zip(Zip),
}

pub(super) struct Zip {
    archive: Archive,
    /// Entries with conversations, by their places.
    documents: Vec<usize>,
    /// Other entries, by their name without its directories.
    by_name: BTreeMap<String, usize>,
    /// Of an archive of ours: names and places of files, by their ids.
    listed: BTreeMap<String, (String, usize)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    file_id: String,
    name: String,
    path: String,
}

impl Source {
    /// Errors: `Invalid` for what is neither JSON nor an archive with JSON in it.
    pub(super) fn open(mut file: File) -> Result<Self> {
        let mut head = Vec::new();
        let mut look = || {
            file.rewind()?;
            file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
            file.rewind()
        };
        look().map_err(unreadable)?;
        if Archive::is_one(&head) {
            return Zip::open(Archive::open(file).map_err(|cause| damaged(&cause))?).map(Self::Zip);
        }
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
        match head.trim_ascii_start().first() {
            Some(b'[' | b'{') => Ok(Self::Json(file)),
            _ => Err(not_an_export()),
        }
    }

    /// The names of what has conversations in it.
    pub(super) fn documents(&self) -> Vec<String> {
        match self {
            Self::Json(_) => vec![String::new()],
            Self::Zip(zip) => zip.documents.iter().map(|at| zip.archive.entries[*at].name.clone()).collect(),
        }
    }

    pub(super) fn document(&self, number: usize) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Json(file) => Ok(Box::new(file.try_clone()?)),
            Self::Zip(zip) => zip.archive.read(&zip.archive.entries[zip.documents[number]]),
        }
    }

    /// A file of the archive that goes by this id: its name and its content.
    pub(super) fn asset(&self, id: &str) -> Option<(String, Box<dyn Read + Send>)> {
        let Self::Zip(zip) = self else { return None };
        let (name, entry) = zip.find(id)?;
        Some((name, zip.archive.read(entry).ok()?))
    }
}

impl Zip {
    fn open(archive: Archive) -> Result<Self> {
        let entries = || archive.entries.iter().enumerate().filter(|(_, entry)| !entry.name.starts_with("__MACOSX/"));
        let json = || entries().filter(|(_, entry)| entry.name.ends_with(".json"));
        let is_ours = |entry: &Entry| entry.name.starts_with(portable::CONVERSATIONS);
        let is_list = |entry: &Entry| base_name(&entry.name).starts_with("conversations");
        let mut documents: Vec<usize> =
            json().filter(|(_, entry)| is_ours(entry) || is_list(entry)).map(|(at, _)| at).collect();
        let is_archive_of_ours = entries().any(|(_, entry)| entry.name == portable::MANIFEST);
        if documents.is_empty() && !is_archive_of_ours {
            documents = json().map(|(at, _)| at).collect();
            if documents.is_empty() {
                return Err(not_an_export());
            }
        }
        let by_name = entries().map(|(at, entry)| (base_name(&entry.name).to_owned(), at)).collect();
        let listed = if is_archive_of_ours { listed(&archive)? } else { BTreeMap::new() };
        Ok(Self { archive, documents, by_name, listed })
    }

    /// Other programs' ids are the beginnings of names.
    fn find(&self, id: &str) -> Option<(String, &Entry)> {
        if let Some((name, at)) = self.listed.get(id) {
            return Some((name.clone(), &self.archive.entries[*at]));
        }
        let (name, at) = self.by_name.range(id.to_owned()..).next().filter(|(name, _)| name.starts_with(id))?;
        (!id.is_empty()).then(|| (name.clone(), &self.archive.entries[*at]))
    }
}

fn listed(archive: &Archive) -> Result<BTreeMap<String, (String, usize)>> {
    let Some(entry) = archive.entries.iter().find(|entry| entry.name == portable::ATTACHMENTS) else {
        return Ok(BTreeMap::new());
    };
    let reader = archive.read(entry).map_err(|cause| damaged(&cause))?;
    let list: Vec<Listed> = serde_json::from_reader(io::BufReader::new(reader.take(LIST_BYTES))).unwrap_or_default();
    let places: BTreeMap<&str, usize> =
        archive.entries.iter().enumerate().map(|(at, entry)| (entry.name.as_str(), at)).collect();
    let place = |one: Listed| Some((one.file_id, (one.name, *places.get(one.path.as_str())?)));
    Ok(list.into_iter().filter_map(place).collect())
}

fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn not_an_export() -> Error {
    Error::invalid("not_an_export", "This is no export that can be read")
        .hint("Give a JSON or zip file exported from Portagent, ChatGPT or Open WebUI")
}

fn damaged(cause: &io::Error) -> Error {
    Error::invalid("damaged_archive", format!("The archive cannot be read: {cause}")).hint("Export it again")
}

fn unreadable(cause: io::Error) -> Error {
    Error::unavailable("file_not_readable", "The file cannot be read").source(cause)
}
