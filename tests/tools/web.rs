//! A tool server over HTTP for tests, of either era: its streams break, its sessions get lost, its tools change.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

pub struct Web {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    is_modern: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What was asked: the method, or `GET` with the id behind which a stream is to go on.
    asked: Vec<String>,
    tools: Vec<String>,
    /// The number of the session that is good; those before it are forgotten.
    session: usize,
    changes: usize,
    /// A call whose answer comes when its stream is asked for again.
    owed: Option<Value>,
    is_over: bool,
}

struct Asked {
    verb: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Web {
    pub fn legacy() -> Self {
        Self::start(false)
    }

    pub fn modern() -> Self {
        Self::start(true)
    }

    fn start(is_modern: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tools = ["echo", "breaks", "mute"].map(str::to_owned).to_vec();
        let state = Mutex::new(State { tools, ..State::default() });
        let shared = Arc::new(Shared { is_modern, state, changed: Condvar::new() });
        let own = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.state().is_over {
                    return;
                }
                let shared = own.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    pub fn declared(&self) -> Value {
        json!({"url": format!("http://127.0.0.1:{}/mcp", self.port), "approval": "auto"})
    }

    /// Another tool, which is announced.
    pub fn add_tool(&self, name: &str) {
        let mut state = self.shared.state();
        state.tools.push(name.to_owned());
        state.changes += 1;
        self.shared.changed.notify_all();
    }

    /// As after a restart: it knows no session.
    pub fn forget(&self) {
        self.shared.state().session += 1;
    }

    pub fn asked(&self, what: &str) -> usize {
        self.shared.state().asked.iter().filter(|asked| *asked == what).count()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes the acceptor
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, stream: TcpStream) {
        let Some(asked) = read(&stream) else { return };
        let header = |name: &str| asked.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (what, last) = (asked.body["method"].as_str().unwrap_or("").to_owned(), header("last-event-id"));
        let noted = match asked.verb.as_str() {
            "GET" => last.as_ref().map_or("GET".to_owned(), |last| format!("GET {last}")),
            "POST" => what.clone(),
            verb => verb.to_owned(),
        };
        self.state().asked.push(noted);
        let session = header("mcp-session-id");
        match asked.verb.as_str() {
            "DELETE" => plain(&stream, "200 OK", "", &Value::Null),
            "GET" if self.is_modern => plain(&stream, "405 Method Not Allowed", "", &Value::Null),
            "GET" if self.is_forgotten(session.as_deref()) => plain(&stream, "404 Not Found", "", &Value::Null),
            "GET" if last.is_some() => self.go_on(&stream),
            "GET" => self.announce(&stream),
            _ if what.starts_with("notifications/") => plain(&stream, "202 Accepted", "", &Value::Null),
            _ if what != "initialize" && what != "server/discover" && self.is_forgotten(session.as_deref()) => {
                plain(&stream, "404 Not Found", "", &Value::Null);
            }
            _ => self.answer(&stream, &what, &asked),
        }
    }

    fn is_forgotten(&self, session: Option<&str>) -> bool {
        !self.is_modern && session != Some(self.state().session.to_string().as_str())
    }

    fn answer(&self, stream: &TcpStream, what: &str, asked: &Asked) {
        let (id, params) = (&asked.body["id"], &asked.body["params"]);
        let refuse = |code: i64| json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "no"}});
        let capabilities = json!({"tools": {"listChanged": true}});
        let result = match what {
            "server/discover" if self.is_modern => {
                json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities})
            }
            "server/discover" => return plain(stream, "400 Bad Request", "", &refuse(-32000)),
            "initialize" => {
                let mut state = self.state();
                state.session += 1;
                let session = format!("Mcp-Session-Id: {}\r\n", state.session);
                drop(state);
                let result = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
                    "serverInfo": {"name": "web", "version": "1"}});
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
                return plain(stream, "200 OK", &session, &answer);
            }
            "tools/list" => {
                let tool = |name: &String| json!({"name": name, "inputSchema": {"type": "object"}});
                json!({"tools": self.state().tools.iter().map(tool).collect::<Vec<_>>()})
            }
            "subscriptions/listen" => return self.announce(stream),
            "tools/call" if params["name"] == "breaks" => {
                self.state().owed = Some(id.clone());
                head(stream, "200 OK", "Content-Type: text/event-stream\r\n");
                return say(stream, "id: e7\nretry: 10\ndata:\n\n");
            }
            "tools/call" if params["name"] == "mute" => return self.wait(|_| false),
            "tools/call" => {
                let text = format!("echo: {}", params["arguments"]["text"].as_str().unwrap_or_default());
                json!({"content": [{"type": "text", "text": text}]})
            }
            _ => return plain(stream, "200 OK", "", &refuse(-32601)),
        };
        plain(stream, "200 OK", "", &json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    /// The stream of notices: it ends when the test does.
    fn announce(&self, stream: &TcpStream) {
        head(stream, "200 OK", "Content-Type: text/event-stream\r\n");
        let mut told = self.state().changes;
        loop {
            self.wait(|state| state.changes > told);
            if self.state().is_over {
                return;
            }
            told = self.state().changes;
            let notice = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
            say(stream, &format!("data: {notice}\n\n"));
        }
    }

    fn go_on(&self, stream: &TcpStream) {
        head(stream, "200 OK", "Content-Type: text/event-stream\r\n");
        let Some(id) = self.state().owed.take() else { return };
        let result = json!({"content": [{"type": "text", "text": "the rest"}]});
        say(stream, &format!("id: e8\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": id, "result": result})));
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let waiting = |state: &mut State| !state.is_over && !is_so(state);
        drop(self.changed.wait_timeout_while(self.state(), Duration::from_secs(60), waiting).unwrap());
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let verb = line.split(' ').next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { verb, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn head(stream: &TcpStream, status: &str, headers: &str) {
    say(stream, &format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n"));
}

fn plain(stream: &TcpStream, status: &str, headers: &str, body: &Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    head(stream, status, &format!("{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n"));
    say(stream, &body);
}

fn say(mut stream: &TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()); // the client may be gone
}
