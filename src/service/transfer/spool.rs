//! A file that is to be imported, on its way in: kept on the disk until it is whole, since its parts are not read in the
//! order in which they come. It goes when the import is over.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use super::Transfer;
use super::import::{Import, Report};
use crate::domain::user::Caller;
use crate::domain::{Error, Result};
use crate::service::allowance::{check_disk, check_storage};
use crate::service::files::not_stored;
use crate::service::slots::Slot;
use crate::store::Store;
use crate::workdirs::Partial;

/// The disk is looked at again after so many bytes.
const LOOK_EVERY: u64 = 4 * 1024 * 1024;

pub struct Spool {
    store: Arc<Store>,
    caller: Caller,
    content: Partial,
    bytes: u64,
    slot: Slot,
}

/// A file that is here, and known to be an export.
pub struct Received {
    import: Import,
    store: Arc<Store>,
    caller: Caller,
    _content: Partial,
    _slot: Slot,
}

impl Transfer {
    /// Begins to receive a file. Dropped before its end, nothing of it stays.
    ///
    /// Errors: `RateLimited` while another one is under way; `Unavailable` when the disk is almost full or cannot be
    /// written; `TooLarge` where the person's storage is full.
    pub fn receive(&self, caller: &Caller) -> Result<Spool> {
        let owner = &caller.user.container_id;
        check_disk(&self.store, caller)?;
        check_storage(&self.store, owner)?;
        let slot = self.imports.take(owner, "too_many_imports", "Another import is under way")?;
        let content = self.store.workdirs().make_attachments(owner)?.begin().map_err(not_stored)?;
        Ok(Spool { store: self.store.clone(), caller: caller.clone(), content, bytes: 0, slot })
    }
}

impl Spool {
    /// Errors: `Unavailable` where the disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let before = self.bytes / LOOK_EVERY;
        self.bytes += bytes.len() as u64;
        if self.bytes / LOOK_EVERY > before {
            check_disk(&self.store, &self.caller)?;
        }
        self.content.file.write_all(bytes).map_err(not_stored)
    }

    /// Errors: `Invalid` for what is no export.
    pub fn finish(self) -> Result<Received> {
        let Self { store, caller, content, slot, .. } = self;
        let file: File = content.file.try_clone().map_err(Error::internal)?;
        let import = Import::of(store.clone(), &caller.user.container_id, file)?;
        Ok(Received { import, store, caller, _content: content, _slot: slot })
    }
}

impl Received {
    /// Reads and stores it; `progress` is told what is done before each conversation.
    pub fn run(self, progress: &mut dyn FnMut(&Report)) -> Report {
        let Self { import, store, caller, .. } = &self;
        let mut go_on = |report: &Report| {
            progress(report);
            check_disk(store, caller)
        };
        import.run(&mut go_on)
    }
}
