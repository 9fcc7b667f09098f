//! The log level, changed while the server runs: by an administrator, and by SIGHUP from the env file.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::http::Response;
use crate::support::people::register;
use crate::support::server::Server;

fn put(server: &Server, token: Option<&str>, body: &Value) -> Response {
    let authorization = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let headers = format!("Content-Type: application/json\r\n{authorization}");
    server.http().request("PUT", "/api/admin/settings", &headers, body.to_string().as_bytes())
}

fn log(server: &Server) -> String {
    fs::read_to_string(server.log_file()).unwrap()
}

#[test]
fn only_an_administrator_changes_it() {
    let server = Server::start();
    let (admin, other) = (register(&server, "ann"), register(&server, "bob"));
    let get = |token| server.http().get("/api/admin/settings", token);
    assert_eq!((get(None).status, get(Some(&other)).status), (401, 403));
    assert_eq!(put(&server, None, &json!({"logLevel": "debug"})).status, 401);
    assert_eq!(put(&server, Some(&other), &json!({"logLevel": "debug"})).status, 403);
    assert_eq!(get(Some(&admin)).json()["logLevel"], "info");

    let changed = put(&server, Some(&admin), &json!({"logLevel": "error"}));
    assert_eq!((changed.status, changed.json()["logLevel"].as_str()), (200, Some("error")));
    assert!(changed.json()["logLevelLasts"].as_str().unwrap().starts_with("until the server restarts"));
    assert!(log(&server).contains(" INFO  log log level info → err, by administrator user="), "{}", log(&server));
    assert!(log(&server).contains(" INFO  audit action=settings.change by=user:"), "{}", log(&server));
    let before = log(&server);
    server.http().get("/health", None);
    assert_eq!(log(&server), before, "no access lines at level error");

    put(&server, Some(&admin), &json!({"logLevel": "info"}));
    server.http().get("/health", None);
    assert!(log(&server)[before.len()..].contains("GET /health 200"), "{}", log(&server));

    for bad in [json!({"logLevel": "loud"}), json!({}), json!({"logLevel": 7}), json!({"port": 1})] {
        assert_eq!(put(&server, Some(&admin), &bad).status, 400, "{bad}");
    }
    assert_eq!(get(Some(&admin)).json()["logLevel"], "info");
}

#[test]
fn sighup_reads_the_env_file_again() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("portagent.env");
    fs::write(&file, "LOG_LEVEL=info\n").unwrap();
    let server = Server::builder().arg("--env-file").arg(file.to_str().unwrap()).start_in(home);
    let reload = |text: &str, expected: &str| {
        let before = log(&server).len();
        fs::write(&file, text).unwrap();
        server.signal(Signal::HUP);
        eventually(expected, || log(&server)[before..].contains(expected));
    };
    reload("LOG_LEVEL=warn\n", " INFO  log log level info → warn, by SIGHUP");
    let before = log(&server);
    server.http().get("/health", None);
    assert_eq!(log(&server), before);
    reload("LOG_LEVEL=loud\n", "LOG_LEVEL=loud (from ");
    assert!(log(&server).contains("the settings stay as they were"), "{}", log(&server));
    reload("LOG_LEVEL=\nbroken line\n", ":2: there is no = in this line");
    reload("LOG_LEVEL=debug\n", " INFO  log log level warn → debug, by SIGHUP");
    reload("LOG_LEVEL=debug\n", " INFO  log log level debug → debug, by SIGHUP");
    reload(
        "LOG_LEVEL=info\nREGISTRATIONS_PER_HOUR=7\n",
        "only LOG_LEVEL can be changed without a restart; also changed: REGISTRATIONS_PER_HOUR",
    );
    server.http().get("/health", None);
    assert!(log(&server).trim_end().lines().last().unwrap().contains("GET /health 200"));
}
