//! The files of a conversation's agent, as its owner sees them: listed, downloaded, uploaded, deleted.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;

use super::allowance::{check_disk, check_storage};
use super::files::upload_slot;
use super::slots::{Slot, Slots};
use super::work_files;
use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::limits::FILE_BYTES;
use crate::domain::media::{Media, Sniffer};
use crate::domain::user::Caller;
use crate::domain::{Error, Kind, Result};
use crate::store::Store;
use crate::workdirs::{Draft, Place};
pub use crate::workdirs::{Listed, Sort};

/// Entries of one list; a work directory may have more.
const LISTED: usize = 1000;
/// What is read of a file to know what it is: all of a text, where it is not larger.
const SNIFFED_BYTES: u64 = 1024 * 1024;

pub struct AgentFiles {
    store: Arc<Store>,
    uploads: Arc<Slots>,
}

/// What is in a work directory.
pub struct WorkdirList {
    /// Files and directories, a directory before what is in it.
    pub entries: Vec<Listed>,
    /// There are more.
    pub more: bool,
    /// Of all files.
    pub bytes: u64,
}

/// A file on its way into a work directory.
pub struct WorkdirUpload {
    store: Arc<Store>,
    conversation: ConversationId,
    place: Place,
    draft: Draft,
    size: u64,
    slot: Slot,
}

impl AgentFiles {
    pub(super) fn new(store: Arc<Store>, uploads: Arc<Slots>) -> Self {
        Self { store, uploads }
    }

    /// Errors: `NotFound` for a conversation that is not the caller's; `Unavailable`.
    pub fn list(&self, caller: &Caller, id: &ConversationId) -> Result<WorkdirList> {
        let owner = self.owner(caller, id)?;
        let mut list = WorkdirList { entries: Vec::new(), more: false, bytes: 0 };
        let Some(workdir) = self.store.workdirs().existing_workdir(owner, id)? else { return Ok(list) };
        let before = self.store.file_bytes(owner, id)?;
        let usage = workdir.measure(&mut |found| {
            if list.entries.len() < LISTED {
                list.entries.push(found);
            } else {
                list.more = true;
            }
        })?;
        list.bytes = usage.bytes;
        self.store.set_file_bytes(owner, id, before, usage.bytes)?;
        Ok(list)
    }

    /// A file, what it is by its content, and its length. Errors: `NotFound`, `Invalid`, `Unavailable`.
    pub fn open(&self, caller: &Caller, id: &ConversationId, path: &str) -> Result<(File, Media, Listed)> {
        let owner = self.owner(caller, id)?;
        let workdir = self.store.workdirs().existing_workdir(owner, id)?.ok_or_else(|| Error::not_found("File"))?;
        let (mut file, listed) = workdir.open(&Place::parse(path)?)?;
        let media = media_of(&mut file, listed.size)?;
        Ok((file, media, listed))
    }

    /// Errors: `NotFound`, `Invalid`; `TooLarge` where the work directory or its owner's storage is full; `RateLimited`
    /// for too many at once; `Unavailable`.
    pub fn upload(&self, caller: &Caller, id: &ConversationId, path: &str) -> Result<WorkdirUpload> {
        let owner = self.owner(caller, id)?;
        check_disk(&self.store, caller)?;
        check_storage(&self.store, owner)?;
        let slot = upload_slot(&self.uploads, owner)?;
        let place = Place::parse(path)?;
        let draft = self.store.workdirs().workdir(owner, id)?.begin(&place)?;
        Ok(WorkdirUpload { store: self.store.clone(), conversation: id.clone(), place, draft, size: 0, slot })
    }

    /// Removes a file, or a directory with all that is in it. Errors: `NotFound`, `Invalid`, `Unavailable`.
    pub fn delete(&self, caller: &Caller, id: &ConversationId, path: &str) -> Result<()> {
        let owner = self.owner(caller, id)?;
        let workdir = self.store.workdirs().existing_workdir(owner, id)?.ok_or_else(|| Error::not_found("File"))?;
        workdir.remove(&Place::parse(path)?)?;
        work_files::recount(&self.store, owner, id)
    }

    fn owner<'a>(&self, caller: &'a Caller, id: &ConversationId) -> Result<&'a ContainerId> {
        let owner = &caller.user.container_id;
        self.store.conversation(owner, id).map(|_| owner)
    }
}

impl WorkdirUpload {
    /// Errors: `TooLarge`, `Unavailable`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > FILE_BYTES {
            let message = format!("A file has at most {} MiB", FILE_BYTES >> 20);
            return Err(Error::new(Kind::TooLarge, "file_too_large", message));
        }
        self.draft.file.write_all(bytes).map_err(super::files::not_stored)
    }

    /// Errors: `NotFound` where the conversation is gone meanwhile; `TooLarge` where its owner's storage has no room for
    /// it; `Unavailable`.
    pub fn finish(self) -> Result<Listed> {
        let Self { store, conversation, place, draft, slot, .. } = self;
        work_files::keep(&store, &slot.owner, &conversation, draft)?;
        let workdir = store.workdirs().workdir(&slot.owner, &conversation)?;
        workdir.open(&place).map(|(_, listed)| listed)
    }
}

/// A long text is looked at in its beginning only, which may end within a character.
fn media_of(file: &mut File, size: u64) -> Result<Media> {
    let look = |file: &mut File| -> std::io::Result<Media> {
        let (mut sniffer, mut left, mut piece) = (Sniffer::default(), SNIFFED_BYTES, [0; 16 * 1024]);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let read = file.read(&mut piece[..wanted])?;
            if read == 0 {
                break;
            }
            sniffer.take(&piece[..read]);
            left -= read as u64;
        }
        file.rewind()?;
        Ok(if size > SNIFFED_BYTES { sniffer.media_so_far() } else { sniffer.media() })
    };
    look(file).map_err(|cause| Error::unavailable("file_not_readable", "The file cannot be read").source(cause))
}
