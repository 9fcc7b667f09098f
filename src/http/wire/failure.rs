//! From what went wrong to what is answered: one function maps a kind to a status, one writes the JSON.

use serde::Serialize;

use super::response::Response;
use crate::domain::{Error, Kind};

/// What a handler gives back.
pub(crate) type HandlerResult<T = Response> = Result<T, Failure>;

/// An answer that is no success: a domain error with the status it gets on this wire.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) error: Error,
    /// A header line that this status asks for. Boxed, since nearly all failures have none.
    header: Option<Box<(&'static str, String)>>,
}

#[derive(Serialize)]
struct Wire<'a> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// The one place that knows which kind has which status.
fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound => 404,
        Kind::Conflict => 409,
        Kind::TooLarge => 413,
        Kind::RateLimited => 429,
        Kind::Internal => 500,
        Kind::Upstream => 502,
        Kind::Unavailable => 503,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { status: status_of(error.kind), error, header: None }
    }
}

impl Failure {
    /// The bytes are no HTTP that we would act upon.
    pub(crate) fn malformed(message: &'static str) -> Self {
        Error::invalid("malformed_request", message).into()
    }

    /// Not HTTP/1.x.
    pub(crate) fn version() -> Self {
        Self::http(505, "http_version_not_supported", "This server speaks HTTP/1.1")
    }

    pub(crate) fn no_such_path() -> Self {
        Error::not_found("Path").into()
    }

    /// `allow`: the methods this path knows, as the header wants them.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let mut failure = Self::http(405, "method_not_allowed", "This path does not take that method");
        failure.header = Some(Box::new(("Allow", allow)));
        failure
    }

    pub(crate) fn timeout() -> Self {
        Self::http(408, "request_timeout", "The request did not arrive in time")
    }

    pub(crate) fn length_required() -> Self {
        Self::http(411, "length_required", "The request needs a JSON body with its length")
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Error::new(Kind::TooLarge, "body_too_large", format!("The request body may have at most {limit} bytes")).into()
    }

    pub(crate) fn not_json() -> Self {
        Self::http(415, "unsupported_media_type", "The request body must be application/json")
    }

    /// A form that cannot be read.
    pub(crate) fn bad_form(message: &'static str) -> Self {
        Error::invalid("bad_form", message)
            .hint("Send one file as multipart/form-data, or its bytes with ?name=")
            .into()
    }

    /// A file of a type that is not taken.
    pub(crate) fn unsupported(error: Error) -> Self {
        Self { status: 415, error, header: None }
    }

    /// A page of another site sends what only our own may send.
    pub(crate) fn foreign_origin() -> Self {
        let message = "This address does not accept other sites' pages";
        let hint = "If this is your own page behind a proxy, set PUBLIC_URL or let the proxy pass the Host header";
        Error::new(Kind::Forbidden, "foreign_origin", message).hint(hint).into()
    }

    /// RFC 9110 section 15.5.20: not the host that people use.
    pub(crate) fn misdirected() -> Self {
        let mut failure = Self::http(421, "misdirected_request", "This server does not serve that host");
        failure.error = failure.error.hint("Use the address of PUBLIC_URL, or let the proxy pass the Host header");
        failure
    }

    pub(crate) fn proxy_protocol() -> Self {
        let mut failure =
            Self::http(400, "proxy_protocol", "The proxy in front speaks the PROXY protocol, which is not understood");
        failure.error = failure.error.hint("Turn it off there, and let it send X-Forwarded-For instead");
        failure
    }

    pub(crate) fn upgrade_required() -> Self {
        let mut failure = Self::http(426, "upgrade_required", "This path speaks WebSocket only");
        failure.header = Some(Box::new(("Upgrade", "websocket".to_owned())));
        failure
    }

    pub(crate) fn head_too_large() -> Self {
        Self::http(431, "headers_too_large", "The request's head is too large")
    }

    /// No room for another connection.
    pub(crate) fn full() -> Self {
        Error::unavailable("too_many_connections", "The server has too many connections, please try again")
            .retry_after(std::time::Duration::from_secs(1))
            .into()
    }

    /// A handler broke off.
    pub(crate) fn panicked() -> Self {
        Error::internal("the handler panicked").into()
    }

    /// A status that only HTTP knows.
    fn http(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, error: Error::new(Kind::Invalid, code, message), header: None }
    }

    pub(crate) fn into_response(self) -> Response {
        let error = &self.error;
        let wire = Wire { error: &error.message, code: error.code.as_str(), hint: error.hint.as_deref() };
        let mut response = Response::json(self.status, &wire);
        if self.status == 401 {
            response = response.header("WWW-Authenticate", "Bearer");
        }
        if let Some(after) = error.retry_after {
            let seconds = after.as_millis().div_ceil(1000).max(1);
            response = response.header("Retry-After", seconds.to_string());
        }
        if let Some(header) = self.header {
            response = response.header(header.0, header.1);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(failure: Failure, status: u16, head_has: &str, body: &str) {
        let response = failure.into_response();
        assert_eq!(response.status(), status);
        assert_eq!(String::from_utf8_lossy(response.body()), body);
        let head = response.head_for_test();
        assert!(head.contains(head_has), "{head}");
    }

    #[test]
    fn errors_as_they_are_answered() {
        check(
            Error::unauthenticated().into(),
            401,
            "WWW-Authenticate: Bearer\r\n",
            r#"{"error":"Please log in","code":"unauthenticated"}"#,
        );
        check(
            Error::new(Kind::RateLimited, "slow_down", "Too often").retry_after(Duration::from_millis(1500)).into(),
            429,
            "Retry-After: 2\r\n",
            r#"{"error":"Too often","code":"slow_down"}"#,
        );
        check(
            Error::internal("disk on fire").hint("call the operator").into(),
            500,
            "500 Internal Server Error",
            r#"{"error":"Something went wrong on the server","code":"internal","hint":"call the operator"}"#,
        );
        check(
            Failure::method_not_allowed("GET, HEAD".to_owned()),
            405,
            "Allow: GET, HEAD\r\n",
            r#"{"error":"This path does not take that method","code":"method_not_allowed"}"#,
        );
    }

    #[test]
    fn every_kind_has_its_status() {
        let all = [
            (Kind::Invalid, 400),
            (Kind::Unauthenticated, 401),
            (Kind::Forbidden, 403),
            (Kind::NotFound, 404),
            (Kind::Conflict, 409),
            (Kind::TooLarge, 413),
            (Kind::RateLimited, 429),
            (Kind::Internal, 500),
            (Kind::Upstream, 502),
            (Kind::Unavailable, 503),
        ];
        for (kind, status) in all {
            assert_eq!(status_of(kind), status, "{kind:?}");
        }
    }
}
