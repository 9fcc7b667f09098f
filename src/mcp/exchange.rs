//! Requests that wait for their answers on a connection which is read by another thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::rpc::{Incoming, Progress, Trouble, Wait};

/// Requests that may wait on one connection.
const WAITING: usize = 256;
/// Notices of progress that wait to be looked at; those beyond are left out.
const EVENTS: usize = 64;

#[derive(Default)]
pub(super) struct Exchange {
    state: Mutex<State>,
    /// The server says that its tools are others now.
    tools_changed: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, SyncSender<Event>>,
    /// Why nothing more will come.
    gone: Option<String>,
}

enum Event {
    Answer(Result<Value, Trouble>),
    Progress(Progress),
}

/// A request that is waited for. Its answer is not looked for any more when this is dropped.
pub(super) struct Ticket<'a> {
    exchange: &'a Exchange,
    id: u64,
    sender: SyncSender<Event>,
    events: Receiver<Event>,
}

impl Exchange {
    /// To be called before the request is sent.
    pub(super) fn expect(&self, id: u64) -> Result<Ticket<'_>, Trouble> {
        let (sender, events) = mpsc::sync_channel(EVENTS);
        let mut state = self.state();
        if let Some(why) = &state.gone {
            return Err(Trouble::Gone(why.clone()));
        }
        if state.waiting.len() >= WAITING {
            return Err(Trouble::Gone("too many calls are waiting for it".to_owned()));
        }
        state.waiting.insert(id, sender.clone());
        Ok(Ticket { exchange: self, id, sender, events })
    }

    /// For the thread that reads: hands a message to the one who waits for it. Returns what has to be answered;
    /// `Err`: that was no message.
    pub(super) fn take(&self, message: Value) -> Result<Option<Value>, ()> {
        match Incoming::of(message).ok_or(())? {
            // What is not waited for, or was answered before, concerns no one.
            Incoming::Answer { id, outcome } => {
                let waiting = self.state().waiting.remove(&id);
                waiting.map(|waiting| waiting.send(Event::Answer(outcome)));
            }
            Incoming::Progress { token, progress } => {
                let waiting = self.state().waiting.get(&token).cloned();
                waiting.map(|waiting| waiting.try_send(Event::Progress(progress)));
            }
            Incoming::ToolsChanged => self.tools_changed.store(true, Ordering::Relaxed),
            Incoming::Asked(answer) => return Ok(Some(answer)),
            Incoming::Ignored => {}
        }
        Ok(None)
    }

    /// For the thread that reads: nothing more will come. What waits learns why.
    pub(super) fn end(&self, why: &str) {
        let mut state = self.state();
        state.gone.get_or_insert_with(|| why.to_owned());
        let why = state.gone.clone().unwrap_or_default();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for sender in waiting.into_values() {
            let _ = sender.send(Event::Answer(Err(Trouble::Gone(why.clone())))); // it may have given up
        }
    }

    pub(super) fn gone(&self) -> Option<String> {
        self.state().gone.clone()
    }

    pub(super) fn take_tools_changed(&self) -> bool {
        self.tools_changed.swap(false, Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket<'_> {
    /// Waits for the answer, the deadline or a cancel, whatever comes first.
    pub(super) fn wait(&self, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let sender = self.sender.clone();
        let stop = move || drop(sender.try_send(Event::Answer(Err(Trouble::Cancelled))));
        let _held = wait.cancel.hold(stop).ok_or(Trouble::Cancelled)?;
        loop {
            match self.events.recv_timeout(wait.deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Answer(outcome)) => return outcome,
                Ok(Event::Progress(progress)) => {
                    (wait.progress)(progress);
                    // Progress moves no deadline: a server could report for ever.
                    if Instant::now() >= wait.deadline {
                        return Err(Trouble::Timeout);
                    }
                    if wait.cancel.is_cancelled() {
                        return Err(Trouble::Cancelled);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(Trouble::Timeout),
            }
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.exchange.state().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Cancel;
    use serde_json::json;
    use std::time::Duration;

    fn wait<'a>(cancel: &'a Cancel, most: Duration, progress: &'a (dyn Fn(Progress) + Sync)) -> Wait<'a> {
        Wait { deadline: Instant::now() + most, cancel, progress }
    }

    #[test]
    fn an_answer_reaches_the_one_who_waits_for_it() {
        let (exchange, cancel) = (Exchange::default(), Cancel::new());
        let (first, second) = (exchange.expect(1).expect("waits"), exchange.expect(2).expect("waits"));
        let answer = |id: u64, text: &str| exchange.take(json!({"id": id, "result": text})).expect("a message");
        answer(2, "two");
        answer(2, "two again");
        answer(99, "never asked");
        let seen = Mutex::new(0.0);
        let progress = |progress: Progress| *seen.lock().expect("not poisoned") = progress.done;
        let notice = json!({"method": "notifications/progress", "params": {"progressToken": 1, "progress": 4}});
        exchange.take(notice).expect("a message");
        answer(1, "one");
        let long = Duration::from_secs(30);
        assert_eq!(first.wait(&wait(&cancel, long, &progress)).expect("an answer"), "one");
        assert_eq!(second.wait(&wait(&cancel, long, &|_| {})).expect("an answer"), "two");
        assert_eq!(*seen.lock().expect("not poisoned"), 4.0);
    }

    #[test]
    fn waiting_ends_by_time_cancel_or_the_connections_end() {
        let (exchange, cancel) = (Exchange::default(), Cancel::new());
        let outcome = |most| exchange.expect(1).and_then(|ticket| ticket.wait(&wait(&cancel, most, &|_| {})));
        assert!(matches!(outcome(Duration::from_millis(1)), Err(Trouble::Timeout)));
        let canceller = cancel.clone();
        let thread = std::thread::spawn(move || canceller.cancel());
        assert!(matches!(outcome(Duration::from_secs(30)), Err(Trouble::Cancelled)));
        thread.join().expect("ends");
        let ticket = exchange.expect(1).expect("waits");
        exchange.end("it ended");
        exchange.end("later");
        let cancel = Cancel::new();
        let gone = ticket.wait(&wait(&cancel, Duration::from_secs(30), &|_| {}));
        assert!(matches!(gone, Err(Trouble::Gone(why)) if why == "it ended"));
        assert!(matches!(exchange.expect(2), Err(Trouble::Gone(_))));
    }
}
