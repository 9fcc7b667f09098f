//! Turns: begun with a message, opened again, stopped.

use serde::{Deserialize, Serialize};

use super::content::written;
use super::{ConversationIdView, conversation_id, started};
use crate::domain::Result;
use crate::domain::id::{ConversationId, TurnId};
use crate::service::Reopen;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;
use crate::ws::view::MessageView;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TurnOf {
    image_id: String,
    turn_id: String,
}

impl Dispatcher {
    pub(in crate::ws) fn send(&self, request: &Request<'_>) -> Result<Handled> {
        let message = written(request)?;
        let id = message.conversation_id.clone();
        let sent = self.services.turns.send(&self.caller, message)?;
        self.tell_of_message(&id);
        Ok(started(request, sent))
    }

    pub(in crate::ws) fn reopen(&self, request: &Request<'_>, how: Reopen) -> Result<Handled> {
        let TurnOf { image_id, turn_id } = request.data()?;
        let (id, turn) = (ConversationId::from_outside(&image_id), TurnId::from_outside(&turn_id));
        Ok(started(request, self.services.turns.reopen(&self.caller, &id, &turn, how)?))
    }

    pub(in crate::ws) fn take_back(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            turn_id: &'a str,
            message: MessageView<'a>,
        }
        let TurnOf { image_id, turn_id } = request.data()?;
        let (id, turn) = (ConversationId::from_outside(&image_id), TurnId::from_outside(&turn_id));
        let question = self.services.turns.take_back(&self.caller, &id, &turn)?;
        let data = ResponseData { turn_id: turn.as_str(), message: MessageView::of(&question, None) };
        Ok(Handled::Reply(request.reply.data(&data)))
    }

    pub(in crate::ws) fn interrupt(&self, request: &Request<'_>) -> Result<Handled> {
        let id = conversation_id(request)?;
        self.services.turns.interrupt(&self.caller, &id)?;
        Ok(Handled::Reply(request.reply.data(&ConversationIdView { image_id: id.as_str() })))
    }
}
