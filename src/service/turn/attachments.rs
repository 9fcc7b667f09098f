//! The files of messages, on their way in and on their way to a model.
//!
//! Before a message is stored, each file is looked up under its owner, and a model that cannot take it says so. In the
//! messages that go to a model the contents stand in the place of the files; what it cannot take, as when the model was
//! changed since, is named there instead, so that no conversation becomes impossible to go on with.

use std::borrow::Cow;
use std::io::Read as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Turns;
use super::active::Active;
use crate::domain::attachment::Attachment;
use crate::domain::bytes::human;
use crate::domain::conversation::Conversation;
use crate::domain::id::ContainerId;
use crate::domain::media::{Media, Sniffer};
use crate::domain::message::{Message, Part};
use crate::domain::tool::WorkFile;
use crate::domain::{Error, Kind, Result};
use crate::llm::{self, Model};
use crate::service::files;
use crate::store::Store;
use crate::workdirs::Place;

/// Files of one message.
const FILES_PER_MESSAGE: usize = 20;
/// The files of one request, in bytes: in base64 and beside the words, less than the 32 MB that Anthropic takes. The
/// oldest are left out first.
const REQUEST_BYTES: u64 = 20 * 1024 * 1024;
/// Pictures of tools in one request; beyond this many Anthropic takes small ones only.
const TOOL_PICTURES: usize = 20;
/// Anthropic takes 5 MB of base64 for one picture.
const PICTURE_BYTES: u64 = 5_000_000 / 4 * 3;
/// Files that are held for all models that are asked at this moment, in bytes; a request takes about three times as much
/// while it is sent. Who comes when there is no room waits for so long.
const HELD_BYTES: u64 = 32 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a waiting turn looks whether it was stopped.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a model can take, as far as is known.
pub(super) struct Reader {
    kind: llm::Kind,
    name: String,
    images: Option<bool>,
    files: Option<bool>,
}

impl Reader {
    fn of(turns: &Turns, conversation: &Conversation) -> Result<Self> {
        let (kind, name, model) = turns.models.known(conversation.model.as_deref())?;
        let Model { images, files, .. } = model.unwrap_or_default();
        Ok(Self { kind, name, images, files })
    }

    /// Why it cannot take a file. Errors: `Invalid`, `TooLarge`.
    fn check(&self, name_of_file: &str, media: Media, size: u64) -> Result<()> {
        let name = if self.name.is_empty() { "This model" } else { &self.name };
        let cannot =
            |code, what: &str, way: &'static str| Err(Error::invalid(code, format!("{name} {what}")).hint(way));
        match media {
            media if media.is_picture() && self.images == Some(false) => cannot(
                "model_takes_no_pictures",
                "cannot look at pictures",
                "Choose a model that can, or remove the picture",
            ),
            media if media.is_picture() && self.kind == llm::Kind::Anthropic && size > PICTURE_BYTES => {
                let message = format!("The picture {name_of_file} is larger than {}", human(PICTURE_BYTES));
                Err(Error::new(Kind::TooLarge, "picture_too_large", message)
                    .hint("Make it smaller and attach it again"))
            }
            Media::Pdf if self.kind == llm::Kind::Ollama || self.files == Some(false) => {
                cannot("model_takes_no_pdf", "cannot read PDF files", "Choose a model that can, or attach its text")
            }
            _ => Ok(()),
        }
    }
}

/// Looks up the files of a message, and whether its model takes them.
///
/// Errors: `NotFound` for a file that is not the owner's; `Invalid`, `TooLarge` for one that the model does not take.
pub(super) fn check(turns: &Turns, conversation: &Conversation, parts: &mut [Part]) -> Result<()> {
    let mut files: Vec<&mut Attachment> =
        parts.iter_mut().filter_map(|part| if let Part::Attachment(file) = part { Some(file) } else { None }).collect();
    if files.is_empty() {
        return Ok(());
    }
    if files.len() > FILES_PER_MESSAGE {
        let message = format!("A message has at most {FILES_PER_MESSAGE} files");
        return Err(Error::new(Kind::TooLarge, "too_many_files", message));
    }
    let reader = Reader::of(turns, conversation)?;
    let mut bytes = 0_u64;
    for file in &mut files {
        **file = turns.store.file(&conversation.container_id, &file.id)?.file;
        reader.check(&file.name, file.media, file.size)?;
        bytes += file.size;
    }
    if bytes > REQUEST_BYTES {
        let message = format!("The files of this message are larger than {} together", human(REQUEST_BYTES));
        return Err(Error::new(Kind::TooLarge, "files_too_large", message).hint("Send them in several messages"));
    }
    Ok(())
}

/// Messages with the contents of their files, and the room that these take.
pub(super) struct Loaded<'a> {
    pub messages: Cow<'a, [Message]>,
    _room: Option<Room>,
}

/// Reads what a model gets to see. `None`: the turn was stopped while it waited for room.
///
/// Errors: `Unavailable` when there was no room for too long.
pub(super) fn load<'a>(turns: &Turns, active: &Active, messages: &'a [Message]) -> Result<Option<Loaded<'a>>> {
    let is_file = |part: &Part| match part {
        Part::Attachment(_) => true,
        Part::WorkFile(file) => file.media.is_picture(),
        _ => false,
    };
    let has_files = |message: &Message| message.parts.iter().any(is_file);
    if !messages.iter().any(has_files) {
        return Ok(Some(Loaded { messages: Cow::Borrowed(messages), _room: None }));
    }
    let reader = Reader::of(turns, &active.conversation)?;
    let mut loaded = messages.to_vec();
    let chosen = choose(&reader, &mut loaded);
    let bytes = chosen.iter().map(|chosen| chosen.size).sum();
    let Some(room) = turns.held.room(bytes, || active.cancel.is_cancelled())? else { return Ok(None) };
    for Chosen { message, part, .. } in chosen {
        let place = &mut loaded[message].parts[part];
        *place = match place {
            Part::Attachment(file) => content(&turns.store, &active.conversation.container_id, file),
            Part::WorkFile(file) => picture(&turns.store, active, file),
            _ => continue,
        };
    }
    Ok(Some(Loaded { messages: Cow::Owned(loaded), _room: Some(room) }))
}

/// A file that a model gets, by message and part.
struct Chosen {
    message: usize,
    part: usize,
    size: u64,
}

/// Which files a model gets, the newest first; those of people become a note otherwise. Beside a tool's pictures there
/// is a note anyway.
fn choose(reader: &Reader, messages: &mut [Message]) -> Vec<Chosen> {
    let (mut chosen, mut left, mut pictures) = (Vec::new(), REQUEST_BYTES, TOOL_PICTURES);
    for (at, message) in messages.iter_mut().enumerate().rev() {
        for (place, part) in message.parts.iter_mut().enumerate().rev() {
            let (size, why) = match &*part {
                Part::Attachment(file) => (file.size, reader.check(&file.name, file.media, file.size).err()),
                Part::WorkFile(file) if file.media.is_picture() && pictures > 0 => {
                    if reader.check(&file.path, file.media, file.size).is_err() {
                        continue;
                    }
                    pictures -= 1;
                    (file.size, None)
                }
                _ => continue,
            };
            match (why, left.checked_sub(size), &*part) {
                (None, Some(rest), _) => {
                    left = rest;
                    chosen.push(Chosen { message: at, part: place, size });
                }
                (None, None, Part::Attachment(file)) => {
                    *part = note(file, "it is no longer sent, because newer files take the room");
                }
                (Some(error), _, Part::Attachment(file)) => *part = note(file, &error.message),
                _ => {}
            }
        }
    }
    chosen
}

/// The model should know that there is something it does not see.
fn note(file: &Attachment, why: &str) -> Part {
    Part::Text(format!("[Attachment {} ({}): {why}]", file.name, file.media.as_str()))
}

fn content(store: &Store, owner: &ContainerId, file: &Attachment) -> Part {
    let read = || -> Result<Vec<u8>> {
        let stored = store.file(owner, &file.id)?;
        let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
        files::open(store, owner, &stored.digest)?
            .take(file.size)
            .read_to_end(&mut bytes)
            .map_err(|cause| Error::unavailable("file_not_readable", "The file cannot be read").source(cause))?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => {
            let (media_type, data) = (file.media.as_str().to_owned(), STANDARD.encode(bytes));
            let name = Some(file.name.clone());
            if file.media.is_picture() {
                Part::Image { media_type, data, name }
            } else {
                Part::File { media_type, data, filename: name }
            }
        }
        Err(error) => {
            log::warn!(target: "turn", "file={} cannot be sent to a model: {}", file.id, error.with_cause());
            note(file, "its content is missing")
        }
    }
}

/// A picture of a tool; one that was changed or removed since is not sent.
fn picture(store: &Store, active: &Active, file: &WorkFile) -> Part {
    let context = &active.context;
    let read = || -> Result<Option<Vec<u8>>> {
        let workdir = store.workdirs().existing_workdir(&context.container_id, &context.conversation_id)?;
        let Some(workdir) = workdir else { return Ok(None) };
        let (opened, listed) = workdir.open(&Place::parse(&file.path)?)?;
        let mut bytes = Vec::new();
        opened.take(file.size + 1).read_to_end(&mut bytes).map_err(Error::internal)?;
        let mut sniffer = Sniffer::default();
        sniffer.take(&bytes);
        Ok((listed.size == file.size && sniffer.media() == file.media).then_some(bytes))
    };
    match read() {
        Ok(Some(bytes)) => Part::Image {
            media_type: file.media.as_str().to_owned(),
            data: STANDARD.encode(bytes),
            name: Some(file.path.clone()),
        },
        _ => Part::WorkFile(file.clone()),
    }
}

/// How many bytes are held at this moment.
#[derive(Default)]
pub(super) struct Held(Arc<(Mutex<u64>, Condvar)>);

struct Room {
    held: Arc<(Mutex<u64>, Condvar)>,
    bytes: u64,
}

impl Held {
    /// Waits for room. `None`: `is_stopped` said so.
    fn room(&self, bytes: u64, is_stopped: impl Fn() -> bool) -> Result<Option<Room>> {
        let (count, freed) = &*self.0;
        let until = Instant::now() + PATIENCE;
        let mut held = count.lock().unwrap_or_else(PoisonError::into_inner);
        while *held > 0 && *held + bytes > HELD_BYTES {
            if is_stopped() {
                return Ok(None);
            }
            if Instant::now() >= until {
                return Err(Error::unavailable("too_busy", "The server is too busy to answer"));
            }
            held = freed.wait_timeout(held, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        *held += bytes;
        Ok(Some(Room { held: self.0.clone(), bytes }))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *self.held.0.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.held.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{FileId, MessageId, SessionId};
    use crate::domain::message::{MessageRole, MessageStatus};

    fn file(name: &str, media: Media, size: u64) -> Part {
        Part::Attachment(Attachment { id: FileId::random(), name: name.to_owned(), media, size })
    }

    fn message(parts: Vec<Part>) -> Message {
        Message {
            id: MessageId::random(),
            session_id: SessionId::from("s".to_owned()),
            turn_id: None,
            role: MessageRole::User,
            parts,
            status: MessageStatus::Complete,
            model: None,
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: 0,
        }
    }

    #[test]
    fn the_newest_files_go_and_the_others_are_named() {
        let reader = Reader { kind: llm::Kind::OpenAi, name: "m".to_owned(), images: None, files: Some(false) };
        let half = REQUEST_BYTES / 2;
        let mut messages = [
            message(vec![file("old", Media::Text, half)]),
            message(vec![file("a", Media::Png, half), Part::Text("words".to_owned()), file("b", Media::Text, half)]),
            message(vec![file("c", Media::Pdf, 1)]),
        ];
        let chosen = choose(&reader, &mut messages);
        let places: Vec<_> = chosen.iter().map(|chosen| (chosen.message, chosen.part)).collect();
        assert_eq!(places, [(1, 2), (1, 0)]);
        let text = |part: &Part| if let Part::Text(text) = part { text.clone() } else { String::new() };
        assert!(text(&messages[0].parts[0]).contains("no longer sent"), "{messages:?}");
        assert_eq!(text(&messages[2].parts[0]), "[Attachment c (application/pdf): m cannot read PDF files]");
    }

    #[test]
    fn what_models_take() {
        let check = |kind, images, part: Part, expected: Option<&str>| {
            let reader = Reader { kind, name: String::new(), images, files: None };
            let Part::Attachment(file) = part else { return };
            let got = reader.check(&file.name, file.media, file.size).err().map(|error| error.code.as_str());
            assert_eq!(got, expected, "{kind:?} {file:?}");
        };
        use llm::Kind::{Anthropic, Ollama, OpenAi};
        check(Anthropic, None, file("p", Media::Png, PICTURE_BYTES), None);
        check(Anthropic, None, file("p", Media::Png, PICTURE_BYTES + 1), Some("picture_too_large"));
        check(OpenAi, None, file("p", Media::Png, PICTURE_BYTES + 1), None);
        check(OpenAi, Some(false), file("p", Media::Webp, 1), Some("model_takes_no_pictures"));
        check(Ollama, None, file("p", Media::Pdf, 1), Some("model_takes_no_pdf"));
        check(Anthropic, Some(false), file("p", Media::Pdf, 1), None);
        check(Ollama, Some(false), file("p", Media::Text, 1), None);
    }

    #[test]
    fn room_is_waited_for_and_given_back() {
        let held = Held::default();
        let first = held.room(HELD_BYTES, || false).expect("room").expect("room");
        assert!(held.room(1, || true).expect("a stop").is_none());
        drop(first);
        assert!(held.room(HELD_BYTES + 1, || false).expect("the only one").is_some(), "else it would wait for ever");
    }
}
