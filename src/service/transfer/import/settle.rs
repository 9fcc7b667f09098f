//! Makes a conversation of ours of one that has arrived: ids, limits on its texts, its turns, its files.

use std::io::Read;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::arrival::{Arrival, Changed, Draft, DraftPart, beginning};
use super::branches;
use super::source::Source;
use crate::domain::conversation::{Conversation, EFFORTS};
use crate::domain::id::{ContainerId, ConversationId, FileId, MessageId, SessionId, TurnId, hex};
use crate::domain::message::{Message, MessageRole, Part};
use crate::domain::{Error, Kind, Result, clock, limits};
use crate::service::files::Upload;
use crate::store::{Imported, ImportedTurn, Store};

/// Read of a file at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Tools that a conversation names.
const TOOLS: usize = 64;

pub(super) struct Settler<'a> {
    pub store: &'a Arc<Store>,
    pub owner: &'a ContainerId,
    pub source: &'a Source,
}

pub(super) struct Settled {
    pub imported: Imported,
    /// What it holds, about.
    pub bytes: usize,
    pub files: u64,
    pub changed: Changed,
}

/// The same for the same conversation from the same program, whenever it comes; without an id of its own, for the same
/// content.
pub(super) fn id_of(owner: &ContainerId, arrival: &Arrival, json: &[u8]) -> ConversationId {
    let mut hash = Sha256::new();
    for piece in [owner.as_str(), arrival.origin] {
        hash.update(piece.as_bytes());
        hash.update([0]);
    }
    match &arrival.id {
        Some(id) => hash.update(id.as_bytes()),
        None => hash.update(Sha256::digest(json)),
    }
    let digest = hex(&hash.finalize());
    let pieces = [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]];
    ConversationId::from(format!("img_{}", pieces.join("-")))
}

/// A name as it can be shown: one line, not too long.
pub(super) fn plain(name: &str) -> String {
    let one_line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    one_line.trim().chars().take(limits::CONVERSATION_NAME_CHARS).collect()
}

impl Settler<'_> {
    /// Whether it was imported before, or is the one that was exported.
    pub(super) fn is_here(&self, id: &ConversationId, arrival: &Arrival) -> Result<bool> {
        let own = arrival.id.as_deref().filter(|_| arrival.origin == "portagent").map(ConversationId::from_outside);
        for id in [Some(id.clone()), own].into_iter().flatten() {
            match self.store.conversation(self.owner, &id) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Its files are stored by this. Errors: what the store says, also that there is no room for a file.
    pub(super) fn settle(&self, id: ConversationId, arrival: Arrival) -> Result<Settled> {
        let now = clock::now_ms();
        let Arrival { mut changed, drafts, branches, .. } = arrival;
        let first = drafts.iter().find_map(|draft| draft.timestamp);
        let created_at = arrival.created_at.or(first).unwrap_or(now).clamp(1, now);
        let session_id = SessionId::random();
        let (mut turns, mut last, mut files, mut bytes) = (Vec::<ImportedTurn>::new(), created_at, 0, 0);
        let (mut turn, mut sources) = (None, Vec::new());
        for draft in drafts {
            last = draft.timestamp.unwrap_or(last).clamp(1, now);
            let is_new = match &draft.turn {
                Some(_) => draft.turn != turn,
                None => draft.role == MessageRole::User,
            };
            turn.clone_from(&draft.turn);
            if is_new || turns.is_empty() {
                turns.push(ImportedTurn { id: TurnId::random(), parent: None, is_other: false, messages: Vec::new() });
                sources.push(draft.turn.clone());
            }
            let Some(turn) = turns.last_mut() else { continue };
            let message = self.message(draft, &session_id, &turn.id, last, &mut files, &mut changed)?;
            bytes += message.parts.iter().map(Part::weight).sum::<usize>();
            turn.messages.push(message);
        }
        branches::place(&mut turns, &sources, &branches);
        let conversation = Conversation {
            id,
            container_id: self.owner.clone(),
            session_id,
            name: plain(&arrival.name),
            description: arrival.description.and_then(|text| bounded(&text, limits::DESCRIPTION_CHARS * 4)),
            system_prompt: arrival.system_prompt.and_then(|text| bounded(&text, limits::SYSTEM_PROMPT_BYTES)),
            model: arrival.model.filter(|name| is_name(name)),
            effort: arrival.effort.filter(|effort| EFFORTS.contains(&effort.as_str())),
            is_pinned: arrival.is_pinned,
            is_archived: arrival.is_archived,
            created_at,
            updated_at: arrival.updated_at.unwrap_or(last).clamp(created_at, now),
        };
        let tools = arrival.tools.map(|tools| tools.into_iter().filter(|name| is_name(name)).take(TOOLS).collect());
        Ok(Settled { imported: Imported { conversation, tools, turns }, bytes, files, changed })
    }

    fn message(
        &self,
        draft: Draft,
        session: &SessionId,
        turn: &TurnId,
        timestamp: i64,
        files: &mut u64,
        changed: &mut Changed,
    ) -> Result<Message> {
        let mut parts = Vec::with_capacity(draft.parts.len());
        for part in draft.parts {
            parts.push(match part {
                DraftPart::Ready(part) => part,
                DraftPart::Asset { key, name } => self.asset(&key, name, files, changed)?,
                DraftPart::Inline { data, name } => {
                    let bytes = STANDARD.decode(data.as_bytes()).unwrap_or_default();
                    self.stored(&name, &mut bytes.as_slice(), files, changed)?
                }
            });
        }
        Ok(Message {
            id: MessageId::random(),
            session_id: session.clone(),
            turn_id: Some(turn.clone()),
            role: draft.role,
            parts,
            status: draft.status,
            model: draft.model.filter(|name| is_name(name)),
            usage: draft.usage,
            stop_reason: draft.stop_reason,
            client_message_id: None,
            timestamp,
        })
    }

    /// A file of the archive; without an archive, one that is here already.
    fn asset(&self, key: &str, name: String, files: &mut u64, changed: &mut Changed) -> Result<Part> {
        if let Some((given, mut content)) = self.source.asset(key) {
            let name = if name.is_empty() { given } else { name };
            return self.stored(&name, &mut content, files, changed);
        }
        match self.store.file(self.owner, &FileId::from_outside(key)) {
            Ok(stored) => Ok(Part::Attachment(stored.file)),
            Err(error) if error.kind == Kind::NotFound => Ok(missing(&name, changed)),
            Err(error) => Err(error),
        }
    }

    /// What no message takes, or cannot be read, stays as its name.
    fn stored(&self, name: &str, content: &mut dyn Read, files: &mut u64, changed: &mut Changed) -> Result<Part> {
        let mut upload = Upload::begin(self.store, self.owner, None)?;
        upload.set_name(name);
        let mut piece = vec![0; PIECE_BYTES];
        let outcome = loop {
            match content.read(&mut piece) {
                Ok(0) => break upload.finish(),
                Ok(read) => {
                    if let Err(error) = upload.write(&piece[..read]) {
                        break Err(error);
                    }
                }
                Err(cause) => break Err(Error::invalid("damaged_archive", "A file is damaged").source(cause)),
            }
        };
        match outcome {
            Ok(file) => {
                *files += 1;
                Ok(Part::Attachment(file))
            }
            Err(error) if error.kind == Kind::Invalid || error.code.as_str() == "file_too_large" => {
                Ok(missing(name, changed))
            }
            Err(error) => Err(error),
        }
    }
}

fn missing(name: &str, changed: &mut Changed) -> Part {
    changed.files_missing += 1;
    let name = plain(name);
    Part::Text(format!("[File: {}]", if name.is_empty() { "?" } else { &name }))
}

fn bounded(text: &str, most: usize) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let cut = beginning(&clean, most);
    (!cut.trim().is_empty()).then(|| cut.to_owned())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= limits::MODEL_CHARS && !name.chars().any(char::is_control)
}
