//! What the API's errors mean for a person, and for an administrator.
//! <https://docs.anthropic.com/en/api/errors>

use std::time::Duration;

use ureq::http::HeaderMap;

use crate::domain::secret::Secret;
use crate::llm::fault::{Fault, clean};

#[derive(serde::Deserialize)]
struct Refusal {
    error: RefusalDetail,
}

#[derive(serde::Deserialize)]
struct RefusalDetail {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

/// An answer whose status is not 200.
pub(in crate::llm) fn refused(status: u16, headers: &HeaderMap, body: &[u8], key: Option<&Secret>) -> Fault {
    let said = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.error);
    let (kind, message) = said.as_ref().map_or(("", ""), |said| (&said.kind, &said.message));
    let fault = sentence(meaning(status, kind, message)).retry_after(retry_after(headers));
    // The provider knows best; it says so where repeating is of no use, for example with a spend limit.
    let again = fault.again && header(headers, "x-should-retry") != Some("false");
    with_detail(fault.again(again), message, key)
}

/// An `error` event in the middle of a stream.
pub(in crate::llm) fn said(kind: &str, message: &str, key: Option<&Secret>) -> Fault {
    with_detail(sentence(meaning(0, kind, message)), message, key)
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
    Unknown,
}

/// The type counts; where there is none (a proxy answered), the status does.
fn meaning(status: u16, kind: &str, message: &str) -> Meaning {
    let message = message.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // Out of money comes as 400, 402 or 429; waiting a few seconds helps with none of them.
    if matches!(status, 0 | 400 | 402 | 403 | 429) && about(&["credit balance", "usage limit", "spend limit"]) {
        return Meaning::Billing;
    }
    match kind {
        "authentication_error" => Meaning::Auth,
        "permission_error" => Meaning::Forbidden,
        "billing_error" => Meaning::Billing,
        "not_found_error" => Meaning::NotFound,
        "request_too_large" => Meaning::TooLarge,
        "rate_limit_error" => Meaning::RateLimited,
        "overloaded_error" => Meaning::Overloaded,
        "api_error" => Meaning::Unavailable,
        "timeout_error" => Meaning::Timeout,
        "invalid_request_error" if about(&["too long", "context window", "exceed context"]) => Meaning::TooLarge,
        "invalid_request_error" => Meaning::BadRequest,
        _ => meaning_of_status(status),
    }
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
        Meaning::Redirect => Fault::new("upstream_bad_answer", "The model's server sends us to another address").hint(
            "An administrator can set LLM_PROVIDER_URL to that address: we do not carry the key there by ourselves",
        ),
        Meaning::BadRequest => Fault::new("upstream_bad_request", "The model's server did not accept the request")
            .hint("Try another model, or a new conversation"),
        Meaning::Unknown => Fault::bad_answer(""),
    }
}

fn with_detail(mut fault: Fault, message: &str, key: Option<&Secret>) -> Fault {
    let detail = clean(message, key);
    if !detail.is_empty() {
        fault.error.message = format!("{}. It says: {detail}", fault.error.message).into();
    }
    fault
}

/// In seconds, as this API gives it; a date is as good as nothing.
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
    use ureq::http::HeaderValue;

    fn check(status: u16, body: &str, code: &str, again: bool) {
        let fault = refused(status, &HeaderMap::new(), body.as_bytes(), None);
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
    }

    #[test]
    fn the_provider_is_quoted_and_its_headers_are_honoured() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("17"));
        let key = Secret::new("a-very-secret-key");
        let fault = refused(429, &headers, body("rate_limit_error", "wait, a-very-secret-key").as_bytes(), Some(&key));
        assert_eq!(fault.error.retry_after, Some(Duration::from_secs(17)));
        assert_eq!(fault.error.message, "The model's server asks us to slow down. It says: wait, ***");
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
        assert!(!refused(529, &headers, b"", None).again);
        headers.insert("retry-after", HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(refused(529, &headers, b"", None).error.retry_after, None);
    }

    #[test]
    fn an_error_in_a_stream_goes_by_its_type() {
        assert_eq!(said("overloaded_error", "Overloaded", None).error.code, "upstream_overloaded");
        assert_eq!(said("something_new", "", None).error.code, "upstream_bad_answer");
    }
}
