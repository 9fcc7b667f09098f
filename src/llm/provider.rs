//! The one who is asked: attempts, waits in between, and what is left when it does not work.

use std::time::Instant;

use ureq::Body;
use ureq::http::Response;

use super::anthropic::{errors, request, stream};
use super::fault::Fault;
use super::sse::{Events, Trouble};
use super::{Answer, Cancel, Delta, Endpoint, Failure, Prompt, Retry, Timeouts, transport};
use crate::telemetry::metrics::catalog;

/// What hears of every step, together with all that has come so far.
pub type Sink<'a> = &'a mut dyn FnMut(Delta<'_>, &Answer);

/// A model's server, ready to be asked from any number of threads.
#[derive(Debug)]
pub struct Provider {
    endpoint: Endpoint,
    url: String,
    timeouts: Timeouts,
    retry: Retry,
}

impl Provider {
    pub fn new(endpoint: Endpoint, timeouts: Timeouts) -> Self {
        let url = transport::messages_url(&endpoint.base_url);
        Self { endpoint, url, timeouts, retry: Retry::default() }
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

    /// Whether there is a key to ask with.
    pub fn is_ready(&self) -> bool {
        self.endpoint.api_key.as_ref().is_some_and(|key| !key.expose().trim().is_empty())
    }

    /// Asks and reads the answer to its end, telling every step to `sink`. Blocks for as long as that takes; `cancel`
    /// ends it at once, except while a connection is being opened (`Timeouts::connect`).
    ///
    /// A provider that is busy or cannot be reached is asked again (see [`Retry`]) as long as nothing has come;
    /// after [`Delta::Start`] never.
    ///
    /// Errors: `Upstream`, with one of the codes `upstream_…`; none when cancelled.
    pub fn stream(&self, prompt: &Prompt<'_>, cancel: &Cancel, sink: Sink<'_>) -> Result<Answer, Box<Failure>> {
        let body = match request::body(prompt) {
            Ok(body) => body,
            Err(fault) => return Err(failure(stream::Assembler::new(prompt.model), Some(fault))),
        };
        let mut attempt = 1;
        loop {
            let mut answer = stream::Assembler::new(prompt.model);
            let Err(fault) = self.ask(&body, cancel, &mut answer, sink) else { return Ok(answer.into_answer()) };
            if cancel.is_cancelled() {
                return Err(failure(answer, None));
            }
            let delay = if fault.again && !answer.began() { self.delay(attempt, &fault) } else { None };
            let Some(delay) = delay else { return Err(failure(answer, Some(fault))) };
            catalog::UPSTREAM_RETRIES.inc();
            sink(Delta::Waiting { attempt, delay, reason: &fault.error.message }, answer.so_far());
            if cancel.sleep(delay) {
                return Err(failure(answer, None));
            }
            attempt += 1;
        }
    }

    fn delay(&self, attempt: u32, fault: &Fault) -> Option<std::time::Duration> {
        self.retry.delay(attempt, fault.error.retry_after)
    }

    /// One attempt.
    fn ask(&self, body: &[u8], cancel: &Cancel, answer: &mut stream::Assembler, sink: Sink<'_>) -> Result<(), Fault> {
        let key = self.endpoint.api_key.as_ref().filter(|_| self.is_ready()).ok_or_else(Fault::no_key)?;
        let agent = transport::agent(&self.timeouts, &self.url);
        let _held = cancel.hold(&agent).ok_or_else(Fault::cancelled)?;
        let began = Instant::now();
        let mut log = Call { began, status: 0, request_id: String::new() };
        let outcome = transport::post(&agent, &self.url, key, body).and_then(|response| {
            log.note(&response);
            self.read(response, cancel, answer, &mut timed_sink(began, sink))
        });
        log.end(&outcome, cancel);
        outcome
    }

    fn read(
        &self,
        response: Response<Body>,
        cancel: &Cancel,
        answer: &mut stream::Assembler,
        sink: Sink<'_>,
    ) -> Result<(), Fault> {
        let key = self.endpoint.api_key.as_ref();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if status != 200 {
            return Err(errors::refused(status, &headers, &transport::error_body(response), key));
        }
        if !is_event_stream(&response) {
            return Err(Fault::bad_answer("the answer is no event stream"));
        }
        let mut events = Events::new(response.into_body().into_reader());
        loop {
            let data = match events.next() {
                Ok(Some(data)) => data,
                Ok(None) => return Err(Fault::broken_stream("the stream ended before message_stop")),
                Err(Trouble::Read(error)) => return Err(Fault::in_body(error, key)),
                Err(Trouble::TooLong(what)) => return Err(Fault::bad_answer(format!("{what} is too long"))),
            };
            // A connection that we closed ourselves may look like anything, also like a clean end.
            if cancel.is_cancelled() {
                return Err(Fault::cancelled());
            }
            match answer.event(data, sink) {
                Ok(stream::Progress::More) => {}
                Ok(stream::Progress::Done) => return Ok(()),
                Err(stream::Trouble::Said { kind, message }) => return Err(errors::said(&kind, &message, key)),
                Err(stream::Trouble::Nonsense(what)) => return Err(Fault::bad_answer(what)),
            }
        }
    }
}

/// Notes when the first piece of the answer is there.
fn timed_sink<'a>(began: Instant, sink: Sink<'a>) -> impl FnMut(Delta<'_>, &Answer) + 'a {
    let mut waiting = true;
    move |delta, answer| {
        if waiting && !matches!(delta, Delta::Start | Delta::Waiting { .. }) {
            waiting = false;
            catalog::UPSTREAM_FIRST_TOKEN.time(began.elapsed());
        }
        sink(delta, answer);
    }
}

fn is_event_stream(response: &Response<Body>) -> bool {
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

fn failure(answer: stream::Assembler, fault: Option<Fault>) -> Box<Failure> {
    let output_began = answer.began();
    Box::new(Failure { error: fault.map(|fault| fault.error), partial: answer.into_answer(), output_began })
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
                log::warn!(target: "llm", "upstream failed: {code} status={status} {ms}ms request-id={request_id}");
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
