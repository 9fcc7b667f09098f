//! Files that people give to messages, in `agentx.db`. Their content lies in the file system, once for each digest.
//!
//! Rows and content are two things, and no transaction spans both. A content gets its name, and loses it, while the
//! write lock of the database is held: so a row is never committed without its content, and what a crash leaves is a
//! content without a row, which the next tidying removes.

use std::collections::HashSet;

use rusqlite::{Connection, Row, params};

use super::stored;
use crate::domain::attachment::Attachment;
use crate::domain::id::{ContainerId, FileId, MessageId};
use crate::domain::media::Media;
use crate::domain::message::Part;
use crate::domain::{Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;
use crate::workdirs::{Attachments, Partial};

pub const COLUMNS: &str = "fileId, name, mediaType, size, sha256";

/// A file with the digest of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub file: Attachment,
    pub digest: String,
}

impl Store {
    /// Stores a file whose content was synced already.
    ///
    /// Errors: `Unavailable`, also where the content cannot get its name; `TooLarge` where the person's storage is full.
    pub fn add_file(&self, owner: &ContainerId, new: StoredFile, content: Partial) -> Result<StoredFile> {
        let (owner, most) = (owner.clone(), self.quota.bytes());
        self.agent.write(move |conn| {
            let now = clock::now_ms();
            rows::change(
                conn,
                "INSERT INTO containers (containerId, createdAt, updatedAt) VALUES (?1, ?2, ?2) \
                 ON CONFLICT (containerId) DO NOTHING",
                params![owner, now],
            )?;
            let StoredFile { file, digest } = &new;
            stored::check_room(conn, &owner, file.size, most)?;
            let size = i64::try_from(file.size).unwrap_or(i64::MAX);
            rows::change(
                conn,
                "INSERT INTO files (fileId, containerId, sha256, name, mediaType, size, createdAt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![file.id, owner, digest, file.name, file.media.as_str(), size, now],
            )?;
            content
                .keep(digest)
                .map_err(|cause| Error::unavailable("file_not_stored", "The file could not be stored").source(cause))?;
            Ok(new)
        })
    }

    /// Errors: `NotFound`.
    pub fn file(&self, owner: &ContainerId, id: &FileId) -> Result<StoredFile> {
        self.agent.read(|conn| file_by_id(conn, owner, id))
    }

    /// Deletes a file that no message carries. Errors: `NotFound`; `Conflict` where one does.
    pub fn delete_file(&self, owner: &ContainerId, id: &FileId) -> Result<StoredFile> {
        let (owner, id) = (owner.clone(), id.clone());
        self.agent.write(move |conn| {
            let deleted = file_by_id(conn, &owner, &id)?;
            let sql = "SELECT EXISTS (SELECT 1 FROM message_files WHERE fileId = ?1)";
            if rows::value(conn, sql, [&id])? {
                return Err(
                    Error::conflict("file_in_use", "A message carries this file").hint("It goes with its conversation")
                );
            }
            rows::change(conn, "DELETE FROM files WHERE fileId = ?1", [id])?;
            Ok(deleted)
        })
    }

    /// Deletes what no message carries any more, and what none ever carried and is older than `unused_before`. Returns
    /// the digests, whose content may go now.
    pub fn forget_files(&self, owner: &ContainerId, unused_before: i64) -> Result<Vec<String>> {
        let owner = owner.clone();
        let of_owner = "FROM files WHERE containerId = ?1 AND (isAttached = 1 OR createdAt < ?2) \
                        AND NOT EXISTS (SELECT 1 FROM message_files WHERE message_files.fileId = files.fileId)";
        // Most often there is nothing, and then nothing is written.
        let sql = format!("SELECT EXISTS (SELECT 1 {of_owner})");
        if !self.agent.read(|conn| rows::value(conn, &sql, params![owner, unused_before]))? {
            return Ok(Vec::new());
        }
        self.agent.write(move |conn| {
            let sql = format!("DELETE {of_owner} RETURNING sha256");
            rows::all(conn, &sql, params![owner, unused_before], |row| row.get(0))
        })
    }

    /// Removes a content that no row names any more. Returns whether it did.
    pub fn remove_content(&self, owner: &ContainerId, digest: &str, from: Attachments) -> Result<bool> {
        let (owner, digest) = (owner.clone(), digest.to_owned());
        self.agent.write(move |conn| {
            let sql = "SELECT EXISTS (SELECT 1 FROM files WHERE containerId = ?1 AND sha256 = ?2)";
            if rows::value(conn, sql, (&owner, &digest))? {
                return Ok(false);
            }
            from.remove(&digest).map_err(|cause| {
                Error::unavailable("not_removable", "A file that is no longer needed could not be removed")
                    .source(cause)
            })
        })
    }

    /// The digests that rows of an owner name.
    pub fn digests(&self, owner: &ContainerId) -> Result<HashSet<String>> {
        let sql = "SELECT DISTINCT sha256 FROM files WHERE containerId = ?1";
        self.agent.read(|conn| rows::all(conn, sql, [owner], |row| row.get(0)))
    }

    /// A page of an owner's files by id, behind `after`.
    pub fn files_of(&self, owner: &ContainerId, after: &str, limit: usize) -> Result<Vec<StoredFile>> {
        let sql =
            format!("SELECT {COLUMNS} FROM files WHERE containerId = ?1 AND fileId > ?2 ORDER BY fileId LIMIT ?3");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.agent.read(|conn| rows::all(conn, &sql, params![owner, after, limit], stored_file))
    }
}

/// In the transaction that stores a message: holds the files that it carries.
///
/// Errors: `NotFound` for a file that is not the owner's.
pub fn attach(conn: &Connection, owner: &ContainerId, message: &MessageId, parts: &[Part]) -> Result<()> {
    for part in parts {
        let Part::Attachment(file) = part else { continue };
        let sql = "UPDATE files SET isAttached = 1 WHERE fileId = ?1 AND containerId = ?2";
        if rows::change(conn, sql, (&file.id, owner))? == 0 {
            return Err(Error::not_found("File"));
        }
        let sql = "INSERT INTO message_files (messageId, fileId) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        rows::change(conn, sql, (message, &file.id))?;
    }
    Ok(())
}

/// Before a message is deleted whose files may be sent once more: they are like new ones.
pub fn detach(conn: &Connection, message: &MessageId) -> Result<()> {
    let sql = "UPDATE files SET isAttached = 0, createdAt = ?2 WHERE fileId IN \
               (SELECT fileId FROM message_files WHERE messageId = ?1)";
    rows::change(conn, sql, params![message, clock::now_ms()]).map(drop)
}

fn file_by_id(conn: &Connection, owner: &ContainerId, id: &FileId) -> Result<StoredFile> {
    let sql = format!("SELECT {COLUMNS} FROM files WHERE containerId = ?1 AND fileId = ?2");
    rows::found(conn, &sql, (owner, id), stored_file, "File")
}

pub fn stored_file(row: &Row<'_>) -> rusqlite::Result<StoredFile> {
    Ok(StoredFile {
        file: Attachment {
            id: row.get(0)?,
            name: row.get(1)?,
            media: Media::from_text(&row.get::<_, String>(2)?),
            size: row.get::<_, i64>(3)?.try_into().unwrap_or(0),
        },
        digest: row.get(4)?,
    })
}
