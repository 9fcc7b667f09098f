//! A conversation with one tool server: which era it speaks, its list of tools, and calls.
//!
//! The modern era (2026-07-28) has no handshake, every request says who asks; the eras before it begin with
//! `initialize`. Which one it is, the server's answer to `server/discover` decides, as the protocol's own SDK does it:
//! anything but the evidence of a modern server means `initialize`, except that the connection broke.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::link::Link;
use super::rpc::{Progress, Request, Trouble, UNSUPPORTED_VERSION, Wait};
use crate::domain::Cancel;

/// The versions that we speak, oldest first.
const MODERN: &str = "2026-07-28";
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// What the first probe gets; a server that never answers it is of the legacy era.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);
/// Pages of a list of tools, and tools in all.
const PAGES: usize = 64;
const TOOLS: usize = 512;
/// How often a call is sent again because the server wants to be told something first.
const INPUT_ROUNDS: usize = 5;
/// How long a list of tools is good for: what a server says, within a day; else a few minutes, where it sends no
/// notices.
const LIST_AGE: Duration = Duration::from_secs(300);
const LIST_AGE_MOST: Duration = Duration::from_secs(24 * 3600);

/// What was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Era {
    pub is_modern: bool,
    pub version: String,
}

pub(super) struct Client {
    pub link: Arc<dyn Link>,
    pub era: Era,
    /// As the server names itself; for people only.
    pub title: String,
    announces_changes: bool,
    next_id: AtomicU64,
}

/// A tool as its server declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub name: String,
    pub description: String,
    pub schema: Value,
    /// Shown to people, never believed.
    pub hints: Value,
}

pub(super) struct Listed {
    pub tools: Vec<Declared>,
    pub age: Duration,
}

impl Client {
    /// Finds out which era the server speaks. `known`: what it spoke last time.
    pub(super) fn connect(link: Arc<dyn Link>, known: Option<&Era>, wait: &Wait<'_>) -> Result<Self, Trouble> {
        let mut client = Self {
            link,
            era: Era { is_modern: true, version: MODERN.to_owned() },
            title: String::new(),
            announces_changes: false,
            next_id: AtomicU64::new(1),
        };
        client.agree(known, wait)?;
        client.listen(wait);
        Ok(client)
    }

    fn agree(&mut self, known: Option<&Era>, wait: &Wait<'_>) -> Result<(), Trouble> {
        if known.is_some_and(|era| !era.is_modern) {
            return self.initialize(wait);
        }
        if self.probe(wait)? {
            return Ok(());
        }
        match self.initialize(wait) {
            // It was slow to start, and is modern after all.
            Err(Trouble::Refused { code: UNSUPPORTED_VERSION, .. }) if self.probe(wait)? => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether this is a modern server. Only a broken connection is an error.
    fn probe(&mut self, wait: &Wait<'_>) -> Result<bool, Trouble> {
        self.era = Era { is_modern: true, version: MODERN.to_owned() };
        let soon = Wait { deadline: wait.deadline.min(Instant::now() + PROBE_PATIENCE), ..*wait };
        let result = match self.request("server/discover", json!({}), &soon) {
            Ok(result) => result,
            Err(trouble @ (Trouble::Gone(_) | Trouble::Cancelled)) => return Err(trouble),
            Err(Trouble::Refused { code: UNSUPPORTED_VERSION, message, data }) => {
                let supported = data.get("supported").and_then(Value::as_array).cloned().unwrap_or_default();
                let speaks = |version: &str| supported.iter().any(|one| one == version);
                if !supported.is_empty() && !LEGACY.iter().any(|version| speaks(version)) && !speaks(MODERN) {
                    return Err(Trouble::Refused { code: UNSUPPORTED_VERSION, message, data });
                }
                return Ok(speaks(MODERN)); // we know one modern version only, and asked for it
            }
            Err(_) => return Ok(false),
        };
        let versions = result.get("supportedVersions").and_then(Value::as_array);
        if !versions.is_some_and(|versions| versions.iter().any(|version| version == MODERN)) {
            return Ok(false);
        }
        self.note(&result, result.pointer("/_meta/io.modelcontextprotocol~1serverInfo"));
        Ok(true)
    }

    fn initialize(&mut self, wait: &Wait<'_>) -> Result<(), Trouble> {
        let newest = LEGACY[LEGACY.len() - 1];
        self.era = Era { is_modern: false, version: newest.to_owned() };
        let params = json!({"protocolVersion": newest, "capabilities": {}, "clientInfo": client_info()});
        let request = Request { id: self.id(), method: "initialize", params, version: None, is_modern: false };
        let result = self.link.ask(&request, wait)?;
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if !LEGACY.contains(&version) {
            return Err(Trouble::Garbage("it speaks a version of the protocol that is not known here"));
        }
        self.era.version = version.to_owned();
        self.note(&result, result.get("serverInfo"));
        self.link.tell("notifications/initialized", &json!({}), wait)
    }

    fn note(&mut self, result: &Value, server: Option<&Value>) {
        let text = |name: &str| server.and_then(|server| server.get(name)).and_then(Value::as_str).unwrap_or_default();
        self.title = format!("{} {}", text("name"), text("version")).trim().chars().take(100).collect();
        self.announces_changes = result.pointer("/capabilities/tools/listChanged") == Some(&Value::Bool(true));
    }

    /// Listens to a server that announces changes.
    fn listen(&self, wait: &Wait<'_>) {
        if !self.announces_changes {
            return;
        }
        let params = self.with_meta(json!({"notifications": {"toolsListChanged": true}}), None);
        let (version, is_modern) = (Some(self.era.version.as_str()), self.era.is_modern);
        let request = Request { id: self.id(), method: "subscriptions/listen", params, version, is_modern };
        let _ = self.link.clone().watch(&request, wait); // without notices the list is read again when it is old
    }

    /// All pages of the server's tools.
    pub(super) fn tools(&self, wait: &Wait<'_>) -> Result<Listed, Trouble> {
        let mut listed = Listed { tools: Vec::new(), age: LIST_AGE_MOST };
        let (mut cursor, mut seen) = (None::<String>, HashSet::new());
        for _ in 0..PAGES {
            let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let result = match self.request("tools/list", params, wait) {
                Err(Trouble::Refused { code: super::rpc::METHOD_NOT_FOUND, .. }) => break, // it has none
                other => other?,
            };
            let tools = result.get("tools").and_then(Value::as_array).ok_or(Trouble::Garbage("it lists no tools"))?;
            let room = TOOLS - listed.tools.len();
            listed.tools.extend(tools.iter().filter_map(declared).take(room));
            let usual = if self.announces_changes && self.link.has_notices() { LIST_AGE_MOST } else { LIST_AGE };
            let said = result.get("ttlMs").and_then(Value::as_u64).map(Duration::from_millis);
            listed.age = listed.age.min(said.unwrap_or(usual).max(Duration::from_secs(1)));
            cursor = result.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            match &cursor {
                Some(next) if seen.insert(next.clone()) && listed.tools.len() < TOOLS => {}
                _ => break,
            }
        }
        Ok(listed)
    }

    /// Calls a tool. Never sent twice, unless the server says that it wants more before it does anything.
    pub(super) fn call(&self, tool: &str, arguments: &Value, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let mut params = json!({"name": tool, "arguments": arguments});
        for _ in 0..INPUT_ROUNDS {
            let id = self.id();
            let meta = self.with_meta(params.clone(), Some(id));
            let result = self.ask(id, "tools/call", meta, wait)?;
            if result.get("resultType").and_then(Value::as_str) != Some("input_required") {
                return Ok(result);
            }
            let asked = result.get("inputRequests").and_then(Value::as_object).cloned().unwrap_or_default();
            params["inputResponses"] = Value::Object(responses(&asked)?);
            if let Some(state) = result.get("requestState") {
                params["requestState"] = state.clone();
            }
        }
        Err(Trouble::Garbage("it asks for more input again and again"))
    }

    fn request(&self, method: &str, params: Value, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let id = self.id();
        self.ask(id, method, self.with_meta(params, None), wait)
    }

    fn ask(&self, id: u64, method: &str, params: Value, wait: &Wait<'_>) -> Result<Value, Trouble> {
        let (version, is_modern) = (Some(self.era.version.as_str()), self.era.is_modern);
        self.link.ask(&Request { id, method, params, version, is_modern }, wait)
    }

    /// `token`: notices of progress are wanted, and name it.
    fn with_meta(&self, mut params: Value, token: Option<u64>) -> Value {
        let mut meta = Map::new();
        if self.era.is_modern {
            meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), json!(self.era.version));
            meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!({}));
            meta.insert("io.modelcontextprotocol/clientInfo".to_owned(), client_info());
        }
        if let Some(token) = token {
            meta.insert("progressToken".to_owned(), json!(token));
        }
        if !meta.is_empty() {
            params["_meta"] = Value::Object(meta);
        }
        params
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

fn client_info() -> Value {
    json!({"name": "portagent", "version": env!("CARGO_PKG_VERSION")})
}

fn declared(tool: &Value) -> Option<Declared> {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("name");
    (!name.is_empty()).then(|| Declared {
        name,
        description: text("description"),
        schema: tool.get("inputSchema").cloned().unwrap_or_default(),
        hints: tool.get("annotations").cloned().unwrap_or_default(),
    })
}

/// We offer none of what a server could ask for: a question to the person is declined, there are no roots.
fn responses(asked: &Map<String, Value>) -> Result<Map<String, Value>, Trouble> {
    let answer = |request: &Value| match request.get("method").and_then(Value::as_str) {
        Some("elicitation/create") => Ok(json!({"action": "decline"})),
        Some("roots/list") => Ok(json!({"roots": []})),
        _ => Err(Trouble::Garbage("it asks for what is not offered here")),
    };
    asked.iter().map(|(key, request)| Ok((key.clone(), answer(request)?))).collect()
}

/// For requests that no one else waits for.
pub(super) fn no_progress(_: Progress) {}

/// A wait that only time ends.
pub(super) fn patience(most: Duration, cancel: &Cancel) -> Wait<'_> {
    Wait { deadline: Instant::now() + most, cancel, progress: &no_progress }
}
