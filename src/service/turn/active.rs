//! A turn that is running: shared by its own thread, the checkpoints, clients that reconnect, and threads that stop it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::draft::Draft;
use crate::domain::conversation::Conversation;
use crate::domain::event::{Context, EventKind};
use crate::domain::id::{MessageId, TurnId};
use crate::domain::message::{Message, MessageStatus, Usage};
use crate::hub::Hub;
use crate::llm::{Answer, Cancel, Delta};
use crate::store::{Position, TurnRow};

/// A turn that is stored and waits to be run.
pub(super) struct Pending {
    pub turn: TurnRow,
    pub conversation: Conversation,
    pub context: Arc<Context>,
    /// The turn's first free place for a message.
    pub next_index: u32,
    /// What the turn has written before stays, and is continued.
    pub continues: bool,
}

pub(super) struct Active {
    pub turn: TurnRow,
    pub conversation: Conversation,
    pub context: Arc<Context>,
    pub cancel: Cancel,
    pub continues: bool,
    state: Mutex<Progress>,
    ended: Condvar,
}

/// How far it is. Events are published while this is locked, so that text and number always agree.
struct Progress {
    phase: Phase,
    draft: Draft,
    /// The next free place for a message of this turn.
    index: u32,
    /// The number of the newest event that is contained in the draft.
    seq: u64,
    /// Of the messages that are whole.
    usage: Usage,
    /// Whole messages that are not known to be stored, and were not announced yet.
    unsaved: Vec<(Message, Position)>,
}

enum Phase {
    /// No message is being written.
    Between,
    /// A message is being written; `is_unsaved`: something came since the last checkpoint.
    Writing { is_unsaved: bool },
    /// The end is claimed: the turn's own thread no longer changes anything.
    Ending,
    /// The end was announced: nothing follows.
    Ended,
}

/// A running turn as a client that reconnects sees it.
pub struct Running {
    pub turn_id: TurnId,
    pub ordinal: i64,
    /// The message that is being written, or the newest that was.
    pub message: Option<Message>,
    pub seq: u64,
}

/// What has to be stored and announced by the one who ends a turn.
pub(super) struct Claim {
    pub unsaved: Vec<(Message, Position)>,
    pub usage: Usage,
    /// For one more message.
    pub next_place: Position,
}

/// What a message became when it ended.
pub(super) struct Last {
    pub answer: Answer,
    pub status: MessageStatus,
}

impl Active {
    pub(super) fn new(pending: Pending) -> Self {
        let state = Progress {
            phase: Phase::Between,
            draft: Draft::default(),
            index: pending.next_index,
            seq: 0,
            usage: Usage::default(),
            unsaved: Vec::new(),
        };
        Self {
            turn: pending.turn,
            conversation: pending.conversation,
            context: pending.context,
            cancel: Cancel::new(),
            continues: pending.continues,
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    /// `None` before the first event and after the last.
    pub(super) fn snapshot(&self) -> Option<Running> {
        let state = self.state();
        (!matches!(state.phase, Phase::Ended) && state.seq > 0).then(|| Running {
            turn_id: self.turn.id.clone(),
            ordinal: self.turn.ordinal,
            message: state.draft.message.clone(),
            seq: state.seq,
        })
    }

    /// What came since the last call, to be made safe.
    pub(super) fn checkpoint(&self) -> Option<(Message, Position)> {
        let mut state = self.state();
        let Phase::Writing { is_unsaved: is_unsaved @ true } = &mut state.phase else { return None };
        *is_unsaved = false;
        Some((state.draft.message.clone()?, self.place(state.index)))
    }

    /// Shows what has come while the model pauses.
    pub(super) fn show_due(&self, hub: &Hub) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Writing { .. })
            && let Some(kind) = state.draft.due_text()
        {
            state.publish(hub, &self.context, kind);
        }
    }

    /// For the turn's own thread: publishes, unless the end is claimed.
    pub(super) fn publish(&self, hub: &Hub, kind: EventKind) {
        let mut state = self.state();
        if !state.is_over() {
            state.publish(hub, &self.context, kind);
        }
    }

    /// For the turn's own thread: one step of a model's answer.
    pub(super) fn on_delta(&self, hub: &Hub, delta: Delta<'_>, answer: &Answer) {
        let mut state = self.state();
        if state.is_over() || matches!(delta, Delta::RequestEnd { .. }) {
            return;
        }
        if delta == Delta::Start {
            state.draft.begin(&self.turn, answer);
            state.phase = Phase::Writing { is_unsaved: true };
        }
        for kind in state.draft.add(delta, answer) {
            state.publish(hub, &self.context, kind);
        }
        if let Phase::Writing { is_unsaved } = &mut state.phase {
            *is_unsaved |= !matches!(delta, Delta::Waiting { .. });
        }
    }

    /// For the turn's own thread: the message that was being written is whole. `None` when the end is claimed.
    pub(super) fn take_message(&self, hub: &Hub, answer: Answer) -> Option<(Message, Position)> {
        let mut state = self.state();
        if state.is_over() {
            return None;
        }
        state.end_message(self, hub, Some(Last { answer, status: MessageStatus::Complete }))
    }

    /// For the turn's own thread: one more whole message gets its place. `None` when the end is claimed.
    pub(super) fn add_message(&self, message: &Message) -> Option<Position> {
        let mut state = self.state();
        if state.is_over() {
            return None;
        }
        let place = self.place(state.index);
        state.index += 1;
        state.unsaved.push((message.clone(), place));
        Some(place)
    }

    /// For the turn's own thread: a whole message is stored, or never can be. Publishes what announces it, unless the
    /// end is claimed: then that does.
    pub(super) fn saved(&self, hub: &Hub, id: &MessageId, events: Vec<EventKind>) {
        let mut state = self.state();
        if state.is_over() {
            return;
        }
        state.unsaved.retain(|(message, _)| message.id != *id);
        for kind in events {
            state.publish(hub, &self.context, kind);
        }
    }

    /// Claims the end; `None` when it is claimed already. With it goes the message that was being written: as `last`
    /// has it, or else as far as it has come.
    pub(super) fn claim_end(&self, hub: &Hub, last: Option<Last>) -> Option<Claim> {
        let mut state = self.state();
        if state.is_over() {
            return None;
        }
        state.end_message(self, hub, last);
        state.phase = Phase::Ending;
        let next_place = self.place(state.index);
        Some(Claim { unsaved: std::mem::take(&mut state.unsaved), usage: state.usage, next_place })
    }

    /// For the one who claimed the end: publishes the last events. Returns the number of the very last.
    pub(super) fn announce_end(&self, hub: &Hub, events: Vec<EventKind>) -> u64 {
        let mut state = self.state();
        for kind in events {
            state.publish(hub, &self.context, kind);
        }
        state.phase = Phase::Ended;
        self.ended.notify_all();
        state.seq
    }

    /// Whether it ended within that time.
    pub(super) fn wait_ended(&self, most: Duration) -> bool {
        let is_running = |state: &mut Progress| !matches!(state.phase, Phase::Ended);
        let waited = self.ended.wait_timeout_while(self.state(), most, is_running);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Whether its end is claimed.
    pub(super) fn is_over(&self) -> bool {
        self.state().is_over()
    }

    fn place(&self, index: u32) -> Position {
        Position { ordinal: self.turn.ordinal, index }
    }

    fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Ended)
    }

    fn publish(&mut self, hub: &Hub, context: &Arc<Context>, kind: EventKind) {
        self.seq = hub.publish(context, kind);
    }

    fn end_message(&mut self, active: &Active, hub: &Hub, last: Option<Last>) -> Option<(Message, Position)> {
        for kind in self.draft.end_text() {
            self.publish(hub, &active.context, kind);
        }
        // What was asked is counted, also where no message came of it.
        let is_writing = matches!(self.phase, Phase::Writing { .. });
        let usage = match &last {
            Some(last) => Some(last.answer.usage),
            None if is_writing => self.draft.message.as_ref().and_then(|message| message.usage),
            None => None,
        };
        self.usage.add(&usage.unwrap_or_default());
        if !is_writing {
            return None;
        }
        self.phase = Phase::Between;
        let (answer, status) = match last {
            Some(Last { answer, status }) => (Some(answer), status),
            None => (None, MessageStatus::Interrupted),
        };
        let whole = (self.draft.end(answer, status)?, active.place(self.index));
        self.index += 1;
        self.unsaved.push(whole.clone());
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ContainerId, ConversationId, SessionId};
    use crate::domain::message::Part;

    fn active(hub: &Hub) -> Active {
        let conversation = Conversation {
            id: ConversationId::random(),
            container_id: ContainerId::random(),
            session_id: SessionId::random(),
            name: String::new(),
            description: None,
            system_prompt: None,
            model: None,
            effort: None,
            is_pinned: false,
            is_archived: false,
            created_at: 0,
            updated_at: 0,
        };
        let turn = TurnRow {
            id: TurnId::random(),
            session_id: conversation.session_id.clone(),
            ordinal: 1,
            user_message_id: MessageId::random(),
            state: "running".to_owned(),
        };
        let context = Arc::new(Context {
            container_id: conversation.container_id.clone(),
            conversation_id: conversation.id.clone(),
            session_id: turn.session_id.clone(),
            turn_id: turn.id.clone(),
        });
        hub.open(&turn.session_id, 0);
        Active::new(Pending { turn, conversation, context, next_index: 1, continues: false })
    }

    fn start() -> EventKind {
        EventKind::ConversationStart { continues: false }
    }

    #[test]
    fn the_end_is_claimed_once_and_takes_everything_along() {
        let hub = Hub::new();
        let active = active(&hub);
        let mut answer = Answer { parts: vec![Part::Text("whole".to_owned())], ..Answer::default() };
        answer.usage.output = 5;
        active.on_delta(&hub, Delta::Start, &answer);
        active.on_delta(&hub, Delta::Text("whole"), &answer);
        assert!(active.checkpoint().is_some() && active.checkpoint().is_none(), "nothing new since");
        let (first, place) = active.take_message(&hub, answer.clone()).expect("is running");
        assert_eq!((place.index, active.checkpoint().is_none()), (1, true), "it is stored as a whole");
        active.on_delta(&hub, Delta::Start, &answer);
        active.on_delta(&hub, Delta::Text("par"), &answer);

        let claim = active.claim_end(&hub, None).expect("the first");
        let texts: Vec<_> = claim.unsaved.iter().map(|(message, _)| (message.parts.clone(), message.status)).collect();
        let text = |text: &str| vec![Part::Text(text.to_owned())];
        assert_eq!(texts, [(text("whole"), MessageStatus::Complete), (text("par"), MessageStatus::Interrupted)]);
        assert_eq!((claim.usage.output, claim.next_place.index), (10, 3));
        assert!(active.claim_end(&hub, None).is_none());

        let latest = hub.latest(&active.turn.session_id);
        active.on_delta(&hub, Delta::Text("late"), &answer);
        active.publish(&hub, start());
        active.saved(&hub, &first.id, vec![start()]);
        assert!(active.take_message(&hub, answer).is_none() && active.add_message(&first).is_none());
        assert_eq!(hub.latest(&active.turn.session_id), latest, "its own thread no longer says anything");
        assert!(!active.wait_ended(Duration::ZERO));
        let last = active.announce_end(&hub, vec![start()]);
        assert_eq!((Some(last), active.wait_ended(Duration::ZERO)), (latest.map(|seq| seq + 1), true));
    }
}
