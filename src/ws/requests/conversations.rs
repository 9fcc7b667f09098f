//! Conversations: made, listed, changed, deleted.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{ConversationIdView, conversation_id};
use crate::domain::conversation::{Conversation, ConversationChange, Listing};
use crate::domain::id::ConversationId;
use crate::domain::{Error, Result};
use crate::service::NewConversation;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::{self, Request};
use crate::ws::view::{RecordView, fitting};

#[derive(Serialize)]
struct RecordData<'a> {
    record: RecordView<'a>,
}

impl Dispatcher {
    pub(in crate::ws) fn create(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            name: Option<String>,
            description: Option<String>,
            system_prompt: Option<String>,
            model: Option<String>,
            tools: Option<Vec<String>>,
            effort: Option<String>,
            mcp_servers: Option<IgnoredAny>,
        }
        let Data { name, description, system_prompt, model, tools, effort, mcp_servers } = request.data()?;
        refuse_servers(mcp_servers)?;
        let new = NewConversation { name, description, system_prompt, model, tools, effort };
        let conversation = self.services.conversations.create(&self.caller, new)?;
        self.tell_of(&conversation);
        self.record(request, &conversation)
    }

    pub(in crate::ws) fn list(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        struct Data {
            limit: Option<usize>,
            before: Option<String>,
            #[serde(default)]
            archived: bool,
            pinned: Option<bool>,
            /// From now on this socket hears of changes in the list.
            #[serde(default)]
            follow: bool,
        }
        #[derive(Serialize)]
        struct ResponseData {
            records: Vec<Box<RawValue>>,
            /// There are more behind these.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            more: bool,
        }
        let data: Data = request.data()?;
        if data.follow {
            self.outbox.follow_list(); // first, so that nothing is missed in between
        }
        let before = data.before.as_deref().map(ConversationId::from_outside);
        let listing = Listing { archived: data.archived, pinned: data.pinned };
        let conversations = &self.services.conversations;
        let (found, more) = conversations.list(&self.caller, listing, data.limit, before.as_ref())?;
        let views = found.iter().map(|one| RecordView::of(one, conversations.is_online(one)).in_list());
        let (records, is_cut) = fitting(views);
        Ok(Handled::Reply(request.reply.data(&ResponseData { records, more: more || is_cut })))
    }

    pub(in crate::ws) fn get(&self, request: &Request<'_>) -> Result<Handled> {
        let conversation = self.services.conversations.get(&self.caller, &conversation_id(request)?)?;
        self.record(request, &conversation)
    }

    pub(in crate::ws) fn update(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            image_id: String,
            updates: Updates,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Updates {
            name: Option<String>,
            #[serde(default, deserialize_with = "present")]
            description: Option<Option<String>>,
            #[serde(default, deserialize_with = "present")]
            system_prompt: Option<Option<String>>,
            #[serde(default, deserialize_with = "present")]
            model: Option<Option<String>>,
            #[serde(default, deserialize_with = "present")]
            tools: Option<Option<Vec<String>>>,
            #[serde(default, deserialize_with = "present")]
            effort: Option<Option<String>>,
            pinned: Option<bool>,
            archived: Option<bool>,
            mcp_servers: Option<IgnoredAny>,
        }
        let Data { image_id, updates } = request.data()?;
        let Updates { name, description, system_prompt, model, tools, effort, pinned, archived, mcp_servers } = updates;
        refuse_servers(mcp_servers)?;
        let change = ConversationChange { name, description, system_prompt, model, tools, effort, pinned, archived };
        let id = ConversationId::from_outside(&image_id);
        let conversation = self.services.conversations.update(&self.caller, &id, change)?;
        self.tell_of(&conversation);
        self.record(request, &conversation)
    }

    pub(in crate::ws) fn delete(&self, request: &Request<'_>) -> Result<Handled> {
        let id = conversation_id(request)?;
        self.services.conversations.delete(&self.caller, &id)?;
        let gone = ConversationIdView { image_id: id.as_str() };
        self.tell(|| Some(protocol::notice("image_deleted", &gone)));
        Ok(Handled::Reply(request.reply.data(&gone)))
    }

    /// A message makes its conversation the newest, and may name it and take it out of the archive.
    pub(super) fn tell_of_message(&self, id: &ConversationId) {
        self.tell(|| {
            let conversation = self.services.conversations.get(&self.caller, id).ok()?;
            Some(self.changed(&conversation))
        });
    }

    fn tell_of(&self, conversation: &Conversation) {
        self.tell(|| Some(self.changed(conversation)));
    }

    /// To the person's other sockets that follow the list.
    fn tell(&self, frame: impl FnOnce() -> Option<String>) {
        self.services.hub.tell(&self.caller.user.id, &self.outbox, frame);
    }

    fn changed(&self, conversation: &Conversation) -> String {
        let record = RecordView::of(conversation, self.services.conversations.is_online(conversation)).in_list();
        protocol::notice("image_updated", &RecordData { record })
    }

    fn record(&self, request: &Request<'_>, conversation: &Conversation) -> Result<Handled> {
        let online = self.services.conversations.is_online(conversation);
        let tools = self.services.conversations.tools(conversation)?;
        let record = RecordView::of(conversation, online).with_tools(tools);
        Ok(Handled::Reply(request.reply.data(&RecordData { record })))
    }
}

/// A person can never make this machine run a command.
fn refuse_servers(given: Option<IgnoredAny>) -> Result<()> {
    if given.is_none() {
        return Ok(());
    }
    Err(Error::invalid("forbidden_field", "Tool servers are declared by administrators: `mcpServers` is not accepted")
        .hint("choose from what there is by `tools`"))
}

/// Distinguishes a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}
