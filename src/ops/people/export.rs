//! All that is here of one person, as an archive that they can open with anything: the account without its password,
//! a JSON file for each conversation, what their requests to models used, what they gave to messages, the files of their
//! agents.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{files, requests};
use crate::domain::user::User;
use crate::domain::{Error, Result, clock};
use crate::ops::archive::{Meta, Writer};
use crate::ops::owner;
use crate::ops::partial::{Partial, rename_to_new};
use crate::service::transfer::each_conversation;
use crate::service::transfer::portable::{self, Halt, Manifest};
use crate::store::Store;
use crate::workdirs::Usage;

/// What is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub path: PathBuf,
    pub conversations: u64,
    pub messages: u64,
    pub files: Usage,
}

/// Writes it, with agents' files from that data directory, to `target`, which must not exist yet, readable by its owner only. It has its name when it is whole.
///
/// Errors: `Conflict` where something is there already; `Unavailable` when it cannot be written.
pub fn export(store: &Store, directory: &Path, user: &User, target: &Path) -> Result<Exported> {
    if owner::with_own_rights(|| target.symlink_metadata()).is_ok() {
        let message = format!("{} exists already", target.display());
        return Err(Error::conflict("exists", message).hint("name another file with --out"));
    }
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let workshop = Partial::make_outside(parent)?;
    let cannot = |cause: io::Error| cannot_write(target, &cause);
    let archive = new_file(&workshop.path().join("archive")).map_err(cannot)?;
    let sums = new_file(&workshop.path().join("sums")).map_err(cannot)?;
    let mut spool = new_file(&workshop.path().join("conversation")).map_err(cannot)?;
    let mut writer = Writer::new(BufWriter::new(archive), sums, own_meta());
    let manifest = serde_json::to_vec_pretty(&Manifest::now()).map_err(Error::internal)?;
    writer.bytes(portable::MANIFEST, &manifest).map_err(cannot)?;
    let account = serde_json::to_vec_pretty(&account(user)).map_err(Error::internal)?;
    writer.bytes("user.json", &account).map_err(cannot)?;
    let (conversations, messages) = conversations(store, user, &mut writer, &mut spool, target)?;
    spooled(&mut writer, &mut spool, target, "usage.json", &mut |out| requests::write(store, &user.id, out))?;
    spooled(&mut writer, &mut spool, target, portable::ATTACHMENTS, &mut |out| attachments(store, user, out))?;
    let files = files::store(directory, &user.container_id, &mut writer, &cannot)?;
    let archive = writer.finish().and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error));
    archive.and_then(|file| file.sync_all()).map_err(cannot)?;
    let made = File::open(workshop.path().join("archive")).map_err(cannot)?;
    let publish = || {
        // A name that was given to something else meanwhile is not overwritten.
        rename_to_new(&workshop.named().join("archive"), target)?;
        owner::give(&made, parent)?;
        File::open(parent)?.sync_all()
    };
    owner::with_own_rights(publish).map_err(cannot)?;
    Ok(Exported { path: target.to_owned(), conversations, messages, files })
}

/// What they gave to messages, and where its content stands in the archive.
fn attachments(store: &Store, user: &User, out: &mut dyn io::Write) -> Result<(), Halt> {
    let next = |after: &str, limit: usize| store.files_of(&user.container_id, after, limit);
    portable::write_attachments(out, &next, &|stored| format!("files/files/{}", stored.digest), &mut |_| {})
}

/// The account as they know it: no hash, no keys.
fn account(user: &User) -> Value {
    json!({
        "userId": user.id.as_str(), "username": user.username, "email": user.email, "displayName": user.display_name,
        "avatar": user.avatar, "role": user.role.as_str(), "isActive": user.is_active, "createdAt": user.created_at,
        "containerId": user.container_id.as_str(), "exportedAt": clock::now_ms(),
    })
}

fn conversations<W: io::Write>(
    store: &Store,
    user: &User,
    writer: &mut Writer<W>,
    spool: &mut File,
    target: &Path,
) -> Result<(u64, u64)> {
    let (mut conversations, mut messages) = (0_u64, 0_u64);
    let outcome = each_conversation(store, &user.container_id, &mut |conversation| {
        conversations += 1;
        let name = portable::conversation_path(conversations, conversation);
        Ok(spooled(writer, spool, target, &name, &mut |out| {
            messages += portable::write_conversation(store, conversation, out)?;
            Ok(())
        })?)
    });
    outcome.map_err(|halt| failed(halt, target))?;
    Ok((conversations, messages))
}

/// An entry whose length is known when it is written: first into the spool, then into the archive.
fn spooled<W: io::Write>(
    writer: &mut Writer<W>,
    spool: &mut File,
    target: &Path,
    name: &str,
    write: &mut dyn FnMut(&mut dyn io::Write) -> Result<(), Halt>,
) -> Result<()> {
    let mut attempt = || -> Result<(), Halt> {
        spool.rewind()?;
        spool.set_len(0)?;
        let mut out = BufWriter::new(&mut *spool);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        let length = spool.stream_position()?;
        spool.rewind()?;
        writer.stream(Path::new(name), length, own_meta(), spool)?;
        Ok(())
    };
    attempt().map_err(|halt| failed(halt, target))
}

fn failed(halt: Halt, target: &Path) -> Error {
    match halt {
        Halt::Source(error) => error,
        Halt::Output(cause) => cannot_write(target, &cause),
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn own_meta() -> Meta {
    Meta { mode: 0o600, owner: (0, 0), modified: clock::now_ms().unsigned_abs() / 1000 }
}

fn cannot_write(target: &Path, cause: &io::Error) -> Error {
    Error::unavailable("cannot_write", format!("cannot write {}: {cause}", target.display()))
}
