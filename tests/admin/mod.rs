//! Administration over HTTP, as the page and scripts meet it.

mod backups;
mod people;

use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::people::register;
use crate::support::server::Server;

/// A server, its administrator's token and a user's.
fn start() -> (Server, String, String) {
    let server = Server::start();
    let (admin, user) = (register(&server, "ann"), register(&server, "bob"));
    (server, admin, user)
}

fn send(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.http().request(method, path, &headers, body.as_bytes())
}

fn ok(response: &Response, status: u16) -> Value {
    assert_eq!(response.status, status, "{}", response.text());
    response.json()
}

fn get(server: &Server, token: &str, path: &str) -> Value {
    ok(&server.http().get(path, Some(token)), 200)
}

fn post(server: &Server, token: &str, path: &str) -> Value {
    ok(&send(server, token, "POST", path, &Value::Null), 200)
}

#[test]
fn it_is_for_administrators_only() {
    let (server, admin, user) = start();
    let routes = [
        ("GET", "/api/admin/users"),
        ("POST", "/api/admin/users"),
        ("POST", "/api/admin/users/x/disable"),
        ("DELETE", "/api/admin/users/x"),
        ("GET", "/api/admin/invites"),
        ("DELETE", "/api/admin/invites/x"),
        ("GET", "/api/admin/settings"),
        ("GET", "/api/admin/backups"),
        ("POST", "/api/admin/backups"),
        ("GET", "/api/admin/backups/x"),
        ("GET", "/api/admin/doctor"),
        ("GET", "/api/admin/logs"),
    ];
    for (method, path) in routes {
        let refused = server.http().request(method, path, "", b"");
        assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("unauthenticated")), "{method} {path}");
        let refused = send(&server, &user, method, path, &Value::Null);
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("administrators_only")), "{method} {path}");
    }
    for bad in [
        "/api/admin/users?limit=0",
        "/api/admin/users?limit=201",
        "/api/admin/users?cursor=x",
        "/api/admin/invites?cursor=x",
        "/api/admin/backups?cursor=x",
        "/api/admin/logs?level=loud",
        "/api/admin/logs?limit=x",
    ] {
        assert_eq!(server.http().get(bad, Some(&admin)).status, 400, "{bad}");
    }
    let unknown = send(&server, &admin, "POST", "/api/admin/users/x/disable", &Value::Null);
    assert_eq!(unknown.status, 404);
}

#[test]
fn the_log_and_the_doctor() {
    let (server, admin, _) = start();
    server.http().get("/api/no-such-path", None);
    let log = get(&server, &admin, "/api/admin/logs?grep=NO-SUCH-path&limit=1");
    let line = &log["lines"][0];
    assert_eq!(
        (&line["level"], &line["target"], &log["cut"]),
        (&json!("info"), &json!("http"), &json!(false)),
        "{log}"
    );
    assert!(line["message"].as_str().unwrap().contains("GET /api/no-such-path 404"), "{log}");
    assert_eq!(log["lines"].as_array().unwrap().len(), 1);
    assert_eq!(get(&server, &admin, "/api/admin/logs?level=error")["lines"], json!([]));
    let many = get(&server, &admin, "/api/admin/logs?limit=5");
    assert_eq!(many["lines"].as_array().unwrap().len(), 5);

    let report = get(&server, &admin, "/api/admin/doctor");
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"lock") && names.contains(&"agentx.db") && names.contains(&"clock"), "{report}");
    let lock = report["checks"].as_array().unwrap().iter().find(|one| one["name"] == "lock").unwrap();
    assert!(lock["detail"].as_str().unwrap().contains(&server.pid().to_string()), "{report}");
    let said = server.run(&["doctor", "--json"]);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said["checks"].as_array().unwrap().len(), names.len(), "the command looks at the same");
}
