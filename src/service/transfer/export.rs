//! One person's conversations, written into anything that takes bytes, a page of messages at a time.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use super::portable::{self, Halt, Manifest};
use super::{Transfer, markdown};
use crate::domain::attachment::plain_name;
use crate::domain::conversation::Conversation;
use crate::domain::id::{ContainerId, ConversationId};
use crate::domain::user::Caller;
use crate::domain::{Kind, Result};
use crate::service::files;
use crate::service::slots::Slot;
use crate::store::{Store, StoredFile};
use crate::zip;

/// Conversations whose ids are held at once.
const PAGE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own form.
    Json,
    /// For people.
    Markdown,
    /// Our own form, with the files.
    Zip,
}

/// Which conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    One(ConversationId),
}

/// What is about to be written.
pub struct Export {
    /// The name of a file for it.
    pub name: String,
    pub format: Format,
    store: Arc<Store>,
    owner: ContainerId,
    one: Option<Conversation>,
    _slot: Slot,
}

impl Format {
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "json" => Self::Json,
            "md" => Self::Markdown,
            "zip" => Self::Zip,
            _ => return None,
        })
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Zip => "zip",
        }
    }
}

impl Transfer {
    /// Errors: `NotFound`; `RateLimited` for too many at once.
    pub fn export(&self, caller: &Caller, which: Which, format: Format) -> Result<Export> {
        let owner = caller.user.container_id.clone();
        let one = match which {
            Which::All => None,
            Which::One(id) => Some(self.store.conversation(&owner, &id)?),
        };
        let slot = self.exports.take(&owner, "too_many_exports", "Too many exports are under way")?;
        let name = match &one {
            Some(conversation) if conversation.name.is_empty() => conversation.id.as_str(),
            Some(conversation) => &conversation.name,
            None => &format!("portagent {}", caller.user.username),
        };
        // Ours, not a path: a slash in a title is a dash.
        let name = plain_name(&format!("{}.{}", name.replace(['/', '\\'], "-"), format.ending()));
        Ok(Export { name, format, store: self.store.clone(), owner, one, _slot: slot })
    }
}

impl Export {
    /// Writes it. `pause` is called in between.
    ///
    /// Errors: what could not be read, or where it goes does not take it. What is written then is not whole.
    pub fn write(&self, out: &mut dyn Write, pause: &mut dyn FnMut()) -> Result<(), Halt> {
        match self.format {
            Format::Json => self.json(out, pause),
            Format::Markdown => self.markdown(out, pause),
            Format::Zip => self.zip(out, pause),
        }
    }

    fn json(&self, out: &mut dyn Write, pause: &mut dyn FnMut()) -> Result<(), Halt> {
        let mut head = serde_json::to_string(&Manifest::now()).map_err(io::Error::from)?;
        head.pop(); // the brace comes after the conversations
        write!(out, "{head},\"conversations\":[")?;
        let mut is_first = true;
        self.each(&mut |conversation| {
            out.write_all(if is_first { b"\n" } else { b",\n" })?;
            is_first = false;
            portable::write_conversation(&self.store, conversation, out)?;
            pause();
            Ok(())
        })?;
        Ok(out.write_all(b"\n]}\n")?)
    }

    fn markdown(&self, out: &mut dyn Write, pause: &mut dyn FnMut()) -> Result<(), Halt> {
        let mut is_first = true;
        self.each(&mut |conversation| {
            out.write_all(if is_first { b"" } else { b"---\n\n" })?;
            is_first = false;
            markdown::write_conversation(&self.store, conversation, out)?;
            pause();
            Ok(())
        })
    }

    fn zip(&self, out: &mut dyn Write, pause: &mut dyn FnMut()) -> Result<(), Halt> {
        let mut archive = zip::Writer::new(out);
        let manifest = serde_json::to_vec_pretty(&Manifest::now()).map_err(io::Error::from)?;
        archive.file(portable::MANIFEST, |out| out.write_all(&manifest))?;
        let mut number = 0;
        self.each(&mut |conversation| {
            number += 1;
            archive.file(&portable::conversation_path(number, conversation), |out| {
                portable::write_conversation(&self.store, conversation, out).map(drop)
            })?;
            pause();
            Ok(())
        })?;
        let mut digests = HashSet::new();
        archive.file(portable::ATTACHMENTS, |out| {
            let next = |after: &str, limit: usize| match &self.one {
                Some(conversation) => self.store.files_of_conversation(conversation, after, limit),
                None => self.store.files_of(&self.owner, after, limit),
            };
            portable::write_attachments(out, &next, &content_path, &mut |stored| {
                digests.insert(stored.digest.clone());
            })
        })?;
        for digest in digests {
            match files::open(&self.store, &self.owner, &digest) {
                // Gone, as after a restore of the databases alone: the list names it all the same.
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error.into()),
                Ok(mut content) => archive.file(&format!("attachments/{digest}"), |out| copy(&mut content, out))?,
            }
            pause();
        }
        archive.finish()?;
        Ok(())
    }

    fn each(&self, take: &mut dyn FnMut(&Conversation) -> Result<(), Halt>) -> Result<(), Halt> {
        if let Some(conversation) = &self.one {
            return take(conversation);
        }
        each_conversation(&self.store, &self.owner, take)
    }
}

/// Every conversation of an owner, by id: an order in which none is missed when they move in the list meanwhile.
pub fn each_conversation(
    store: &Store,
    owner: &ContainerId,
    take: &mut dyn FnMut(&Conversation) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let mut after = None;
    loop {
        let page = store.conversation_ids(owner, after.as_ref(), PAGE)?;
        for id in &page {
            match store.conversation(owner, id) {
                Err(error) if error.kind == Kind::NotFound => {} // deleted while we were at the others
                Err(error) => return Err(error.into()),
                Ok(conversation) => take(&conversation)?,
            }
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

fn content_path(stored: &StoredFile) -> String {
    format!("attachments/{}", stored.digest)
}

fn copy(from: &mut dyn io::Read, out: &mut dyn Write) -> io::Result<()> {
    io::copy(from, out).map(drop)
}
