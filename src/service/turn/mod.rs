//! Turns: a person's message is stored and acknowledged, then answered, whether or not a client is connected.
//!
//! A turn belongs to the server: closed tabs cancel nothing. One thread runs it (`run`); another stores what it has
//! every few hundred milliseconds (`checkpoints`); any thread may stop it. They meet in `active`, and the thread
//! that claims the end there stores and announces it (`ending`).

mod active;
mod attachments;
mod branches;
mod checkpoints;
mod chosen;
mod draft;
mod ending;
mod history;
mod outcome;
mod preamble;
mod question;
mod queue;
mod run;
mod take_back;
mod title;
mod tools;
mod unstored;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use active::Running;
use active::{Active, Pending};
pub use branches::Regenerate;
use ending::Ending;
use question::check_parts;
use queue::Queue;
use title::title;
use unstored::{End, Unstored};

use crate::domain::event::{Context, EndReason, EventKind};
use crate::domain::id::{ContainerId, ConversationId, MessageId, TurnId};
use crate::domain::message::{Message, Part};
use crate::domain::user::Caller;
use crate::domain::{Error, Result, limits};
use crate::hub::Hub;
use crate::service::allowance::{Rate, check_disk, check_storage};
use crate::service::approvals::Approvals;
use crate::service::health::UpstreamRecord;
use crate::service::models::Registry;
use crate::service::toolbox::Toolbox;
use crate::service::usage::Ledger;
pub use crate::store::Reopen;
use crate::store::{Asked, Begun, BranchChange, NewTurn, Question, Store};
use crate::telemetry::metrics::catalog;

/// A turn whose thread does not end it within this time after a stop is ended by the one who stops it.
const STOP_PATIENCE: Duration = Duration::from_millis(600);
/// serde_json at its deepest needs 256 KiB in a debug build.
const TURN_STACK_BYTES: usize = 512 * 1024;

pub struct SendMessage {
    pub conversation_id: ConversationId,
    pub parts: Vec<Part>,
    pub client_message_id: Option<String>,
}

/// What a turn needs for tools: which there are, and who allows them.
pub struct TurnTools {
    pub toolbox: Arc<Toolbox>,
    pub approvals: Arc<Approvals>,
}

pub struct Turns {
    store: Arc<Store>,
    hub: Arc<Hub>,
    ledger: Arc<Ledger>,
    models: Arc<Registry>,
    tools: TurnTools,
    /// What turns see of the first provider, for the health checks.
    upstream: Arc<UpstreamRecord>,
    queue: Mutex<Queue>,
    unstored: Mutex<Unstored>,
    /// Messages of one person.
    messages: Rate,
    /// The files that are being sent to models.
    held: attachments::Held,
    /// A turn began or ended.
    changed: Condvar,
}

/// A message that is safely stored. Its turn starts with [`Sent::start`] or when this is dropped, so that the
/// acknowledgement can go out before the first event.
pub struct Sent {
    pub message_id: MessageId,
    pub turn_id: TurnId,
    start: Option<Box<Start>>,
}

struct Start {
    turns: Arc<Turns>,
    pending: Pending,
    /// To be announced; not when a turn is opened again.
    question: Option<Message>,
    branch: Option<BranchChange>,
}

impl Sent {
    pub fn start(self) {}
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(start) = self.start.take() {
            start.turns.clone().enqueue(*start);
        }
    }
}

impl Turns {
    pub(super) fn start(
        store: Arc<Store>,
        hub: Arc<Hub>,
        ledger: Arc<Ledger>,
        models: Arc<Registry>,
        tools: TurnTools,
        upstream: Arc<UpstreamRecord>,
        messages: Rate,
    ) -> Result<Arc<Self>> {
        let turns = Arc::new(Self {
            store,
            hub,
            ledger,
            models,
            tools,
            upstream,
            queue: Mutex::default(),
            unstored: Mutex::default(),
            messages,
            held: attachments::Held::default(),
            changed: Condvar::new(),
        });
        checkpoints::start(&turns)?;
        Ok(turns)
    }

    /// Stores a message and its turn. The same `client_message_id` again stores and starts nothing, and answers the
    /// same ids.
    ///
    /// Errors: `Invalid`, `TooLarge`, `NotFound`; `RateLimited` or `Unavailable` when too many are waiting, were sent in
    /// the last minute, or the disk is almost full. `TooLarge` also where the person's storage is full.
    pub fn send(self: &Arc<Self>, caller: &Caller, message: SendMessage) -> Result<Sent> {
        self.ask(caller, message, Asked::Next)
    }

    fn ask(self: &Arc<Self>, caller: &Caller, mut message: SendMessage, asked: Asked) -> Result<Sent> {
        check_parts(&message.parts)?;
        if message.client_message_id.as_ref().is_some_and(|id| id.len() > limits::CLIENT_MESSAGE_ID_BYTES) {
            return Err(Error::invalid("invalid_client_message_id", "clientMessageId is too long"));
        }
        let owner = &caller.user.container_id;
        self.check_allowance(caller)?;
        let mut conversation = self.store.conversation(owner, &message.conversation_id)?;
        if let Asked::Again { model: Some(model), .. } = &asked {
            conversation.model = Some(model.clone());
        }
        attachments::check(self, &conversation, &mut message.parts)?;
        self.models.prepare(conversation.model.as_deref());
        let begun = self.store.begin_turn(Question {
            owner: owner.clone(),
            conversation: message.conversation_id,
            asked,
            name_if_none: title(&message.parts),
            parts: message.parts,
            client_message_id: message.client_message_id.filter(|id| !id.is_empty()),
            latest_seq: self.hub.latest(&conversation.session_id),
        })?;
        Ok(self.sent(begun, None))
    }

    /// Works on the newest turn once more, after an error, an interruption or a limit. Errors: `NotFound`, `Conflict`.
    pub fn reopen(
        self: &Arc<Self>,
        caller: &Caller,
        conversation: &ConversationId,
        turn: &TurnId,
        how: Reopen,
    ) -> Result<Sent> {
        let owner = &caller.user.container_id;
        self.check_allowance(caller)?;
        let session = self.store.conversation(owner, conversation)?.session_id;
        let begun = self.store.reopen_turn(owner, conversation, turn, how, self.hub.latest(&session))?;
        Ok(self.sent(begun, Some(how)))
    }

    fn check_allowance(&self, caller: &Caller) -> Result<()> {
        self.queue().check_room(&caller.user.container_id)?;
        check_disk(&self.store, caller)?;
        check_storage(&self.store, &caller.user.container_id)?;
        self.messages.check(caller, "too_many_messages", "You have sent too many messages in a short time")
    }

    /// Stops the turn that runs in a conversation; where none runs, those that wait. Errors: `NotFound`.
    pub fn interrupt(self: &Arc<Self>, caller: &Caller, id: &ConversationId) -> Result<()> {
        self.store.conversation(&caller.user.container_id, id)?;
        let running = self.queue().running(id);
        match running {
            Some(active) => self.stop_one(&active),
            None => {
                let waiting = self.queue().take_waiting(id);
                waiting.into_iter().for_each(|pending| self.drop_waiting(pending));
            }
        }
        Ok(())
    }

    /// The turn that runs in a conversation, with what it has written so far.
    pub fn running(&self, id: &ConversationId) -> Option<Running> {
        let active = self.queue().running(id)?;
        active.snapshot()
    }

    /// The turns that wait in a conversation.
    pub fn queued(&self, id: &ConversationId) -> Vec<TurnId> {
        self.queue().queued(id)
    }

    /// Running and waiting turns, in numbers.
    pub fn load(&self) -> (usize, usize) {
        self.queue().load()
    }

    /// Whose turns are running or waiting.
    pub fn owners(&self) -> Vec<ContainerId> {
        self.queue().owners()
    }

    /// Stops everything of a conversation that is about to be deleted.
    pub fn abandon(self: &Arc<Self>, id: &ConversationId) {
        let waiting = self.queue().take_waiting(id);
        drop(waiting);
        let running = self.queue().running(id);
        if let Some(active) = running {
            self.stop_one(&active);
        }
    }

    /// Stops everything of an owner whose account is disabled or gone.
    pub fn abandon_owner(&self, owner: &ContainerId) {
        let (waiting, running) = self.queue().take_owner(owner);
        waiting.into_iter().for_each(|pending| self.drop_waiting(pending));
        running.iter().for_each(|active| active.cancel.cancel());
    }

    /// Takes no more turns, stops those that run, and waits until what they have is stored.
    pub fn stop(self: &Arc<Self>) {
        let (waiting, running) = self.queue().close();
        waiting.into_iter().for_each(|pending| self.drop_waiting(pending));
        running.iter().for_each(|active| active.cancel.cancel());
        let deadline = Instant::now() + limits::STOP_GRACE;
        let mut queue = self.queue();
        while queue.load().0 > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        self.store_unstored();
        running.iter().for_each(|active| self.force_finish(active));
    }

    fn sent(self: &Arc<Self>, begun: Begun, reopened: Option<Reopen>) -> Sent {
        match begun {
            Begun::Again { message_id, turn_id } => Sent { message_id, turn_id, start: None },
            Begun::New(new) => {
                let NewTurn { conversation, question, turn, next_index, base_seq, branch } = *new;
                self.hub.open(&turn.session_id, base_seq);
                if let Some(branch) = &branch {
                    self.leave(&conversation.id, &branch.left);
                }
                let context = Arc::new(Context {
                    container_id: conversation.container_id.clone(),
                    conversation_id: conversation.id.clone(),
                    session_id: turn.session_id.clone(),
                    turn_id: turn.id.clone(),
                });
                let (message_id, turn_id) = (question.id.clone(), turn.id.clone());
                let continues = reopened == Some(Reopen::Continue);
                let pending = Pending { turn, conversation, context, next_index, continues };
                let question = reopened.is_none().then_some(question);
                let start = Start { turns: self.clone(), pending, question, branch };
                Sent { message_id, turn_id, start: Some(Box::new(start)) }
            }
        }
    }

    fn enqueue(self: &Arc<Self>, start: Start) {
        let Start { pending, question, branch, .. } = start;
        let announce = |pending: &Pending| {
            let siblings = branch.as_ref().map(|branch| branch.siblings.clone()).unwrap_or_default();
            if let Some(BranchChange { parent, joins, .. }) = branch {
                self.hub.publish(&pending.context, EventKind::BranchSelected { parent, is_new: joins });
            }
            if let Some(message) = question.map(Box::new) {
                self.hub.publish(&pending.context, EventKind::MessagePersisted { message, siblings });
            }
        };
        let refused = self.queue().push(pending, announce);
        if let Some(pending) = refused {
            self.drop_waiting(pending);
        }
        self.dispatch();
    }

    /// Starts what may start.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let next = self.queue().start_next();
            let Some(active) = next else { return };
            self.changed.notify_all(); // the checkpoints slept while nothing ran
            let (turns, running) = (self.clone(), active.clone());
            let spawned = std::thread::Builder::new()
                .name("turn".to_owned())
                .stack_size(TURN_STACK_BYTES)
                .spawn(move || run::run(&turns, &running));
            if let Err(cause) = spawned {
                let error = Error::unavailable("too_busy", "The server is too busy to answer").source(cause);
                self.end(&active, Ending::failed(error));
            }
        }
    }

    /// Cancels a turn; it is over when this returns, whatever its thread is waiting for.
    fn stop_one(self: &Arc<Self>, active: &Arc<Active>) {
        active.cancel.cancel();
        if !active.wait_ended(STOP_PATIENCE) {
            self.force_finish(active);
        }
    }

    /// A turn that never ran is over; its question stays and can be asked again.
    fn drop_waiting(&self, pending: Pending) {
        catalog::TURNS_ENDED.inc("interrupted");
        let end = End {
            turn: pending.turn,
            reason: EndReason::Interrupted,
            usage: Default::default(),
            messages: Vec::new(),
            latest_seq: None, // a turn that runs may be publishing in the same session
        };
        if let Err(error) = end.store(&self.store) {
            self.keep_unstored(end, &error);
        }
        let end = EventKind::ConversationEnd { reason: EndReason::Interrupted, usage: Default::default() };
        self.hub.publish(&pending.context, end);
        self.changed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
