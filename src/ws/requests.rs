//! The requests, one function each: parse, one service call, answer.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::dispatcher::{Dispatcher, Handled};
use super::protocol::{Request, invalid_data};
use super::view::{ApprovalView, MessageView, RecordView, fitting};
use crate::domain::attachment::Attachment;
use crate::domain::conversation::{Conversation, ConversationChange};
use crate::domain::id::{ConversationId, FileId, MessageId, SessionId, TurnId};
use crate::domain::media::Media;
use crate::domain::message::Part;
use crate::domain::tool::Decision;
use crate::domain::{Error, Kind, Result};
use crate::service::models::Offer;
use crate::service::{NewConversation, Reopen, SendMessage, Sent, Target};

/// Parts of one message.
const PARTS: usize = 64;

impl Dispatcher {
    pub(super) fn create(&self, request: &Request<'_>) -> Result<Handled> {
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
        self.record(request, &conversation)
    }

    pub(super) fn list(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        struct Data {
            limit: Option<usize>,
            before: Option<String>,
        }
        #[derive(Serialize)]
        struct ResponseData {
            records: Vec<Box<RawValue>>,
            /// There are more behind these.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            more: bool,
        }
        let data: Data = request.data()?;
        let before = data.before.as_deref().map(ConversationId::from_outside);
        let conversations = &self.services.conversations;
        let (found, more) = conversations.list(&self.caller, data.limit, before.as_ref())?;
        let views = found.iter().map(|one| RecordView::of(one, conversations.is_online(one)).in_list());
        let (records, is_cut) = fitting(views);
        Ok(Handled::Reply(request.reply.data(&ResponseData { records, more: more || is_cut })))
    }

    pub(super) fn get(&self, request: &Request<'_>) -> Result<Handled> {
        let conversation = self.services.conversations.get(&self.caller, &conversation_id(request)?)?;
        self.record(request, &conversation)
    }

    pub(super) fn update(&self, request: &Request<'_>) -> Result<Handled> {
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
            effort: Option<Option<String>>,
            mcp_servers: Option<IgnoredAny>,
        }
        let Data { image_id, updates } = request.data()?;
        let Updates { name, description, system_prompt, model, tools, effort, mcp_servers } = updates;
        refuse_servers(mcp_servers)?;
        let change = ConversationChange { name, description, system_prompt, model, tools, effort };
        let id = ConversationId::from_outside(&image_id);
        let conversation = self.services.conversations.update(&self.caller, &id, change)?;
        self.record(request, &conversation)
    }

    pub(super) fn delete(&self, request: &Request<'_>) -> Result<Handled> {
        let id = conversation_id(request)?;
        self.services.conversations.delete(&self.caller, &id)?;
        Ok(Handled::Reply(request.reply.data(&ConversationIdView { image_id: id.as_str() })))
    }

    pub(super) fn messages(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            image_id: String,
            limit: Option<usize>,
            before: Option<String>,
            #[serde(default)]
            html: bool,
        }
        #[derive(Serialize)]
        struct ResponseData<'a> {
            messages: Vec<Box<RawValue>>,
            /// Events up to this number are contained in the messages.
            seq: u64,
            running: Option<Running<'a>>,
            queued: Vec<&'a str>,
            /// Calls that wait for consent.
            approvals: Vec<ApprovalView<'a>>,
            context: Option<Context>,
        }
        #[derive(Serialize)]
        struct Context {
            tokens: u64,
            window: Option<u64>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Running<'a> {
            turn_id: &'a str,
        }
        let data: Data = request.data()?;
        let id = ConversationId::from_outside(&data.image_id);
        let before = data.before.as_deref().map(MessageId::from_outside);
        let conversations = &self.services.conversations;
        let page = conversations.page(&self.caller, &id, data.limit, before.as_ref())?;
        let render = |text: &str| conversations.html_blocks(text);
        let render = data.html.then_some(&render as &dyn Fn(&str) -> Vec<String>);
        let (mut messages, _) = fitting(page.messages.iter().rev().map(|message| MessageView::of(message, render)));
        messages.reverse();
        let approvals = self.services.approvals.open_in(&id);
        let answer = ResponseData {
            approvals: approvals.iter().map(ApprovalView::of).collect(),
            messages,
            seq: page.seq,
            running: page.running.as_ref().map(|turn| Running { turn_id: turn.as_str() }),
            queued: page.queued.iter().map(TurnId::as_str).collect(),
            context: page.context.map(|fill| Context { tokens: fill.tokens, window: fill.window }),
        };
        Ok(Handled::Reply(request.reply.data(&answer)))
    }

    pub(super) fn models(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Serialize)]
        struct ResponseData {
            models: Vec<Offer>,
        }
        let models = self.services.models.offers(&self.caller)?;
        Ok(Handled::Reply(request.reply.data(&ResponseData { models })))
    }

    pub(super) fn send(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data<'a> {
            image_id: String,
            #[serde(borrow)]
            content: &'a RawValue,
            client_message_id: Option<String>,
        }
        let data: Data<'_> = request.data()?;
        let message = SendMessage {
            conversation_id: ConversationId::from_outside(&data.image_id),
            parts: parts(data.content)?,
            client_message_id: data.client_message_id,
        };
        let sent = self.services.turns.send(&self.caller, message)?;
        Ok(started(request, sent))
    }

    pub(super) fn reopen(&self, request: &Request<'_>, how: Reopen) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            image_id: String,
            turn_id: String,
        }
        let data: Data = request.data()?;
        let (id, turn) = (ConversationId::from_outside(&data.image_id), TurnId::from_outside(&data.turn_id));
        Ok(started(request, self.services.turns.reopen(&self.caller, &id, &turn, how)?))
    }

    pub(super) fn interrupt(&self, request: &Request<'_>) -> Result<Handled> {
        let id = conversation_id(request)?;
        self.services.turns.interrupt(&self.caller, &id)?;
        Ok(Handled::Reply(request.reply.data(&ConversationIdView { image_id: id.as_str() })))
    }

    pub(super) fn answer_approval(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            approval_id: String,
            decision: String,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            approval_id: &'a str,
            decision: &'static str,
        }
        let data: Data = request.data()?;
        let decision = Decision::from_text(&data.decision)
            .ok_or_else(|| Error::invalid("invalid_data", "`decision` must be once, conversation, always or deny"))?;
        self.services.approvals.answer(&self.caller, &data.approval_id, decision)?;
        let answer = ResponseData { approval_id: &data.approval_id, decision: decision.as_str() };
        Ok(Handled::Reply(request.reply.data(&answer)))
    }

    pub(super) fn subscribe(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            session_id: &'a str,
            latest_seq: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            resync: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            turn_seq: Option<u64>,
        }
        let watched: Watched = request.data()?;
        let after = watched.after_seq;
        let conversation = self.services.conversations.session(&self.caller, watched.target()?)?;
        let session = &conversation.session_id;
        let stored = || self.services.conversations.latest_seq(&conversation);
        let base = self.services.hub.latest(session).map_or_else(stored, Ok)?;
        self.services.hub.subscribe(&self.outbox, session, base, after, |found| {
            request.reply.data(&ResponseData {
                session_id: session.as_str(),
                latest_seq: found.latest_seq,
                resync: found.resync.then_some(true),
                turn_seq: found.turn_seq,
            })
        })?;
        Ok(Handled::Queued)
    }

    /// Leaving is always allowed, and says nothing about whether the session exists.
    pub(super) fn unsubscribe(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            session_id: &'a str,
        }
        let watched: Watched = request.data()?;
        let session = match watched.target()? {
            Target::Session(id) => id,
            target @ Target::Conversation(_) => self.services.conversations.session(&self.caller, target)?.session_id,
        };
        self.services.hub.unsubscribe(&self.outbox, &session);
        Ok(Handled::Reply(request.reply.data(&ResponseData { session_id: session.as_str() })))
    }

    fn record(&self, request: &Request<'_>, conversation: &Conversation) -> Result<Handled> {
        #[derive(Serialize)]
        struct ResponseData<'a> {
            record: RecordView<'a>,
        }
        let online = self.services.conversations.is_online(conversation);
        let tools = self.services.conversations.tools(conversation)?;
        let record = RecordView::of(conversation, online).with_tools(tools);
        Ok(Handled::Reply(request.reply.data(&ResponseData { record })))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConversationIdView<'a> {
    image_id: &'a str,
}

/// What one may subscribe to, by either of its ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Watched {
    session_id: Option<String>,
    image_id: Option<String>,
    after_seq: Option<u64>,
}

impl Watched {
    fn target(&self) -> Result<Target> {
        match (&self.session_id, &self.image_id) {
            (Some(session), _) => Ok(Target::Session(SessionId::from_outside(session))),
            (None, Some(id)) => Ok(Target::Conversation(ConversationId::from_outside(id))),
            (None, None) => Err(Error::invalid("invalid_data", "`data` needs a `sessionId` or an `imageId`")),
        }
    }
}

fn conversation_id(request: &Request<'_>) -> Result<ConversationId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        image_id: String,
    }
    let data: Data = request.data()?;
    Ok(ConversationId::from_outside(&data.image_id))
}

fn started(request: &Request<'_>, sent: Sent) -> Handled {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ResponseData<'a> {
        message_id: &'a str,
        turn_id: &'a str,
    }
    let answer = ResponseData { message_id: sent.message_id.as_str(), turn_id: sent.turn_id.as_str() };
    Handled::Started(request.reply.data(&answer), sent)
}

/// A message's content: a text, or parts as a person may send them.
fn parts(content: &RawValue) -> Result<Vec<Part>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Incoming {
        #[serde(rename = "type")]
        kind: String,
        text: Option<String>,
        data: Option<String>,
        media_type: Option<String>,
        file_id: Option<String>,
        name: Option<String>,
        filename: Option<String>,
    }
    let json = content.get();
    if json.starts_with('"') {
        return Ok(vec![Part::Text(serde_json::from_str(json).map_err(|error| invalid_data(&error))?)]);
    }
    let incoming: Vec<Incoming> = serde_json::from_str(json).map_err(|error| invalid_data(&error))?;
    if incoming.len() > PARTS {
        return Err(Error::new(Kind::TooLarge, "too_many_parts", format!("A message can have {PARTS} parts at most")));
    }
    let lacks = |field: &str| Error::invalid("invalid_data", format!("A part of `content` lacks its `{field}`"));
    incoming
        .into_iter()
        .map(|part| match part.kind.as_str() {
            "text" => part.text.map(Part::Text).ok_or_else(|| lacks("text")),
            "file" if part.file_id.is_some() => {
                let id = FileId::from_outside(&part.file_id.unwrap_or_default());
                // What else is known of it stands in its row.
                Ok(Part::Attachment(Attachment { id, name: String::new(), media: Media::Binary, size: 0 }))
            }
            "image" | "file" => {
                let media_type = part.media_type.ok_or_else(|| lacks("mediaType"))?;
                let data = part.data.ok_or_else(|| lacks("data"))?;
                Ok(match part.kind.as_str() {
                    "image" => Part::Image { media_type, data, name: part.name },
                    _ => Part::File { media_type, data, filename: part.filename },
                })
            }
            _ => Err(Error::invalid("unknown_part", "A part of `content` must be a text, an image or a file")),
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_a_text_or_parts() {
        let check = |json: &str, expected: Result<usize, &str>| {
            let content: &RawValue = serde_json::from_str(json).expect("JSON");
            assert_eq!(
                parts(content).map(|parts| parts.len()).map_err(|error| error.code.as_str()),
                expected,
                "{json}"
            );
        };
        check(r#""hello""#, Ok(1));
        check(r#"[{"type":"text","text":"a"},{"type":"image","data":"AA==","mediaType":"image/png"}]"#, Ok(2));
        check(r#"[{"type":"file","data":"AA==","mediaType":"text/plain","filename":"a"}]"#, Ok(1));
        check(r#"[{"type":"file","fileId":"file_1"}]"#, Ok(1));
        check("[]", Ok(0));
        check("{}", Err("invalid_data"));
        check("null", Err("invalid_data"));
        check("5", Err("invalid_data"));
        check(r#"["a"]"#, Err("invalid_data"));
        check(r#"[{"type":"text"}]"#, Err("invalid_data"));
        check(r#"[{"type":"image","data":"AA=="}]"#, Err("invalid_data"));
        check(r#"[{"type":"tool-call","text":"a"}]"#, Err("unknown_part"));
        check(&format!("[{}]", vec![r#"{"type":"text","text":"a"}"#; PARTS + 1].join(",")), Err("too_many_parts"));
    }
}
