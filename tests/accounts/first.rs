//! Registering: the first account, the setup code, and what may be called what.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::http::Client;
use crate::support::people::{PASSWORD, post_from, register, setup_code, sqlite3, try_login};
use crate::support::server::Server;

const REGISTER: &str = "/api/auth/register";

#[test]
fn the_first_account_is_the_administrator() {
    let server = Server::start();
    let http = server.http();
    let config = http.get("/api/auth/config", None);
    assert_eq!(config.json(), json!({"inviteCodeRequired": false, "setupRequired": true}));

    let body = json!({"username": "  ann ", "password": PASSWORD, "email": "Ann@Example.com", "displayName": "Ann A."});
    let answer = http.post(REGISTER, None, &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let (answer, token) = (answer.json(), answer.json()["token"].as_str().unwrap().to_owned());
    assert_eq!(answer["expiresIn"], "7d");
    let user = &answer["user"];
    for (field, expected) in [
        ("username", json!("ann")),
        ("email", json!("Ann@Example.com")),
        ("displayName", json!("Ann A.")),
        ("avatar", Value::Null),
        ("role", json!("admin")),
    ] {
        assert_eq!(user[field], expected, "{field}");
    }
    assert_eq!(user["userId"].as_str().unwrap().len(), 36);
    assert!(user["containerId"].as_str().unwrap().starts_with("user-"));
    assert!(user["createdAt"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(user.as_object().unwrap().len(), 8, "nothing more is told: {user}");

    assert_eq!(http.get("/api/auth/config", None).json()["setupRequired"], false);
    assert_eq!(http.get("/api/auth/verify", Some(&token)).json(), json!({"valid": true, "user": user}));
    let without = http.get("/api/auth/verify", None);
    assert_eq!((without.status, without.text().as_str()), (401, r#"{"valid":false}"#));

    let info = http.get("/agentx/info", Some(&token)).json();
    assert_eq!((&info["wsPath"], &info["demo"]), (&json!("/ws"), &json!(true)));
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(http.get("/agentx/info", None).status, 401);

    let second = http.post(REGISTER, None, &json!({"username": "bob", "password": PASSWORD})).json();
    assert_eq!((&second["user"]["role"], &second["user"]["email"]), (&json!("user"), &Value::Null));
    for name in ["ann", "ANN", " Ann ", "ann@example.COM"] {
        assert_eq!(try_login(http, name, PASSWORD).status, 200, "{name}");
    }
}

fn refused(http: Client, body: &Value, status: u16, message: &str) {
    let answer = http.post(REGISTER, None, body);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(message)), "{body}");
    assert!(answer.json()["code"].is_string());
}

#[test]
fn what_is_refused_is_said_in_the_words_of_old() {
    let server = Server::start();
    register(&server, "john");
    let http = server.http();
    let with_email = json!({"username": "jane", "password": PASSWORD, "email": "x@y.org"});
    assert_eq!(http.post(REGISTER, None, &with_email).status, 201);

    let named = |name: &str| json!({"username": name, "password": PASSWORD});
    let mailed = |email: &str| json!({"username": "new one", "password": PASSWORD, "email": email});
    refused(http, &json!({}), 400, "Username and password are required");
    refused(http, &json!({"username": "max"}), 400, "Username and password are required");
    refused(http, &named("   "), 400, "Username and password are required");
    refused(http, &named(" jo "), 400, "Username must be at least 3 characters");
    refused(http, &json!({"username": "max", "password": "12345"}), 400, "Password must be at least 6 characters");
    refused(http, &named("john"), 409, "Username 'john' already exists");
    refused(http, &named("JOHN"), 409, "Username 'JOHN' already exists");
    refused(http, &named("X@Y.org"), 409, "Username 'X@Y.org' already exists");
    refused(http, &mailed("X@y.org"), 409, "Email 'X@y.org' already exists");
    refused(http, &mailed("nonsense"), 400, "Email address is not valid");
    let lonely = json!({"usernameOrEmail": "john"});
    let login = http.post("/api/auth/login", None, &lonely);
    assert_eq!((login.status, login.json()["error"].as_str()), (400, Some("Username and password are required")));

    assert_eq!(http.post(REGISTER, None, &json!(["no object"])).status, 400);
    assert_eq!(http.post(REGISTER, None, &json!({"username": 7, "password": PASSWORD})).status, 400);
    assert_eq!(http.request("POST", REGISTER, "Content-Type: text/plain\r\n", b"{}").status, 415);
    assert_eq!(http.request("POST", REGISTER, "", b"{}").status, 415, "a form can leave it out");
    assert_eq!(http.request("POST", REGISTER, "Content-Type: application/json\r\n", b"{\"username\":").status, 400);
    assert_eq!(http.get(REGISTER, None).header("allow"), Some("POST"));
}

#[test]
fn the_first_account_from_outside_needs_the_setup_code() {
    let mut server = Server::start();
    let http = server.http();
    let mut found = None;
    eventually("the code in the log", || {
        found = setup_code(&std::fs::read_to_string(server.log_file()).unwrap());
        found.is_some()
    });
    let code = found.unwrap();
    let mallory = |code: Option<&str>| {
        let body = json!({"username": "mallory", "password": PASSWORD, "inviteCode": code});
        post_from(http, "203.0.113.7", REGISTER, &body)
    };
    let answer = mallory(None);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("setup_code_required")));
    assert!(!answer.text().contains(&code));
    for wrong in ["nonsense", &code[1..], &format!("{code}abc")] {
        let answer = mallory(Some(wrong));
        assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("Invalid invite code")), "{wrong}");
    }
    // Any sign of a proxy counts, whatever client it names.
    for header in ["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 x"] {
        let headers = format!("Content-Type: application/json\r\n{header}\r\n");
        let body = json!({"username": "mallory", "password": PASSWORD}).to_string();
        assert_eq!(http.request("POST", REGISTER, &headers, body.as_bytes()).status, 403, "{header}");
    }
    let answer = mallory(Some(&format!(" {} ", code.to_uppercase())));
    assert_eq!((answer.status, &answer.json()["user"]["role"]), (201, &json!("admin")), "as people type it");

    let shown = server.stdout().len();
    server.restart();
    assert_eq!(setup_code(&server.stdout()[shown..]), None, "there is an account now");
}

#[test]
fn the_setup_code_is_shown_whatever_the_log_level_and_by_a_command() {
    let home = tempfile::tempdir().unwrap();
    let mut silent = crate::support::program(home.path());
    silent.env("LOG_LEVEL", "error").args(["serve", "--provider", "demo", "--host", "127.0.0.1", "--port", "0"]);
    let mut silent = silent.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(silent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let shown = crate::support::run(home.path(), &["setup-code"]).stdout;
    silent.kill().and_then(|()| silent.wait()).unwrap();
    assert!(line.contains("from another machine it needs the setup code"), "{line}");
    assert_eq!(setup_code(&line).as_deref(), Some(shown.trim()), "{line}");

    let mut server = Server::builder().env("PUBLIC_URL", "https://chat.example.com").start();
    let command = |server: &Server| server.run(&["setup-code"]);
    let shown = command(&server);
    let code = shown.stdout.trim().to_owned();
    assert_eq!((shown.code, code.len()), (Some(0), 10), "{}", shown.stderr);
    eventually("the code on stdout", || setup_code(&server.stdout()).as_deref() == Some(code.as_str()));
    assert!(server.stdout().contains("its registration needs the setup code"), "every browser needs it");
    assert!(!server.stdout().contains("from another machine"), "{}", server.stdout());
    server.restart();
    let new = command(&server).stdout.trim().to_owned();
    assert_ne!(new, code, "new at every start");
    let body = |code: &str| json!({"username": "ann", "password": PASSWORD, "inviteCode": code});
    assert_eq!(server.http().post(REGISTER, None, &body(&code)).status, 403);
    assert_eq!(server.http().post(REGISTER, None, &body(&new)).status, 201);
    let after = command(&server);
    assert_eq!((after.code, after.stdout.as_str()), (Some(1), ""), "{}", after.stderr);
    assert!(after.stderr.contains("there is an account already"), "{}", after.stderr);
    let nothing = crate::support::run(tempfile::tempdir().unwrap().path(), &["setup-code", "-d", "nothing"]);
    assert!(nothing.stderr.contains("there is no data in"), "{}", nothing.stderr);
}

#[test]
fn of_many_first_ones_one_is_the_administrator() {
    let server = Server::start();
    let http = server.http();
    let threads: Vec<_> = (0..6)
        .map(|n| {
            std::thread::spawn(move || {
                http.post(REGISTER, None, &json!({"username": format!("user{n}"), "password": PASSWORD})).json()
            })
        })
        .collect();
    let answers: Vec<Value> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let admins = answers.iter().filter(|answer| answer["user"]["role"] == "admin").count();
    assert_eq!(admins, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["user"].is_object()), "all of them come in: {answers:?}");
}

/// A proxy that writes no forwarding headers (nginx with a bare proxy_pass, stunnel, ssh -R) looks like this machine.
#[test]
fn behind_a_public_address_or_a_named_proxy_nothing_is_local() {
    for (name, value) in [("PUBLIC_URL", "https://chat.example.com"), ("TRUSTED_PROXIES", "loopback")] {
        let server = Server::builder().env(name, value).start();
        let body = json!({"username": "mallory", "password": PASSWORD});
        let answer = server.http().post(REGISTER, None, &body);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("setup_code_required")), "{name}");
        let metrics = server.http().get("/metrics", None);
        assert_eq!((metrics.status, metrics.json()["code"].as_str()), (403, Some("forbidden")), "{name}");
        register(&server, "ann");
    }
    let server = Server::builder().env("TRUSTED_PROXIES", "none").start();
    assert_eq!(server.http().get("/metrics", None).status, 200, "no proxy is named");
}

#[test]
fn pages_of_other_sites_and_other_hosts_are_refused() {
    let server = Server::builder().env("PUBLIC_URL", "https://chat.example.com").start();
    register(&server, "ann");
    let http = server.http();
    let body = json!({"username": "bob", "password": PASSWORD}).to_string();
    let from = |origin: &str| {
        let headers = format!("Content-Type: application/json\r\nOrigin: {origin}\r\n");
        http.request("POST", REGISTER, &headers, body.as_bytes())
    };
    let foreign = from("https://evil.example");
    assert_eq!((foreign.status, foreign.json()["code"].as_str()), (403, Some("foreign_origin")));
    assert_eq!(from("https://chat.example.com").status, 201);
    let host = |host: &str| {
        let head = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        http.raw(head.as_bytes(), false).status
    };
    assert_eq!([host("chat.example.com"), host("127.0.0.1:5200"), host("evil.example")], [200, 200, 421]);
}

#[test]
fn passwords_that_are_guessed_first_are_refused() {
    let server = Server::start();
    register(&server, "ann");
    for (name, password, email) in
        [("dorothea", "Dorothea", None), ("bob", "bob@example.com", Some("bob@example.com")), ("bob", "123456", None)]
    {
        let body = json!({"username": name, "password": password, "email": email});
        let answer = server.http().post(REGISTER, None, &body);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("weak_password")), "{password}");
    }
    let hidden = json!({"username": "an\u{ad}n\u{115f}", "password": PASSWORD});
    assert_eq!(server.http().post(REGISTER, None, &hidden).status, 400, "it looks like ann");
}

/// On some keyboards ë is one character, on others two.
#[test]
fn a_name_and_a_password_are_the_same_however_they_are_written() {
    let server = Server::start();
    let http = server.http();
    let (composed, decomposed) = ("Zo\u{eb}", "Zoe\u{308}");
    let body = json!({"username": decomposed, "password": "caf\u{e9} 123"});
    let answer = http.post(REGISTER, None, &body);
    assert_eq!((answer.status, &answer.json()["user"]["username"]), (201, &json!(composed)));
    for name in [composed, decomposed, "ZO\u{cb}"] {
        let again = http.post(REGISTER, None, &json!({"username": name, "password": PASSWORD}));
        assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("username_taken")), "{name}");
        assert_eq!(try_login(http, name, "cafe\u{301} 123").status, 200, "{name}");
    }
    // An account of before, stored as it was typed.
    let database = server.data_dir().join("data/portagent.db");
    let sql = "UPDATE users SET username = 'Zoe' || char(776), usernameKey = 'zoe' || char(776)";
    sqlite3(&database, sql);
    assert_eq!(try_login(http, composed, "caf\u{e9} 123").status, 200, "found");
    assert_eq!(http.post(REGISTER, None, &json!({"username": composed, "password": PASSWORD})).status, 409);
}
