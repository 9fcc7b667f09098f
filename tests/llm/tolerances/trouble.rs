//! Errors in the shapes that gateways and vendors give them, on every wire: the other side's own words are shown, and
//! nothing is asked twice that cannot get better.

use super::provider;
use crate::llm::{KEY, ask, user};
use crate::support::upstream::{Script, Upstream};
use crate::support::wires::Wire;

/// What it is, status, content type, body; the code and the words that people get.
const ROWS: &[(&str, u16, &str, &str, &str, &str)] = &[
    ("a text", 400, "text/plain", "upstream says no", "upstream_bad_request", "upstream says no"),
    (
        "FastAPI",
        422,
        "application/json",
        r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
        "upstream_bad_request",
        "field required",
    ),
    (
        "a plain text as error",
        400,
        "application/json",
        r#"{"error":"no such thing"}"#,
        "upstream_bad_request",
        "no such thing",
    ),
    (
        "Google's list",
        400,
        "application/json",
        r#"[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]"#,
        "upstream_bad_request",
        "API key not valid",
    ),
    (
        "GLM: too long",
        400,
        "application/json",
        r#"{"error":{"code":"1261","message":"Prompt超长"}}"#,
        "upstream_too_large",
        "Prompt超长",
    ),
    (
        "GLM: policy",
        400,
        "application/json",
        r#"{"error":{"code":"1301","message":"不安全或敏感内容"}}"#,
        "upstream_content_policy",
        "敏感内容",
    ),
    (
        "OpenRouter: what the server behind it said",
        400,
        "application/json",
        r#"{"error":{"message":"Provider returned error","metadata":{"raw":"model is gone"}}}"#,
        "upstream_bad_request",
        "model is gone",
    ),
    (
        "an error under 200",
        200,
        "application/json",
        r#"{"error":{"message":"the quota of this token is used up","type":"x"}}"#,
        "upstream_billing",
        "quota of this token",
    ),
    (
        "an error under 200, its code a number",
        200,
        "application/json",
        r#"{"error":{"message":"too long","code":1261}}"#,
        "upstream_too_large",
        "too long",
    ),
    (
        "a firewall's page",
        403,
        "text/html",
        "<!DOCTYPE html><title>Just a moment...</title>",
        "upstream_blocked",
        "Just a moment...",
    ),
    (
        "a firewall's page under 200",
        200,
        "text/html",
        "\n<html><head><title>Sign in</title></head></html>",
        "upstream_blocked",
        "Sign in",
    ),
    (
        "a proxy's page",
        504,
        "text/html",
        "<html><title>504 Gateway Time-out</title></html>",
        "upstream_unavailable",
        "504",
    ),
];

#[test]
fn is_told_in_the_others_own_words() {
    for (what, status, kind, body, code, words) in ROWS {
        for wire in Wire::ALL {
            let script = || Script { status: *status, ..Script::raw(kind, body.as_bytes()) };
            let upstream = Upstream::start();
            upstream.always(script);
            let failure = ask(&provider(&upstream, wire), &[user("hi")]).1.expect_err("an error");
            let error = failure.error.expect("an error");
            assert_eq!(error.code.as_str(), *code, "{what} on {wire:?}: {error}");
            assert!(error.message.contains(words), "{what} on {wire:?}: {error}");
            let hint = error.hint.expect("the way out");
            assert!(
                !kind.contains("html") || !hint.contains("LLM_PROVIDER_KEY"),
                "a page does not blame the key: {hint}"
            );
            assert!(!error.message.contains(KEY));
            assert_eq!(upstream.requests().len(), if *status == 504 { 3 } else { 1 }, "{what} on {wire:?}");
        }
    }
}

/// How servers say that a conversation does not fit: it is trimmed then (`turn::context`).
const TOO_LONG: &[&str] = &[
    "prompt is too long: 209153 tokens > 200000 maximum",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    "the request exceeds the available context size, try increasing it",
    "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    "Range of input length should be [1, 30720]",
    "Invalid request: Your request exceeded model token limit: 8192",
    "context window exceeds limit (2013)",
    "input length exceeds maximum context length",
];

#[test]
fn a_prompt_that_does_not_fit_is_known_as_that() {
    for words in TOO_LONG {
        for wire in Wire::ALL {
            let upstream = Upstream::with([Script::refusal(400, "invalid_request_error", words)]);
            let failure = ask(&provider(&upstream, wire), &[user("hi")]).1.expect_err("an error");
            let error = failure.error.expect("an error");
            assert_eq!(error.code.as_str(), "upstream_too_large", "{words} on {wire:?}: {error}");
            assert_eq!(upstream.requests().len(), 1, "{words} on {wire:?}");
        }
    }
}
