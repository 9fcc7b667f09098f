//! A model's server that does exactly what a test tells it: down to where the bytes are parted, and when it hangs.
//!
//! It speaks raw HTTP on a std socket, because the interesting cases are those that no decent server would produce. A
//! request that the real API would refuse is refused here too, by `judge`.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use super::judge;
pub use super::script::{Release, Script, Step};
use super::tls::Identity;

/// Nothing here waits longer than that, whatever a test has forgotten.
pub const PATIENCE: Duration = Duration::from_secs(30);

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
    identity: Option<Arc<Identity>>,
}

/// A connection, encrypted or not.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// What is answered to a request.
type Answers = Box<dyn Fn(&Recorded) -> Script + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Script>,
    always: Option<Answers>,
    exchanges: Vec<Exchange>,
    /// What it lists at `/v1/models`, and with which status line.
    list: Option<(&'static str, Value)>,
    /// Further pages of it, by the id after which they begin.
    pages: Vec<(&'static str, Value)>,
    /// The models it serves; empty: any.
    models: &'static [&'static str],
    /// By signature of thinking, what stood before it when it was made; `None`: it is good anywhere.
    bound: Option<HashMap<String, Vec<String>>>,
    /// What it says of any model at `/api/show`.
    shown: Option<Value>,
    connects: usize,
    handshakes: usize,
    /// Connections that wait for a request.
    idle: Vec<TcpStream>,
}

struct Exchange {
    request: Recorded,
    /// When the client closed the connection.
    closed: Option<Instant>,
}

impl Upstream {
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// Starts it as an https server with a certificate of its own.
    pub fn start_tls() -> Self {
        Self::start_as(Some(Arc::new(Identity::new())))
    }

    fn start_as(identity: Option<Arc<Identity>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let (acceptor, own) = (shared.clone(), identity.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if acceptor.stopping.load(Ordering::SeqCst) {
                    break;
                }
                let (shared, identity) = (acceptor.clone(), own.clone());
                thread::spawn(move || shared.serve(stream, identity.as_deref()));
            }
        });
        Self { address, shared, identity }
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

    /// Thinking is only good under exactly what it was made under, as it is at Anthropic.
    pub fn binds_thinking(&self) {
        self.shared.lock().bound = Some(HashMap::new());
    }

    /// Says this of any model, as Ollama does.
    pub fn shows(&self, details: Value) {
        self.shared.lock().shown = Some(details);
    }

    pub fn url(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The file with the certificate to trust.
    pub fn certificate(&self) -> &str {
        self.identity.as_ref().expect("it speaks TLS").certificate()
    }

    /// TCP connections and TLS handshakes so far.
    pub fn connections(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.connects, state.handshakes)
    }

    /// Closes all connections on which no request runs, as servers do that have waited for long enough.
    pub fn close_idle(&self) {
        for stream in self.shared.lock().idle.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until so many connections wait for a request.
    pub fn wait_for_idle(&self, count: usize) {
        self.shared.wait(|state| state.idle.len() >= count, &format!("{count} idle connections"));
    }

    pub fn push(&self, script: Script) {
        self.shared.lock().queue.push_back(script);
    }

    /// What is answered when nothing is queued.
    pub fn always(&self, script: impl Fn() -> Script + Send + 'static) {
        self.answers(move |_| script());
    }

    /// The same, by what is asked.
    pub fn answers(&self, script: impl Fn(&Recorded) -> Script + Send + 'static) {
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
        self.close_idle();
        let _ = TcpStream::connect(self.address); // wakes the acceptor
    }
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl State {
    fn judge(&self, path: &str, body: &Value) -> Option<Script> {
        let model = body["model"].as_str().unwrap_or("");
        if !self.models.is_empty() && !self.models.contains(&model) {
            return Some(Script::refusal(404, "not_found_error", &format!("model: {model}")));
        }
        judge::refuses(path, body).map(|message| Script::refusal(400, "invalid_request_error", &message))
    }
}

/// System prompt, tools and so many messages, without the marks of the cache.
fn prefix(body: &Value, messages: usize) -> String {
    let all = body["messages"].as_array().cloned().unwrap_or_default();
    let all: Vec<Value> = all.into_iter().take(messages).collect();
    json!([body["system"], body["tools"], all])
        .to_string()
        .replace(r#""cache_control":{"type":"ephemeral"},"#, "")
        .replace(r#","cache_control":{"type":"ephemeral"}"#, "")
}

impl State {
    /// The refusal of thinking that was made under something else.
    fn unbound(&self, body: &Value) -> Option<Script> {
        let bound = self.bound.as_ref()?;
        for (index, message) in body["messages"].as_array()?.iter().enumerate() {
            for block in message["content"].as_array().into_iter().flatten() {
                let made = block["signature"].as_str().and_then(|signature| bound.get(signature));
                if made.is_some_and(|made| !made.contains(&prefix(body, index))) {
                    let words = format!("messages.{index}: `thinking` block is bound to a different conversation");
                    return Some(Script::refusal(400, "invalid_request_error", &words));
                }
            }
        }
        None
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

    fn serve(self: Arc<Self>, stream: TcpStream, identity: Option<&Identity>) {
        stream.set_nodelay(true).expect("a socket");
        self.lock().connects += 1;
        let raw = stream.try_clone().expect("a descriptor");
        let mut wire: Box<dyn Wire> = match identity {
            Some(identity) => match identity.accept(stream) {
                Some(wire) => Box::new(wire),
                None => return,
            },
            None => Box::new(stream),
        };
        self.lock().handshakes += usize::from(identity.is_some());
        while self.exchange(&mut wire, &raw) == Some(true) {}
        let _ = raw.shutdown(Shutdown::Both);
    }

    /// One request and its answer. Says whether the connection stays open; `None`: the client is gone.
    fn exchange(self: &Arc<Self>, wire: &mut Box<dyn Wire>, raw: &TcpStream) -> Option<bool> {
        let idle = raw.try_clone().expect("a descriptor");
        let address = raw.peer_addr().ok();
        self.lock().idle.push(idle);
        self.changed.notify_all();
        let request = read_request(wire);
        self.lock().idle.retain(|stream| stream.peer_addr().ok() != address);
        let request = request?;
        if request.method == "GET" {
            return self.list_models(wire, &request.path).ok().map(|()| true);
        }
        if request.path == "/api/show" {
            return self.answer(wire, self.lock().shown.clone()).ok().map(|()| true);
        }
        let (index, script) = self.note(request);
        let is_over = Arc::new(AtomicBool::new(false));
        let (watcher, watched, stop) = (self.clone(), raw.try_clone().expect("a descriptor"), is_over.clone());
        let watch = thread::spawn(move || watcher.watch(&watched, index, &stop));
        // An error means that the client is gone, which the watcher notes.
        let played = self.play(wire, &script, index);
        let clean = *played.as_ref().unwrap_or(&false);
        if !clean {
            let _ = raw.shutdown(Shutdown::Both);
        }
        is_over.store(true, Ordering::SeqCst);
        let _ = watch.join();
        if played.is_err() {
            self.lock().exchanges[index].closed.get_or_insert_with(Instant::now);
            self.changed.notify_all();
        }
        Some(clean && !script.closes())
    }

    /// Lists are asked for at any time, so they do not count as requests.
    fn list_models(&self, stream: &mut Box<dyn Wire>, path: &str) -> std::io::Result<()> {
        let state = self.lock();
        let after = path.split_once("after_id=").map(|(_, id)| id.replace("%2D", "-"));
        let page = after.and_then(|after| state.pages.iter().find(|(id, _)| *id == after));
        let list = page.map(|(_, list)| ("200 OK", list.clone())).or_else(|| state.list.clone());
        drop(state);
        let (status, body) = match &list {
            Some((status, list)) => (*status, list.to_string()),
            None => ("404 Not Found", json!({"error": {"message": "no list here"}}).to_string()),
        };
        respond(stream, status, &body)
    }

    fn answer(&self, wire: &mut Box<dyn Wire>, body: Option<Value>) -> std::io::Result<()> {
        match body {
            Some(body) => respond(wire, "200 OK", &body.to_string()),
            None => respond(wire, "404 Not Found", r#"{"error":"nothing is known of it"}"#),
        }
    }

    fn note(&self, request: Recorded) -> (usize, Script) {
        let mut state = self.lock();
        let known =
            ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/api/chat"].contains(&request.path.as_str());
        let refusal = state.judge(&request.path, &request.body).or_else(|| state.unbound(&request.body));
        let before = if request.path == "/v1/messages" { prefix(&request.body, usize::MAX) } else { String::new() };
        state.exchanges.push(Exchange { request: request.clone(), closed: None });
        self.changed.notify_all();
        if let Some(refusal) = refusal {
            return (state.exchanges.len() - 1, refusal);
        }
        let script = if known { state.queue.pop_front() } else { None };
        let script = script.or_else(|| state.always.as_ref().filter(|_| known).map(|make| make(&request)));
        let none = || Script::refusal(404, "not_found_error", "no script is left, or this is no path of ours");
        let script = script.unwrap_or_else(none);
        if let Some(bound) = &mut state.bound {
            for signature in script.signatures() {
                bound.entry(signature).or_default().push(before.clone());
            }
        }
        (state.exchanges.len() - 1, script)
    }

    /// While an answer is sent, nothing comes from the client but its end.
    fn watch(&self, stream: &TcpStream, index: usize, is_over: &AtomicBool) {
        let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        loop {
            let came = poll(&mut [PollFd::new(stream, PollFlags::IN | PollFlags::RDHUP)], Some(&wait));
            // Of a client that speaks TLS, a goodbye comes before the end.
            if came.is_ok_and(|count| count > 0) && !is_over.load(Ordering::SeqCst) {
                break;
            }
            if is_over.load(Ordering::SeqCst) {
                return;
            }
        }
        self.lock().exchanges[index].closed = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Says whether the script came to its own end.
    fn play(&self, stream: &mut Box<dyn Wire>, script: &Script, index: usize) -> std::io::Result<bool> {
        for step in &script.before {
            if !self.step(stream, step, index)? {
                return Ok(false);
            }
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", script.status);
        for (name, value) in &script.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "request-id: req_test\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.flush()?;
        for step in &script.steps {
            if !self.step(stream, step, index)? {
                return Ok(false);
            }
        }
        stream.write_all(b"0\r\n\r\n")?;
        stream.flush()?;
        Ok(true)
    }

    fn step(&self, stream: &mut Box<dyn Wire>, step: &Step, index: usize) -> std::io::Result<bool> {
        match step {
            Step::Bytes(bytes) => {
                let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
                stream.write_all(&chunk)?;
                stream.flush()?;
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

fn respond(wire: &mut Box<dyn Wire>, status: &str, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    wire.write_all(head.as_bytes())?;
    wire.flush()
}

fn read_request(stream: &mut Box<dyn Wire>) -> Option<Recorded> {
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
