//! Deleting one's own account: what goes, what stays, and who may not.

use serde_json::{Value, json};

use crate::support::chat::{self, Chat, register};
use crate::support::people::{sql, sqlite3, try_login, verify};
use crate::support::server::Server;
use crate::support::upstream::{Script, Step};
use crate::support::ws::Client;

fn delete(server: &Server, token: &str, password: &str) -> (u16, Value) {
    let answer = server.http().post("/api/auth/delete", Some(token), &json!({"password": password}));
    (answer.status, answer.json())
}

#[test]
fn an_account_ends_with_everything_that_was_in_it() {
    let chat = Chat::with([Script::text("yes"), Script::deltas(&["one ", "two"]).pause_after(3, Step::Hang)]);
    let server = &chat.server;
    let bob = register(server, "bob");
    let mut client = Client::connect(server.port(), &bob);
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    chat::chat(&mut client, &image, "hello");
    let upload = server.http().request(
        "POST",
        "/api/files?name=notes.txt",
        &format!("Authorization: Bearer {bob}\r\nContent-Type: text/plain\r\n"),
        b"notes",
    );
    assert_eq!(upload.status, 201, "{}", upload.text());
    chat::send(&mut client, &image, "and a long one");
    client.wait_for("the answer begins", |event| event["type"] == "text_delta");

    let dry = server.http().post("/api/auth/delete?dryRun=1", Some(&bob), &json!({})).json();
    assert_eq!(
        (&dry["deleted"], &dry["conversations"], &dry["logins"]),
        (&json!(false), &json!(1), &json!(1)),
        "{dry}"
    );
    let wrong = delete(server, &bob, "wrong-password");
    assert_eq!((wrong.0, &wrong.1["code"]), (403, &json!("wrong_password")));
    assert_eq!(delete(server, &bob, "").0, 400);
    assert_eq!(verify(server.http(), &bob), 200, "nothing happened yet");

    let (status, gone) = delete(server, &bob, chat::PASSWORD);
    assert_eq!((status, &gone["deleted"], &gone["conversations"]), (200, &json!(true), &json!(1)), "{gone}");
    client.wait_closed();
    chat.upstream.wait_for_close(1);
    assert_eq!(verify(server.http(), &bob), 401);
    assert_eq!(try_login(server.http(), "bob", chat::PASSWORD).status, 401);
    let agent = server.data_dir().join("data/agentx.db");
    let rows = "SELECT count(*) FROM images; SELECT count(*) FROM messages; SELECT count(*) FROM files; \
                SELECT count(*) FROM containers";
    assert_eq!(sqlite3(&agent, rows), "0\n0\n0\n0");
    assert_eq!(sql(server, "SELECT count(*) FROM users; SELECT count(*) FROM logins"), "1\n1");
    assert_eq!(sql(server, "SELECT count(*) FROM ledger WHERE userId IS NOT NULL"), "0", "usage stays, without a name");
    let folders = std::fs::read_dir(server.data_dir().join("containers")).map(|found| found.count()).unwrap_or(0);
    assert_eq!(folders, 0, "its files are gone");
    assert!(server.stdout().contains("action=user.delete by=user:"), "it leaves an audit line");
    register(server, "bob");
}

#[test]
fn the_last_administrator_stays() {
    let chat = Chat::with([]);
    let server = &chat.server;
    for path in ["/api/auth/delete?dryRun=1", "/api/auth/delete"] {
        let answer = server.http().post(path, Some(&chat.token), &json!({"password": chat::PASSWORD}));
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("last_administrator")));
        assert!(answer.json()["hint"].as_str().unwrap().contains("promote"), "{}", answer.text());
    }
    register(server, "bob");
    assert_eq!(server.run(&["user", "promote", "bob"]).code, Some(0));
    assert_eq!(delete(server, &chat.token, chat::PASSWORD).0, 200);
}

/// Wrong passwords count here as they do at the login.
#[test]
fn a_stolen_token_does_not_guess_the_password() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "3").start();
    crate::support::people::register(&server, "alice");
    let bob = register(&server, "bob");
    let tries = ["wrong-1", "wrong-2", "wrong-3", chat::PASSWORD].map(|password| delete(&server, &bob, password).0);
    assert_eq!(tries, [403, 403, 403, 429]);
}
