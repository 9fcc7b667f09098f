//! The messages of a conversation, with what is being written at the moment.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::Result;
use crate::domain::id::{ConversationId, MessageId, TurnId};
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;
use crate::ws::view::{ApprovalView, MessageView, fitting};

impl Dispatcher {
    pub(in crate::ws) fn messages(&self, request: &Request<'_>) -> Result<Handled> {
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
        let view = |message| MessageView::of(message, render).with_siblings(page.siblings_of(message));
        let (mut messages, _) = fitting(page.messages.iter().rev().map(view));
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
}
