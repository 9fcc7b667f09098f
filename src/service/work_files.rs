//! What agents' files count towards their owner's storage: each one that is written, and all of a directory when it is
//! looked at, because others work in it, too.

use std::collections::BTreeSet;

use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::{Code, Error, Kind, Result};
use crate::store::Store;
use crate::workdirs::{Draft, Place};

/// Writes a file for an agent. The message of an error is what the model reads.
///
/// Errors: those of [`keep`]; `Invalid` for a place where no file can be.
pub(super) fn write(
    store: &Store,
    owner: &ContainerId,
    id: &ConversationId,
    place: &Place,
    bytes: &[u8],
) -> Result<()> {
    let draft = store.workdirs().workdir(owner, id)?.write(place, bytes)?;
    keep(store, owner, id, draft).map_err(|error| match error.code {
        Code::QUOTA_EXCEEDED => {
            let why = format!("{place} was not written. {}. Only the person can make room", error.message);
            Error::new(error.kind, error.code, why)
        }
        _ => error,
    })
}

/// Gives a file its name, where its owner has room for it.
///
/// Errors: `TooLarge` where there is none; `NotFound` where the conversation is gone meanwhile; `Unavailable`.
pub(super) fn keep(store: &Store, owner: &ContainerId, id: &ConversationId, draft: Draft) -> Result<()> {
    let more = draft.growth()?.try_into().unwrap_or(0);
    if store.check_room(owner, more).is_err_and(|error| error.code == Code::QUOTA_EXCEEDED) {
        // There may be room again: someone has deleted files by other ways.
        recount(store, owner, id)?;
    }
    let kept = store.keep_work_file(owner, id, draft);
    if kept.as_ref().is_err_and(|error| error.kind == Kind::NotFound) {
        // It was deleted while the file came, and so was its directory, which was made again.
        store.workdirs().remove_conversation(owner, id)?;
    }
    kept
}

/// Counts what is in a conversation's directory now. Errors: `NotFound`, `Unavailable`.
pub(super) fn recount(store: &Store, owner: &ContainerId, id: &ConversationId) -> Result<()> {
    let before = store.file_bytes(owner, id)?;
    let measured = match store.workdirs().existing_workdir(owner, id)? {
        Some(workdir) => workdir.measure(&mut |_| ())?.bytes,
        None => 0,
    };
    store.set_file_bytes(owner, id, before, measured)
}

/// Counts all directories of an owner. Errors: `Unavailable`.
pub(super) fn recount_all(store: &Store, owner: &ContainerId, go_on: &dyn Fn() -> bool) -> Result<()> {
    let mut ids: BTreeSet<ConversationId> = store.conversations_with_files(owner)?.into_iter().collect();
    ids.extend(store.workdirs().conversations(owner)?);
    for id in ids {
        if !go_on() {
            break;
        }
        match recount(store, owner, &id) {
            Err(error) if error.kind != Kind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
