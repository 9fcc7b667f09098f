//! The stream on which a server announces that its tools have changed: a GET in the legacy era, the answer to
//! `subscriptions/listen` in the modern one. A thread reads it for as long as the server is in use.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::answer::is_stream;
use super::{Http, Place, agent};
use crate::mcp::rpc::{Incoming, Request, Trouble};
use crate::net::sse::Events;

/// The stream lasts as long as the server is in use.
const STREAM_PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Streams in a row that bring nothing, before they are given up.
const TRIES: usize = 5;
/// serde_json at its deepest needs 256 KiB in a debug build.
const STACK_BYTES: usize = 512 * 1024;

/// How the stream is asked for.
struct Asked {
    /// What is posted; `None`: it is a GET.
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

pub(super) fn watch(http: Arc<Http>, request: &Request<'_>) -> Result<(), Trouble> {
    let asked = Asked { body: request.is_modern.then(|| request.body()), headers: http.headers_for(request) };
    http.has_notices.store(true, Ordering::Relaxed);
    let run = move || {
        read(&http, &asked);
        // From now on the list is read again when it is old.
        http.has_notices.store(false, Ordering::Relaxed);
        http.tools_changed.store(true, Ordering::Relaxed);
    };
    let thread = thread::Builder::new().name("mcp-notices".to_owned()).stack_size(STACK_BYTES).spawn(run);
    thread.map(drop).map_err(|error| Trouble::Gone(format!("no thread for it: {error}")))
}

/// Until the link is closed, or there are no notices to be had.
fn read(http: &Http, asked: &Asked) {
    let (mut place, mut tries) = (Place::default(), 0);
    while tries < TRIES {
        let agent = agent(&http.url, Instant::now() + STREAM_PATIENCE);
        let closing = agent.clone();
        let Some(_held) = http.end.hold(move || closing.shutdown()) else { return };
        match open(http, &agent, asked, &place) {
            Ok(response) if response.status() == 200 && is_stream(&response) => {
                tries = if read_stream(http, response, &mut place) { 0 } else { tries + 1 };
            }
            Ok(response) if !response.status().is_server_error() => return, // it has no such stream
            _ => tries += 1,
        }
        // Where it does not go on at its place, what came meanwhile is not known.
        if asked.body.is_some() || place.last_id.is_none() {
            http.tools_changed.store(true, Ordering::Relaxed);
        }
        if http.end.sleep(place.pause()) {
            return;
        }
    }
}

fn open(http: &Http, agent: &Agent, asked: &Asked, place: &Place) -> Result<Response<Body>, Trouble> {
    match &asked.body {
        Some(body) => http.post(agent, body, &asked.headers),
        None => http.get(agent, &asked.headers, place),
    }
}

/// Says whether anything came.
fn read_stream(http: &Http, response: Response<Body>, place: &mut Place) -> bool {
    let mut events = Events::new(response.into_body().into_reader());
    let mut has_come = false;
    while let Ok(Some(data)) = events.next() {
        has_come = true;
        let message = serde_json::from_str(data).ok().and_then(Incoming::of);
        place.note(&events);
        match message {
            Some(Incoming::ToolsChanged) => http.tools_changed.store(true, Ordering::Relaxed),
            Some(Incoming::Asked(answer)) => http.reply(&answer),
            _ => {}
        }
    }
    place.note(&events);
    has_come
}
