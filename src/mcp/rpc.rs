//! JSON-RPC 2.0 as MCP speaks it: what goes out, what comes in, and what can go wrong in between.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::domain::Cancel;

/// The codes that we act on (JSON-RPC 2.0 section 5.1; MCP 2026-07-28).
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const UNSUPPORTED_VERSION: i64 = -32022;

/// Why a request was not answered as it should be.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server answered with an error.
    Refused {
        code: i64,
        message: String,
        data: Value,
    },
    /// It answered with something that is no answer.
    Garbage(&'static str),
    Timeout,
    Cancelled,
    /// The process ended, or the connection broke. Whether the request was carried out is not known.
    Gone(String),
    /// It does not know our session any more: nothing was carried out.
    SessionLost,
}

/// How long a request is waited for, and what is done meanwhile.
pub(super) struct Wait<'a> {
    pub deadline: Instant,
    pub cancel: &'a Cancel,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What a server says about how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub done: f64,
    pub total: Option<f64>,
    pub message: Option<String>,
}

/// One request, complete.
pub(super) struct Request<'a> {
    pub id: u64,
    pub method: &'a str,
    pub params: Value,
    /// The protocol's version, once that is known.
    pub version: Option<&'a str>,
    /// The modern era has neither sessions nor notices of cancellation over HTTP.
    pub is_modern: bool,
}

impl Request<'_> {
    pub(super) fn body(&self) -> Value {
        json!({"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": self.params})
    }

    /// What the modern era's header `Mcp-Name` repeats.
    pub(super) fn name(&self) -> Option<&str> {
        self.params.get("name").or_else(|| self.params.get("uri"))?.as_str()
    }
}

pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// One message of a server.
#[derive(Debug)]
pub(super) enum Incoming {
    Answer {
        id: u64,
        outcome: Result<Value, Trouble>,
    },
    Progress {
        token: u64,
        progress: Progress,
    },
    ToolsChanged,
    /// It asks us something: this is our answer.
    Asked(Value),
    /// Nothing that concerns us.
    Ignored,
}

impl Incoming {
    /// `None`: that is no message.
    pub(super) fn of(message: Value) -> Option<Self> {
        let Value::Object(mut message) = message else { return None };
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        let Some(method) = method else { return answer(&mut message) };
        Some(match (method.as_str(), message.remove("id")) {
            ("notifications/progress", None) => progress(&message).unwrap_or(Self::Ignored),
            ("notifications/tools/list_changed", None) => Self::ToolsChanged,
            (_, None) => Self::Ignored,
            ("ping", Some(id)) => Self::Asked(json!({"jsonrpc": "2.0", "id": id, "result": {}})),
            (_, Some(id)) => {
                let error = json!({"code": METHOD_NOT_FOUND, "message": "This client does not offer that"});
                Self::Asked(json!({"jsonrpc": "2.0", "id": id, "error": error}))
            }
        })
    }
}

fn answer(message: &mut Map<String, Value>) -> Option<Incoming> {
    let result = message.remove("result");
    let error = message.remove("error");
    let id = message.get("id").and_then(number);
    let outcome = match (result, error) {
        (_, Some(Value::Object(error))) => Err(refusal(&Value::Object(error))),
        (Some(result), _) => Ok(result),
        _ => return None,
    };
    // An error without an id answers what could not be read: over a stream that could be anything.
    id.map_or(Some(Incoming::Ignored), |id| Some(Incoming::Answer { id, outcome }))
}

/// Some servers give numbers back as strings.
fn number(id: &Value) -> Option<u64> {
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

pub(super) fn refusal(error: &Value) -> Trouble {
    let message = error.get("message").and_then(Value::as_str).unwrap_or("without a message");
    Trouble::Refused {
        code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
        message: message.to_owned(),
        data: error.get("data").cloned().unwrap_or_default(),
    }
}

fn progress(message: &Map<String, Value>) -> Option<Incoming> {
    let params = message.get("params")?;
    let token = params.get("progressToken").and_then(number)?;
    let progress = Progress {
        done: params.get("progress").and_then(Value::as_f64).unwrap_or(0.0),
        total: params.get("total").and_then(Value::as_f64),
        message: params.get("message").and_then(Value::as_str).map(str::to_owned),
    };
    Some(Incoming::Progress { token, progress })
}

impl Trouble {
    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Refused { message, .. } => message.clone(),
            Self::Garbage(what) => format!("The tool server's answer cannot be read: {what}"),
            Self::Timeout => "The tool server did not answer in time".to_owned(),
            Self::Cancelled => "The call was stopped".to_owned(),
            Self::Gone(why) => format!("The tool server is gone: {why}"),
            Self::SessionLost => "The tool server has forgotten its session".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        let value = serde_json::from_str(message).expect("JSON");
        let found = Incoming::of(value).map_or("nothing".to_owned(), |incoming| match incoming {
            Incoming::Answer { id, outcome } => {
                format!("{id} {}", outcome.map_or_else(|e| e.sentence(), |v| v.to_string()))
            }
            Incoming::Progress { token, progress } => format!("progress {token} {}", progress.done),
            Incoming::ToolsChanged => "changed".to_owned(),
            Incoming::Asked(answer) => format!("asked {answer}"),
            Incoming::Ignored => "ignored".to_owned(),
        });
        assert!(found.starts_with(expected), "{message}: {found}");
    }

    #[test]
    fn messages_are_told_apart() {
        check(r#"{"jsonrpc":"2.0","id":3,"result":{"a":1}}"#, r#"3 {"a":1}"#);
        check(r#"{"jsonrpc":"2.0","id":"3","result":null}"#, "3 null");
        check(r#"{"id":3,"error":{"code":-32601,"message":"no"}}"#, "3 no");
        check(r#"{"id":3,"error":{}}"#, "3 without a message");
        check(r#"{"id":null,"error":{"code":-32700,"message":"no"}}"#, "ignored");
        check(r#"{"id":3}"#, "nothing");
        check(r#"{"method":"notifications/progress","params":{"progressToken":7,"progress":0.5}}"#, "progress 7 0.5");
        check(r#"{"method":"notifications/progress","params":{}}"#, "ignored");
        check(r#"{"method":"notifications/tools/list_changed"}"#, "changed");
        check(r#"{"method":"notifications/message","params":{}}"#, "ignored");
        check(r#"{"method":"ping","id":"x"}"#, r#"asked {"id":"x","jsonrpc":"2.0","result":{}}"#);
        check(r#"{"method":"sampling/createMessage","id":1,"params":{}}"#, r#"asked {"error":{"code":-32601"#);
        check("[1]", "nothing");
        check("7", "nothing");
    }
}
