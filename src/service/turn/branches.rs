//! A question once more: in other words, or for another answer. Both stand beside the old one, which is kept.

use std::sync::Arc;

use super::{SendMessage, Sent, Turns};
use crate::domain::event::{Context, EventKind};
use crate::domain::id::{ConversationId, MessageId, TurnId};
use crate::domain::user::Caller;
use crate::domain::{Error, Result, limits};
use crate::store::Asked;

/// The same question again.
pub struct Regenerate {
    pub conversation_id: ConversationId,
    pub turn_id: TurnId,
    /// The model that answers this time; `None`: the conversation's.
    pub model: Option<String>,
    pub client_message_id: Option<String>,
}

impl Turns {
    /// Asks a question in other words. What ran or waited behind the old one is stopped.
    ///
    /// Errors: those of [`Turns::send`]; `Conflict` for what is no question, and past the number of versions.
    pub fn edit(self: &Arc<Self>, caller: &Caller, question: MessageId, message: SendMessage) -> Result<Sent> {
        self.ask(caller, message, Asked::Instead(question))
    }

    /// Asks the same question again. Errors: those of [`Turns::edit`]; `NotFound` for a model that may not be used.
    pub fn regenerate(self: &Arc<Self>, caller: &Caller, wanted: Regenerate) -> Result<Sent> {
        let Regenerate { conversation_id, turn_id, model, client_message_id } = wanted;
        let model = model.map(|model| model.trim().to_owned()).filter(|model| !model.is_empty());
        if let Some(model) = &model {
            if model.chars().count() > limits::MODEL_CHARS {
                let message = format!("A model's name has at most {} characters", limits::MODEL_CHARS);
                return Err(Error::invalid("invalid_model", message));
            }
            self.models.check(caller, model)?;
        }
        let conversation = self.store.conversation(&caller.user.container_id, &conversation_id)?;
        let parts = self.store.question_of(&conversation, &turn_id)?.parts;
        self.ask(
            caller,
            SendMessage { conversation_id, parts, client_message_id },
            Asked::Again { turn: turn_id, model },
        )
    }

    /// Shows the branch that a turn stands in, in all tabs.
    ///
    /// Errors: `NotFound`; `Conflict` while a turn runs or waits in the conversation.
    pub fn select_branch(&self, caller: &Caller, id: &ConversationId, turn: &TurnId) -> Result<()> {
        let owner = &caller.user.container_id;
        let conversation = self.store.conversation(owner, id)?;
        let Some((change, base_seq)) = self.store.select_branch(owner, id, turn)? else { return Ok(()) };
        let context = Arc::new(Context {
            container_id: conversation.container_id,
            conversation_id: conversation.id,
            session_id: conversation.session_id,
            turn_id: turn.clone(),
        });
        let event = EventKind::BranchSelected { parent: change.parent, is_new: change.joins };
        self.hub.announce(&context, base_seq, event);
        Ok(())
    }

    /// Ends what runs or waits in a branch that is no longer shown.
    pub(super) fn leave(self: &Arc<Self>, id: &ConversationId, left: &[TurnId]) {
        let (waiting, running) = self.queue().leave(id, left);
        waiting.into_iter().for_each(|pending| self.drop_waiting(pending));
        if let Some(active) = running {
            self.stop_one(&active);
        }
    }
}
