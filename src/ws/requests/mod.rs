//! The requests, a file for each subject: parse, one service call, answer. Which there are, the dispatcher says.

mod approvals;
mod branches;
mod content;
mod conversations;
mod messages;
mod models;
mod search;
mod subscriptions;
mod turns;

use serde::{Deserialize, Serialize};

use super::dispatcher::Handled;
use super::protocol::Request;
use crate::domain::Result;
use crate::domain::id::ConversationId;
use crate::service::Sent;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConversationIdView<'a> {
    image_id: &'a str,
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
