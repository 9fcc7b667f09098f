//! People of the tests, made over the public interface, and what an operator does from outside.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::http::{Client, Response};
use super::server::Server;
use super::{eventually, run_with_input};

/// Everybody's.
pub const PASSWORD: &str = "secret-123";

/// A new account's token. The first is the administrator; where nothing over HTTP is local, by the setup code.
pub fn register(server: &Server, name: &str) -> String {
    let body = |code: Option<String>| json!({"username": name, "password": PASSWORD, "inviteCode": code});
    let mut answer = server.http().post("/api/auth/register", None, &body(None));
    if answer.json()["code"] == "setup_code_required" {
        let mut code = None;
        eventually("the setup code in the log", || {
            code = setup_code(&std::fs::read_to_string(server.log_file()).unwrap());
            code.is_some()
        });
        answer = server.http().post("/api/auth/register", None, &body(code));
    }
    assert_eq!(answer.status, 201, "{name}: {}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// The setup code as the log shows it.
pub fn setup_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("needs the setup code ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

pub fn login(server: &Server, name: &str) -> String {
    let answer = try_login(server.http(), name, PASSWORD);
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

pub fn try_login(http: Client, name: &str, password: &str) -> Response {
    http.post("/api/auth/login", None, &json!({"usernameOrEmail": name, "password": password}))
}

/// A POST as a proxy forwards it for a client at that address.
pub fn post_from(http: Client, address: &str, path: &str, body: &serde_json::Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nX-Forwarded-For: {address}\r\n");
    http.request("POST", path, &headers, body.to_string().as_bytes())
}

pub fn try_login_from(http: Client, address: &str, name: &str, password: &str) -> Response {
    post_from(http, address, "/api/auth/login", &json!({"usernameOrEmail": name, "password": password}))
}

/// The status of a request with this token.
pub fn verify(http: Client, token: &str) -> u16 {
    http.get("/api/auth/verify", Some(token)).status
}

/// The operator's own `sqlite3` program on one of the databases.
pub fn sqlite3(database: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    command.args(["-bail", "-cmd", ".timeout 5000"]).arg(database);
    let run = run_with_input(command, sql);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.stdout.trim_end().to_owned()
}

/// The same on the accounts of a server.
pub fn sql(server: &Server, sql: &str) -> String {
    sqlite3(&server.data_dir().join("data/portagent.db"), sql)
}
