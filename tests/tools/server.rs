//! A tool server of our own for tests, with every bad habit: this test program again, started with `FAKE_MCP`. What the
//! test harness prints to stdout before it is garbage that a client has to live with, as with many real servers.

use std::io::{BufRead as _, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};

#[test]
fn as_a_process() {
    let Ok(mode) = std::env::var("FAKE_MCP") else { return };
    Fake { mode, waiting: Vec::new() }.serve();
    std::process::exit(0);
}

/// A whole picture of one pixel.
pub const GIF: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

struct Fake {
    /// Words separated by commas.
    mode: String,
    /// Calls that wait for others.
    waiting: Vec<Value>,
}

impl Fake {
    fn is(&self, word: &str) -> bool {
        self.mode.split(',').any(|one| one == word)
    }

    fn serve(&mut self) {
        print("\n"); // the harness has begun a line
        eprintln!("fake server in mode {}", self.mode);
        if self.is("deaf") {
            signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::new(AtomicBool::new(false))).unwrap();
        }
        if self.is("prompts") {
            print("Need to install the following packages: fake. Ok to proceed? (y) ");
            std::process::exit(i32::from(
                std::io::stdin().lock().lines().next().is_none_or(|line| line.unwrap() != "y"),
            ));
        }
        if self.is("noisy") {
            (0..200).for_each(|_| eprint!("{}", "loud ".repeat(50_000)));
        }
        if self.is("slow_start") {
            std::thread::sleep(Duration::from_secs(5));
        }
        while std::env::var("GATE").is_ok_and(|gate| !std::path::Path::new(&gate).exists()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        for line in std::io::stdin().lock().lines() {
            let Ok(message) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
            self.take(&message);
        }
        while self.is("deaf") {
            std::thread::sleep(Duration::from_secs(1000));
        }
    }

    fn take(&mut self, message: &Value) {
        let id = &message["id"];
        let result = match message["method"].as_str().unwrap_or_default() {
            "server/discover" if self.is("silent") => return,
            "server/discover" if self.is("odd_error") => return self.refuse(id, -32000),
            "server/discover" if self.is("exits") => std::process::exit(3),
            "server/discover" if self.is("modern") => json!({"resultType": "complete",
                "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": true}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "2"}}}),
            "server/discover" => return self.refuse(id, -32601),
            "initialize" if self.is("modern") => return self.refuse(id, -32022),
            "initialize" => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake", "version": "1"}}),
            "tools/list" if self.is("never_lists") => return,
            "tools/list" => self.list(message),
            "tools/call" => match self.call(message) {
                Some(result) => result,
                None => return,
            },
            _ => return,
        };
        say(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn refuse(&self, id: &Value, code: i64) {
        say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "no",
            "data": {"supported": ["2026-07-28"], "requested": "x"}}}));
    }

    /// Two pages, the second of which names itself as the next.
    fn list(&self, message: &Value) -> Value {
        if self.is("promptx") {
            let names = ["discover", "action", "project", "learn", "recall", "remember", "toolx"];
            let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
            return json!({"tools": names.map(tool)});
        }
        let tool = |name: &str| {
            json!({"name": name, "description": name, "annotations": {"readOnlyHint": true},
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}})
        };
        if message["params"]["cursor"] == "2" {
            let bad = json!({"name": "bad", "inputSchema": {"type": "string"}});
            let union = json!({"name": "union", "inputSchema": {"anyOf": [{"properties": {"a": {"enum": null}}}]}});
            return json!({"tools": [tool("second_page"), bad, union], "nextCursor": "2"});
        }
        let names = [
            "echo",
            "fail",
            "env",
            "picture",
            "long",
            "structured",
            "hang",
            "die",
            "twice",
            "stranger",
            "garbage",
            "huge",
            "spawn",
            "bomb",
            "hog",
            "progress",
            "ask",
            "torn",
            "babble",
            "dump",
            "nothing",
            "gather",
            "rich",
        ];
        let mut tools = names.map(tool).to_vec();
        if self.is("long_names") {
            tools.push(tool(&"long_".repeat(30)));
        }
        json!({"tools": tools, "nextCursor": "2"})
    }

    fn call(&mut self, message: &Value) -> Option<Value> {
        let (id, params) = (&message["id"], &message["params"]);
        let text = |text: String| Some(json!({"content": [{"type": "text", "text": text}]}));
        let answer = |id: &Value, text: &str| {
            say(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}}));
        };
        match params["name"].as_str().unwrap() {
            "echo"
                if self.is("modern") && params["_meta"]["io.modelcontextprotocol/protocolVersion"] != "2026-07-28" =>
            {
                text("no version in the request".to_owned())
            }
            "echo" => text(format!("echo: {}", params["arguments"]["text"].as_str().unwrap_or_default())),
            "fail" => Some(json!({"isError": true, "content": [{"type": "text", "text": "no such\nfile\n"}]})),
            "env" => text(std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect()),
            "picture" => Some(json!({"content": [{"type": "image", "mimeType": "image/png", "data": GIF}]})),
            "torn" => Some(json!({"content": [{"type": "image", "mimeType": "image/png", "data": &GIF[..40]}]})),
            "nothing" => Some(json!({})),
            "babble" => loop {
                print("still working on it\n");
            },
            "dump" => {
                let trace = "Traceback (most recent call last):\n  File \"x.py\", line 1\n".repeat(500);
                Some(json!({"isError": true, "content": [{"type": "text", "text": trace}]}))
            }
            "gather" => {
                self.waiting.push(id.clone());
                if self.waiting.len() as u64 == params["arguments"]["count"].as_u64().unwrap() {
                    std::fs::write("gathered", "").unwrap();
                    self.waiting.drain(..).for_each(|id| answer(&id, "all are here"));
                }
                None
            }
            "remember" => {
                std::fs::write("memory", params["arguments"]["text"].as_str().unwrap()).unwrap();
                text("remembered".to_owned())
            }
            "recall" => text(std::fs::read_to_string("memory").unwrap_or_default()),
            "long" => text("x".repeat(300 * 1024)),
            "structured" => Some(json!({"structuredContent": {"a": 1}, "content": []})),
            "rich" => Some(json!({"structuredContent": {"city": "Köln", "degrees": [3, 4.5]}, "content": [
                {"type": "text", "text": "{\"degrees\":[3,4.5],\"city\":\"Köln\"}"},
                {"type": "resource_link", "name": "log", "title": "The log", "uri": "https://weather.example/log", "mimeType": "text/html"},
                {"type": "resource_link", "name": "odd", "uri": "javascript:alert(1)"},
                {"type": "resource", "resource": {"uri": "weather://notes", "mimeType": "text/plain", "text": "mild"}},
                {"type": "resource", "resource": {"uri": "weather://report", "mimeType": "application/pdf", "blob": "JVBERi0xLjcK"}},
                {"type": "audio", "mimeType": "audio/wav", "data": "UklGRgAAAABXQVZF"}]})),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(1000));
            },
            "die" => std::process::exit(7),
            "twice" => {
                answer(id, "first");
                text("second".to_owned())
            }
            "stranger" => {
                answer(&json!(987_654), "for someone else");
                None
            }
            "garbage" => {
                (0..100).for_each(|n| print(&format!("{{\"not\": json {n}\n")));
                text("after the garbage".to_owned())
            }
            "huge" => {
                (0..50).for_each(|_| print(&"x".repeat(1024 * 1024)));
                text("never seen".to_owned())
            }
            "spawn" => {
                start_sleepers();
                text("spawned".to_owned())
            }
            "bomb" => loop {
                let _ = Command::new("sleep").args(["1000", &marker_number()]).spawn();
            },
            "hog" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 16 * 1024 * 1024]);
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            "progress" => {
                let token = &params["_meta"]["progressToken"];
                say(&json!({"jsonrpc": "2.0", "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": 1, "total": 2, "message": "half"}}));
                text("done".to_owned())
            }
            "ask" if params["requestState"] == "s" => {
                text(format!("answered {}", params["inputResponses"]["q"]["action"].as_str().unwrap()))
            }
            "ask" => Some(json!({"resultType": "input_required", "requestState": "s",
                "inputRequests": {"q": {"method": "elicitation/create", "params": {}}}})),
            name => text(format!("called {name}")),
        }
    }
}

/// Children in the server's group, and one that has left it.
fn start_sleepers() {
    let number = marker_number();
    let mut sleeper = Command::new("sleep").args(["1000", &number]).spawn().unwrap();
    std::thread::spawn(move || sleeper.wait());
    Command::new("setsid").args(["-f", "sleep", "1000", &number]).spawn().unwrap().wait().unwrap();
}

/// `sleep` adds up its arguments, so the marker has to be a number.
fn marker_number() -> String {
    std::env::var("MARKER").unwrap()
}

fn say(message: &Value) {
    print(&format!("{message}\n"));
}

fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if written.is_err() {
        std::process::exit(9);
    }
}
