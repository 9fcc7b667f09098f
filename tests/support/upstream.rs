//! A model's server that does exactly what a test tells it: down to where the bytes are parted, and when it hangs.
//!
//! It speaks raw HTTP on a std socket, because the interesting cases are those that no decent server would produce. A
//! request that the real API would refuse is refused here too, by `judge`.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::judge;

/// Nothing here waits longer than that, whatever a test has forgotten.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// A request as it came.
#[derive(Clone)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    pub at: Instant,
}

pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Script>,
    always: Option<Box<dyn Fn() -> Script + Send>>,
    exchanges: Vec<Exchange>,
    /// What it lists at `/v1/models`, and with which status line.
    list: Option<(&'static str, Value)>,
    /// Further pages of it, by the id after which they begin.
    pages: Vec<(&'static str, Value)>,
    /// The models it serves; empty: any.
    models: &'static [&'static str],
}

struct Exchange {
    request: Recorded,
    /// When the client closed the connection.
    closed: Option<Instant>,
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let acceptor = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if acceptor.stopping.load(Ordering::SeqCst) {
                    break;
                }
                let shared = acceptor.clone();
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Starts it with these responses, one for each request.
    pub fn with(scripts: impl IntoIterator<Item = Script>) -> Self {
        let upstream = Self::start();
        scripts.into_iter().for_each(|script| upstream.push(script));
        upstream
    }

    /// Lists these models.
    pub fn lists(&self, list: Value) {
        self.lists_as("200 OK", list);
    }

    /// Lists these models after that one.
    pub fn lists_after(&self, id: &'static str, list: Value) {
        self.shared.lock().pages.push((id, list));
    }

    /// Answers a request for its models like this.
    pub fn lists_as(&self, status: &'static str, body: Value) {
        self.shared.lock().list = Some((status, body));
    }

    /// Serves these models only.
    pub fn serves(&self, models: &'static [&'static str]) {
        self.shared.lock().models = models;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn push(&self, script: Script) {
        self.shared.lock().queue.push_back(script);
    }

    /// What is answered when nothing is queued.
    pub fn always(&self, script: impl Fn() -> Script + Send + 'static) {
        self.shared.lock().always = Some(Box::new(script));
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().exchanges.iter().map(|exchange| exchange.request.clone()).collect()
    }

    /// Waits until so many requests have come.
    pub fn wait_for_requests(&self, count: usize) {
        self.shared.wait(|state| state.exchanges.len() >= count, &format!("{count} requests"));
    }

    /// Waits until the client has closed the connection of the `index`-th request, and says when that was.
    pub fn wait_for_close(&self, index: usize) -> Instant {
        let closed = |state: &State| state.exchanges.get(index).and_then(|exchange| exchange.closed);
        self.shared.wait(|state| closed(state).is_some(), &format!("the end of request {index}"));
        closed(&self.shared.lock()).expect("just waited for it")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.address); // wakes the acceptor
    }
}

impl Release {
    pub fn release(&self) {
        *self.0.0.lock().expect("no panic") = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let released = self.0.0.lock().expect("no panic");
        let _ = self.0.1.wait_timeout_while(released, PATIENCE, |released| !*released).expect("no panic");
    }
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl State {
    fn judge(&self, body: &Value) -> Option<Script> {
        let model = body["model"].as_str().unwrap_or("");
        if !self.models.is_empty() && !self.models.contains(&model) {
            return Some(Script::refusal(404, "not_found_error", &format!("model: {model}")));
        }
        judge::refuses(body).map(|message| Script::refusal(400, "invalid_request_error", &message))
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is locked")
    }

    fn wait(&self, ready: impl Fn(&State) -> bool, what: &str) {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !ready(state));
        let timeout = waited.expect("no panic").1;
        assert!(!timeout.timed_out(), "waited in vain for {what}");
    }

    fn serve(self: Arc<Self>, mut stream: TcpStream) {
        stream.set_nodelay(true).expect("a socket");
        let Some(request) = read_request(&stream) else { return };
        if request.method == "GET" {
            return self.list_models(&mut stream, &request.path);
        }
        let (index, script) = self.note(request);
        let watcher = self.clone();
        let watched = stream.try_clone().expect("a descriptor");
        thread::spawn(move || watcher.watch(watched, index));
        // An error means that the client is gone, which the watcher notes.
        let clean = self.play(&mut stream, &script, index).unwrap_or(false);
        let _ = stream.shutdown(if clean { Shutdown::Write } else { Shutdown::Both });
    }

    /// Lists are asked for at any time, so they do not count as requests.
    fn list_models(&self, stream: &mut TcpStream, path: &str) {
        let state = self.lock();
        let after = path.split_once("after_id=").map(|(_, id)| id.replace("%2D", "-"));
        let page = after.and_then(|after| state.pages.iter().find(|(id, _)| *id == after));
        let list = page.map(|(_, list)| ("200 OK", list.clone())).or_else(|| state.list.clone());
        drop(state);
        let (status, body) = match &list {
            Some((status, list)) => (*status, list.to_string()),
            None => ("404 Not Found", json!({"error": {"message": "no list here"}}).to_string()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        let _ = stream.write_all(head.as_bytes());
    }

    fn note(&self, request: Recorded) -> (usize, Script) {
        let mut state = self.lock();
        let known = ["/v1/messages", "/v1/chat/completions", "/api/chat"].contains(&request.path.as_str());
        let refusal = if request.path == "/v1/messages" { state.judge(&request.body) } else { None };
        state.exchanges.push(Exchange { request, closed: None });
        self.changed.notify_all();
        if let Some(refusal) = refusal {
            return (state.exchanges.len() - 1, refusal);
        }
        let script = if known { state.queue.pop_front() } else { None };
        let script = script.or_else(|| state.always.as_ref().filter(|_| known).map(|make| make()));
        let none = || Script::refusal(404, "not_found_error", "no script is left, or this is no path of ours");
        (state.exchanges.len() - 1, script.unwrap_or_else(none))
    }

    /// Nothing more comes from the client but its end.
    fn watch(&self, mut stream: TcpStream, index: usize) {
        while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
        self.lock().exchanges[index].closed = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Says whether the script came to its own end.
    fn play(&self, stream: &mut TcpStream, script: &Script, index: usize) -> std::io::Result<bool> {
        for step in &script.before {
            if !self.step(stream, step, index)? {
                return Ok(false);
            }
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", script.status);
        for (name, value) in &script.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "request-id: req_test\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        for step in &script.steps {
            if !self.step(stream, step, index)? {
                return Ok(false);
            }
        }
        stream.write_all(b"0\r\n\r\n")?;
        Ok(true)
    }

    fn step(&self, stream: &mut TcpStream, step: &Step, index: usize) -> std::io::Result<bool> {
        match step {
            Step::Bytes(bytes) => {
                let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
                stream.write_all(&chunk)?;
            }
            Step::Sleep(duration) => thread::sleep(*duration),
            Step::Hang => {
                let over =
                    |state: &State| state.exchanges[index].closed.is_some() || self.stopping.load(Ordering::SeqCst);
                let _ = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !over(state));
                return Ok(false);
            }
            Step::Close => return Ok(false),
            Step::WaitFor(release) => release.wait(),
        }
        Ok(true)
    }
}

fn read_request(stream: &TcpStream) -> Option<Recorded> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Recorded { method, path, headers, body, at: Instant::now() })
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
