//! Logins: one account logs in over and over, with the right password.

use std::thread;

use super::house;
use crate::support::chat;
use crate::support::people::try_login_from;
use crate::support::server::Server;

#[test]
fn logins_with_the_right_password_of_one_account() {
    let chat = house(Server::builder());
    chat::register(&chat.server, "bob");
    let http = chat.server.http();
    let flood: Vec<_> = (0..66)
        .map(|_| thread::spawn(move || try_login_from(http, "203.0.113.5", "alice", chat::PASSWORD).status))
        .collect();
    for address in ["198.51.100.7", "198.51.100.8", "198.51.100.9"] {
        let answer = try_login_from(http, address, "bob", chat::PASSWORD);
        assert_eq!(answer.status, 200, "others are served in turn: {}", answer.text());
        assert_eq!(http.get("/health", None).status, 200);
    }
    let statuses: Vec<u16> = flood.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429 | 503)), "{statuses:?}");
    assert!(statuses.contains(&429) || statuses.contains(&503), "not all of them had a place to wait in");
}
