//! The port through real sockets: framing, limits, caps and the stop. What handlers answer is tested elsewhere, so
//! most routes here are the tests' own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::context::Context;
use super::router::Handler::{Caller, Open, Socket};
use super::router::{Route, get, post};
use super::routes::ROUTES;
use super::server::{RunSocket, Server, ServerOptions};
use super::{Request, UpgradeHandler};
use crate::domain::Error;
use crate::domain::secret::Secret;
use crate::http::limits::Timeouts;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::response::Response;
use crate::llm::{self, Endpoint, Provider};
use crate::service::{AccountOptions, Services};
use crate::store::Store;

#[path = "../../tests/support/raw.rs"]
mod raw;
use raw::{Raw, exchange, request};

thread_local! {
    /// Goes with the test, which has a thread of its own.
    static DIRECTORY: tempfile::TempDir = tempfile::tempdir().expect("a directory");
}

/// Real services on an empty directory: no test here depends on what they store.
fn services() -> Arc<Services> {
    let endpoint = Endpoint {
        name: "demo".to_owned(),
        kind: llm::Kind::Demo,
        base_url: String::new(),
        api_key: None,
        needs_key: true,
        default_model: "demo".to_owned(),
    };
    let options = AccountOptions {
        invite_code_required: false,
        invite_code_daily: false,
        login_failures_per_5min: 10,
        registrations_per_hour: 20,
        messages_per_minute: 0,
        sockets_per_user: 16,
        fetch_hosts: None,
    };
    let store = DIRECTORY.with(|directory| Store::open(directory.path())).expect("opens");
    let provider = Provider::new(endpoint, llm::Timeouts::default());
    let servers = DIRECTORY.with(|directory| crate::service::McpServers::new(directory.path(), None));
    Arc::new(Services::new(Arc::new(store), provider, servers, Secret::new("key"), options).expect("starts"))
}

static SLOW_ONES: AtomicUsize = AtomicUsize::new(0);

fn echo(_: &Context, req: &Request) -> HandlerResult {
    Ok(Response::data(200, "text/plain", [req.path.as_bytes(), b"=", &req.body].concat()))
}

fn big(_: &Context, _: &Request) -> HandlerResult {
    Ok(Response::data(200, "text/plain", vec![b'x'; 64 * 1024 * 1024]))
}

fn slow(_: &Context, _: &Request) -> HandlerResult {
    SLOW_ONES.fetch_add(1, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(400));
    Ok(Response::json(200, &"slow"))
}

fn broken(_: &Context, _: &Request) -> HandlerResult {
    panic!("this handler always breaks")
}

fn secret(_: &Context, _: &crate::domain::user::Caller, _: &Request) -> HandlerResult {
    Ok(Response::json(200, &"secret"))
}

static TABLE: &[Route] = &[
    get("/echo", Open(echo)),
    post("/echo", Open(echo)),
    get("/big", Open(big)),
    get("/slow", Open(slow)),
    get("/broken", Open(broken)),
    post("/secret", Caller(secret)),
    get("/ws", Socket),
];

/// Answers 101 and then sends back what it gets, where the query says so.
fn upgrade(req: &Request) -> Result<RunSocket, Error> {
    if req.query_value("token").as_deref() != Some("good") {
        return Err(Error::unauthenticated());
    }
    Ok(Box::new(|mut stream: TcpStream, leftover: Vec<u8>| {
        let _ =
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").and_then(|()| stream.write_all(&leftover));
        let mut buffer = [0; 64];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            let _ = stream.write_all(&buffer[..read]);
        }
    }))
}

fn start_with(routes: &'static [Route], timeouts: Timeouts, max_connections: Option<usize>) -> Server {
    let options = ServerOptions {
        host: "127.0.0.1".to_owned(),
        port: 0,
        trusted_proxies: Vec::new(),
        base_path: "/chat".to_owned(),
        public_origin: None,
        knows_local: true,
        metrics_token: None,
        max_connections,
    };
    let upgrade: Arc<UpgradeHandler> = Arc::new(upgrade);
    Server::start_with(options, services(), upgrade, routes, timeouts).expect("starts")
}

fn start() -> (Server, SocketAddr) {
    let server = start_with(TABLE, Timeouts::default(), None);
    let address = server.local_addr();
    (server, address)
}

/// Timeouts of a tenth of a second, for those that test its end.
fn hasty() -> Timeouts {
    let short = Duration::from_millis(150);
    Timeouts { head: short, idle: short, body: short, write_stall: short, write_total: short, linger: short }
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    client.send(request("GET", "/echo", "", "")).send(request("POST", "/chat/echo?q", "", "two"));
    client.send("\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntri\r\n0\r\n\r\n");
    for expected in ["/echo=", "/echo=two", "/echo=tri"] {
        let response = client.response();
        assert_eq!((response.status, response.text().as_str()), (200, expected));
        assert_eq!(response.header("connection"), None);
        assert_eq!(response.header("x-request-id").map(str::len), Some(12));
    }
    client.send(request("HEAD", "/echo", "Connection: close\r\n", ""));
    let response = client.response_to_head();
    assert_eq!((response.header("content-length"), response.header("connection")), (Some("6"), Some("close")));
    assert!(client.is_closed_within(Duration::from_secs(5)));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    for byte in request("POST", "/echo", "", "ab").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "/echo=ab");
}

#[test]
fn old_clients_are_served() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.response().header("connection"), Some("keep-alive"));
    client.send("GET /echo HTTP/1.0\r\n\r\n").end_sending();
    assert_eq!(client.response().header("connection"), Some("close"));
    assert!(client.is_closed_within(Duration::from_secs(5)));
}

#[test]
fn what_is_refused_is_answered_and_closed() {
    let (_server, address) = start();
    let check = |bytes: &str, status: u16| {
        let mut client = Raw::connect(address);
        client.send(bytes);
        let response = client.response();
        assert_eq!(response.status, status, "{bytes:.80}");
        assert_eq!(response.header("connection"), Some("close"), "{bytes:.80}");
        assert!(response.json()["code"].is_string());
        assert!(client.is_closed_within(Duration::from_secs(5)), "{bytes:.80}");
    };
    check("GET / HTTP/1.1\r\n\r\n", 400);
    check("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    check("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400);
    check("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000000000000000\r\n\r\n", 413);
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    check("\x16\x03\x01", 400);
    check("GET /a%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    check(&format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(17_000)), 431);
    check(&format!("GET /{} HTTP/1.1", "x".repeat(20_000)), 431);
    check(&format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(65)), 431);
    // With a body that is not read, no other request can follow.
    check("POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", 401);
    check("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", 405);
}

#[test]
fn without_a_body_an_error_ends_nothing() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    for (line, status) in [("DELETE /echo", 405), ("GET /api/none", 404), ("POST /secret", 401), ("GET /echo", 200)] {
        client.send(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.status, status, "{line}");
        assert_eq!(response.header("allow").is_some(), status == 405);
    }
}

#[test]
fn a_client_that_waits_for_it_is_told_to_go_on() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send("ab");
    assert_eq!(client.response().text(), "/echo=ab");
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 413);
}

#[test]
fn every_wait_for_a_client_ends() {
    let server = start_with(TABLE, hasty(), None);
    let check = |bytes: &str, status: Option<u16>| {
        let mut client = Raw::connect(server.local_addr());
        client.send(bytes);
        assert_eq!(client.try_response(false).ok().map(|response| response.status), status, "{bytes}");
        assert!(client.is_closed_within(Duration::from_secs(5)));
    };
    check("", None);
    check("GET / HT", Some(408));
    check("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", Some(408));
    let mut dripping = Raw::connect(server.local_addr());
    let began = Instant::now();
    while dripping.try_send("x").is_ok() && began.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "a byte now and then buys no time");
    // One that takes nothing of its answer.
    let mut deaf = Raw::connect(server.local_addr());
    deaf.send(request("GET", "/big", "", ""));
    std::thread::sleep(Duration::from_millis(1000));
    assert!(deaf.rest().map_or(true, |bytes| bytes.len() < 64 * 1024 * 1024));
}

#[test]
fn large_answers_arrive_whole() {
    let (_server, address) = start();
    assert_eq!(exchange(address, request("GET", "/big", "", "")).body.len(), 64 * 1024 * 1024);
}

#[test]
fn a_panic_costs_one_connection() {
    let (_server, address) = start();
    let mut client = Raw::connect(address);
    client.send(request("GET", "/broken", "", ""));
    let response = client.response();
    assert_eq!((response.status, response.header("connection")), (500, Some("close")));
    assert!(!response.text().contains("breaks"), "what broke is for the log");
    assert_eq!(exchange(address, request("GET", "/echo", "", "")).status, 200);
}

#[test]
fn sockets_are_handed_over() {
    let (_server, address) = start();
    let asks = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    assert_eq!(exchange(address, request("GET", "/ws", "", "")).status, 426);
    assert_eq!(exchange(address, request("GET", "/ws?token=bad", asks, "")).status, 401);
    let mut client = Raw::connect(address);
    client.send(format!("{}early", request("GET", "/ws?token=good", asks, "")));
    assert_eq!(client.response().status, 101);
    client.send(" late").end_sending();
    assert_eq!(client.rest().expect("an echo"), b"early late");
}

#[test]
fn idle_connections_make_room_and_busy_ones_do_not() {
    let server = start_with(TABLE, Timeouts::default(), Some(2));
    let address = server.local_addr();
    let mut idle: Vec<Raw> = (0..20).map(|_| Raw::connect(address)).collect();
    for client in &mut idle {
        let _ = client.try_send("GET /slowloris HTTP/1.1\r\n");
    }
    assert_eq!(exchange(address, request("GET", "/echo", "", "")).status, 200);
    let asks = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = Raw::connect(address);
        socket.send(request("GET", "/ws?token=good", asks, ""));
        assert_eq!(socket.response().status, 101);
        sockets.push(socket);
    }
    let refused = Raw::connect(address).response();
    assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
    assert_eq!(refused.json()["code"], "too_many_connections");
    drop(sockets.pop());
    let until = Instant::now() + Duration::from_secs(10);
    while exchange(address, request("GET", "/echo", "", "")).status != 200 {
        assert!(Instant::now() < until, "a freed place is given again");
    }
}

#[test]
fn a_stop_lets_requests_end_and_idle_ones_go() {
    let (server, address) = start();
    let mut idle = Raw::connect(address);
    idle.send(request("GET", "/echo", "", ""));
    assert_eq!(idle.response().status, 200);
    let mut busy = Raw::connect(address);
    busy.send(request("GET", "/slow", "", ""));
    while SLOW_ONES.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    server.stop_accepting();
    assert!(idle.is_closed_within(Duration::from_secs(5)));
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
    server.close_all(Instant::now() + Duration::from_secs(10));
    let response = busy.response();
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
}

#[test]
fn the_real_table_answers() {
    let server = start_with(ROUTES, Timeouts::default(), None);
    let address = server.local_addr();
    for path in ["/health", "/chat/health"] {
        let response = exchange(address, request("GET", path, "", ""));
        assert!(response.text().starts_with(r#"{"status":"ok","timestamp":1"#), "{}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    }
    let status = |method: &str, path: &str, lines: &str, body: &str| {
        exchange(address, request(method, path, lines, body)).status
    };
    assert_eq!(status("GET", "/health/ready", "", ""), 200);
    assert_eq!(status("GET", "/api/auth/config", "", ""), 200);
    const JSON: &str = "Content-Type: application/json\r\n";
    assert_eq!(status("POST", "/api/auth/login", JSON, "{}"), 400);
    assert_eq!(status("POST", "/api/auth/login", "", "{}"), 415);
    assert_eq!(status("POST", "/api/auth/login", "", ""), 411);
    assert_eq!(status("POST", "/api/auth/login", "Content-Type: text/plain\r\n", "{}"), 415);
    assert_eq!(status("POST", "/api/auth/register", JSON, r#"{"username":"jo","password":"secret1"}"#), 400);
    for (method, path) in [("POST", "/api/auth/logout"), ("POST", "/api/auth/password"), ("GET", "/agentx/info")] {
        assert_eq!(status(method, path, "Authorization: Bearer nonsense\r\n", ""), 401, "{path}");
    }
    let verified = exchange(address, request("GET", "/api/auth/verify", "", ""));
    assert_eq!((verified.status, verified.text().as_str()), (401, r#"{"valid":false}"#));
}
