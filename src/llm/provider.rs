//! The one who is asked: attempts, waits in between, and what is left when it does not work. It knows no vendor.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::dialect::{Dialect, Form, Framing, Reader};
use super::draft::{Draft, Sink};
use super::fault::Fault;
use super::lessons::{Learned, Memory};
use super::listing::{self, Listed};
use super::models::Model;
use super::refusal::Said;
use super::sse::{Events, Trouble};
use super::{Answer, Cancel, Delta, Endpoint, Failure, Prompt, Retry, Timeouts, json, transport, wires};
use crate::domain::message::{Message, Part};
use crate::domain::secret::Secret;
use crate::domain::{Error, StopReason};
use crate::telemetry::metrics::catalog;

/// Between any two bytes of a list of models.
const LIST_PATIENCE: Duration = Duration::from_secs(15);

/// A model's server, ready to be asked from any number of threads.
pub struct Provider {
    endpoint: Endpoint,
    dialect: &'static dyn Dialect,
    url: String,
    timeouts: Timeouts,
    retry: Retry,
    memory: Memory,
    /// As they were listed last.
    models: Mutex<Option<Arc<Vec<Model>>>>,
}

impl Provider {
    pub fn new(endpoint: Endpoint, timeouts: Timeouts) -> Self {
        let dialect = wires::of(endpoint.kind);
        let url = dialect.chat_url(&endpoint.base_url);
        Self {
            endpoint,
            dialect,
            url,
            timeouts,
            retry: Retry::default(),
            memory: Memory::default(),
            models: Mutex::default(),
        }
    }

    /// Another patience than the usual.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there is a key to ask with, where one is needed.
    pub fn is_ready(&self) -> bool {
        !self.endpoint.needs_key || self.has_key()
    }

    fn has_key(&self) -> bool {
        self.endpoint.api_key.as_ref().is_some_and(|key| !key.expose().trim().is_empty())
    }

    /// The models that the provider lists now; from then on they decide how it is asked.
    ///
    /// Errors: `Upstream`, with one of the codes `upstream_…`.
    pub fn list(&self) -> Result<Listed, Error> {
        let key = self.key()?;
        let listed = listing::fetch(&self.endpoint, key, &self.patience()).map_err(|fault| fault.quoted(key).error)?;
        *self.listed() = Some(Arc::new(listed.models.clone()));
        Ok(listed)
    }

    /// Whether the provider knows a model that it may not list. Errors: those of `list`.
    pub fn knows(&self, model: &str) -> Result<bool, Error> {
        let key = self.key()?;
        listing::knows(&self.endpoint, key, &self.patience(), model).map_err(|fault| fault.quoted(key).error)
    }

    fn key(&self) -> Result<Option<&Secret>, Error> {
        if !self.is_ready() {
            return Err(Fault::no_key().error);
        }
        Ok(self.endpoint.api_key.as_ref().filter(|_| self.has_key()))
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

    /// The model of conversations that name none; empty where the provider has none that is known.
    pub fn model_or_none(&self, listed: &[Model]) -> String {
        match self.endpoint.default_model.as_str() {
            "" => listed.first().map(|model| model.id.clone()).unwrap_or_default(),
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
        self.models()?.first().map(|model| model.id.clone()).ok_or_else(|| Fault::no_model().error)
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
                    self.memory.keep(prompt.model, &learned, prompt.messages);
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

    /// What a refusal teaches, while nothing has come.
    fn lesson(&self, fault: &Fault, learned: &Learned, prompt: &Prompt<'_>, draft: &Draft<'_>) -> Option<Learned> {
        let said = fault.said.as_ref().filter(|_| !draft.began())?;
        let sent = self.form(prompt, &self.origin(prompt), learned).max_tokens(prompt.max_tokens);
        let better = learned.after(said, sent, prompt.messages)?;
        log::info!(target: "llm", "model={} refused a parameter and is asked again without it: {}", prompt.model, fault.error.message);
        Some(better)
    }

    fn origin(&self, prompt: &Prompt<'_>) -> String {
        format!("{}:{}/{}", self.endpoint.kind.as_str(), self.endpoint.name, prompt.model)
    }

    fn form<'a>(&self, prompt: &Prompt<'_>, origin: &'a str, learned: &'a Learned) -> Form<'a> {
        let listed = self.listed().clone();
        let model = listed.and_then(|models| models.iter().find(|model| model.id == prompt.model).cloned());
        Form {
            origin,
            lessons: &learned.lessons,
            forget_thinking: learned.forget_thinking,
            thinks: model.as_ref().is_some_and(|model| model.thinking == Some(true)),
            most_tokens: model.and_then(|model| model.max_tokens),
        }
    }

    fn attempt(
        &self,
        prompt: &Prompt<'_>,
        learned: &Learned,
        cancel: &Cancel,
        draft: &mut Draft<'_>,
    ) -> Result<(), Fault> {
        let origin = self.origin(prompt);
        let body = self.dialect.body(prompt, &self.form(prompt, &origin, learned))?;
        if !self.is_ready() {
            return Err(Fault::no_key());
        }
        let key = self.endpoint.api_key.as_ref().filter(|_| self.has_key());
        let agent = transport::agent(&self.timeouts, &self.url);
        let closing = agent.clone();
        // One that is being opened is not interrupted: its timeout (`Timeouts::connect`) bounds it.
        let _held = cancel.hold(move || closing.shutdown()).ok_or_else(Fault::cancelled)?;
        let mut call = Call { began: Instant::now(), status: 0, request_id: String::new() };
        let outcome = transport::post(&agent, &self.url, &self.dialect.headers(key), key, &body)
            .and_then(|response| {
                drop(body); // megabytes, and an answer may take minutes
                call.note(&response);
                let mut reading = Reading { reader: self.dialect.reader(&origin), draft, cancel, asked: call.began };
                reading.response(response, self.dialect.framing(), key)
            })
            .map_err(|fault| fault.quoted(key));
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

/// One answer that is being read.
struct Reading<'a, 's> {
    reader: Box<dyn Reader>,
    draft: &'a mut Draft<'s>,
    cancel: &'a Cancel,
    asked: Instant,
}

impl Reading<'_, '_> {
    fn response(&mut self, response: Response<Body>, framing: Framing, key: Option<&Secret>) -> Result<(), Fault> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = response.into_body().into_reader();
        if status != 200 {
            return Err(Said::response(status, &headers, &transport::error_body(body)).fault());
        }
        let first = first_bytes(&mut body).map_err(|error| Fault::in_body(error, key))?;
        let begins = first.trim_ascii_start().first().copied();
        let body = Cursor::new(first).chain(body);
        match (framing, begins) {
            (_, Some(b'<')) => {
                let page = transport::error_body(body);
                Err(Said::page(status, &String::from_utf8_lossy(&page)).fault())
            }
            (Framing::Events, Some(b'{' | b'[')) => self.whole(body, key),
            _ => self.stream(Events::new(body), framing, key),
        }
    }

    /// What a server sends that does not stream, or refuses under 200.
    fn whole(&mut self, body: impl Read, key: Option<&Secret>) -> Result<(), Fault> {
        let bytes = transport::whole(body, key)?;
        let Some(value) = json::parse(&String::from_utf8_lossy(&bytes)) else {
            return Err(Fault::bad_answer("the answer is neither a stream nor JSON"));
        };
        if let Some(said) = Said::within(&value) {
            return Err(said.fault());
        }
        if !self.reader.whole(&value, self.draft) {
            return Err(Fault::bad_answer("").said(Said::json(&value)));
        }
        self.words_came();
        self.finish()
    }

    fn stream(&mut self, mut events: Events<impl Read>, framing: Framing, key: Option<&Secret>) -> Result<(), Fault> {
        loop {
            let next = match framing {
                Framing::Events => events.next(),
                Framing::Lines => events.next_line(),
            };
            // A connection that we closed ourselves may look like anything, also like a clean end.
            if self.cancel.is_cancelled() {
                return Err(Fault::cancelled());
            }
            let data = match next {
                Ok(Some(data)) => data,
                Ok(None) if self.may_end() => return self.finish(),
                Ok(None) => return Err(Fault::broken_stream("the stream ended before the answer did")),
                Err(Trouble::Read(error)) => return Err(Fault::in_body(error, key)),
                Err(Trouble::TooLong(what)) => return Err(Fault::bad_answer(format!("{what} is too long"))),
            };
            if self.event(data)? {
                return self.finish();
            }
        }
    }

    /// `true`: the answer is whole.
    fn event(&mut self, data: &str) -> Result<bool, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(true);
        }
        if data.trim().is_empty() {
            return Ok(false);
        }
        let Some(event @ (Value::Object(_) | Value::Array(_))) = json::parse(data) else {
            return Err(Fault::bad_answer("an event is no JSON object"));
        };
        if let Some(said) = Said::within(&event) {
            return Err(said.fault());
        }
        let is_whole = self.reader.event(&event, self.draft);
        self.words_came();
        Ok(is_whole || self.draft.is_too_long())
    }

    fn words_came(&mut self) {
        if self.draft.has_words() && !std::mem::replace(&mut self.draft.is_timed, true) {
            catalog::UPSTREAM_FIRST_TOKEN.time(self.asked.elapsed());
        }
    }

    /// Some servers leave out the event that ends a stream, once they have said why the model stopped.
    fn may_end(&self) -> bool {
        self.draft.answer().stop_reason.is_some()
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.reader.end(self.draft);
        let calls_are_whole = self.draft.finish();
        let is_cut = !matches!(self.draft.answer().stop_reason, Some(StopReason::ToolUse) | None);
        if calls_are_whole || is_cut { Ok(()) } else { Err(Fault::bad_answer("a tool's input is no JSON object")) }
    }
}

/// As much as comes at once, but at least one byte that is no blank, unless the body ends.
fn first_bytes(body: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    let mut piece = [0; 1024];
    while first.trim_ascii_start().is_empty() {
        let count = body.read(&mut piece)?;
        if count == 0 {
            break;
        }
        first = [first.trim_ascii_start(), &piece[..count]].concat();
    }
    Ok(first)
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

/// What the log says of one call: never what was asked or answered.
struct Call {
    began: Instant,
    status: u16,
    request_id: String,
}

impl Call {
    /// `request-id` is what the provider's support asks for.
    fn note(&mut self, response: &Response<Body>) {
        self.status = response.status().as_u16();
        let id = response.headers().get("request-id").and_then(|value| value.to_str().ok()).unwrap_or("-");
        self.request_id = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    }

    fn end(&self, outcome: &Result<(), Fault>, cancel: &Cancel) {
        let Self { status, request_id, .. } = self;
        let ms = self.began.elapsed().as_millis();
        match outcome {
            Err(fault) if !cancel.is_cancelled() => {
                catalog::UPSTREAM_REQUESTS.inc("failed");
                catalog::UPSTREAM_ERRORS.inc(fault.error.code.as_str());
                let code = fault.error.code;
                let words = &fault.error.message;
                log::warn!(target: "llm", "upstream failed: {code} status={status} {ms}ms request-id={request_id}: {words}");
            }
            Err(_) => {
                catalog::UPSTREAM_REQUESTS.inc("cancelled");
                log::debug!(target: "llm", "upstream cancelled status={status} {ms}ms request-id={request_id}");
            }
            Ok(()) => {
                catalog::UPSTREAM_REQUESTS.inc("answered");
                log::debug!(target: "llm", "upstream answered status={status} {ms}ms request-id={request_id}");
            }
        }
    }
}
