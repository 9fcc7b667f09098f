//! Connections that are opened ahead, and answers behind which none can be kept.

use std::time::{Duration, Instant};

use portagent::llm::Retry;

use super::{ask, provider, user};
use crate::support::eventually;
use crate::support::upstream::{Script, Step, Upstream};

#[test]
fn a_connection_is_opened_ahead_of_its_question() {
    let upstream = Upstream::with([Script::text("Hello.")]);
    let provider = provider(&upstream);
    provider.prepare();
    upstream.wait_for_idle(1);
    provider.prepare();
    assert!(upstream.requests().is_empty(), "nothing is sent on it");
    ask(&provider, &[user("hi")]).1.expect("an answer");
    assert_eq!(upstream.connections().0, 1);
}

#[test]
fn one_that_was_opened_ahead_and_closed_since_is_not_noticed() {
    let upstream = Upstream::with([Script::text("Hello.")]);
    let provider = provider(&upstream).with_retry(Retry { most: 0, ..Retry::default() });
    provider.prepare();
    upstream.wait_for_idle(1);
    upstream.close_idle();
    eventually("an answer", || ask(&provider, &[user("hi")]).1.is_ok());
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_refusal_leaves_the_connection_open() {
    let upstream = Upstream::with([Script::refusal(529, "overloaded_error", "Overloaded"), Script::text("At last.")]);
    ask(&provider(&upstream), &[user("hi")]).1.expect("an answer");
    assert_eq!(upstream.connections().0, 1);
}

#[test]
fn an_answer_ends_with_its_last_event_and_not_with_its_body() {
    let mut script = Script::text("Hello.");
    script.steps.push(Step::Hang);
    let upstream =
        Upstream::with([script, Script::text("Again."), Script::text("Closed.").header("connection", "close")]);
    let provider = provider(&upstream);
    let began = Instant::now();
    ask(&provider, &[user("hi")]).1.expect("an answer");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    upstream.wait_for_close(0);
    for connects in [2, 2, 3] {
        upstream.push(Script::text("More."));
        ask(&provider, &[user("hi")]).1.expect("an answer");
        assert_eq!(upstream.connections().0, connects);
    }
}
