//! The frames: requests as they come in, answers as they go out. What they carry is in `view` and `requests`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::clock;
use crate::domain::{Error, Result};

/// An id of a request that is longer is not echoed, in bytes of JSON.
const REQUEST_ID_BYTES: usize = 256;
/// The same for a request's type.
const TYPE_BYTES: usize = 128;
/// What a frame looks like if it cannot be written; our types can.
const UNWRITABLE: &str = r#"{"type":"system_error","data":{"code":"internal","message":"Something went wrong"}}"#;

/// A frame that is a JSON object.
pub(super) struct Request<'a> {
    pub(super) reply: Reply<'a>,
    /// `None` when there is none, or it is no text.
    pub(super) kind: Option<String>,
    data: Option<&'a RawValue>,
}

/// How to answer a request: with its id, and the type that belongs to its own.
#[derive(Clone)]
pub(super) struct Reply<'a> {
    id: Option<&'a RawValue>,
    kind: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// Errors: `Invalid` for anything but a JSON object.
    pub(super) fn parse(frame: &'a str) -> Result<Self> {
        if !frame.trim_start().starts_with('{') {
            return Err(Error::invalid("not_an_object", "A frame must be one JSON object"));
        }
        let envelope: Envelope<'a> = serde_json::from_str(frame)
            .map_err(|error| Error::invalid("invalid_json", format!("This frame is not valid JSON: {error}")))?;
        let kind: Option<String> = envelope.kind.and_then(|kind| serde_json::from_str(kind.get()).ok());
        let kind = kind.filter(|kind| kind.len() <= TYPE_BYTES);
        let is_scalar = |id: &&RawValue| id.get().len() <= REQUEST_ID_BYTES && !id.get().starts_with(['{', '[']);
        let reply = Reply { id: envelope.id.filter(is_scalar), kind: response_type(kind.as_deref()) };
        Ok(Self { reply, kind, data: envelope.data })
    }

    /// The request's data; missing or `null` is the same as `{}`.
    ///
    /// Errors: `Invalid` when it is not what this request takes.
    pub(super) fn data<T: Deserialize<'a>>(&self) -> Result<T> {
        let json = self.data.map_or("{}", RawValue::get);
        if !json.starts_with('{') {
            return Err(Error::invalid("invalid_data", "`data` must be a JSON object"));
        }
        serde_json::from_str(json).map_err(|error| invalid_data(&error))
    }
}

/// serde names the field and what it wanted; its position would be one inside `data`, which confuses.
pub(super) fn invalid_data(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    Error::invalid("invalid_data", format!("`data` is not valid: {text}"))
}

fn response_type(kind: Option<&str>) -> String {
    let Some(kind) = kind else { return "error_response".to_owned() };
    format!("{}_response", kind.strip_suffix("_request").unwrap_or(kind))
}

impl Reply<'_> {
    pub(super) fn data(&self, data: &impl Serialize) -> String {
        #[derive(Serialize)]
        struct Frame<'a, T> {
            id: Option<&'a RawValue>,
            #[serde(rename = "type")]
            kind: &'a str,
            data: &'a T,
        }
        json(&Frame { id: self.id, kind: &self.kind, data })
    }

    pub(super) fn error(&self, error: &Error) -> String {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: Option<&'a RawValue>,
            #[serde(rename = "type")]
            kind: &'a str,
            error: ErrorView<'a>,
        }
        json(&Frame { id: self.id, kind: &self.kind, error: ErrorView::of(error) })
    }
}

/// For a frame that is no request at all.
pub(super) fn system_error(error: &Error) -> String {
    notice("system_error", &ErrorView::of(error))
}

/// What no one asked for, and what is no event of a session.
pub(super) fn notice(kind: &'static str, data: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Frame<'a, T> {
        #[serde(rename = "type")]
        kind: &'static str,
        timestamp: i64,
        data: &'a T,
    }
    json(&Frame { kind, timestamp: clock::now_ms(), data })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorView<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_model: Option<&'a str>,
    /// Seconds, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl<'a> ErrorView<'a> {
    fn of(error: &'a Error) -> Self {
        let seconds = |after: std::time::Duration| after.as_secs() + u64::from(after.subsec_nanos() > 0);
        Self {
            code: error.code.as_str(),
            message: &error.message,
            hint: error.hint.as_deref(),
            next_model: error.next_model(),
            retry_after: error.retry_after.map(seconds),
        }
    }
}

fn json(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).unwrap_or_else(|_| UNWRITABLE.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Deserialize)]
    struct Limit {
        limit: Option<usize>,
    }

    /// The answer to a request that wants an optional `limit`.
    fn answer(frame: &str) -> String {
        match Request::parse(frame) {
            Ok(request) => match request.data::<Limit>() {
                Ok(data) => request.reply.data(&data.limit),
                Err(error) => request.reply.error(&error),
            },
            Err(error) => format!("system {}", error.code),
        }
    }

    #[test]
    fn frames_and_their_answers() {
        let check = |frame: &str, expected: &str| assert_eq!(answer(frame), expected, "{frame}");
        check(
            r#"{"id":"1","type":"image_list_request","data":{"limit":5}}"#,
            r#"{"id":"1","type":"image_list_response","data":5}"#,
        );
        check(r#" {"type":"x_request","id":"1"}"#, r#"{"id":"1","type":"x_response","data":null}"#);
        check(r#"{"type":"x","data":null}"#, r#"{"id":null,"type":"x_response","data":null}"#);
        check(r#"{"id":7,"type":"x","data":{"more":[[[]]]}}"#, r#"{"id":7,"type":"x_response","data":null}"#);
        check(r#"{"id":{"a":1},"type":"x"}"#, r#"{"id":null,"type":"x_response","data":null}"#);
        check(r#"{"id":"1"}"#, r#"{"id":"1","type":"error_response","data":null}"#);
        check(r#"{"id":"1","type":5}"#, r#"{"id":"1","type":"error_response","data":null}"#);
        check(
            r#"{"id":"1","type":"x","data":[1]}"#,
            r#"{"id":"1","type":"x_response","error":{"code":"invalid_data","message":"`data` must be a JSON object"}}"#,
        );
        check(
            r#"{"id":"1","type":"x","data":{"limit":-1}}"#,
            r#"{"id":"1","type":"x_response","error":{"code":"invalid_data","message":"`data` is not valid: invalid value: integer `-1`, expected usize"}}"#,
        );
        for garbage in ["", "null", "5", "\"x\"", "[]", r#"["1","x",{}]"#, "hello"] {
            check(garbage, "system not_an_object");
        }
        for garbage in ["{", "{}}", r#"{"id":"1","id":"2"}"#, r#"{"data":}"#, "{\"id\":\"\u{1}\"}"] {
            check(garbage, "system invalid_json");
        }
        check(
            &format!(r#"{{"id":"{}","type":"x"}}"#, "i".repeat(300)),
            r#"{"id":null,"type":"x_response","data":null}"#,
        );
        check(&format!(r#"{{"type":"{}"}}"#, "t".repeat(300)), r#"{"id":null,"type":"error_response","data":null}"#);
    }

    #[test]
    fn deep_nesting_is_no_bomb() {
        let deep = "[".repeat(400_000);
        assert_eq!(answer(&format!(r#"{{"type":"x","data":{deep}"#)), "system invalid_json");
        let closed = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let expected = r#"{"id":null,"type":"x_response","data":null}"#;
        assert_eq!(answer(&format!(r#"{{"type":"x","data":{{"unknown":{closed}}}}}"#)), expected);
        assert!(answer(&format!(r#"{{"type":"x","data":{{"limit":{closed}}}}}"#)).contains("invalid_data"));
    }

    #[test]
    fn an_error_carries_its_way_out() {
        let error = Error::unavailable("busy", "Busy").hint("Wait").retry_after(Duration::from_millis(1500));
        let frame = Reply { id: None, kind: "x_response".to_owned() }.error(&error);
        let expected =
            r#"{"id":null,"type":"x_response","error":{"code":"busy","message":"Busy","hint":"Wait","retryAfter":2}}"#;
        assert_eq!(frame, expected);
        let frame = system_error(&Error::invalid("c", "m"));
        assert!(frame.starts_with(r#"{"type":"system_error","timestamp":1"#), "{frame}");
        assert!(frame.ends_with(r#","data":{"code":"c","message":"m"}}"#), "{frame}");
    }
}
