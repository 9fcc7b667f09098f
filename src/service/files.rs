//! Files that people give to messages: uploaded, read, and removed when nothing holds them.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::allowance::{check_disk, check_storage};
use super::slots::{Slot, Slots};
use super::{clock_guard, work_files};
use crate::domain::attachment::{Attachment, plain_name};
use crate::domain::id::{ContainerId, FileId, hex};
use crate::domain::limits::FILE_BYTES;
use crate::domain::media::{Media, Sniffer};
use crate::domain::user::Caller;
use crate::domain::{Code, Error, Kind, Result, clock};
use crate::store::{Store, StoredFile};
use crate::workdirs::Partial;

/// Uploads of one person at once.
const UPLOADS_PER_USER: u32 = 4;
/// Uploads at once: connections are the limit.
const UPLOADS: u32 = u32::MAX;
/// A file that no message came to carry is removed after so long.
const UNUSED_AFTER: Duration = Duration::from_secs(24 * 3600);

pub struct Files {
    store: Arc<Store>,
    uploads: Arc<Slots>,
}

/// A file on its way in. Dropped before its end, nothing of it stays.
pub struct Upload {
    store: Arc<Store>,
    name: String,
    content: Partial,
    sniffer: Sniffer,
    digest: Sha256,
    size: u64,
    owner: ContainerId,
    _slot: Option<Slot>,
}

/// What tidying removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Files that no message carries.
    pub files: usize,
    /// Contents that no file had.
    pub contents: usize,
    /// What a crash left half written.
    pub partial: usize,
}

impl Files {
    pub(super) fn new(store: Arc<Store>, uploads: Arc<Slots>) -> Self {
        Self { store, uploads }
    }

    /// Errors: `RateLimited` for too many at once; `Unavailable` when the disk is almost full or cannot be written;
    /// `TooLarge` where the person's storage is full.
    pub fn upload(&self, caller: &Caller) -> Result<Upload> {
        let owner = &caller.user.container_id;
        check_disk(&self.store, caller)?;
        check_storage(&self.store, owner)?;
        let slot = upload_slot(&self.uploads, owner)?;
        Upload::begin(&self.store, owner, Some(slot))
    }

    /// A file and its content. Errors: `NotFound`, also for another person's; `Unavailable`.
    pub fn open(&self, caller: &Caller, id: &FileId) -> Result<(StoredFile, File)> {
        let stored = self.store.file(&caller.user.container_id, id)?;
        let content = open(&self.store, &caller.user.container_id, &stored.digest)?;
        Ok((stored, content))
    }

    /// Deletes one that no message carries. Errors: `NotFound`; `Conflict` where a message does.
    pub fn delete(&self, caller: &Caller, id: &FileId) -> Result<()> {
        let owner = &caller.user.container_id;
        let deleted = self.store.delete_file(owner, id)?;
        remove_content(&self.store, owner, &deleted.digest).map(drop)
    }

    /// Removes what nothing holds any more, of all people, and counts what their agents' files hold. `go_on` is asked in
    /// between.
    ///
    /// Errors: `Unavailable`.
    pub fn tidy(&self, go_on: &dyn Fn() -> bool) -> Result<Tidied> {
        let is_confirmed = clock_guard::is_confirmed(&self.store)?;
        let age = i64::try_from(UNUSED_AFTER.as_millis()).unwrap_or(i64::MAX);
        let unused_before = if is_confirmed { clock::now_ms().saturating_sub(age) } else { 0 };
        let mut tidied = Tidied::default();
        for name in self.store.workdirs().containers()? {
            if !go_on() {
                break;
            }
            let owner = ContainerId::from(name);
            work_files::recount_all(&self.store, &owner, go_on)?;
            tidied.files += forget(&self.store, &owner, unused_before)?;
            let Some(here) = self.store.workdirs().attachments(&owner)? else { continue };
            tidied.partial += here.remove_partial().map_err(not_stored)?;
            let known = self.store.digests(&owner)?;
            for digest in here.digests().map_err(not_stored)? {
                if !known.contains(&digest) {
                    tidied.contents += usize::from(remove_content(&self.store, &owner, &digest)?);
                }
            }
        }
        Ok(tidied)
    }
}

/// Removes the files of an owner that messages carried and none does any more: after messages were deleted.
///
/// Errors: `Unavailable`.
pub fn forget_unheld(store: &Store, owner: &ContainerId) -> Result<usize> {
    forget(store, owner, 0)
}

fn forget(store: &Store, owner: &ContainerId, unused_before: i64) -> Result<usize> {
    let digests = store.forget_files(owner, unused_before)?;
    for digest in &digests {
        remove_content(store, owner, digest)?;
    }
    Ok(digests.len())
}

fn remove_content(store: &Store, owner: &ContainerId, digest: &str) -> Result<bool> {
    match store.workdirs().attachments(owner)? {
        Some(from) => store.remove_content(owner, digest, from),
        None => Ok(false),
    }
}

/// The content of a file. Errors: `NotFound` where it is gone, as after a restore of the databases alone.
pub(super) fn open(store: &Store, owner: &ContainerId, digest: &str) -> Result<File> {
    let here = store.workdirs().attachments(owner)?.ok_or_else(|| Error::not_found("File"))?;
    here.open(digest).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => Error::not_found("File"),
        _ => Error::unavailable("file_not_readable", "The file cannot be read").source(cause),
    })
}

impl Upload {
    pub(super) fn begin(store: &Arc<Store>, owner: &ContainerId, slot: Option<Slot>) -> Result<Self> {
        Ok(Self {
            store: store.clone(),
            name: plain_name(""),
            content: store.workdirs().make_attachments(owner)?.begin().map_err(not_stored)?,
            sniffer: Sniffer::default(),
            digest: Sha256::new(),
            size: 0,
            owner: owner.clone(),
            _slot: slot,
        })
    }

    pub fn set_name(&mut self, name: &str) {
        self.name = plain_name(name);
    }

    /// Errors: `TooLarge`; `Unavailable` where the disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > FILE_BYTES {
            return Err(Error::new(
                Kind::TooLarge,
                "file_too_large",
                format!("A file has at most {} MiB", FILE_BYTES >> 20),
            ));
        }
        self.sniffer.take(bytes);
        self.digest.update(bytes);
        self.content.file.write_all(bytes).map_err(not_stored)
    }

    /// Stores it.
    ///
    /// Errors: `Invalid` for an empty file, and for one of a type that no message takes; `Unavailable`; `TooLarge` where the
    /// person's storage has no room for it.
    pub fn finish(self) -> Result<Attachment> {
        if self.size == 0 {
            return Err(Error::invalid("empty_file", "The file is empty"));
        }
        let media = self.sniffer.media();
        if media == Media::Binary {
            return Err(Error::invalid(Code::UNSUPPORTED_FILE, "This type of file cannot be attached")
                .hint("Attach a picture (JPEG, PNG, GIF, WebP), a PDF or a text in UTF-8"));
        }
        self.content.file.sync_all().map_err(not_stored)?;
        let file = Attachment { id: FileId::random(), name: self.name, media, size: self.size };
        let new = StoredFile { file, digest: hex(&self.digest.finalize()) };
        let owner = &self.owner;
        let added = self.store.add_file(owner, new, self.content)?;
        // An account that was deleted meanwhile leaves nothing behind: its own deletion came too early for this one.
        if !self.store.container_has_user(owner)? {
            self.store.delete_container(owner)?;
            self.store.workdirs().remove_container(owner)?;
            return Err(Error::unauthenticated());
        }
        Ok(added.file)
    }
}

/// What people have under way, to messages and to agents.
pub(super) fn uploads() -> Arc<Slots> {
    Slots::new(UPLOADS_PER_USER, UPLOADS)
}

/// Errors: `RateLimited`.
pub(super) fn upload_slot(uploads: &Arc<Slots>, owner: &ContainerId) -> Result<Slot> {
    uploads.take(owner, "too_many_uploads", "Too many of your uploads are under way")
}

pub(super) fn not_stored(cause: std::io::Error) -> Error {
    let error = match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::unavailable("disk_low", "The server's disk is almost full: nothing new can be stored")
        }
        _ => Error::unavailable("file_not_stored", "The file could not be stored"),
    };
    error.source(cause)
}
