//! `portagent healthcheck`: asks the server on this machine how it is, for containers without wget.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print, print_json, table};
use crate::domain::secret::Secret;
use crate::domain::{Error, Kind, Result};

/// For everything: a check that hangs is a check that failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of an answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
/// The most that is shown of an answer, in characters.
const SHOWN_CHARS: usize = 500;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "healthcheck",
    operands: &[],
    options: &[CommandOption {
        flag: "ready",
        value: "",
        about: "ask /health/ready: backups, disk, upstream … too; a warning is no failure",
    }],
    json: true,
    quiet: true,
    about: "ask the running server whether it is well: exit 0 if so, else 1",
    details: "It asks http://HOST:PORT/health, with the same settings as the server, for at most 5 seconds.",
    examples: &[
        ("portagent healthcheck", "the server on port 5200"),
        ("portagent healthcheck --ready --json", "every check with what it says"),
        ("portagent healthcheck -p 8080 || exit 1", "another port, in a script"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let config = given.config()?;
    if config.port == 0 {
        return Err(usage("PORT=0 does not say where the server listens", "name the port with --port"));
    }
    let host = match config.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let path = if given.has("ready") { "/health/ready" } else { "/health" };
    let token = config.metrics_token.as_ref().map(Secret::expose);
    let answer = ask(host, config.port, path, token, Instant::now() + PATIENCE).map_err(|error| {
        let message = format!("no server answers on {host} port {}: {error}", config.port);
        Error::new(Kind::Unavailable, "unreachable", message).hint("`portagent config` shows which port is meant")
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).filter(|_| head.starts_with("HTTP/1.")).unwrap_or("no HTTP");
    if !is_ours(body) {
        let message = format!("what answers on {host} port {} is not portagent ({status})", config.port);
        return Err(Error::new(Kind::Unavailable, "not_portagent", message)
            .hint("`portagent config` shows which port is meant; --port names another"));
    }
    if status != "200" {
        let body: String = body.chars().take(SHOWN_CHARS).collect();
        let message = format!("the server on {host} port {} is not well: {status} {}", config.port, one_line(&body));
        return Err(Error::new(Kind::Unavailable, "unhealthy", message.trim_end().to_owned()));
    }
    match (given.has("ready"), given.json) {
        (false, true) => print_json(&json!({ "status": "ok" })),
        (false, false) => print("ok\n"),
        (true, json) => show(body, json),
    }
}

/// Every answer of ours is JSON with a status, or with an error and its code: also those of a server that is full. Long
/// ones are read in part.
fn is_ours(body: &str) -> bool {
    body.starts_with("{\"status\":\"") || body.starts_with("{\"error\":\"") && body.contains("\"code\":\"")
}

/// Every check on a line of its own, the worst first.
fn show(body: &str, json: bool) -> Result<()> {
    let found: Value = serde_json::from_str(body).map_err(|cause| {
        Error::new(Kind::Unavailable, "unreadable", "the server's answer cannot be read").source(cause)
    })?;
    if json {
        return print_json(&found);
    }
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let checks = found["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            vec![word(&check["status"]), word(&check["name"]), check["message"].as_str().unwrap_or_default().to_owned()]
        })
        .collect();
    rows.sort_by_key(|row| ["fail", "warn"].iter().position(|known| row[0] == *known).unwrap_or(9));
    print(&table(&["STATUS", "CHECK", "WHAT IT SAYS"], &rows))
}

fn ask(host: &str, port: u16, path: &str, token: Option<&str>, deadline: Instant) -> io::Result<String> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match ask_at(&address, path, token, deadline) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The head and, if the server is not slow, the body.
fn ask_at(address: &SocketAddr, path: &str, token: Option<&str>, deadline: Instant) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(address, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    // What the checks say is for those who may read the metrics.
    let token = token.map(|token| format!("\r\nAuthorization: Bearer {token}")).unwrap_or_default();
    let head = format!("Host: localhost\r\nUser-Agent: portagent-healthcheck\r\nConnection: close{token}");
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 2048];
    while answer.len() < ANSWER_BYTES {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            length => answer.extend_from_slice(&chunk[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::Error::new(io::ErrorKind::TimedOut, "it took longer than 5 seconds"))
    } else {
        Ok(left)
    }
}
