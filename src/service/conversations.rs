//! Conversations: a person's own only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::allowance::{Rate, check_disk};
use super::files;
use super::models::Registry;
use super::toolbox::Toolbox;
use super::turn::{Running, Turns};
use crate::domain::conversation::{Conversation, ConversationChange, EFFORTS, Listing};
use crate::domain::id::{ConversationId, MessageId, SessionId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus};
use crate::domain::user::Caller;
use crate::domain::{Error, Result, clock, limits};
use crate::hub::Hub;
use crate::render;
use crate::store::{Store, StoredPage};

/// How often a page of messages is read again because something was stored in between.
const LOOKS: usize = 4;

#[derive(Default)]
pub struct NewConversation {
    pub name: Option<String>,
    pub description: Option<String>,
    pub system_prompt: Option<String>,
    pub model: Option<String>,
    /// Names of servers and built-in tools; `None`: the administrator's default.
    pub tools: Option<Vec<String>>,
    pub effort: Option<String>,
}

/// What a person names to say which conversation they mean.
pub enum Target {
    Conversation(ConversationId),
    Session(SessionId),
}

/// Messages, and where in the stream of events they stand.
pub struct MessagePage {
    /// Of the branch that is shown, oldest first.
    pub messages: Vec<Message>,
    siblings: HashMap<TurnId, Vec<TurnId>>,
    /// Events up to this number are contained in `messages`.
    pub seq: u64,
    pub running: Option<TurnId>,
    /// Turns that wait, in their order.
    pub queued: Vec<TurnId>,
    /// Of the newest page; `None` before the first answer.
    pub context: Option<ContextFill>,
}

impl MessagePage {
    /// The turns with the versions of a message's question, where there are several.
    pub fn siblings_of(&self, message: &Message) -> &[TurnId] {
        message.turn_id.as_ref().and_then(|turn| self.siblings.get(turn)).map_or(&[], Vec::as_slice)
    }
}

/// What a conversation fills of its model's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextFill {
    /// The newest answer with everything that it was asked with.
    pub tokens: u64,
    /// `None` where the provider does not say.
    pub window: Option<u64>,
}

pub struct Conversations {
    store: Arc<Store>,
    hub: Arc<Hub>,
    turns: Arc<Turns>,
    models: Arc<Registry>,
    /// New ones of one person.
    new: Rate,
}

impl Conversations {
    pub fn new(store: Arc<Store>, hub: Arc<Hub>, turns: Arc<Turns>, models: Arc<Registry>) -> Self {
        let new = Rate::new(limits::CONVERSATIONS_PER_HOUR, Duration::from_secs(3600));
        Self { store, hub, turns, models, new }
    }

    /// Errors: `Invalid` for a field that is too long or has control characters; `TooLarge` past the number a person may
    /// have, or where their storage is full; `RateLimited` past the number for an hour; `Unavailable` when the disk is
    /// almost full.
    pub fn create(&self, caller: &Caller, new: NewConversation) -> Result<Conversation> {
        let now = clock::now_ms();
        let conversation = Conversation {
            id: ConversationId::random(),
            container_id: caller.user.container_id.clone(),
            session_id: SessionId::random(),
            name: checked_name(new.name.as_deref().unwrap_or_default())?,
            description: checked_text("description", new.description, limits::DESCRIPTION_CHARS * 4)?,
            system_prompt: checked_text("systemPrompt", new.system_prompt, limits::SYSTEM_PROMPT_BYTES)?,
            model: self.first_model(caller, new.model)?,
            effort: checked_effort(new.effort)?,
            is_pinned: false,
            is_archived: false,
            created_at: now,
            updated_at: now,
        };
        let tools = new.tools.map(Toolbox::checked).transpose()?;
        check_disk(&self.store, caller)?;
        self.new.check(caller, "too_many_conversations_made", "You have started too many conversations this hour")?;
        let made = self.store.add_conversation(conversation)?;
        if tools.is_some() {
            self.store.choose_tools(&made.container_id, &made.id, tools)?;
        }
        // An account that was deleted between the check of the caller and the commit leaves nothing behind: its own
        // deletion came too early for this one.
        if !self.store.container_has_user(&made.container_id)? {
            self.store.delete_container(&made.container_id)?;
            return Err(Error::unauthenticated());
        }
        Ok(made)
    }

    /// Newest activity first, and whether there are more. Errors: `NotFound` for a `before` that is not the caller's.
    pub fn list(
        &self,
        caller: &Caller,
        listing: Listing,
        limit: Option<usize>,
        before: Option<&ConversationId>,
    ) -> Result<(Vec<Conversation>, bool)> {
        let (usual, most) = limits::CONVERSATIONS_PER_PAGE;
        let limit = limit.unwrap_or(usual).clamp(1, most);
        let mut found = self.store.conversations(&caller.user.container_id, listing, limit + 1, before)?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// Errors: `NotFound`.
    pub fn get(&self, caller: &Caller, id: &ConversationId) -> Result<Conversation> {
        self.store.conversation(&caller.user.container_id, id)
    }

    /// A model that is named here is the one that the person's next conversation begins with.
    ///
    /// Errors: `NotFound`, also for a model that the person may not use; `Invalid`; `TooLarge` where the person's storage
    /// is full; `Unavailable` when the disk is almost full.
    pub fn update(&self, caller: &Caller, id: &ConversationId, change: ConversationChange) -> Result<Conversation> {
        let change = ConversationChange {
            name: change.name.map(|name| checked_name(&name)).transpose()?,
            description: change
                .description
                .map(|text| checked_text("description", text, limits::DESCRIPTION_CHARS * 4))
                .transpose()?,
            system_prompt: change
                .system_prompt
                .map(|text| checked_text("systemPrompt", text, limits::SYSTEM_PROMPT_BYTES))
                .transpose()?,
            model: change.model.map(|model| self.model(caller, model)).transpose()?,
            tools: change.tools.map(|tools| tools.map(Toolbox::checked).transpose()).transpose()?,
            effort: change.effort.map(checked_effort).transpose()?,
            pinned: change.pinned,
            archived: change.archived,
        };
        check_disk(&self.store, caller)?;
        if let Some(tools) = &change.tools {
            self.store.choose_tools(&caller.user.container_id, id, tools.clone())?;
        }
        let chosen = change.model.clone();
        let changed = self.store.change_conversation(&caller.user.container_id, id, change)?;
        if let Some(model) = chosen {
            self.store.set_model_choice(&caller.user.id, model)?;
        }
        Ok(changed)
    }

    /// What a new conversation begins with: what is named, which then is the person's choice, or their last choice.
    fn first_model(&self, caller: &Caller, named: Option<String>) -> Result<Option<String>> {
        match self.model(caller, named)? {
            None => self.models.last_choice(caller),
            named => self.store.set_model_choice(&caller.user.id, named.clone()).map(|()| named),
        }
    }

    fn model(&self, caller: &Caller, named: Option<String>) -> Result<Option<String>> {
        let named = checked_model(named)?;
        named.as_ref().map_or(Ok(()), |name| self.models.check(caller, name))?;
        Ok(named)
    }

    /// Deletes a conversation with all that hangs on it; a turn that runs in it is stopped. Errors: `NotFound`.
    pub fn delete(&self, caller: &Caller, id: &ConversationId) -> Result<()> {
        let gone = self.store.conversation(&caller.user.container_id, id)?;
        self.turns.abandon(&gone.id);
        self.store.delete_conversation(&caller.user.container_id, id)?;
        self.hub.forget(&gone.session_id);
        self.store.workdirs().remove_conversation(&gone.container_id, &gone.id)?;
        files::forget_unheld(&self.store, &gone.container_id)?;
        Ok(())
    }

    /// A page of messages with what is being written at this moment, and the number of the newest event in it.
    ///
    /// Errors: `NotFound`.
    pub fn page(
        &self,
        caller: &Caller,
        id: &ConversationId,
        limit: Option<usize>,
        before: Option<&MessageId>,
    ) -> Result<MessagePage> {
        let conversation = self.get(caller, id)?;
        let (usual, most) = limits::MESSAGES_PER_PAGE;
        let limit = limit.unwrap_or(usual).clamp(1, most);
        for look in 1.. {
            let last_complete = self.hub.last_complete_seq(&conversation.session_id);
            let page = self.store.messages(&conversation, limit, before)?;
            let reserved = self.store.seq_reserved(&conversation.session_id)?;
            let now = self.turns.running(id).filter(|running| page.shows(running.ordinal));
            // What was announced is stored: everything up to the last complete event stands in the page, and the text
            // since then in what is running. One that came in between may be missing in both: read again.
            if last_complete == self.hub.last_complete_seq(&conversation.session_id) || look >= LOOKS {
                let seq = last_complete.max(now.as_ref().map(|running| running.seq)).unwrap_or(reserved);
                let running = now.as_ref().map(|running| running.turn_id.clone());
                let StoredPage { messages, siblings, .. } = page;
                let messages = if before.is_none() { with_live(messages, now) } else { messages };
                let context = if before.is_none() { self.fill(&conversation, &messages) } else { None };
                let queued = self.turns.queued(id);
                return Ok(MessagePage { messages, siblings, seq, running, queued, context });
            }
        }
        Err(Error::internal("unreachable: the loop returns"))
    }

    fn fill(&self, conversation: &Conversation, messages: &[Message]) -> Option<ContextFill> {
        let counted = |message: &Message| {
            let is_answer = message.role == MessageRole::Assistant && message.status != MessageStatus::Superseded;
            message.usage.filter(|usage| is_answer && usage.total_input() > 0)
        };
        let usage = messages.iter().rev().find_map(counted)?;
        // A provider that is not to be had now is no reason to withhold the messages.
        let known = self.models.known(conversation.model.as_deref()).ok().and_then(|(_, _, model)| model);
        Some(ContextFill {
            tokens: usage.total_input().saturating_add(usage.output),
            window: known.and_then(|model| model.context_tokens),
        })
    }

    /// Errors: `NotFound`.
    pub fn session(&self, caller: &Caller, target: Target) -> Result<Conversation> {
        let owner = &caller.user.container_id;
        match target {
            Target::Conversation(id) => self.store.conversation(owner, &id),
            Target::Session(id) => self.store.conversation_of_session(owner, &id),
        }
    }

    /// The newest event number of a session without followers.
    pub fn latest_seq(&self, conversation: &Conversation) -> Result<u64> {
        self.store.seq_reserved(&conversation.session_id)
    }

    /// A model's text as blocks of safe HTML.
    pub fn html_blocks(&self, markdown: &str) -> Vec<String> {
        render::blocks(markdown)
    }

    /// The tools that were chosen for it; `None`: the administrator's default.
    pub fn tools(&self, conversation: &Conversation) -> Result<Option<Vec<String>>> {
        Ok(self.store.conversation_tools(&conversation.container_id, &conversation.id)?.chosen)
    }

    /// Whether a turn is running in it.
    pub fn is_online(&self, conversation: &Conversation) -> bool {
        self.turns.running(&conversation.id).is_some()
    }
}

/// The message that is being written, as it stands in memory, instead of its last checkpoint.
fn with_live(mut messages: Vec<Message>, running: Option<Running>) -> Vec<Message> {
    let Some(live) = running.and_then(|running| running.message) else { return messages };
    match messages.iter_mut().find(|message| message.id == live.id) {
        Some(stored) if stored.status == MessageStatus::Streaming => *stored = live,
        Some(_) => {}
        None => {
            // Questions that wait stand behind the answer that is being written.
            let place = messages.iter().rposition(|message| message.turn_id == live.turn_id);
            messages.insert(place.map_or(messages.len(), |place| place + 1), live);
        }
    }
    messages
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim().replace(['\n', '\r', '\t'], " ");
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("invalid_characters", "name has control characters in it"));
    }
    if name.chars().count() > limits::CONVERSATION_NAME_CHARS {
        return Err(Error::invalid(
            "invalid_name",
            format!("A name has at most {} characters", limits::CONVERSATION_NAME_CHARS),
        ));
    }
    Ok(name)
}

fn checked_text(field: &str, text: Option<String>, most_bytes: usize) -> Result<Option<String>> {
    let text = text.filter(|text| !text.trim().is_empty()).map(|text| text.replace("\r\n", "\n"));
    match &text {
        // Each would be six bytes where it is sent, and nothing that a person means.
        Some(odd) if odd.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => {
            Err(Error::invalid("invalid_characters", format!("{field} has control characters in it")))
        }
        Some(long) if long.len() > most_bytes => {
            Err(Error::invalid("too_long", format!("{field} has at most {most_bytes} bytes")))
        }
        _ => Ok(text),
    }
}

fn checked_effort(effort: Option<String>) -> Result<Option<String>> {
    let effort = effort.filter(|effort| !effort.is_empty());
    if effort.as_deref().is_some_and(|effort| !EFFORTS.contains(&effort)) {
        return Err(Error::invalid("invalid_effort", format!("effort is one of {}", EFFORTS.join(", "))));
    }
    Ok(effort)
}

fn checked_model(model: Option<String>) -> Result<Option<String>> {
    let model = model.map(|model| model.trim().to_owned()).filter(|model| !model.is_empty());
    match &model {
        Some(name) if name.chars().count() > limits::MODEL_CHARS || name.chars().any(char::is_control) => Err(
            Error::invalid("invalid_model", format!("A model's name has at most {} characters", limits::MODEL_CHARS)),
        ),
        _ => Ok(model),
    }
}
