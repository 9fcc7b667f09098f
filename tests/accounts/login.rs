//! Logging in and out, and what an attacker can and cannot learn from it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::people::{PASSWORD, login, register, sql, try_login, verify};
use crate::support::server::Server;
use crate::support::ws;

/// The bar for fifty logins at once.
const LOGIN_RSS_KIB: u64 = 80 * 1024;

#[test]
fn unknown_wrong_and_disabled_look_alike() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "0").start();
    register(&server, "ann");
    register(&server, "bob");
    sql(&server, "UPDATE users SET isActive = 0 WHERE username = 'bob'");
    let tries = [("nobody", PASSWORD), ("ann", "wrong-password"), ("bob", PASSWORD), ("bob", "wrong-password")];
    let mut times = vec![Vec::new(); tries.len()];
    for _ in 0..5 {
        for (at, (name, password)) in tries.into_iter().enumerate() {
            let began = Instant::now();
            let answer = try_login(server.http(), name, password);
            times[at].push(began.elapsed());
            assert_eq!(answer.status, 401);
            assert_eq!(answer.text(), r#"{"error":"Invalid credentials","code":"invalid_credentials"}"#, "{name}");
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[times.len() / 2]
        })
        .collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 2, "the time tells them apart: {medians:?}");
}

#[test]
fn a_logged_out_token_is_dead_and_the_others_are_not() {
    let server = Server::start();
    let first = register(&server, "ann");
    let second = login(&server, "ann");
    let mut socket = ws::Client::connect(server.port(), &first);
    let mut other = ws::Client::connect(server.port(), &second);
    let answer = server.http().post("/api/auth/logout", Some(&first), &json!({}));
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"success":true}"#));
    assert_eq!(socket.wait_closed().0, 1008);
    assert_eq!(verify(server.http(), &first), 401);
    assert_eq!(server.http().post("/api/auth/logout", Some(&first), &json!({})).status, 401);
    let hello = ws::Hello { port: server.port(), path: "/ws", token: ws::Token::Query(&first), origin: None };
    assert_eq!(ws::Client::open(hello).err(), Some(ws::Refused(401)));
    assert_eq!(verify(server.http(), &second), 200);
    other.ask("image_list_request", json!({}));
    // Scripts of old send no body at all.
    let headers = format!("Authorization: Bearer {second}\r\n");
    assert_eq!(server.http().request("POST", "/api/auth/logout", &headers, b"").status, 200);
}

#[test]
fn a_new_password_kills_every_other_token() {
    let server = Server::start();
    let mine = register(&server, "ann");
    let other = login(&server, "ann");
    let bob = register(&server, "bob");
    let mut socket = ws::Client::connect(server.port(), &other);
    let change = |token: &str, current: &str, new: &str| {
        let body = json!({"currentPassword": current, "newPassword": new});
        server.http().post("/api/auth/password", Some(token), &body)
    };
    let wrong = change(&mine, "not this one", "new-secret");
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (403, Some("The current password is wrong")));
    let short = change(&mine, PASSWORD, "12345");
    assert_eq!(short.json()["error"], "Password must be at least 6 characters");
    assert_eq!((verify(server.http(), &mine), verify(server.http(), &other)), (200, 200), "nothing happened yet");

    let done = change(&mine, PASSWORD, "new-secret");
    assert_eq!((done.status, &done.json()["expiresIn"]), (200, &json!("7d")));
    let fresh = done.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(socket.wait_closed().0, 1008);
    for (token, expected) in [(&mine, 401), (&other, 401), (&fresh, 200), (&bob, 200)] {
        assert_eq!(verify(server.http(), token), expected);
    }
    assert_eq!(try_login(server.http(), "ann", PASSWORD).status, 401);
    assert_eq!(try_login(server.http(), "ann", "new-secret").status, 200);
}

#[test]
fn fifty_log_in_at_once() {
    let server = Server::start();
    register(&server, "ann");
    let http = server.http();
    let threads: Vec<_> = (0..50).map(|_| std::thread::spawn(move || try_login(http, "ann", PASSWORD))).collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let peak = server.peak_kib();
    assert!(peak < LOGIN_RSS_KIB, "{peak} KiB");
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(verify(http, answer.json()["token"].as_str().unwrap()), 200),
            503 => assert!(answer.header("retry-after").is_some(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    assert!(answers.iter().filter(|answer| answer.status == 200).count() > 10);
}
