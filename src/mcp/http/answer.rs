//! What a server answers to a POST: one piece of JSON, or a stream of events, which may break off and go on in another.

use std::io::Read as _;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;
use ureq::http::Response;
use ureq::http::header::CONTENT_TYPE;
use ureq::{Agent, Body};

use super::{COURTESY_PATIENCE, Http, Place};
use crate::domain::Cancel;
use crate::mcp::rpc::{Incoming, Request, Trouble, Wait, refusal};
use crate::net::sse::{self, Events};

/// An answer in one piece, in bytes: room for a picture of 5 MB in base64.
const WHOLE_BYTES: u64 = 8 * 1024 * 1024;
/// What is read of an answer that is an error, in bytes.
const ERROR_BYTES: u64 = 64 * 1024;
/// How often one answer may break off.
const RESUMES: usize = 20;

impl Http {
    pub(super) fn answer(
        &self,
        agent: &Agent,
        response: Response<Body>,
        request: &Request<'_>,
        wait: &Wait<'_>,
    ) -> Result<Value, Trouble> {
        match response.status().as_u16() {
            202 => Err(Trouble::Garbage("it accepted a request and answers nothing")),
            200..300 if is_stream(&response) => self.streamed(agent, response, request, wait),
            200..300 => {
                let whole = whole(response, WHOLE_BYTES)?;
                let value: Value = serde_json::from_slice(&whole).map_err(|_| Trouble::Garbage("it is no JSON"))?;
                match Incoming::of(value) {
                    Some(Incoming::Answer { outcome, .. }) => outcome,
                    _ => Err(Trouble::Garbage("it is no answer")),
                }
            }
            status => Err(self.refused(status, &whole(response, ERROR_BYTES).unwrap_or_default())),
        }
    }

    /// Where a legacy server has given its events ids, a stream that ends early goes on behind the last of them. The
    /// call itself is never sent again.
    fn streamed(
        &self,
        agent: &Agent,
        mut response: Response<Body>,
        request: &Request<'_>,
        wait: &Wait<'_>,
    ) -> Result<Value, Trouble> {
        let mut place = Place::default();
        for _ in 0..=RESUMES {
            let trouble = match self.read_events(response, request.id, wait, &mut place) {
                Err(trouble @ Trouble::Gone(_)) if place.last_id.is_some() && !request.is_modern => trouble,
                outcome => return outcome,
            };
            if Instant::now() + place.pause() >= wait.deadline {
                return Err(Trouble::Timeout);
            }
            if wait.cancel.sleep(place.pause()) {
                return Err(Trouble::Cancelled);
            }
            response = self.get(agent, &self.headers_for(request), &place)?;
            if response.status() != 200 || !is_stream(&response) {
                return Err(trouble);
            }
        }
        Err(Trouble::Gone("its answer broke off again and again".to_owned()))
    }

    fn read_events(
        &self,
        response: Response<Body>,
        id: u64,
        wait: &Wait<'_>,
        place: &mut Place,
    ) -> Result<Value, Trouble> {
        let mut events = Events::new(response.into_body().into_reader());
        loop {
            let message = match events.next() {
                _ if wait.cancel.is_cancelled() => return Err(Trouble::Cancelled),
                _ if Instant::now() >= wait.deadline => return Err(Trouble::Timeout),
                Ok(Some(data)) if data.trim().is_empty() => None, // it only says where the stream is
                Ok(Some(data)) => {
                    let message = serde_json::from_str(data);
                    Incoming::of(message.map_err(|_| Trouble::Garbage("an event is no JSON"))?)
                }
                Ok(None) => {
                    place.note(&events);
                    return Err(Trouble::Gone("its answer broke off".to_owned()));
                }
                Err(sse::Trouble::Read(error)) => {
                    place.note(&events);
                    return Err(broken_body(&error));
                }
                Err(sse::Trouble::TooLong(_)) => return Err(Trouble::Garbage("an event is too long")),
            };
            place.note(&events);
            match message {
                Some(Incoming::Answer { id: answered, outcome }) if answered == id => return outcome,
                Some(Incoming::Progress { token, progress }) if token == id => (wait.progress)(progress),
                Some(Incoming::ToolsChanged) => self.tools_changed.store(true, Ordering::Relaxed),
                Some(Incoming::Asked(answer)) => self.reply(&answer),
                _ => {}
            }
        }
    }

    /// To a question of the server's.
    pub(super) fn reply(&self, answer: &Value) {
        let deadline = Instant::now() + COURTESY_PATIENCE;
        let _ = self.send(answer, &Wait { deadline, cancel: &Cancel::new(), progress: &|_| {} }); // it may not care
    }

    pub(super) fn refused(&self, status: u16, body: &[u8]) -> Trouble {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let has_session = self.session().is_some();
        let error = value.get("error").filter(|error| error.is_object());
        let names_session = error.is_some_and(|error| error.to_string().to_ascii_lowercase().contains("session"));
        if has_session && (status == 404 || status == 400 && names_session) {
            return Trouble::SessionLost;
        }
        match error {
            Some(error) => refusal(error),
            None => {
                let message = match status {
                    401 | 403 => format!("The tool server refuses access ({status}): check its headers"),
                    _ => format!("The tool server answered with status {status}"),
                };
                Trouble::Refused { code: -i64::from(status), message, data: Value::Null }
            }
        }
    }
}

pub(super) fn is_stream(response: &Response<Body>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/event-stream")
}

fn broken_body(error: &std::io::Error) -> Trouble {
    Trouble::Gone(format!("its answer broke off: {error}"))
}

pub(super) fn whole(response: Response<Body>, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let mut reader = response.into_body().into_reader().take(most + 1);
    reader.read_to_end(&mut bytes).map_err(|error| broken_body(&error))?;
    if bytes.len() as u64 > most { Err(Trouble::Garbage("it is too long")) } else { Ok(bytes) }
}
