//! What an operator changes from outside while the server runs, with `sqlite3` or the command line, counts at once.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::people::{PASSWORD, register, sql, try_login, verify};
use crate::support::server::Server;
use crate::support::ws;

/// The contract's two seconds, and something for a busy machine.
const CLOSES_WITHIN: Duration = Duration::from_millis(2500);

/// An administrator who stays, and a user with an open socket.
fn start() -> (Server, String, ws::Client) {
    let server = Server::start();
    register(&server, "ann");
    let token = register(&server, "bob");
    let mut socket = ws::Client::connect(server.port(), &token);
    socket.ask("image_list_request", json!({}));
    (server, token, socket)
}

fn is_put_out(server: &Server, token: &str, socket: &mut ws::Client) {
    let since = Instant::now();
    assert_eq!(verify(server.http(), token), 401, "the next request");
    assert_eq!(server.http().get("/agentx/info", Some(token)).status, 401);
    let hello = ws::Hello { port: server.port(), path: "/ws", token: ws::Token::Query(token), origin: None };
    assert_eq!(ws::Client::open(hello).err(), Some(ws::Refused(401)));
    let (code, reason) = socket.wait_closed();
    assert!(since.elapsed() < CLOSES_WITHIN, "{:?}", since.elapsed());
    assert_eq!(code, 1008, "{reason}");
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 401);
}

#[test]
fn disabled_with_sqlite3() {
    let (server, token, mut socket) = start();
    sql(&server, "UPDATE users SET isActive = 0 WHERE username = 'bob'");
    is_put_out(&server, &token, &mut socket);
    sql(&server, "UPDATE users SET isActive = 1 WHERE username = 'bob'");
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 200);
}

#[test]
fn deleted_with_sqlite3() {
    let (server, token, mut socket) = start();
    sql(&server, "DELETE FROM users WHERE username = 'bob'");
    is_put_out(&server, &token, &mut socket);
}

#[test]
fn disabled_with_the_command_line() {
    let (server, token, mut socket) = start();
    assert_eq!(server.run(&["user", "disable", "bob"]).code, Some(0));
    is_put_out(&server, &token, &mut socket);
}

#[test]
fn logged_out_with_the_command_line() {
    let (server, token, mut socket) = start();
    let run = server.run(&["user", "logout", "bob", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, answer), (Some(0), json!({"username": "bob", "ended": 1})));
    assert_eq!(socket.wait_closed().0, 1008);
    assert_eq!(verify(server.http(), &token), 401);
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 200);
}

#[test]
fn renamed_with_sqlite3() {
    let (server, token, _socket) = start();
    sql(&server, "UPDATE users SET username = 'Robert', email = 'Rob@Example.com' WHERE username = 'bob'");
    let user = server.http().get("/api/auth/verify", Some(&token)).json()["user"].take();
    assert_eq!((&user["username"], &user["email"]), (&json!("Robert"), &json!("Rob@Example.com")));
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 401);
    for name in ["Robert", "robert", "rob@example.com"] {
        assert_eq!(try_login(server.http(), name, PASSWORD).status, 200, "{name}");
    }
    let taken = json!({"username": "ROBERT", "password": PASSWORD});
    assert_eq!(server.http().post("/api/auth/register", None, &taken).status, 409);
}

/// Nothing changes in the database then: the clock does it.
#[test]
fn a_socket_ends_when_its_token_expires() {
    let (server, token, mut socket) = start();
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() + 3000;
    sql(
        &server,
        &format!(
            "UPDATE logins SET expiresAt = {soon} WHERE userId IN (SELECT userId FROM users WHERE username = 'bob')"
        ),
    );
    socket.ask("image_list_request", json!({}));
    assert_eq!(verify(server.http(), &token), 200, "not yet");
    let (code, reason) = socket.wait_closed();
    assert_eq!(code, 1008, "{reason}");
    assert_eq!(verify(server.http(), &token), 401);
}
