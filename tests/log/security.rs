//! What has to do with security outlives a flood of requests, and a level that leaves it out of the log.

use std::fs;

use serde_json::json;

use crate::support::eventually;
use crate::support::people::{register, try_login};
use crate::support::server::Server;

#[test]
fn security_events_have_a_log_of_their_own() {
    let server = Server::start();
    let token = register(&server, "ann");
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
    let level = json!({"logLevel": "error"}).to_string();
    assert_eq!(server.http().request("PUT", "/api/admin/settings", &headers, level.as_bytes()).status, 200);
    assert_eq!(try_login(server.http(), "ann", "wrong-password").status, 401);
    assert_eq!(server.run(&["user", "promote", "ann"]).code, Some(0));
    let text = fs::read_to_string(server.log_file().with_file_name("security.log")).unwrap();
    for words in [" INFO  accounts registered user=", " INFO  accounts a login was refused ip=", " INFO  audit action="]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains(" http "), "requests are not in it: {text}");
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("a login was refused"), "the level counts elsewhere: {log}");
}

#[test]
fn a_flood_of_refused_requests_does_not_flood_the_log() {
    let server = Server::start();
    let mut sent = 0;
    eventually("requests are folded", || {
        for _ in 0..100 {
            assert_eq!(server.http().get("/api/nowhere", None).status, 404);
        }
        sent += 100;
        let log = fs::read_to_string(server.log_file()).unwrap();
        log.contains(" more requests were refused within a second ip=127.0.0.1")
            && log.matches("GET /api/nowhere 404").count() < sent
    });
}
