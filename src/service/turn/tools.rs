//! One round of tool calls: side by side where the tools allow it, each within its time, every result stored as it
//! comes. A tool that fails, or does not exist, is an answer to the model and not an error of the turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::active::Active;
use super::ending::save;
use super::{TURN_STACK_BYTES, Turns, draft};
use crate::domain::event::EventKind;
use crate::domain::message::{Message, MessageRole, Part};
use crate::domain::tool::{Decision, Question, ToolSpec};
use crate::domain::{Error, Result};
use crate::service::approvals::{self, Verdict};
use crate::service::toolbox::{Change, Set};
use crate::service::work_files;
use crate::tools::{self, Call, Consent, Kept, Output, Progress, TEXT_BYTES, Tool};
use crate::workdirs::Place;

/// Calls of one round that run at once.
const SIDE_BY_SIDE: usize = 8;
/// Notices of progress are this far apart at least.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// What a tool says about its progress, in characters.
const PROGRESS_CHARS: usize = 200;

/// The tools of one turn, in an order that never changes: the provider's cache depends on it.
pub(super) struct Offer {
    /// What they are stored under.
    pub set: String,
    pub specs: Vec<ToolSpec>,
    tools: Vec<Arc<dyn Tool>>,
}

/// A call that a model wrote.
struct Wanted<'a> {
    id: &'a str,
    name: &'a str,
    input: &'a str,
    tool: Option<&'a Arc<dyn Tool>>,
}

/// Calls that have to run in their order, beside others.
type Lanes<'a> = VecDeque<Vec<Wanted<'a>>>;

impl Offer {
    /// Errors: what the store says.
    pub(super) fn of(turns: &Turns, active: &Active) -> Result<Self> {
        let Set { digest, tools, change } = turns.tools.toolbox.offer(&active.conversation, &active.cancel)?;
        if let Some(Change { added, removed }) = change {
            active.publish(&turns.hub, EventKind::ToolsChanged { added, removed });
        }
        let (specs, tools) = tools.into_iter().map(|offered| (offered.spec, offered.tool)).unzip();
        Ok(Self { set: digest, specs, tools })
    }

    fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        let place = self.specs.iter().position(|spec| spec.name == name)?;
        self.tools.get(place)
    }
}

/// Runs what the message calls. Returns the results, in the order in which they were stored.
pub(super) fn run(turns: &Turns, active: &Active, offer: &Offer, message: &Message) -> Result<Vec<Message>> {
    let calls = message.parts.iter().filter_map(|part| match part {
        Part::ToolCall { id, name, input } => Some(Wanted { id, name, input, tool: offer.find(name) }),
        _ => None,
    });
    let lanes = Mutex::new(lanes(calls));
    let mut results = Vec::new();
    let mut outcome = Ok(());
    thread::scope(|scope| {
        let (sender, finished) = mpsc::channel();
        let work = |sender: &Sender<Vec<Part>>| work(turns, active, &lanes, sender);
        let mut workers = 0;
        // Most rounds have one call, and need no other thread.
        let wanted = lock(&lanes).len().min(SIDE_BY_SIDE);
        while wanted > 1 && workers < wanted {
            let sender = sender.clone();
            let builder = thread::Builder::new().name("tool".to_owned()).stack_size(TURN_STACK_BYTES);
            if let Err(error) = builder.spawn_scoped(scope, move || work(&sender)) {
                log::warn!(target: "tools", "no thread for a tool, its call waits: {error}");
                break;
            }
            workers += 1;
        }
        if workers == 0 {
            work(&sender);
        }
        drop(sender);
        for parts in finished {
            if outcome.is_ok() {
                outcome = store(turns, active, parts, &mut results);
            }
        }
    });
    outcome.map(|()| results)
}

fn store(turns: &Turns, active: &Active, parts: Vec<Part>, results: &mut Vec<Message>) -> Result<()> {
    let result = draft::message(&active.turn, MessageRole::Tool, parts);
    let Some(place) = active.add_message(&result) else { return Ok(()) };
    save(turns, active, &result, place)?;
    results.push(result);
    Ok(())
}

/// What may run side by side, each a list of calls that have to run in their order.
fn lanes<'a>(calls: impl Iterator<Item = Wanted<'a>>) -> Lanes<'a> {
    let mut lanes = Lanes::new();
    let lane_of = |call: &Wanted<'a>| call.tool.and_then(|tool| tool.lane()).map(str::to_owned);
    for call in calls {
        let lane = lane_of(&call);
        match lanes.iter_mut().find(|other| lane.is_some() && lane_of(&other[0]) == lane) {
            Some(lane) => lane.push(call),
            None => lanes.push_back(vec![call]),
        }
    }
    lanes
}

fn work(turns: &Turns, active: &Active, lanes: &Mutex<Lanes<'_>>, done: &Sender<Vec<Part>>) {
    loop {
        let Some(lane) = lock(lanes).pop_front() else { return };
        for call in lane {
            let outcome = catch_unwind(AssertUnwindSafe(|| one(turns, active, &call)));
            let failed = || Kept { text: tools::sentence("The tool failed"), is_error: true, ..Kept::default() };
            let Kept { text, is_error, extras } = outcome.unwrap_or_else(|_| failed());
            let (id, name) = (call.id.to_owned(), call.name.to_owned());
            let mut parts = vec![Part::ToolResult { id, name, output: text, is_error }];
            parts.extend(extras.into_parts());
            let Ok(()) = done.send(parts) else { return };
        }
    }
}

fn one(turns: &Turns, active: &Active, call: &Wanted<'_>) -> Kept {
    let output = match call.tool {
        _ if active.cancel.is_cancelled() => Output::error("Stopped before it ran"),
        None => Output::error(format!("There is no tool named {}", call.name)),
        Some(tool) => called(turns, active, tool.as_ref(), call).unwrap_or_else(|error| {
            log_failure(call.name, &error);
            Output::error(error.message)
        }),
    };
    tools::kept(output, &|place, bytes| write(turns, active, place, bytes))
}

fn called(turns: &Turns, active: &Active, tool: &dyn Tool, call: &Wanted<'_>) -> Result<Output> {
    if let Some(refusal) = refused(turns, active, tool, call)? {
        return Ok(refusal);
    }
    let announced = Mutex::new(None::<Instant>);
    let progress = |progress: Progress| {
        let now = Instant::now();
        let mut last = announced.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= PROGRESS_EVERY) {
            *last = Some(now);
            active.publish(&turns.hub, announcing(call.id, progress));
        }
    };
    let write = |place: &Place, bytes: &[u8]| write(turns, active, place, bytes);
    tool.call(&Call {
        input: call.input,
        owner: &active.context.container_id,
        conversation: &active.context.conversation_id,
        write: &write,
        deadline: Instant::now() + tool.patience(),
        text_bytes: TEXT_BYTES,
        progress: &progress,
        cancel: &active.cancel,
    })
}

fn write(turns: &Turns, active: &Active, place: &Place, bytes: &[u8]) -> Result<()> {
    work_files::write(&turns.store, &active.context.container_id, &active.context.conversation_id, place, bytes)
}

/// What the model learns where the person does not agree.
fn refused(turns: &Turns, active: &Active, tool: &dyn Tool, call: &Wanted<'_>) -> Result<Option<Output>> {
    if tool.consent() == Consent::Auto {
        return Ok(None);
    }
    let wanted = approvals::Wanted {
        owner: &active.context.container_id,
        conversation: &active.context.conversation_id,
        tool_call_id: call.id,
        tool_name: call.name,
        server: tool.server(),
        input: call.input,
        key: call.name,
    };
    let announce = |question: &Question, decision: Option<Decision>| {
        let event = match decision {
            None => EventKind::ToolApprovalRequest(Box::new(question.clone())),
            Some(decision) => EventKind::ToolApprovalAnswered {
                approval_id: question.id.clone(),
                tool_call_id: question.tool_call_id.clone(),
                decision,
            },
        };
        active.publish(&turns.hub, event);
    };
    Ok(match turns.tools.approvals.ask(&wanted, &active.cancel, &announce)? {
        Verdict::Allowed => None,
        Verdict::Declined => Some(Output::error("The person declined this call")),
        Verdict::Expired => Some(Output::error("The call was declined, because the person did not answer in time")),
        Verdict::Cancelled => Some(Output::error("Stopped before it ran")),
    })
}

fn announcing(id: &str, progress: Progress) -> EventKind {
    let message = progress.message.map(|text| tools::sentence(&text).chars().take(PROGRESS_CHARS).collect());
    EventKind::ToolProgress { tool_call_id: id.to_owned(), done: progress.done, total: progress.total, message }
}

/// Never with what was asked or answered.
fn log_failure(name: &str, error: &Error) {
    let name = tools::sentence(name);
    match &error.source {
        Some(source) => log::warn!(target: "tools", "tool={name} did not work ({}): {source}", error.code),
        None => log::info!(target: "tools", "tool={name} did not work ({})", error.code),
    }
}

fn lock<'a, 'b>(lanes: &'a Mutex<Lanes<'b>>) -> MutexGuard<'a, Lanes<'b>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}
