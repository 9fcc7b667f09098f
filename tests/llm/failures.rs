//! Answers that do not come to their end, and what people are told.

use std::time::{Duration, Instant};

use portagent::domain::Kind as ErrorKind;
use portagent::domain::message::{Part, Usage};
use portagent::llm::{Endpoint, Failure, Kind, Provider, Timeouts};

use super::{ask, provider, provider_of, quick, spent, user};
use crate::support::upstream::{Script, Step, Upstream};

/// The code of a failure, after looking at what every failure has to keep to.
fn code(failure: &Failure) -> &'static str {
    let error = failure.error.as_ref().expect("an error");
    assert_eq!(error.kind, ErrorKind::Upstream);
    let said = format!("{error} {error:?} {}", error.with_cause());
    assert!(!said.contains(super::KEY) && !said.contains("0123456789"), "the key is in {said}");
    error.code.as_str()
}

fn fails(script: Script) -> (Vec<String>, Box<Failure>, usize) {
    let upstream = Upstream::with([script]);
    upstream.always(|| Script::refusal(500, "api_error", "again"));
    let (told, outcome) = ask(&provider(&upstream), &[user("hi")]);
    (told, outcome.expect_err("no answer"), upstream.requests().len())
}

#[test]
fn a_wrong_key_is_told_at_once_and_in_plain_words() {
    let began = Instant::now();
    let message = format!("invalid x-api-key: {}", super::KEY);
    let (told, failure, requests) = fails(Script::refusal(401, "authentication_error", &message));
    assert_eq!((code(&failure), requests, told.len()), ("upstream_auth", 1, 0));
    assert!(began.elapsed() < Duration::from_secs(1));
    let error = failure.error.expect("an error");
    assert_eq!(error.message, "The model's server does not accept our API key. It says: invalid x-api-key: ***");
    assert!(error.hint.expect("a way out").contains("LLM_PROVIDER_KEY"));
}

#[test]
fn what_cannot_get_better_is_asked_once() {
    for (status, kind, expected) in [
        (400, "invalid_request_error", "upstream_bad_request"),
        (402, "billing_error", "upstream_billing"),
        (403, "permission_error", "upstream_forbidden"),
        (404, "not_found_error", "upstream_not_found"),
        (413, "request_too_large", "upstream_too_large"),
    ] {
        let (_, failure, requests) = fails(Script::refusal(status, kind, "no"));
        assert_eq!((code(&failure), requests), (expected, 1));
        assert!(!failure.output_began);
    }
}

#[test]
fn a_busy_provider_is_asked_again_and_people_are_told() {
    for refusal in [
        Script::refusal(429, "rate_limit_error", "slow down").header("retry-after", "0"),
        Script::refusal(529, "overloaded_error", "Overloaded"),
        Script::refusal(500, "api_error", "oops"),
        Script::text("never seen").before(Step::Close),
        Script::text("never seen").cut_after(0, Step::Close),
        Script::text("never seen").truncated_after(1),
        Script::text("never seen").error_after(1, "overloaded_error", "Overloaded"),
    ] {
        let upstream = Upstream::with([refusal, Script::text("at last")]);
        let (told, outcome) = ask(&provider(&upstream), &[user("hi")]);
        assert_eq!(outcome.expect("an answer").parts, [Part::Text("at last".to_owned())], "{told:?}");
        assert_eq!(told.len(), 3);
        assert!(told[0].starts_with("waiting 1 The "), "{told:?}");
        assert_eq!(told[1..], ["start", "text at last"]);
    }
}

#[test]
fn patience_ends() {
    let (told, failure, requests) = fails(Script::refusal(529, "overloaded_error", "Overloaded"));
    assert_eq!((code(&failure), requests, told.len()), ("upstream_unavailable", 3, 2));
    let (_, failure, requests) = fails(Script::refusal(429, "rate_limit_error", "").header("retry-after", "3600"));
    assert_eq!((code(&failure), requests), ("upstream_rate_limited", 1));
    assert_eq!(failure.error.and_then(|error| error.retry_after), Some(Duration::from_secs(3600)));
}

#[test]
fn retry_after_is_honoured() {
    let upstream = Upstream::with([
        Script::refusal(429, "rate_limit_error", "slow down").header("retry-after", "1"),
        Script::text("at last"),
    ]);
    ask(&provider(&upstream), &[user("hi")]).1.expect("an answer");
    let requests = upstream.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn after_the_first_word_nothing_is_repeated_and_what_came_is_kept() {
    for (script, expected) in [
        (Script::deltas(&["one", "two"]).error_after(3, "overloaded_error", "Overloaded"), "upstream_overloaded"),
        (Script::deltas(&["one", "two"]).truncated_after(3), "upstream_broken_stream"),
        (Script::deltas(&["one", "two"]).cut_after(3, Step::Close), "upstream_broken_stream"),
        (Script::deltas(&["one", "two"]).cut_after(3, Step::Bytes(b"data: {\n\n".to_vec())), "upstream_bad_answer"),
    ] {
        let (told, failure, requests) = fails(script);
        assert_eq!((code(&failure), requests), (expected, 1));
        assert!(failure.output_began);
        assert_eq!(failure.partial.parts, [Part::Text("one".to_owned())]);
        assert_eq!(told, ["start", "text one"]);
    }
}

#[test]
fn silence_has_an_end() {
    let timeouts = Timeouts { idle: Duration::from_millis(200), ..Timeouts::default() };
    for (script, began) in
        [(Script::text("one").cut_after(3, Step::Hang), true), (Script::text("one").before(Step::Hang), false)]
    {
        let upstream = Upstream::with([script]);
        let provider = Provider::new(provider(&upstream).endpoint().clone(), timeouts);
        let start = Instant::now();
        let failure = ask(&provider, &[user("hi")]).1.expect_err("silence");
        assert_eq!((code(&failure), failure.output_began), ("upstream_timeout", began));
        assert!(start.elapsed() < Duration::from_secs(2));
        upstream.wait_for_close(0);
    }
}

#[test]
fn a_server_that_is_something_else_is_named_as_such() {
    let page = Script::refusal(200, "", "<html>").header("content-type", "text/html");
    let (_, failure, requests) = fails(page);
    assert_eq!((code(&failure), requests), ("upstream_bad_answer", 1));
    assert!(failure.error.and_then(|error| error.hint).expect("a hint").contains("LLM_PROVIDER_URL"));
    let elsewhere = Upstream::with([Script::text("stolen")]);
    let redirect = Script::refusal(307, "", "").header("location", &format!("{}/v1/messages", elsewhere.url()));
    assert_eq!(code(&fails(redirect).1), "upstream_bad_answer");
    assert!(elsewhere.requests().is_empty(), "the key does not travel");
}

#[test]
fn an_upstream_that_is_not_there_is_said_so() {
    let endpoint = |url: &str, key: &str| Endpoint {
        name: "test".to_owned(),
        needs_key: true,
        base_url: url.to_owned(),
        api_key: Some(portagent::domain::secret::Secret::new(key)),
        kind: Kind::Anthropic,
        default_model: "m".to_owned(),
    };
    // Bound and let go: nothing listens there.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    for (url, key, expected) in [
        (format!("http://127.0.0.1:{port}"), super::KEY, "upstream_unreachable"),
        ("http://portagent.invalid".to_owned(), super::KEY, "upstream_unreachable"),
        ("no url at all".to_owned(), super::KEY, "upstream_bad_url"),
        ("https://api.anthropic.com".to_owned(), "", "upstream_not_configured"),
        (format!("http://127.0.0.1:{port}"), "two\nlines", "upstream_auth"),
    ] {
        let provider = quick(endpoint(&url, key));
        let failure = ask(&provider, &[user("hi")]).1.expect_err("no server there");
        assert_eq!(code(&failure), expected, "{url}");
        assert!(failure.error.and_then(|error| error.hint).is_some());
    }
}

#[test]
fn a_server_without_tls_is_no_secure_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let upstream = Upstream::start();
    let endpoint = Endpoint { base_url: format!("https://127.0.0.1:{port}"), ..provider(&upstream).endpoint().clone() };
    let (told, outcome) = ask(&quick(endpoint), &[user("hi")]);
    assert_eq!((code(&outcome.expect_err("no TLS")), told.len()), ("upstream_tls", 0));
}

#[test]
fn every_request_says_what_it_used() {
    let upstream = Upstream::with([
        Script::refusal(529, "overloaded_error", "Overloaded"),
        Script::text("never seen").error_after(1, "overloaded_error", "Overloaded"),
        Script::deltas(&["one", "two"]).cut_after(3, Step::Close),
    ]);
    let usage = |input, cache_creation, cache_read, output| Usage { input, cache_creation, cache_read, output };
    let begun = usage(11, 5, 7, 1);
    let expected = [(529, usage(0, 0, 0, 0), None), (200, begun, None), (200, begun, None)];
    assert_eq!(spent(&provider(&upstream), &[user("hi")]), expected);
    let upstream = Upstream::with([Script::text("whole")]);
    assert_eq!(spent(&provider(&upstream), &[user("hi")]), [(200, usage(11, 5, 7, 23), None)]);
    let cost = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.0123}}"#;
    let upstream = Upstream::with([Script::chunks(&[&cost.replace('\n', " ")])]);
    let provider = provider_of(&upstream, Kind::OpenAi);
    assert_eq!(spent(&provider, &[user("hi")]), [(200, usage(3, 0, 0, 2), Some(12_300))]);
}
