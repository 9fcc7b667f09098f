//! What a scripted upstream answers, and what may go wrong with it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::upstream::PATIENCE;

pub enum Step {
    /// One chunk of the body.
    Bytes(Vec<u8>),
    Sleep(Duration),
    /// Until the client closes.
    Hang,
    /// Breaks the connection off.
    Close,
    WaitFor(Release),
}

/// One response.
pub struct Script {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// What happens between the request and the head.
    pub before: Vec<Step>,
    pub steps: Vec<Step>,
}

/// Lets a `Step::WaitFor` go on.
#[derive(Clone, Default)]
pub struct Release(Arc<(Mutex<bool>, Condvar)>);

impl Release {
    pub fn release(&self) {
        *self.0.0.lock().expect("no panic") = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        let released = self.0.0.lock().expect("no panic");
        let _ = self.0.1.wait_timeout_while(released, PATIENCE, |released| !*released).expect("no panic");
    }
}

fn event(data: &Value) -> Step {
    let kind = data["type"].as_str().unwrap_or("");
    Step::Bytes(format!("event: {kind}\ndata: {data}\n\n").into_bytes())
}

fn delta(index: usize, delta: &Value) -> Step {
    event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn message_start() -> Step {
    event(&json!({"type": "message_start", "message": {
        "id": "msg_test", "type": "message", "role": "assistant", "model": "model-of-the-test", "content": [],
        "usage": {"input_tokens": 11, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}
    }}))
}

fn block(index: usize, start: &Value, deltas: &[Value]) -> Vec<Step> {
    let mut steps = vec![event(&json!({"type": "content_block_start", "index": index, "content_block": start}))];
    steps.extend(deltas.iter().map(|data| delta(index, data)));
    steps.push(event(&json!({"type": "content_block_stop", "index": index})));
    steps
}

fn text_block(index: usize, texts: &[&str]) -> Vec<Step> {
    let deltas: Vec<_> = texts.iter().map(|text| json!({"type": "text_delta", "text": text})).collect();
    block(index, &json!({"type": "text", "text": ""}), &deltas)
}

fn message_end(stop_reason: &str) -> Vec<Step> {
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
    vec![
        event(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 23}})),
        event(&json!({"type": "message_stop"})),
    ]
}

/// Answers of a decent server.
impl Script {
    fn stream(blocks: Vec<Step>, stop_reason: &str) -> Self {
        let mut steps = vec![message_start()];
        steps.extend(blocks);
        steps.extend(message_end(stop_reason));
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())],
            before: Vec::new(),
            steps,
        }
    }

    pub fn text(text: &str) -> Self {
        Self::deltas(&[text])
    }

    pub fn deltas(texts: &[&str]) -> Self {
        Self::stream(text_block(0, texts), "end_turn")
    }

    /// A text that ends for another reason than that all is said.
    pub fn stopped_by(stop_reason: &str, text: &str) -> Self {
        Self::stream(text_block(0, &[text]), stop_reason)
    }

    pub fn thinking(thought: &[&str], signature: &str, text: &str) -> Self {
        Self::stream(
            [thinking_block(thought, signature), text_block(1, &[text])].into_iter().flatten().collect(),
            "end_turn",
        )
    }

    /// Thinking, a sentence and a call whose input comes in these pieces.
    pub fn tool_use(thought: &str, signature: &str, id: &str, name: &str, input: &[&str]) -> Self {
        let deltas: Vec<_> =
            input.iter().map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect();
        let call = block(2, &json!({"type": "tool_use", "id": id, "name": name, "input": {}}), &deltas);
        let blocks = [thinking_block(&[thought], signature), text_block(1, &["Let me look."]), call];
        Self::stream(blocks.into_iter().flatten().collect(), "tool_use")
    }

    /// Several calls in one answer: id, name and input.
    pub fn calls(calls: &[(&str, &str, Value)]) -> Self {
        let one = |(at, (id, name, input)): (usize, &(&str, &str, Value))| {
            let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
            block(at, &json!({"type": "tool_use", "id": id, "name": name, "input": {}}), &[delta])
        };
        Self::stream(calls.iter().enumerate().flat_map(one).collect(), "tool_use")
    }

    /// These bytes, whatever they are.
    pub fn raw(content_type: &str, body: &[u8]) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            before: Vec::new(),
            steps: vec![Step::Bytes(body.to_vec())],
        }
    }

    /// An answer as it stands in a file: status line, headers, body.
    pub fn http(file: &[u8]) -> Self {
        let end = file.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(file[..end].to_vec()).expect("UTF-8");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { status, headers: lines.filter_map(header).collect(), ..Self::raw("", &file[end + 4..]) }
    }

    /// Chat completions: these chunks, and `[DONE]`.
    pub fn chunks(chunks: &[&str]) -> Self {
        let lines: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        Self::raw("text/event-stream", format!("{lines}data: [DONE]\n\n").as_bytes())
    }

    /// These pieces, one chunk of the body each.
    pub fn lines(lines: impl Iterator<Item = String>) -> Self {
        let steps = lines.map(|line| Step::Bytes(line.into_bytes())).collect();
        Self { steps, ..Self::raw("text/event-stream", b"") }
    }

    /// Responses: these events.
    pub fn events(events: &[Value]) -> Self {
        Self { steps: events.iter().map(event).collect(), ..Self::raw("text/event-stream", b"") }
    }

    /// A refusal with a JSON body.
    pub fn refusal(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_test"});
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            before: Vec::new(),
            steps: vec![Step::Bytes(body.to_string().into_bytes())],
        }
    }
}

impl Script {
    /// The signatures of thinking in it.
    pub fn signatures(&self) -> Vec<String> {
        let bytes = |step: &Step| {
            if let Step::Bytes(bytes) = step { String::from_utf8_lossy(bytes).into_owned() } else { String::new() }
        };
        let all: String = self.steps.iter().map(bytes).collect();
        let parts = all.split("\"signature\":\"").skip(1).filter_map(|rest| rest.split('"').next());
        parts.filter(|signature| !signature.is_empty()).map(str::to_owned).collect()
    }

    /// Whether the connection ends with the answer.
    pub fn closes(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "connection" && value == "close")
    }
}

/// What may go wrong with them. Positions count events: `message_start`, `content_block_start`, then the deltas.
impl Script {
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Does this before the head.
    #[must_use]
    pub fn before(mut self, step: Step) -> Self {
        self.before.push(step);
        self
    }

    /// After so many events does this, and then goes on.
    #[must_use]
    pub fn pause_after(mut self, events: usize, step: Step) -> Self {
        self.steps.insert(events, step);
        self
    }

    /// After so many events does this, and nothing more.
    #[must_use]
    pub fn cut_after(mut self, events: usize, step: Step) -> Self {
        self.steps.truncate(events);
        self.steps.push(step);
        self
    }

    /// After so many events ends as if all were well.
    #[must_use]
    pub fn truncated_after(mut self, events: usize) -> Self {
        self.steps.truncate(events);
        self
    }

    #[must_use]
    pub fn error_after(self, events: usize, kind: &str, message: &str) -> Self {
        let mut script = self.truncated_after(events);
        script.steps.push(event(&json!({"type": "error", "error": {"type": kind, "message": message}})));
        script
    }

    #[must_use]
    pub fn slowly(mut self, between: Duration) -> Self {
        self.steps = self.steps.into_iter().flat_map(|step| [step, Step::Sleep(between)]).collect();
        self
    }

    #[must_use]
    pub fn with_crlf(mut self) -> Self {
        for step in &mut self.steps {
            if let Step::Bytes(bytes) = step {
                *bytes = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
            }
        }
        self
    }

    /// Pings, comments and events that do not exist yet, between all others.
    #[must_use]
    pub fn with_noise(mut self) -> Self {
        let noise = [
            json!({"type": "ping"}).to_string(),
            json!({"type": "invented_later", "index": "odd", "delta": [1]}).to_string(),
        ];
        let noise = noise.map(|data| format!(": comment\nid: 7\nevent: x\ndata: {data}\n\n")).concat();
        self.steps = self.steps.into_iter().flat_map(|step| [Step::Bytes(noise.clone().into_bytes()), step]).collect();
        self
    }

    /// The same bytes in chunks of this size, in the middle of characters too.
    #[must_use]
    pub fn in_pieces_of(mut self, size: usize) -> Self {
        let pieces = |step: Step| match step {
            Step::Bytes(bytes) => bytes.chunks(size).map(|piece| Step::Bytes(piece.to_vec())).collect(),
            other => vec![other],
        };
        self.steps = self.steps.into_iter().flat_map(pieces).collect();
        self
    }
}

fn thinking_block(thought: &[&str], signature: &str) -> Vec<Step> {
    let mut deltas: Vec<_> =
        thought.iter().map(|thought| json!({"type": "thinking_delta", "thinking": thought})).collect();
    deltas.push(json!({"type": "signature_delta", "signature": signature}));
    block(0, &json!({"type": "thinking", "thinking": "", "signature": ""}), &deltas)
}
