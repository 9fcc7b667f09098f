//! Everything below `containers/`: the files of people's agents. An agent may put anything there, links and pipes
//! too, and change it while we look. So nothing here follows a link, and every step starts at an open directory
//! instead of a path: what was checked is what is used.

mod attachments;
mod dir;
mod name;
mod place;
mod remove;
#[cfg(test)]
mod tests;
mod walk;
mod workdir;
#[cfg(test)]
mod workdir_tests;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::{Error, Result};
pub use attachments::{Attachments, Partial};
pub use dir::Dir;
pub use name::is_plain;
pub use place::Place;
pub use walk::{Closed, Entry, Found, PATH_BYTES, Walk};
pub use workdir::{Draft, Listed, Sort, Workdir};

/// The directory below the data directory.
pub const ROOT: &str = "containers";
/// Below a container: a directory for each conversation.
const WORKDIRS: &str = "workdirs";
/// Below a container: what its owner has given to messages.
const FILES: &str = "files";
/// Directories of ours.
const MODE: u32 = 0o700;

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub files: u64,
    pub bytes: u64,
}

/// The agents' files of one data directory.
#[derive(Debug, Clone)]
pub struct Workdirs {
    data_dir: PathBuf,
}

impl Workdirs {
    pub fn of(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned() }
    }

    /// The directory of a conversation's agent, made where it is missing.
    ///
    /// Errors: `Invalid` for an id that is no name of a directory; `Unavailable`, also where a link is in the way.
    pub fn make(&self, owner: &ContainerId, conversation: &ConversationId) -> Result<Dir> {
        self.make_below(&[ROOT, owner.as_str(), WORKDIRS, conversation.as_str()])
    }

    /// The same, to be worked in by path.
    ///
    /// Errors: those of `make`.
    pub fn workdir(&self, owner: &ContainerId, conversation: &ConversationId) -> Result<Workdir> {
        self.make(owner, conversation).map(Workdir)
    }

    /// The same where it is there. Errors: `Unavailable`.
    pub fn existing_workdir(&self, owner: &ContainerId, conversation: &ConversationId) -> Result<Option<Workdir>> {
        let opened = self.open(&[ROOT, owner.as_str(), WORKDIRS, conversation.as_str()]);
        opened.map(|dir| dir.map(Workdir)).map_err(|cause| self.unreadable(&cause))
    }

    /// The directory of what a person gives to messages, made where it is missing.
    ///
    /// Errors: those of `make`.
    pub fn make_attachments(&self, owner: &ContainerId) -> Result<Attachments> {
        self.make_below(&[ROOT, owner.as_str(), FILES]).map(Attachments)
    }

    /// The same where it is there. Errors: `Unavailable`.
    pub fn attachments(&self, owner: &ContainerId) -> Result<Option<Attachments>> {
        let opened = self.open(&[ROOT, owner.as_str(), FILES]);
        opened.map(|dir| dir.map(Attachments)).map_err(|cause| self.unreadable(&cause))
    }

    fn make_below(&self, names: &[&str]) -> Result<Dir> {
        let make = || {
            let data = Dir::open(&self.data_dir)?;
            names.iter().try_fold(data, |at, name| at.dir_or_new(name.as_ref(), MODE))
        };
        make().map_err(|cause| match cause.kind() {
            ErrorKind::InvalidInput => Error::invalid("no_directory", "This conversation cannot have files"),
            _ => Error::unavailable("no_directory", "The directory for these files cannot be opened").source(cause),
        })
    }

    /// All files of everybody; names begin with `containers/`.
    ///
    /// Errors: `Unavailable` when `containers` cannot be read, or is a link.
    pub fn walk(&self) -> Result<Walk> {
        match self.open(&[ROOT]) {
            Ok(root) => Walk::of(root, Path::new(ROOT)).map_err(|cause| self.unreadable(&cause)),
            Err(cause) => Err(self.unreadable(&cause)),
        }
    }

    /// The files of one container; names begin with `prefix`.
    ///
    /// Errors: `Unavailable`.
    pub fn walk_container(&self, container: &ContainerId, prefix: &Path) -> Result<Walk> {
        let walk = self.open(&[ROOT, container.as_str()]).and_then(|root| Walk::of(root, prefix));
        walk.map_err(|cause| self.unreadable(&cause))
    }

    /// How much a container holds. What cannot be read counts as nothing.
    pub fn usage(&self, container: &ContainerId) -> Usage {
        let mut usage = Usage::default();
        let Ok(mut walk) = self.walk_container(container, Path::new("")) else { return usage };
        while let Ok(Some(entry)) = walk.step() {
            usage.add(&entry);
        }
        usage
    }

    /// The names of all containers that have a directory.
    ///
    /// Errors: `Unavailable`.
    pub fn containers(&self) -> Result<Vec<String>> {
        self.names(&[ROOT])
    }

    /// The conversations of a container that have a directory.
    ///
    /// Errors: `Unavailable`.
    pub fn conversations(&self, owner: &ContainerId) -> Result<Vec<ConversationId>> {
        let names = self.names(&[ROOT, owner.as_str(), WORKDIRS])?;
        Ok(names.into_iter().map(ConversationId::from).collect())
    }

    /// Removes the files of a container. Returns whether there were any.
    ///
    /// Errors: `Unavailable`.
    pub fn remove_container(&self, container: &ContainerId) -> Result<bool> {
        self.remove(&[ROOT], container.as_str())
    }

    /// Removes the files of one conversation. Returns whether there were any.
    ///
    /// Errors: `Unavailable`.
    pub fn remove_conversation(&self, owner: &ContainerId, conversation: &ConversationId) -> Result<bool> {
        self.remove(&[ROOT, owner.as_str(), WORKDIRS], conversation.as_str())
    }

    fn remove(&self, parents: &[&str], name: &str) -> Result<bool> {
        // Ids of 1.9 were anything a client sent: one that is no name of a directory has none.
        let removed = match self.open(parents) {
            Ok(Some(parent)) if is_plain(name.as_bytes()) => parent.remove_all(name.as_ref()),
            Ok(_) => Ok(false),
            Err(cause) => Err(cause),
        };
        removed.map_err(|cause| {
            let what = format!("The files in {} could not be removed", parents.join("/") + "/" + name);
            Error::unavailable("not_removable", what).source(cause)
        })
    }

    /// The names of the directories in one.
    fn names(&self, of: &[&str]) -> Result<Vec<String>> {
        let names = self.open(of).and_then(|dir| dir.map_or_else(|| Ok(Vec::new()), |dir| dir.directories()));
        let names = names.map_err(|cause| self.unreadable(&cause))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// `None` where one of the names is not there, or is no name of a directory.
    fn open(&self, names: &[&str]) -> io::Result<Option<Dir>> {
        let opened =
            Dir::open(&self.data_dir).and_then(|data| names.iter().try_fold(data, |at, name| at.dir(name.as_ref())));
        match opened {
            Ok(dir) => Ok(Some(dir)),
            Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn unreadable(&self, cause: &io::Error) -> Error {
        let path = self.data_dir.join(ROOT);
        let error = Error::unavailable("cannot_read", format!("cannot read {}: {cause}", path.display()));
        match cause.kind() {
            ErrorKind::NotADirectory => error.hint("links are not followed here: mount another disk in its place"),
            _ => error,
        }
    }
}

impl Usage {
    /// Counts an entry, where it is a file.
    pub fn add(&mut self, entry: &Entry<'_>) {
        if let Found::File(metadata) = &entry.found {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(metadata.len());
        }
    }
}
