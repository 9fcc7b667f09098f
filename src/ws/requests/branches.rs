//! Versions of a question and of its answer.

use serde::{Deserialize, Serialize};

use super::content::written;
use super::started;
use crate::domain::Result;
use crate::domain::id::{ConversationId, MessageId, TurnId};
use crate::service::Regenerate;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;

impl Dispatcher {
    pub(in crate::ws) fn edit(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            message_id: String,
        }
        let data: Data = request.data()?;
        let message = written(request)?;
        let (id, question) = (message.conversation_id.clone(), MessageId::from_outside(&data.message_id));
        let sent = self.services.turns.edit(&self.caller, question, message)?;
        self.tell_of_message(&id);
        Ok(started(request, sent))
    }

    pub(in crate::ws) fn regenerate(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            image_id: String,
            turn_id: String,
            model: Option<String>,
            client_message_id: Option<String>,
        }
        let data: Data = request.data()?;
        let wanted = Regenerate {
            conversation_id: ConversationId::from_outside(&data.image_id),
            turn_id: TurnId::from_outside(&data.turn_id),
            model: data.model,
            client_message_id: data.client_message_id,
        };
        let id = wanted.conversation_id.clone();
        let sent = self.services.turns.regenerate(&self.caller, wanted)?;
        self.tell_of_message(&id);
        Ok(started(request, sent))
    }

    pub(in crate::ws) fn select_branch(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            image_id: String,
            turn_id: String,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            image_id: &'a str,
            turn_id: &'a str,
        }
        let data: Data = request.data()?;
        let (id, turn) = (ConversationId::from_outside(&data.image_id), TurnId::from_outside(&data.turn_id));
        self.services.turns.select_branch(&self.caller, &id, &turn)?;
        let answer = ResponseData { image_id: id.as_str(), turn_id: turn.as_str() };
        Ok(Handled::Reply(request.reply.data(&answer)))
    }
}
