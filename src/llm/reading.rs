//! Reading one answer, whatever wire it comes over: a stream, one piece of JSON, a refusal, or a web page.

use std::io::{Cursor, Read};
use std::time::Instant;

use serde_json::Value;
use ureq::http::response::Parts;

use super::dialect::{Framing, Reader};
use super::draft::Draft;
use super::fault::Fault;
use super::fault::Said;
use super::{Cancel, json, transport};
use crate::domain::StopReason;
use crate::domain::secret::Secret;
use crate::net::sse::{Events, Trouble};
use crate::telemetry::metrics::catalog;

/// One answer that is being read.
pub(super) struct Reading<'a, 's> {
    pub reader: Box<dyn Reader>,
    pub draft: &'a mut Draft<'s>,
    pub cancel: &'a Cancel,
    pub asked: Instant,
}

impl Reading<'_, '_> {
    /// `body` may have more in it than belongs to the answer, which stays there.
    pub(super) fn response(
        &mut self,
        head: &Parts,
        mut body: impl Read,
        framing: Framing,
        key: Option<&Secret>,
    ) -> Result<(), Fault> {
        let status = head.status.as_u16();
        if status != 200 {
            return Err(Said::response(status, &head.headers, &transport::error_body(body)).fault());
        }
        let first = first_bytes(&mut body).map_err(|error| Fault::in_body(error, key))?;
        let begins = words(&first).first().copied();
        let is_spread = framing == Framing::Lines && matches!(words(&first), [b'{', b'\r' | b'\n', ..]);
        let body = Cursor::new(words(&first).to_vec()).chain(body);
        match (framing, begins) {
            _ if is_spread => self.whole(body, key),
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
        let Some(value) = json::parse(&String::from_utf8_lossy(words(&bytes))) else {
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

/// As much as comes at once, but at least two bytes that are no blanks, unless the body ends.
fn first_bytes(body: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    let mut piece = [0; 1024];
    while words(&first).len() < 2 {
        let count = body.read(&mut piece)?;
        if count == 0 {
            break;
        }
        first = [words(&first), &piece[..count]].concat();
    }
    Ok(first)
}

/// A body without blanks, which servers send until they have something to say, and without a byte order mark.
fn words(body: &[u8]) -> &[u8] {
    let body = body.trim_ascii_start();
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start()
}
