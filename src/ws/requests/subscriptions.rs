//! Following a conversation's events.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, SessionId};
use crate::domain::{Error, Result};
use crate::service::Target;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;

impl Dispatcher {
    pub(in crate::ws) fn subscribe(&self, request: &Request<'_>) -> Result<Handled> {
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
    pub(in crate::ws) fn unsubscribe(&self, request: &Request<'_>) -> Result<Handled> {
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
