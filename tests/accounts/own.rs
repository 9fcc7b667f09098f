//! One's own account: where one is logged in, the profile, and how the page looks.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::http::Response;
use crate::support::people::{PASSWORD, register, sql, try_login, verify};
use crate::support::server::Server;
use crate::support::ws;

fn send(server: &Server, method: &str, path: &str, token: &str, body: &Value) -> Response {
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    server.http().request(method, path, &headers, body.to_string().as_bytes())
}

fn end(server: &Server, path: &str, token: &str) -> Response {
    server.http().request("DELETE", path, &format!("Authorization: Bearer {token}\r\n"), b"")
}

/// Logs in as this program: the token.
fn login_from(server: &Server, name: &str, agent: &str) -> String {
    let body = json!({"usernameOrEmail": name, "password": PASSWORD}).to_string();
    let headers = format!("Content-Type: application/json\r\nUser-Agent: {agent}\r\n");
    let answer = server.http().request("POST", "/api/auth/login", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn sessions(server: &Server, token: &str) -> Vec<Value> {
    let answer = server.http().get("/api/auth/sessions", Some(token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["sessions"].as_array().unwrap().clone()
}

#[test]
fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let server = Server::start();
    let first = register(&server, "alice");
    let eve = register(&server, "eve");
    let phone = login_from(&server, "alice", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0");
    let desk = login_from(&server, "alice", "curl/8.14.1");
    let all = sessions(&server, &desk);
    let devices: Vec<&Value> = all.iter().map(|one| &one["device"]).collect();
    assert_eq!(all.len(), 3);
    assert!(devices.contains(&&json!("Firefox · Android")) && devices.contains(&&Value::Null), "{devices:?}");
    let current: Vec<&Value> = all.iter().filter(|one| one["current"] == true).map(|one| &one["device"]).collect();
    assert_eq!(current, [&json!("curl")]);
    let of_phone = all.iter().find(|one| one["device"] == "Firefox · Android").unwrap();
    assert_eq!(of_phone["createdAt"], of_phone["lastUsedAt"]);

    let path = format!("/api/auth/sessions/{}", of_phone["sessionId"].as_str().unwrap());
    let foreign = end(&server, &path, &eve);
    assert_eq!((foreign.status, foreign.json()["code"].as_str()), (404, Some("not_found")), "another person's");
    assert_eq!(end(&server, "/api/auth/sessions/none", &desk).text(), foreign.text(), "as one that does not exist");
    let mut socket = ws::Client::connect(server.port(), &phone);
    assert_eq!(end(&server, &path, &desk).status, 200);
    assert_eq!(socket.wait_closed().0, 1008);
    assert_eq!((verify(server.http(), &phone), verify(server.http(), &desk)), (401, 200));
    assert_eq!(end(&server, &path, &desk).status, 404, "it is gone");

    let mut socket = ws::Client::connect(server.port(), &first);
    let mut mine = ws::Client::connect(server.port(), &desk);
    let ended = end(&server, "/api/auth/sessions", &desk);
    assert_eq!((ended.status, ended.json()), (200, json!({"ended": 1})));
    assert_eq!(socket.wait_closed().0, 1008);
    mine.ask("image_list_request", json!({}));
    assert_eq!((verify(server.http(), &first), verify(server.http(), &eve)), (401, 200));
    assert_eq!(sessions(&server, &desk).len(), 1);
}

#[test]
fn the_last_use_is_noted_but_not_at_each_request() {
    let server = Server::start();
    let token = register(&server, "alice");
    let noted = || sql(&server, "SELECT lastUsedAt FROM logins");
    let hour_ago = "UPDATE logins SET lastUsedAt = createdAt - 3600000";
    // Logins of before the column was there have none.
    for before in [hour_ago, "UPDATE logins SET lastUsedAt = NULL"] {
        sql(&server, before);
        let old = noted();
        assert_eq!(verify(server.http(), &token), 200);
        eventually("the use is noted", || noted() != old);
        let new = noted();
        (0..20).for_each(|_| assert_eq!(verify(server.http(), &token), 200));
        assert_eq!(noted(), new);
    }
    sql(&server, hour_ago);
    let old = noted();
    ws::Client::connect(server.port(), &token).ask("image_list_request", json!({}));
    eventually("a socket's use is noted", || noted() != old);
}

#[test]
fn a_profile_is_changed_and_its_errors_name_the_field() {
    let server = Server::start();
    let token = register(&server, "alice");
    register(&server, "bob@example.com");
    let put = |body: Value| send(&server, "PUT", "/api/auth/profile", &token, &body);
    let changed = put(json!({"displayName": " Alice 深 ", "email": "Alice@Example.com"}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let user = &changed.json()["user"];
    assert_eq!((&user["displayName"], &user["email"]), (&json!("Alice 深"), &json!("Alice@Example.com")));
    assert_eq!(try_login(server.http(), "alice@example.com", PASSWORD).status, 200, "the address logs in");
    assert_eq!(put(json!({"email": "alice@example.com"})).status, 200, "one's own is free");
    let cleared = put(json!({"displayName": null})).json();
    assert_eq!(
        (&cleared["user"]["displayName"], &cleared["user"]["email"]),
        (&Value::Null, &json!("alice@example.com"))
    );
    let code = |body: Value| {
        let answer = put(body);
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code(json!({"email": "no address"})), (400, "invalid_email".to_owned()));
    assert_eq!(code(json!({"email": "BOB@example.com"})), (409, "email_taken".to_owned()), "another's login name");
    assert_eq!(code(json!({"displayName": "x".repeat(200)})), (400, "invalid_profile".to_owned()));
    assert_eq!(put(json!({"email": null})).json()["user"]["email"], Value::Null, "it is never needed");
    // Addresses cannot be tried out without end.
    let limited =
        (0..40).map(|n| code(json!({"email": format!("a{n}@example.com")}))).find(|(status, _)| *status == 429);
    assert_eq!(limited, Some((429, "rate_limited".to_owned())));
}

#[test]
fn language_and_theme_belong_to_the_account() {
    let server = Server::start();
    let token = register(&server, "alice");
    let eve = register(&server, "eve");
    let put = |body: Value| send(&server, "PUT", "/api/auth/preferences", &token, &body);
    let shown = |token: &str| server.http().get("/api/auth/profile", Some(token)).json()["preferences"].clone();
    assert_eq!(shown(&token), json!({"language": null, "theme": null}));
    assert_eq!(put(json!({"language": "zh"})).json(), json!({"language": "zh", "theme": null}));
    assert_eq!(put(json!({"theme": "dark"})).json(), json!({"language": "zh", "theme": "dark"}));
    assert_eq!(put(json!({"language": null})).json(), json!({"language": null, "theme": "dark"}));
    let odd = put(json!({"language": "<script>"}));
    assert_eq!((odd.status, odd.json()["code"].as_str()), (400, Some("invalid_preference")));
    let again = login_from(&server, "alice", "curl/8");
    assert_eq!(
        (shown(&again), shown(&eve)),
        (json!({"language": null, "theme": "dark"}), json!({"language": null, "theme": null}))
    );
}
