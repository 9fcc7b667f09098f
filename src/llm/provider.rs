//! The one who is asked: attempts, waits in between, and what is left when it does not work. It knows no vendor.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::Agent;
use ureq::http::response::Parts;

use super::call::Call;
use super::connections::Connections;
use super::dialect::{self, Form};
use super::draft::{Draft, Sink};
use super::fault::Fault;
use super::lessons::{Learned, Memory, Quirk};
use super::listing::{self, Listed};
use super::models::{self, Model};
use super::reading::Reading;
use super::{Answer, Cancel, Delta, Endpoint, Failure, Kind, Prompt, Retry, Timeouts, efforts, transport, wires};
use crate::domain::Error;
use crate::domain::message::{Message, Part};
use crate::domain::secret::Secret;
use crate::telemetry::metrics::catalog;

/// Between any two bytes of a list of models.
const LIST_PATIENCE: Duration = Duration::from_secs(15);

/// Takes a model and its lessons, as words.
type Keep = dyn Fn(&str, &str) + Send + Sync;

/// A model's server, ready to be asked from any number of threads.
pub struct Provider {
    endpoint: Endpoint,
    timeouts: Timeouts,
    connections: Arc<Connections>,
    retry: Retry,
    memory: Memory,
    /// Where lessons are kept beyond this process.
    keep: Option<Box<Keep>>,
    /// As they were listed last.
    models: Mutex<Option<Arc<Vec<Model>>>>,
    /// What administrators have set for models that are loaded with a context of a size that can be chosen, in tokens.
    contexts: Mutex<HashMap<String, u64>>,
}

impl Provider {
    pub fn new(endpoint: Endpoint, timeouts: Timeouts) -> Self {
        let url = wires::of(endpoint.kind).chat_url(&endpoint.base_url);
        Self {
            endpoint,
            timeouts,
            connections: Connections::new(timeouts, &url),
            retry: Retry::default(),
            memory: Memory::default(),
            keep: None,
            models: Mutex::default(),
            contexts: Mutex::default(),
        }
    }

    /// Another patience than the usual.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// With what was learned before, as models and their lessons; `keep` gets what is learned from now on.
    #[must_use]
    pub fn with_lessons(mut self, kept: &[(String, String)], keep: Box<Keep>) -> Self {
        self.memory.recall(kept);
        self.keep = Some(keep);
        self
    }

    /// Models, and what refusals have taught about them, as words.
    pub fn lessons(&self) -> Vec<(String, String)> {
        self.memory.to_texts()
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there is a key to ask with, where one is needed.
    pub fn is_ready(&self) -> bool {
        !self.endpoint.needs_key || self.key().is_some()
    }

    fn key(&self) -> Option<&Secret> {
        self.endpoint.api_key.as_ref().filter(|key| !key.expose().trim().is_empty())
    }

    /// Opens a connection for a question that comes soon, unless one is open; does not wait for it.
    pub fn prepare(&self) {
        if self.is_ready() && self.endpoint.kind != Kind::Demo {
            self.connections.prepare();
        }
    }

    /// Closes connections that have not been used for a while.
    pub fn close_idle(&self) {
        self.connections.close_old();
    }

    /// The models that the provider lists now; from then on they decide how it is asked.
    ///
    /// Errors: `Upstream`, with one of the codes `upstream_…`.
    pub fn list(&self) -> Result<Listed, Error> {
        let key = self.ready_key()?;
        let listed = listing::fetch(&self.endpoint, key, &self.patience()).map_err(|fault| fault.quoted(key).error)?;
        *self.listed() = Some(Arc::new(listed.models.clone()));
        Ok(listed)
    }

    /// Whether the provider knows a model that it may not list. Errors: those of `list`.
    pub fn knows(&self, model: &str) -> Result<bool, Error> {
        let key = self.ready_key()?;
        listing::knows(&self.endpoint, key, &self.patience(), model).map_err(|fault| fault.quoted(key).error)
    }

    fn ready_key(&self) -> Result<Option<&Secret>, Error> {
        if !self.is_ready() {
            return Err(Fault::no_key().error);
        }
        Ok(self.key())
    }

    /// A person may be waiting for a list, so it gets less time than an answer.
    fn patience(&self) -> Timeouts {
        let Timeouts { connect, first_byte, idle } = self.timeouts;
        Timeouts { connect, first_byte: first_byte.min(LIST_PATIENCE), idle: idle.min(LIST_PATIENCE) }
    }

    /// The models as they were listed last, asked for now where they never were.
    ///
    /// Errors: those of `list`.
    pub fn models(&self) -> Result<Arc<Vec<Model>>, Error> {
        let known = self.listed().clone();
        known.map_or_else(|| self.list().map(|listed| Arc::new(listed.models)), Ok)
    }

    /// The models as they were listed last.
    pub fn known_models(&self) -> Option<Arc<Vec<Model>>> {
        self.listed().clone()
    }

    /// Whether the size of a model's context is chosen with each request.
    pub fn takes_context(&self) -> bool {
        wires::of(self.endpoint.kind).takes_context()
    }

    /// With which context models are loaded from now on, by their names, in tokens.
    pub fn set_contexts(&self, contexts: HashMap<String, u64>) {
        *self.contexts.lock().unwrap_or_else(PoisonError::into_inner) = contexts;
    }

    fn set_context(&self, model: &str) -> Option<u64> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied()
    }

    /// How much goes into a model, in tokens: what was set for it, or what its provider says.
    pub fn context_tokens(&self, model: &str) -> Option<u64> {
        let listed = self.listed().clone().unwrap_or_default();
        let listed = listed.iter().find(|listed| listed.id == model);
        self.set_context(model).or_else(|| listed?.loaded_context.or(listed?.context_tokens))
    }

    /// How deeply a model can be asked to think, from the least to the most, as far as that is known.
    pub fn efforts(&self, model: &Model) -> Vec<&'static str> {
        let learned = self.memory.of(&model.id, &[]);
        efforts::of(self.kind(&learned), model, &learned.lessons).unwrap_or_default()
    }

    /// The model of conversations that name none; empty where the provider has none that is known.
    pub fn model_or_none(&self, listed: &[Model]) -> String {
        match self.endpoint.default_model.as_str() {
            "" => models::first(listed).map(|model| model.id.clone()).unwrap_or_default(),
            named => named.to_owned(),
        }
    }

    /// The model to ask where a conversation names `wanted`, or none.
    ///
    /// Errors: those of `list`; `Upstream` (`upstream_not_found`) when the provider has no model at all.
    pub fn model(&self, wanted: Option<&str>) -> Result<String, Error> {
        let named = wanted.filter(|name| !name.is_empty()).unwrap_or(&self.endpoint.default_model);
        if !named.is_empty() {
            return Ok(named.to_owned());
        }
        models::first(&self.models()?).map(|model| model.id.clone()).ok_or_else(|| Fault::no_model().error)
    }

    fn listed(&self) -> MutexGuard<'_, Option<Arc<Vec<Model>>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks and reads the answer to its end, telling every step to `sink`. Blocks for as long as that takes; `cancel`
    /// ends it at once, except while a connection is being opened (`Timeouts::connect`).
    ///
    /// A provider that is busy or cannot be reached is asked again (see [`Retry`]) as long as nothing has come; one that
    /// refuses a parameter is asked once more without it (see [`Learned`]); after [`Delta::Start`] never.
    ///
    /// Errors: `Upstream`, with one of the codes `upstream_…`; none when cancelled.
    pub fn stream(&self, prompt: &Prompt<'_>, cancel: &Cancel, sink: Sink<'_>) -> Result<Answer, Box<Failure>> {
        let taken = ids(prompt.messages);
        let mut learned = self.memory.of(prompt.model, prompt.messages);
        let (mut attempt, mut healed) = (1, false);
        loop {
            let mut draft = Draft::new(prompt.model, taken.clone(), &mut *sink);
            let Err(fault) = self.attempt(prompt, &learned, cancel, &mut draft) else {
                if healed {
                    let is_new = self.memory.keep(prompt.model, &learned, prompt.messages);
                    if let Some(keep) = self.keep.as_ref().filter(|_| is_new) {
                        keep(prompt.model, &learned.lessons.to_text());
                    }
                }
                return Ok(draft.into_answer());
            };
            if cancel.is_cancelled() {
                return Err(failure(draft, None));
            }
            if !healed && let Some(better) = self.lesson(&fault, &learned, prompt, &draft) {
                (learned, healed) = (better, true);
                continue;
            }
            let delay = if fault.again && !draft.began() { self.delay(attempt, &fault) } else { None };
            let Some(delay) = delay else { return Err(failure(draft, Some(fault))) };
            catalog::UPSTREAM_RETRIES.inc();
            draft.tell(Delta::Waiting { attempt, delay, reason: &fault.error.message });
            if cancel.sleep(delay) {
                return Err(failure(draft, None));
            }
            attempt += 1;
        }
    }

    fn delay(&self, attempt: u32, fault: &Fault) -> Option<Duration> {
        self.retry.delay(attempt, fault.error.retry_after)
    }

    /// What a refusal teaches, while nothing has come: never the same request again.
    fn lesson(&self, fault: &Fault, learned: &Learned, prompt: &Prompt<'_>, draft: &Draft<'_>) -> Option<Learned> {
        let said = fault.said.as_ref().filter(|_| !draft.began())?;
        let sent = self.form(prompt, &self.origin(prompt, learned), learned).max_tokens(prompt.max_tokens);
        let request = |learned: &Learned| {
            let (wire, origin) = (wires::of(self.kind(learned)), self.origin(prompt, learned));
            let body = wire.body(prompt, &self.form(prompt, &origin, learned)).ok();
            (wire.chat_url(&self.endpoint.base_url), body)
        };
        let refused = request(learned);
        let better = learned.after(said, sent, prompt.messages).into_iter().find(|more| request(more) != refused)?;
        log::info!(target: "llm", "model={} refused a parameter and is asked again without it: {}", prompt.model, fault.error.message);
        Some(better)
    }

    /// How this model is spoken to.
    fn kind(&self, learned: &Learned) -> Kind {
        let is_other = self.endpoint.kind == Kind::OpenAi && learned.lessons.has(Quirk::OtherWire);
        if is_other { Kind::Responses } else { self.endpoint.kind }
    }

    fn origin(&self, prompt: &Prompt<'_>, learned: &Learned) -> String {
        format!("{}:{}/{}", self.kind(learned).as_str(), self.endpoint.name, prompt.model)
    }

    fn form<'a>(&self, prompt: &Prompt<'a>, origin: &'a str, learned: &'a Learned) -> Form<'a> {
        let listed = self.listed().clone();
        let model = listed.and_then(|models| models.iter().find(|model| model.id == prompt.model).cloned());
        let known = model.unwrap_or_else(|| Model { id: prompt.model.to_owned(), ..Model::default() });
        let takes = efforts::of(self.kind(learned), &known, &learned.lessons);
        Form {
            origin,
            lessons: &learned.lessons,
            forget_thinking: learned.forget_thinking,
            thinks: known.thinking == Some(true),
            most_tokens: known.max_tokens,
            effort: dialect::effort(prompt.effort, takes.as_deref()),
            context: (known.context_tokens, self.set_context(prompt.model).or(known.loaded_context)),
        }
    }

    fn attempt(
        &self,
        prompt: &Prompt<'_>,
        learned: &Learned,
        cancel: &Cancel,
        draft: &mut Draft<'_>,
    ) -> Result<(), Fault> {
        let (wire, origin) = (wires::of(self.kind(learned)), self.origin(prompt, learned));
        let body = wire.body(prompt, &self.form(prompt, &origin, learned))?;
        if !self.is_ready() {
            return Err(Fault::no_key());
        }
        let (key, headers) = (self.key(), wire.headers(self.key()));
        let url = wire.chat_url(&self.endpoint.base_url);
        let body = RefCell::new(body);
        let send = |agent: &Agent| transport::post(agent, &url, &headers, key, &body.borrow());
        let mut call = Call::begin();
        let read = |head: &Parts, rest: &mut dyn Read| {
            drop(body.take()); // megabytes, and an answer may take minutes
            call.note(head);
            let mut reading = Reading { reader: wire.reader(&origin, prompt), draft, cancel, asked: call.began };
            reading.response(head, rest, wire.framing(), key)
        };
        let outcome = self.connections.exchange(cancel, send, read).map_err(|fault| fault.quoted(key));
        call.end(&outcome, cancel);
        draft.tell(Delta::RequestEnd { status: call.status });
        outcome
    }
}
impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The ids of all calls of a conversation.
fn ids(messages: &[Message]) -> HashSet<String> {
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts.filter_map(|part| if let Part::ToolCall { id, .. } = part { Some(id.clone()) } else { None }).collect()
}

fn failure(draft: Draft<'_>, fault: Option<Fault>) -> Box<Failure> {
    let output_began = draft.began();
    Box::new(Failure { error: fault.map(|fault| fault.error), partial: draft.into_answer(), output_began })
}
