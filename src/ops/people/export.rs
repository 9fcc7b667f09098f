//! All that is here of one person, as an archive that they can open with anything: the account without its password,
//! a JSON file for each conversation, what their requests to models used, what they gave to messages, the files of their
//! agents.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{files, requests};
use crate::domain::conversation::Conversation;
use crate::domain::id::TurnId;
use crate::domain::user::User;
use crate::domain::{Error, Kind, Result, clock};
use crate::ops::archive::{Meta, Writer};
use crate::ops::owner;
use crate::ops::partial::{Partial, rename_to_new};
use crate::store::{BranchTurn, Store};
use crate::workdirs::Usage;

/// Conversations whose ids are held at once.
const PAGE: usize = 100;
/// Longest name of a conversation's file that comes from its id, in characters.
const NAME_CHARS: usize = 100;

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
    let account = serde_json::to_vec_pretty(&account(user)).map_err(Error::internal)?;
    writer.bytes("user.json", &account).map_err(cannot)?;
    let (conversations, messages) = conversations(store, user, &mut writer, &mut spool, target)?;
    requests::write(store, &user.id, &mut spool, &cannot)?;
    add_spool(&mut writer, "usage.json", &mut spool).map_err(cannot)?;
    writer.bytes("attachments.json", &attachments(store, user)?).map_err(cannot)?;
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
fn attachments(store: &Store, user: &User) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.files_of(&user.container_id, &after, PAGE)?;
        let Some(last) = page.last() else { return serde_json::to_vec_pretty(&list).map_err(Error::internal) };
        after = last.file.id.as_str().to_owned();
        list.extend(page.iter().map(|stored| {
            json!({
                "fileId": stored.file.id.as_str(), "name": stored.file.name, "mediaType": stored.file.media.as_str(),
                "size": stored.file.size, "path": format!("files/files/{}", stored.digest),
            })
        }));
    }
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
    let mut after = None;
    loop {
        let page = store.conversation_ids(&user.container_id, after.as_ref(), PAGE)?;
        let Some(last) = page.last().cloned() else { return Ok((conversations, messages)) };
        for id in page {
            let conversation = match store.conversation(&user.container_id, &id) {
                Err(error) if error.kind == Kind::NotFound => continue, // deleted while we were at the others
                other => other?,
            };
            messages += write_conversation(store, &conversation, spool, target)?;
            conversations += 1;
            let name = format!("conversations/{conversations:05}-{}.json", plain(id.as_str()));
            add_spool(writer, &name, spool).map_err(|cause| cannot_write(target, &cause))?;
        }
        after = Some(last);
    }
}

/// Adds what was written to the spool, and empties it.
fn add_spool<W: io::Write>(writer: &mut Writer<W>, name: &str, spool: &mut File) -> io::Result<()> {
    let length = spool.stream_position()?;
    spool.rewind()?;
    writer.stream(Path::new(name), length, own_meta(), spool)?;
    spool.rewind()?;
    spool.set_len(0)
}

/// One conversation as JSON, written message by message: it may be larger than the memory.
fn write_conversation(store: &Store, conversation: &Conversation, spool: &mut File, target: &Path) -> Result<u64> {
    let cannot = |cause: io::Error| cannot_write(target, &cause);
    let mut out = BufWriter::new(spool);
    let mut head = json!({
        "imageId": conversation.id.as_str(), "sessionId": conversation.session_id.as_str(),
        "name": conversation.name, "description": conversation.description,
        "systemPrompt": conversation.system_prompt, "model": conversation.model,
        "createdAt": conversation.created_at, "updatedAt": conversation.updated_at,
        "pinned": conversation.is_pinned, "archived": conversation.is_archived,
    })
    .to_string();
    head.pop(); // the brace comes after the messages
    let turns = store.branches(conversation)?;
    if !turns.is_empty() {
        let turn = |turn: &BranchTurn| {
            json!({"turnId": turn.id.as_str(), "parentTurnId": turn.parent.as_ref().map(TurnId::as_str),
                "isShown": turn.is_shown})
        };
        write!(head, ",\"turns\":{}", Value::from_iter(turns.iter().map(turn))).map_err(Error::internal)?;
    }
    write!(out, "{head},\"messages\":[").map_err(cannot)?;
    let mut messages = 0_u64;
    store.each_message(conversation, &mut |message| {
        let separator = if messages == 0 { "\n" } else { ",\n" };
        messages += 1;
        write!(out, "{separator}{message}").map_err(cannot)
    })?;
    writeln!(out, "\n]}}").and_then(|()| out.flush()).map_err(cannot)?;
    Ok(messages)
}

/// An id as a part of a file's name: those of 1.9 were anything a client sent.
fn plain(id: &str) -> String {
    id.chars()
        .take(NAME_CHARS)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' })
        .collect()
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
