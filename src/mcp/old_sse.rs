//! The transport of 2024-11-05: one stream of events for everything that comes, and an address for what goes out.

use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use super::exchange::Exchange;
use super::http::{agent, broken, header_value, within_origin};
use super::link::Link;
use super::rpc::{Request, Trouble, Wait, notification};
use crate::net::sse::Events;

/// The stream lasts as long as the server is in use.
const STREAM_PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// serde_json at its deepest needs 256 KiB in a debug build.
const STACK_BYTES: usize = 512 * 1024;

pub(super) struct OldSse {
    exchange: Exchange,
    headers: Vec<(String, String)>,
    /// Where messages are posted; known once the stream says it.
    endpoint: Mutex<String>,
    stream: Agent,
}

impl OldSse {
    /// Opens the stream and waits for its first event, which names the address.
    pub(super) fn open(url: &str, headers: Vec<(String, String)>, wait: &Wait<'_>) -> Result<Arc<Self>, Trouble> {
        let stream = agent(url, Instant::now() + STREAM_PATIENCE);
        let (exchange, endpoint) = (Exchange::default(), Mutex::default());
        let link = Arc::new(Self { exchange, headers, endpoint, stream });
        let (sender, opened) = mpsc::sync_channel(1);
        let (reading, url) = (link.clone(), url.to_owned());
        let run = move || {
            let why = reading.read(&url, &sender).sentence();
            reading.exchange.end(&why);
            let _ = sender.try_send(Err(Trouble::Gone(why))); // no one waits for it when it was open
        };
        let thread = thread::Builder::new().name("mcp-sse".to_owned()).stack_size(STACK_BYTES).spawn(run);
        thread.map_err(|error| Trouble::Gone(format!("no thread for it: {error}")))?;
        let left = wait.deadline.saturating_duration_since(Instant::now());
        let outcome = opened.recv_timeout(left).unwrap_or(Err(Trouble::Timeout));
        if outcome.is_err() {
            link.close();
        }
        outcome.map(|()| link)
    }

    fn read(&self, url: &str, opened: &SyncSender<Result<(), Trouble>>) -> Trouble {
        let mut get = self.stream.get(url).header("accept", "text/event-stream");
        for (name, value) in &self.headers {
            match header_value(value) {
                Ok(value) => get = get.header(name, value),
                Err(trouble) => return trouble,
            }
        }
        let response = match get.call() {
            Ok(response) if response.status() == 200 => response,
            Ok(response) => return Trouble::Gone(format!("it answered with status {}", response.status().as_u16())),
            Err(error) => return broken(&error),
        };
        let mut events = Events::new(response.into_body().into_reader());
        loop {
            let data = match events.next() {
                Ok(Some(data)) => data,
                _ => return Trouble::Gone("its stream ended".to_owned()),
            };
            // The event `endpoint` is the only one that is no JSON.
            match serde_json::from_str(data) {
                Ok(message) => {
                    if let Ok(Some(answer)) = self.exchange.take(message) {
                        let soon = Wait {
                            deadline: Instant::now() + Duration::from_secs(5),
                            cancel: &Default::default(),
                            progress: &|_| {},
                        };
                        let _ = self.post(&answer, &soon); // it may not care
                    }
                }
                Err(_) => match within_origin(url, data.trim()) {
                    Some(address) => {
                        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = address;
                        let _ = opened.try_send(Ok(())); // said again, it is only a new address
                    }
                    None => return Trouble::Garbage("its address for messages is elsewhere"),
                },
            }
        }
    }

    fn post(&self, message: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        let url = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let agent = agent(&url, wait.deadline);
        let closing = agent.clone();
        let _held = wait.cancel.hold(move || closing.shutdown()).ok_or(Trouble::Cancelled)?;
        let mut post = agent.post(&url).header("content-type", "application/json");
        for (name, value) in &self.headers {
            post = post.header(name, header_value(value)?);
        }
        let status = post.send(message.to_string()).map_err(|error| broken(&error))?.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Trouble::Gone(format!("it answered with status {}", status.as_u16())))
    }
}

impl Link for OldSse {
    fn ask(&self, request: &Request<'_>, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let ticket = self.exchange.expect(request.id)?;
        self.post(&request.body(), wait)?;
        let outcome = ticket.wait(wait);
        if matches!(outcome, Err(Trouble::Timeout | Trouble::Cancelled)) {
            let params = serde_json::json!({"requestId": request.id, "reason": "it is no longer waited for"});
            let deadline = Instant::now() + Duration::from_millis(400);
            let soon = Wait { deadline, cancel: &Default::default(), progress: wait.progress };
            let _ = self.tell("notifications/cancelled", &params, &soon); // a courtesy
        }
        outcome
    }

    fn tell(&self, method: &str, params: &Value, wait: &Wait<'_>) -> Result<(), Trouble> {
        self.post(&notification(method, params), wait)
    }

    fn watch(self: Arc<Self>, _request: &Request<'_>, _wait: &Wait<'_>) -> Result<(), Trouble> {
        Ok(()) // they come among the answers
    }

    fn gone(&self) -> Option<String> {
        self.exchange.gone()
    }

    fn take_tools_changed(&self) -> bool {
        self.exchange.take_tools_changed()
    }

    fn close(&self) {
        self.exchange.end("it was closed");
        self.stream.clone().shutdown();
    }

    fn wait_closed(&self, _most: Duration) -> bool {
        true
    }

    fn last_words(&self) -> Vec<String> {
        Vec::new()
    }
}
