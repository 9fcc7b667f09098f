//! What the log and the metrics say of one request: never what was asked or answered.

use std::time::Instant;

use ureq::http::response::Parts;

use super::Cancel;
use super::fault::Fault;
use crate::telemetry::metrics::catalog;

pub(super) struct Call {
    pub began: Instant,
    /// 0: no answer came.
    pub status: u16,
    request_id: String,
}

impl Call {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), status: 0, request_id: String::new() }
    }

    /// The request's id is what the provider's support asks for.
    pub(super) fn note(&mut self, head: &Parts) {
        self.status = head.status.as_u16();
        let id = ["request-id", "x-request-id"].iter().find_map(|name| head.headers.get(*name)?.to_str().ok());
        let id = id.unwrap_or("-");
        self.request_id = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    }

    pub(super) fn end(&self, outcome: &Result<(), Fault>, cancel: &Cancel) {
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
