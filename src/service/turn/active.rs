//! A turn that is running, as everybody but its own thread sees it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::queue::Pending;
use crate::domain::clock;
use crate::domain::conversation::Conversation;
use crate::domain::event::{Context, EventKind, HtmlPatch};
use crate::domain::id::{MessageId, TurnId};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part, Usage};
use crate::hub::Hub;
use crate::llm::{Answer, Cancel, Delta};
use crate::render;
use crate::store::{Place, TurnRow};

pub(super) struct Active {
    pub turn: TurnRow,
    pub conversation: Conversation,
    pub context: Arc<Context>,
    pub cancel: Cancel,
    live: Mutex<Live>,
    ended: Condvar,
}

/// What there is so far. Events are published while this is locked, so that text and number always agree.
pub(super) struct Live {
    message: Option<Message>,
    /// The message is whole and on its way to the disk. It stays here for those who look meanwhile.
    is_taken: bool,
    /// Renders the text part that is being written.
    html: render::Live,
    index: u32,
    /// The number of the newest event that shows in here.
    seq: u64,
    /// Something came since the last checkpoint.
    is_dirty: bool,
    /// Somebody has begun to end it: what its thread still says counts no more.
    is_over: bool,
    /// The end was announced: nothing follows.
    is_closed: bool,
    /// Of the messages that are whole.
    usage: Usage,
    /// Whole messages that could not be stored when they were.
    unstored: Vec<(Message, Place)>,
}

/// A look at a running turn.
pub struct Running {
    pub turn_id: TurnId,
    /// The message that is being written, or the newest that was.
    pub message: Option<Message>,
    pub seq: u64,
}

impl Active {
    pub(super) fn new(pending: Pending) -> Self {
        Self {
            turn: pending.turn,
            conversation: pending.conversation,
            context: pending.context,
            cancel: Cancel::new(),
            live: Mutex::new(Live {
                message: None,
                is_taken: false,
                html: render::Live::new(),
                index: pending.next_index,
                seq: 0,
                is_dirty: false,
                is_over: false,
                is_closed: false,
                usage: Usage::default(),
                unstored: Vec::new(),
            }),
            ended: Condvar::new(),
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` before the first event and after the last.
    pub(super) fn snapshot(&self) -> Option<Running> {
        let live = self.live();
        (!live.is_closed && live.seq > 0).then(|| Running {
            turn_id: self.turn.id.clone(),
            message: live.message.clone(),
            seq: live.seq,
        })
    }

    /// What came since the last call, to be made safe.
    pub(super) fn checkpoint(&self) -> Option<(Message, Place)> {
        let mut live = self.live();
        if !std::mem::take(&mut live.is_dirty) || live.is_over {
            return None;
        }
        Some((live.message.clone()?, self.place(live.index)))
    }

    pub(super) fn publish(&self, hub: &Hub, kind: EventKind) {
        let mut live = self.live();
        if !live.is_closed {
            live.is_closed = matches!(kind, EventKind::ConversationEnd { .. });
            live.publish(hub, &self.context, kind);
        }
    }

    /// The model says something: it becomes an event and part of the message.
    pub(super) fn on_delta(&self, hub: &Hub, delta: Delta<'_>, answer: &Answer) {
        let mut live = self.live();
        if live.is_over {
            return;
        }
        if delta == Delta::Start {
            live.begin(self, answer);
        }
        for kind in live.events_of(delta, answer) {
            live.publish(hub, &self.context, kind);
        }
        if !live.is_taken
            && let Some(message) = &mut live.message
        {
            message.usage = Some(answer.usage);
        }
    }

    /// The last of the rendered text, which the throttle has held back.
    pub(super) fn finish_text(&self, hub: &Hub) {
        let mut live = self.live();
        if let Some(kind) = live.end_text() {
            live.publish(hub, &self.context, kind);
        }
    }

    /// Takes the message that was being written, as `whole` says it is in the end, with its place.
    pub(super) fn take_message(&self, whole: Answer, status: MessageStatus) -> Option<(Message, Place)> {
        let mut live = self.live();
        if std::mem::replace(&mut live.is_taken, true) {
            return None;
        }
        let mut message = live.message.take()?;
        let place = self.place(live.index);
        live.index += 1;
        live.is_dirty = false;
        live.usage.add(&whole.usage);
        message.usage = Some(whole.usage);
        message.model = Some(whole.model).filter(|model| !model.is_empty()).or(message.model);
        message.stop_reason = whole.stop_reason;
        message.parts = whole.parts;
        message.status = status;
        live.message = Some(message.clone()).filter(|message| !message.parts.is_empty());
        Some((message, place))
    }

    /// The same, over the head of the thread that writes it: as far as it has come.
    pub(super) fn take_as_it_is(&self) -> Option<(Message, Place)> {
        let whole = {
            let live = self.live();
            let message = live.message.as_ref()?;
            Answer {
                model: message.model.clone().unwrap_or_default(),
                parts: message.parts.clone(),
                stop_reason: None,
                usage: message.usage.unwrap_or_default(),
            }
        };
        self.take_message(whole, MessageStatus::Interrupted)
    }

    pub(super) fn keep_unstored(&self, message: Message, place: Place) {
        self.live().unstored.push((message, place));
    }

    pub(super) fn take_unstored(&self) -> Vec<(Message, Place)> {
        std::mem::take(&mut self.live().unstored)
    }

    /// A place for one more message of this turn.
    pub(super) fn next_place(&self) -> Place {
        let mut live = self.live();
        let place = self.place(live.index);
        live.index += 1;
        place
    }

    pub(super) fn usage(&self) -> Usage {
        self.live().usage
    }

    /// Makes this the end. False when somebody else did before.
    pub(super) fn claim_end(&self) -> bool {
        !std::mem::replace(&mut self.live().is_over, true)
    }

    pub(super) fn tell_ended(&self) {
        self.ended.notify_all();
    }

    /// Whether it ended within that time.
    pub(super) fn wait_ended(&self, most: Duration) -> bool {
        let live = self.live();
        let (live, _) =
            self.ended.wait_timeout_while(live, most, |live| !live.is_closed).unwrap_or_else(PoisonError::into_inner);
        live.is_closed
    }

    fn place(&self, index: u32) -> Place {
        Place { ordinal: self.turn.ordinal, index }
    }
}

impl Live {
    fn publish(&mut self, hub: &Hub, context: &Arc<Context>, kind: EventKind) {
        self.seq = hub.publish(context, kind);
    }

    fn begin(&mut self, active: &Active, answer: &Answer) {
        self.html = render::Live::new();
        self.is_taken = false;
        self.message = Some(Message {
            id: MessageId::random(),
            session_id: active.turn.session_id.clone(),
            turn_id: Some(active.turn.id.clone()),
            role: MessageRole::Assistant,
            parts: Vec::new(),
            status: MessageStatus::Streaming,
            model: Some(answer.model.clone()),
            usage: None,
            stop_reason: None,
            client_message_id: None,
            timestamp: clock::now_ms(),
        });
    }

    /// Adds a delta to the message, and says which events that makes.
    fn events_of(&mut self, delta: Delta<'_>, answer: &Answer) -> Vec<EventKind> {
        let mut events = Vec::new();
        if !matches!(delta, Delta::Text(_) | Delta::Waiting { .. }) {
            events.extend(self.end_text());
        }
        self.is_dirty |= !matches!(delta, Delta::Waiting { .. });
        let id = self.message.as_ref().map_or_else(|| MessageId::from(String::new()), |message| message.id.clone());
        events.push(match delta {
            Delta::Start => EventKind::MessageStart { message_id: id, model: answer.model.clone() },
            Delta::Text(text) => {
                let html = self.add_text(text);
                EventKind::TextDelta { message_id: id, text: text.to_owned(), html }
            }
            Delta::Thinking(text) => {
                self.add_thinking(text);
                EventKind::ThinkingDelta { message_id: id, text: text.to_owned() }
            }
            Delta::ToolUseStart { id, name } => {
                EventKind::ToolUseStart { tool_call_id: id.to_owned(), tool_name: name.to_owned() }
            }
            Delta::ToolInput { id, partial } => {
                EventKind::InputJsonDelta { tool_call_id: id.to_owned(), partial_json: partial.to_owned() }
            }
            Delta::ToolUseStop { id, name, input } => {
                let (id, name, input) = (id.to_owned(), name.to_owned(), input.to_owned());
                if let Some(message) = &mut self.message {
                    message.parts.push(Part::ToolCall { id: id.clone(), name: name.clone(), input: input.clone() });
                }
                EventKind::ToolUseStop { tool_call_id: id, tool_name: name, input }
            }
            Delta::Waiting { attempt, delay, reason } => EventKind::UpstreamRetry {
                attempt,
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                reason: reason.to_owned(),
            },
        });
        events
    }

    fn add_text(&mut self, text: &str) -> Option<HtmlPatch> {
        let message = self.message.as_mut()?;
        match message.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => message.parts.push(Part::Text(text.to_owned())),
        }
        self.html.push(text);
        self.html.patch(Instant::now())
    }

    fn add_thinking(&mut self, text: &str) {
        let Some(message) = &mut self.message else { return };
        match message.parts.last_mut() {
            Some(Part::Thinking { text: last, .. }) => last.push_str(text),
            _ => message.parts.push(Part::Thinking { text: text.to_owned(), signature: None }),
        }
    }

    /// A text part is over: what its rendering still owes.
    fn end_text(&mut self) -> Option<EventKind> {
        let html = self.html.finish();
        self.html = render::Live::new();
        let message_id = self.message.as_ref()?.id.clone();
        html.map(|patch| EventKind::TextDelta { message_id, text: String::new(), html: Some(patch) })
    }
}
