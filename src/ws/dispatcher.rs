//! Where one connection's frames are dealt with: how often it may ask, whether it still may, and what it is answered.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::protocol::{self, Request};
use super::socket::{Incoming, PAUSE};
use super::token_bucket::TokenBucket;
use crate::domain::user::Caller;
use crate::domain::{Error, Kind, Result, halves};
use crate::hub::{CloseReason, Closed, Outbox};
use crate::service::{Reopen, Sent, Services, Stopwatch};

/// Requests of one connection; past them `rate_limited`, and each is followed by a pause.
const REQUESTS_PER_SECOND: u32 = 50;
const REQUEST_BURST: u32 = 200;

pub(super) struct Dispatcher {
    pub(super) services: Arc<Services>,
    pub(super) caller: Caller,
    pub(super) outbox: Arc<Outbox>,
    requests: TokenBucket,
    /// Frames that are no requests are counted apart: they are answered, and do not count as requests.
    garbage: TokenBucket,
}

/// What a request came to.
pub(super) enum Handled {
    /// The frame to answer with.
    Reply(String),
    /// The same, and a turn that begins once the answer is on its way.
    Started(String, Sent),
    /// The answer is on its way already.
    Queued,
}

impl Dispatcher {
    pub(super) fn new(services: Arc<Services>, caller: Caller, outbox: Arc<Outbox>) -> Self {
        let bucket = || TokenBucket::new(REQUESTS_PER_SECOND, REQUEST_BURST);
        Self { services, caller, outbox, requests: bucket(), garbage: bucket() }
    }

    /// Deals with a frame, and charges its person for the time that took.
    pub(super) fn take(&mut self, incoming: Incoming<'_>) {
        let began = Stopwatch::start();
        self.handle(incoming);
        self.services.cpu.charge(&self.caller, &began);
    }

    fn handle(&mut self, incoming: Incoming<'_>) {
        let text = match incoming {
            Incoming::Text(text) => text,
            Incoming::Binary => {
                return self.refuse(&Error::invalid("binary_frame", "Send text frames, not binary ones"));
            }
        };
        // A page that cuts a text in the middle of an emoji sends half of it.
        let text = &*halves::mend(text, |_| char::REPLACEMENT_CHARACTER);
        match Request::parse(text) {
            Ok(request) => self.answer(&request),
            Err(error) => self.refuse(&error),
        }
    }

    /// For a frame that is no request.
    fn refuse(&mut self, error: &Error) {
        self.push(protocol::system_error(error));
        let (Ok(()) | Err(_)) = self.services.cpu.wait(&self.caller);
        if self.garbage.take(Instant::now()).is_err() {
            thread::sleep(PAUSE);
        }
    }

    fn answer(&mut self, request: &Request<'_>) {
        if let Err(wait) = self.requests.take(Instant::now()) {
            let error = Error::new(Kind::RateLimited, "rate_limited", "Too many requests on this connection");
            self.push(request.reply.error(&error.retry_after(wait)));
            return thread::sleep(PAUSE);
        }
        match self.done(request) {
            Ok(Handled::Reply(frame)) => self.push(frame),
            Ok(Handled::Started(frame, sent)) => {
                self.push(frame);
                sent.start();
            }
            Ok(Handled::Queued) => {}
            Err(error) => {
                log_failure(request.kind.as_deref(), &error);
                self.push(request.reply.error(&error));
                if error.kind == Kind::Unauthenticated {
                    self.outbox.close(CloseReason::LoggedOut);
                }
            }
        }
    }

    /// A connection that takes no answer is closing; its reader finds that out before it reads on.
    fn push(&self, frame: String) {
        let (Ok(()) | Err(Closed)) = self.outbox.push(frame);
    }

    /// Every request asks again whether its caller may: a login can end, an account can change at any time.
    fn done(&mut self, request: &Request<'_>) -> Result<Handled> {
        self.caller = self.services.accounts.still_valid(&self.caller)?;
        let Some(kind) = request.kind.as_deref() else {
            return Err(Error::invalid("missing_type", "A request needs a `type`"));
        };
        // To stop costs nothing, and saves something.
        if kind != "agent_interrupt_request" {
            self.services.cpu.wait(&self.caller)?;
        }
        match kind {
            "image_create_request" => self.create(request),
            "image_list_request" => self.list(request),
            "image_get_request" => self.get(request),
            "image_update_request" => self.update(request),
            "image_delete_request" => self.delete(request),
            "image_messages_request" => self.messages(request),
            "models_request" => self.models(request),
            "message_send_request" => self.send(request),
            "message_edit_request" => self.edit(request),
            "turn_regenerate_request" => self.regenerate(request),
            "branch_select_request" => self.select_branch(request),
            "turn_retry_request" => self.reopen(request, Reopen::Again),
            "turn_continue_request" => self.reopen(request, Reopen::Continue),
            "turn_take_back_request" => self.take_back(request),
            "agent_interrupt_request" => self.interrupt(request),
            "tool_approval_answer_request" => self.answer_approval(request),
            "search_request" => self.search(request),
            "subscribe_request" => self.subscribe(request),
            "unsubscribe_request" => self.unsubscribe(request),
            _ => Err(Error::invalid("unknown_type", "There is no such request")),
        }
    }
}

/// Only faults of the server or of something it relies on; the client alone learns of the rest.
fn log_failure(kind: Option<&str>, error: &Error) {
    let kind = kind.unwrap_or("request");
    match error.kind {
        Kind::Internal => log::error!(target: "ws", "{kind:?}: {}", error.with_cause()),
        Kind::Unavailable | Kind::Upstream => log::warn!(target: "ws", "{kind:?}: {}", error.with_cause()),
        _ => {}
    }
}
