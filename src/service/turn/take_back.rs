//! A question that waits is taken back by its author: it is gone, and its words are theirs again.

use std::sync::Arc;

use super::Turns;
use crate::domain::event::EventKind;
use crate::domain::id::{ConversationId, TurnId};
use crate::domain::message::Message;
use crate::domain::user::Caller;
use crate::domain::{Error, Kind, Result};

impl Turns {
    /// Deletes a turn that waits, with its question, which is returned. What is taken out of the queue decides against a
    /// start at the same moment, and nothing else of the conversation starts before the question is gone from what is
    /// stored.
    ///
    /// Errors: `NotFound`; `Conflict` for a turn that does not wait any more, and for a version of another question.
    pub fn take_back(self: &Arc<Self>, caller: &Caller, id: &ConversationId, turn: &TurnId) -> Result<Message> {
        let conversation = self.store.conversation(&caller.user.container_id, id)?;
        let withdrawn = self.queue().withdraw(id, turn);
        let Some(pending) = withdrawn else {
            self.store.question_of(&conversation, turn)?;
            return Err(
                Error::conflict("turn_started", "This question is being answered already").hint("Stop the answer")
            );
        };
        let context = pending.context.clone();
        let taken = self.store.take_back_turn(&pending.turn, self.hub.latest(&context.session_id));
        let back = match &taken {
            Ok((_, base_seq)) => {
                self.hub.announce(&context, *base_seq, EventKind::TurnTakenBack);
                None
            }
            Err(error) => (error.kind != Kind::NotFound).then_some(pending),
        };
        let (refused, is_idle) = self.queue().resume(id, back);
        refused.into_iter().for_each(|pending| self.drop_waiting(pending));
        if is_idle {
            self.hub.done(&context.session_id);
        }
        self.dispatch();
        taken.map(|(question, _)| question)
    }
}
