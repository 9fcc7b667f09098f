//! What a server says instead of an answer, whatever shape it has, and what that means for a person and for an
//! administrator. <https://docs.anthropic.com/en/api/errors>, <https://platform.openai.com/docs/guides/error-codes>

use std::time::Duration;

use serde_json::Value;
use ureq::http::HeaderMap;

use super::fault::{Fault, Said};
use super::json;

/// Where servers put their words, in the order of their worth.
const WORDS: [&str; 9] =
    ["message", "detail", "msg", "error_msg", "error_message", "error_description", "description", "error", "reason"];

/// How servers say that a prompt does not fit.
const TOO_LONG: [&str; 8] = [
    "too long",
    "context window",
    "exceed context",
    "context length",
    "context size",
    "maximum number of tokens",
    "input length",
    "token limit",
];

impl Said {
    /// An answer whose status is not 200.
    pub(super) fn response(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let said = match json::parse(&text) {
            Some(value) => Self::json(&value),
            None if is_page(&text) => Self { words: title(&text).to_owned(), is_page: true, ..Self::default() },
            None => Self { words: text.trim().to_owned(), ..Self::default() },
        };
        let is_final = header(headers, "x-should-retry") == Some("false");
        Self { status, retry_after: retry_after(headers), is_final, ..said }
    }

    /// A web page where an answer was expected.
    pub(super) fn page(status: u16, text: &str) -> Self {
        Self { status, words: title(text).to_owned(), is_page: true, ..Self::default() }
    }

    /// An error that came where an answer was expected, if this is one.
    pub(super) fn within(value: &Value) -> Option<Self> {
        let value = first(value);
        let has_error = !matches!(&value["error"], Value::Null | Value::Bool(false))
            || value["type"] == "error"
            || value["type"] == "response.failed";
        has_error.then(|| Self::json(value))
    }

    /// Any JSON that is no answer.
    pub(super) fn json(value: &Value) -> Self {
        let value = first(value);
        let nested = [&value["error"], &value["errors"], &value["response"]["error"]].map(first);
        let inner = nested.into_iter().find(|inner| inner.is_object()).unwrap_or(value);
        let mut kinds: Vec<String> = Vec::new();
        for place in [inner, value] {
            kinds.extend(["code", "type", "status"].map(|name| json::word(&place[name])));
        }
        kinds.retain(|kind| !kind.is_empty() && kind != "error");
        let mut words = [inner, value].into_iter().find_map(words_in).unwrap_or_else(|| match value {
            Value::Null => String::new(),
            other => other.to_string(),
        });
        // A gateway says what the server behind it said.
        if let Some(raw) = inner["metadata"]["raw"].as_str() {
            words = format!("{words}: {raw}");
        }
        Self { kinds, words, ..Self::default() }
    }

    pub(super) fn fault(self) -> Fault {
        let fault = sentence(self.meaning()).retry_after(self.retry_after);
        // The provider knows best; it says so where repeating is of no use, for example with a spend limit.
        let again = fault.again && !self.is_final;
        fault.again(again).said(self)
    }

    /// What the server calls it counts; where it calls it nothing (a proxy answered), the status does.
    fn meaning(&self) -> Meaning {
        let words = self.words.to_lowercase();
        let about = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
        if self.is_page && matches!(self.status, 0 | 200 | 400..=403 | 406 | 407 | 451) {
            return Meaning::Page;
        }
        // Out of money comes as 400, 402 or 429; waiting a few seconds helps with none of them.
        let is_billing =
            about(&["credit balance", "usage limit", "spend limit", "quota", "insufficient balance", "余额"]);
        if is_billing && matches!(self.status, 0 | 400..=403 | 429) {
            return Meaning::Billing;
        }
        let by_kind = self.kinds.iter().find_map(|kind| meaning_of_kind(kind));
        let is_too_long = about(&TOO_LONG);
        match by_kind {
            // Some servers call everything an invalid request: the status is more exact then.
            None | Some(Meaning::BadRequest) if is_too_long && matches!(self.status, 0 | 400 | 413 | 422 | 500) => {
                Meaning::TooLarge
            }
            Some(Meaning::BadRequest) if !matches!(self.status, 0 | 400 | 422) => meaning_of_status(self.status),
            Some(meaning) => meaning,
            None => meaning_of_status(self.status),
        }
    }
}

/// Google wraps an error into a list.
fn first(value: &Value) -> &Value {
    value.as_array().and_then(|list| list.first()).unwrap_or(value)
}

fn words_in(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    WORDS.iter().find_map(|name| {
        let found = first(&value[*name]);
        let words = found.as_str().unwrap_or_else(|| json::text(found, "msg"));
        (!words.trim().is_empty()).then(|| words.to_owned())
    })
}

/// Whether a text is a web page.
pub(super) fn is_page(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<')
}

/// A page says what it is in its title.
fn title(page: &str) -> &str {
    let rest = page.split_once("<title").and_then(|(_, rest)| rest.split_once('>')).map_or("", |(_, rest)| rest);
    rest.split('<').next().unwrap_or("").trim()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Auth,
    Forbidden,
    Billing,
    NotFound,
    TooLarge,
    RateLimited,
    Overloaded,
    Unavailable,
    Timeout,
    Redirect,
    BadRequest,
    ContentPolicy,
    Page,
    Unknown,
}

/// The names of Anthropic, OpenAI and Google, and the numbers of GLM.
fn meaning_of_kind(kind: &str) -> Option<Meaning> {
    Some(match kind {
        "authentication_error"
        | "invalid_api_key"
        | "invalid_authentication_error"
        | "no_db_connection" // LiteLLM without a database, of any key but its own
        | "UNAUTHENTICATED"
        | "1000"
        | "1001"
        | "1002"
        | "1003"
        | "1004" => Meaning::Auth,
        "permission_error" | "permission_denied" | "PERMISSION_DENIED" => Meaning::Forbidden,
        "billing_error" | "insufficient_quota" | "exceeded_current_quota_error" | "1113" => Meaning::Billing,
        "not_found_error" | "model_not_found" | "NOT_FOUND" | "1211" => Meaning::NotFound,
        "request_too_large" | "context_length_exceeded" | "exceed_context_size_error" | "1261" => Meaning::TooLarge,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limit_reached_error"
        | "RESOURCE_EXHAUSTED"
        | "1302"
        | "1303" => Meaning::RateLimited,
        "overloaded_error" | "engine_overloaded_error" | "UNAVAILABLE" | "1305" => Meaning::Overloaded,
        "api_error" | "server_error" | "internal_error" | "internal_server_error" | "INTERNAL" => Meaning::Unavailable,
        "timeout_error" | "DEADLINE_EXCEEDED" => Meaning::Timeout,
        "content_filter" | "content_policy_violation" | "data_inspection_failed" | "1301" => Meaning::ContentPolicy,
        "invalid_request_error" | "INVALID_ARGUMENT" | "BadRequestError" => Meaning::BadRequest,
        _ => return None,
    })
}

fn meaning_of_status(status: u16) -> Meaning {
    match status {
        300..=399 => Meaning::Redirect,
        401 => Meaning::Auth,
        402 => Meaning::Billing,
        403 => Meaning::Forbidden,
        404 | 405 | 410 => Meaning::NotFound,
        408 => Meaning::Timeout,
        413 => Meaning::TooLarge,
        429 => Meaning::RateLimited,
        529 => Meaning::Overloaded,
        400..=499 => Meaning::BadRequest,
        500..=599 => Meaning::Unavailable,
        _ => Meaning::Unknown,
    }
}

fn sentence(meaning: Meaning) -> Fault {
    match meaning {
        Meaning::Auth => Fault::new("upstream_auth", "The model's server does not accept our API key")
            .hint("An administrator can check LLM_PROVIDER_KEY, and that it belongs to the server at LLM_PROVIDER_URL"),
        Meaning::Forbidden => Fault::new("upstream_forbidden", "Our API key is not allowed to use this model")
            .hint("An administrator can check what LLM_PROVIDER_KEY may do, and LLM_PROVIDER_MODEL"),
        Meaning::Billing => Fault::new("upstream_billing", "The account with the model's provider has no credit left")
            .hint("An administrator can add credit or raise the limit there, or set another LLM_PROVIDER_KEY"),
        Meaning::NotFound => Fault::new("upstream_not_found", "The model's server does not know this model or address")
            .hint("Choose another model; an administrator can check LLM_PROVIDER_MODEL and LLM_PROVIDER_URL"),
        Meaning::TooLarge => Fault::new("upstream_too_large", "This conversation has become too long for the model")
            .hint("Start a new conversation, or choose a model that takes more"),
        Meaning::RateLimited => Fault::new("upstream_rate_limited", "The model's server asks us to slow down")
            .hint("Try again later")
            .again(true),
        Meaning::Overloaded => {
            Fault::new("upstream_overloaded", "The model's server is overloaded").hint("Try again later").again(true)
        }
        Meaning::Unavailable => {
            Fault::new("upstream_unavailable", "The model's server has a problem").hint("Try again later").again(true)
        }
        Meaning::Timeout => {
            Fault::new("upstream_timeout", "The model's server took too long").hint("Try again").again(true)
        }
        Meaning::Redirect => Fault::new("upstream_bad_answer", "The model's server redirects to another address")
            .hint("An administrator can set LLM_PROVIDER_URL to that address: the key is not sent there automatically"),
        Meaning::BadRequest => Fault::new("upstream_bad_request", "The model's server did not accept the request")
            .hint("Try another model, or a new conversation"),
        Meaning::ContentPolicy => {
            Fault::new("upstream_content_policy", "The model's provider does not allow this content")
                .hint("Ask in other words, or choose another model")
        }
        Meaning::Page => Fault::new(
            "upstream_blocked",
            "A web page came instead of the model's answer: a firewall, a proxy or a login page is in between",
        )
        .hint("An administrator can check the network, HTTPS_PROXY and LLM_PROVIDER_URL; the key was not checked"),
        Meaning::Unknown => Fault::bad_answer(""),
    }
}

/// In seconds; a date is as good as nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = header(headers, "retry-after")?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;
    use ureq::http::HeaderValue;

    fn refused(status: u16, body: &str) -> Fault {
        Said::response(status, &HeaderMap::new(), body.as_bytes()).fault()
    }

    fn check(status: u16, body: &str, code: &str, again: bool) {
        let fault = refused(status, body);
        assert_eq!((fault.error.code.as_str(), fault.again), (code, again), "{status} {body}");
        assert!(code == "upstream_unknown" || fault.error.hint.is_some(), "{status} {body}");
    }

    fn body(kind: &str, message: &str) -> String {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"r"}}"#)
    }

    #[test]
    fn every_error_has_a_code_and_a_way_out() {
        check(401, &body("authentication_error", "invalid x-api-key"), "upstream_auth", false);
        check(401, "", "upstream_auth", false);
        check(402, &body("billing_error", ""), "upstream_billing", false);
        check(400, &body("invalid_request_error", "Your credit balance is too low"), "upstream_billing", false);
        check(429, &body("rate_limit_error", "You have reached your usage limits"), "upstream_billing", false);
        check(403, &body("permission_error", ""), "upstream_forbidden", false);
        check(404, &body("not_found_error", "model: x"), "upstream_not_found", false);
        check(404, "<html>", "upstream_not_found", false);
        check(413, &body("request_too_large", ""), "upstream_too_large", false);
        check(400, &body("invalid_request_error", "prompt is too long: 9 > 8"), "upstream_too_large", false);
        check(400, &body("invalid_request_error", "messages: nope"), "upstream_bad_request", false);
        check(429, &body("rate_limit_error", ""), "upstream_rate_limited", true);
        check(529, &body("overloaded_error", ""), "upstream_overloaded", true);
        check(529, "", "upstream_overloaded", true);
        check(500, &body("api_error", ""), "upstream_unavailable", true);
        check(502, "<html>bad gateway</html>", "upstream_unavailable", true);
        check(307, "", "upstream_bad_answer", false);
        check(204, "", "upstream_bad_answer", false);
        check(403, "<!DOCTYPE html><title>Just a moment...</title>", "upstream_blocked", false);
    }

    #[test]
    fn other_servers_have_other_words() {
        let openai = |kind: &str, code: &str| format!(r#"{{"error":{{"message":"m","type":"{kind}","code":{code}}}}}"#);
        check(401, &openai("invalid_request_error", "\"invalid_api_key\""), "upstream_auth", false);
        check(429, &openai("insufficient_quota", "\"insufficient_quota\""), "upstream_billing", false);
        check(404, &openai("invalid_request_error", "\"model_not_found\""), "upstream_not_found", false);
        check(404, &openai("invalid_request_error", "null"), "upstream_not_found", false);
        check(400, &openai("invalid_request_error", "\"context_length_exceeded\""), "upstream_too_large", false);
        check(400, &openai("", "1301"), "upstream_content_policy", false);
        check(400, &openai("", "\"1261\""), "upstream_too_large", false);
        check(503, r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#, "upstream_overloaded", true);
        check(503, r#"{"error":"server busy"}"#, "upstream_unavailable", true);
    }

    #[test]
    fn their_own_words_are_found_in_any_shape() {
        let check = |body: &str, expected: &str| {
            assert_eq!(Said::response(422, &HeaderMap::new(), body.as_bytes()).words, expected, "{body}");
        };
        check(r#"{"error":{"message":"a"}}"#, "a");
        check(r#"{"error":"b"}"#, "b");
        check(r#"{"detail":"c"}"#, "c");
        check(r#"{"detail":[{"loc":["body"],"msg":"d"}]}"#, "d");
        check(r#"[{"error":{"message":"e"}}]"#, "e");
        check(r#"{"errors":[{"message":"f"}]}"#, "f");
        check(r#"{"code":1,"msg":"g"}"#, "g");
        check(r#"{"odd":true}"#, r#"{"odd":true}"#);
        check("no JSON at all\n", "no JSON at all");
        check("<html><head><title>Just a moment...</title>", "Just a moment...");
        check(
            r#"{"error":{"message":"Provider returned error","metadata":{"raw":"h"}}}"#,
            "Provider returned error: h",
        );
    }

    #[test]
    fn the_provider_is_quoted_and_its_headers_are_honoured() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("17"));
        let key = Secret::new("a-very-secret-key");
        let body = body("rate_limit_error", "wait, a-very-secret-key");
        let fault = Said::response(429, &headers, body.as_bytes()).fault().quoted(Some(&key));
        assert_eq!(fault.error.retry_after, Some(Duration::from_secs(17)));
        assert_eq!(fault.error.message, "The model's server asks us to slow down. It says: wait, ***");
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
        assert!(!Said::response(529, &headers, b"").fault().again);
        headers.insert("retry-after", HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(Said::response(529, &headers, b"").fault().error.retry_after, None);
    }

    #[test]
    fn an_error_in_a_stream_goes_by_its_type() {
        let check = |event: &str, code: &str| {
            let said = Said::within(&json::parse(event).expect("JSON")).expect("an error");
            assert_eq!(said.fault().error.code.as_str(), code, "{event}");
        };
        check(&body("overloaded_error", "Overloaded"), "upstream_overloaded");
        check(&body("something_new", ""), "upstream_bad_answer");
        check(r#"{"error":"boom"}"#, "upstream_bad_answer");
        check(&body("authentication_error", "the quota of this token is used up"), "upstream_billing");
        assert_eq!(Said::within(&json::parse(r#"{"choices":[],"error":null}"#).expect("JSON")), None);
    }
}
