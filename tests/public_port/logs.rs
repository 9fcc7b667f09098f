//! The access log, as people grep it.

use std::process::Command;

use serde_json::json;

use crate::support::eventually;
use crate::support::people::{PASSWORD, login, register, try_login};
use crate::support::server::Server;
use crate::support::ws;

/// `grep` with these options on the log file: the lines it finds.
fn grep(server: &Server, options: &[&str]) -> Vec<String> {
    let output = Command::new("grep").args(options).arg(server.log_file()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What people do all day.
fn normal_use(server: &Server) -> Vec<String> {
    let mut tokens = vec![register(server, "ann"), login(server, "ann"), login(server, "ann")];
    let http = server.http();
    http.get("/?secret=in-the-query", None);
    http.get("/health", None);
    http.get("/nowhere.png", None);
    assert_eq!(http.get("/agentx/info", Some(&tokens[0])).status, 200);
    assert_eq!(try_login(http, "ann", "a-wrong-password").status, 401);
    assert_eq!(http.get("/agentx/info", Some("not.a.token")).status, 401);
    let mut socket = ws::Client::connect(server.port(), &tokens[0]);
    let made = socket.ask("image_create_request", json!({"name": "a private name"}));
    let id = made["record"]["imageId"].as_str().unwrap();
    socket.ask("subscribe_request", json!({"imageId": id}));
    socket.ask("message_send_request", json!({"imageId": id, "content": "words of a person"}));
    socket.events_until("conversation_end");
    socket.close();
    let body = json!({"currentPassword": PASSWORD, "newPassword": "a-new-password"});
    let changed = http.post("/api/auth/password", Some(&tokens[0]), &body).json();
    tokens.push(changed["token"].as_str().unwrap().to_owned());
    http.post("/api/auth/logout", Some(&tokens[3]), &json!({}));
    tokens
}

#[test]
fn what_people_grep_for() {
    let mut server = Server::start();
    let tokens = normal_use(&server);
    assert_eq!(grep(&server, &["-c", "POST /api/auth/login"]), ["3"], "every login, once");
    let lines = grep(&server, &["POST /api/auth/login 200 "]);
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words[0].ends_with('Z') && words[0].len() == 24, "{line}");
        assert_eq!(words[1..7], ["INFO", "", "http", "POST", "/api/auth/login", "200"], "{line}");
        assert!(words[7].ends_with("ms") && words[8] == "ip=127.0.0.1", "{line}");
        assert!(words[9].starts_with("user=") && words[10].starts_with("req=") && words.len() == 11, "{line}");
    }
    assert_eq!(grep(&server, &["GET /ws 101 "]).len(), 1);
    eventually("the socket's end", || grep(&server, &["closed user="]).len() == 1);
    let answer = server.http().get("/api/nothing", None);
    let id = format!("req={}", answer.header("x-request-id").unwrap());
    let found = grep(&server, &[id.as_str()]);
    assert!(found.len() == 1 && found[0].contains("GET /api/nothing 404 "), "{found:?}");

    server.terminate();
    assert_eq!(grep(&server, &["-i", "error"]), Vec::<String>::new());
    let file = std::fs::read_to_string(server.log_file()).unwrap();
    let year = &file[..4];
    for text in [file.as_str(), &server.stdout(), &server.stderr()] {
        for secret in [PASSWORD, "a-wrong-password", "a-new-password", "in-the-query", "?", "not.a.token"] {
            assert!(!text.contains(secret), "{secret}");
        }
        for secret in ["words of a person", "a private name"] {
            assert!(!text.contains(secret), "{secret}");
        }
        for token in &tokens {
            let (_, signature) = token.rsplit_once('.').unwrap();
            assert!(!text.contains(signature));
        }
        assert!(text.lines().all(|line| line.starts_with(year)), "one record, one line");
    }
}
