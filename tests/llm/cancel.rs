//! Stopping, at every point where one can be waiting.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portagent::domain::message::Part;
use portagent::llm::{Cancel, Failure, Prompt, Retry};

use super::{provider, tell, user};
use crate::support::upstream::{Script, Step, Upstream};

/// Asks on another thread, cancels when `ready` says so, and gives what was left after at most a second.
fn cancelled(upstream: &Upstream, ready: impl FnOnce(&mpsc::Receiver<String>)) -> Box<Failure> {
    let patient = Retry { first_delay: Duration::from_secs(20), ..Retry::default() };
    let provider = provider(upstream).with_retry(patient);
    let cancel = Cancel::new();
    let (tell_it, told) = mpsc::channel();
    let asker = {
        let cancel = cancel.clone();
        thread::spawn(move || {
            let messages = [user("hi")];
            let prompt = Prompt {
                model: "m",
                system: None,
                messages: &messages,
                tools: &[],
                max_tokens: Some(10),
                effort: None,
            };
            provider.stream(&prompt, &cancel, &mut |delta, _| {
                let _ = tell_it.send(tell(&delta));
            })
        })
    };
    ready(&told);
    let began = Instant::now();
    cancel.cancel();
    let failure = asker.join().expect("no panic").expect_err("cancelled");
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    assert!(failure.error.is_none());
    failure
}

fn wait_for(told: &mpsc::Receiver<String>, text: &str) {
    while !told.recv_timeout(Duration::from_secs(10)).expect("it is told").starts_with(text) {}
}

#[test]
fn while_it_streams() {
    let words = ["word "; 500];
    let upstream = Upstream::with([Script::deltas(&words).slowly(Duration::from_millis(5))]);
    let failure = cancelled(&upstream, |told| wait_for(told, "text"));
    assert!(failure.output_began);
    assert!(matches!(&failure.partial.parts[..], [Part::Text(text)] if text.starts_with("word ")));
    upstream.wait_for_close(0);
}

#[test]
fn while_the_provider_is_silent_in_the_middle() {
    let upstream = Upstream::with([Script::deltas(&["one"]).cut_after(3, Step::Hang)]);
    let failure = cancelled(&upstream, |told| wait_for(told, "text one"));
    assert_eq!(failure.partial.parts, [Part::Text("one".to_owned())]);
    upstream.wait_for_close(0);
}

#[test]
fn before_the_head_has_come() {
    let upstream = Upstream::with([Script::text("late").before(Step::Hang)]);
    let failure = cancelled(&upstream, |_| upstream.wait_for_requests(1));
    assert!(!failure.output_began);
    upstream.wait_for_close(0);
    assert_eq!(upstream.requests().len(), 1, "a cancelled question is not asked again");
}

#[test]
fn while_it_waits_to_ask_again() {
    let upstream = Upstream::with([Script::refusal(529, "overloaded_error", "Overloaded")]);
    let failure = cancelled(&upstream, |told| wait_for(told, "waiting"));
    assert!(!failure.output_began);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn before_it_began() {
    let upstream = Upstream::with([Script::text("never")]);
    let cancel = Cancel::new();
    cancel.cancel();
    let messages = [user("hi")];
    let prompt =
        Prompt { model: "m", system: None, messages: &messages, tools: &[], max_tokens: Some(10), effort: None };
    let failure = provider(&upstream).stream(&prompt, &cancel, &mut |_, _| {}).expect_err("cancelled");
    assert!(failure.error.is_none());
    assert!(upstream.requests().is_empty());
}
