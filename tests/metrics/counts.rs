//! The numbers are those of what happened.

use serde_json::json;

use super::{scrape, value};
use crate::support::chat::{Chat, chat};
use crate::support::eventually;
use crate::support::upstream::Script;

fn checks(setup: &Chat, expected: &[(&str, f64)]) {
    for (series, number) in expected {
        let mut last = None;
        eventually(&format!("{series} is {number}"), || {
            last = value(&scrape(&setup.server), series);
            last == Some(*number)
        });
    }
}

#[test]
fn turns_and_what_the_upstream_did() {
    let refused = Script::refusal(401, "authentication_error", "no");
    let overloaded = Script::refusal(529, "overloaded_error", "later");
    let setup = Chat::with([Script::text("One."), overloaded, Script::text("Two."), refused]);
    let (mut client, image) = setup.conversation();
    for _ in 0..3 {
        chat(&mut client, &image, "Hello?");
    }
    checks(
        &setup,
        &[
            ("portagent_turns_ended_total{reason=\"completed\"}", 2.0),
            ("portagent_turns_ended_total{reason=\"error\"}", 1.0),
            ("portagent_upstream_requests_total{outcome=\"answered\"}", 2.0),
            ("portagent_upstream_requests_total{outcome=\"failed\"}", 2.0),
            ("portagent_upstream_errors_total{code=\"upstream_auth\"}", 1.0),
            ("portagent_upstream_errors_total{code=\"upstream_overloaded\"}", 1.0),
            ("portagent_upstream_retries_total", 1.0),
            ("portagent_upstream_first_token_seconds_count", 2.0),
            ("portagent_tokens_total{kind=\"input\"}", 22.0),
            ("portagent_tokens_total{kind=\"output\"}", 46.0),
            ("portagent_tokens_total{kind=\"cache_read\"}", 14.0),
            ("portagent_tokens_total{kind=\"cache_write\"}", 10.0),
            ("portagent_websockets_open", 1.0),
            ("portagent_turns_running", 0.0),
        ],
    );
    let text = scrape(&setup.server);
    assert!(value(&text, "portagent_database_commits_total{database=\"agentx\"}").unwrap() >= 3.0);
    let pieces = value(&text, "portagent_database_commit_pieces_count").unwrap();
    assert!(pieces >= 4.0 && value(&text, "portagent_database_commit_pieces_sum").unwrap() >= pieces);
}

#[test]
fn accounts_and_requests() {
    let setup = Chat::with([]);
    let http = setup.server.http();
    let login = |password: &str| {
        let body = json!({"usernameOrEmail": "alice", "password": password});
        http.post("/api/auth/login", None, &body).status
    };
    assert_eq!((login("secret123"), login("wrong-one")), (200, 401));
    assert_eq!(http.get("/secret-path-of-alice", None).status, 200, "the page");
    assert_eq!(http.get("/api/no/such/thing", None).status, 404);
    checks(
        &setup,
        &[
            ("portagent_users_total", 1.0),
            ("portagent_users{state=\"active\"}", 1.0),
            ("portagent_users{state=\"disabled\"}", 0.0),
            ("portagent_registrations_total", 1.0),
            ("portagent_logins_total{outcome=\"ok\"}", 1.0),
            ("portagent_logins_total{outcome=\"refused\"}", 1.0),
            ("portagent_http_requests_total{method=\"POST\",route=\"/api/auth/login\",status=\"2xx\"}", 1.0),
            ("portagent_http_requests_total{method=\"POST\",route=\"/api/auth/login\",status=\"4xx\"}", 1.0),
            ("portagent_http_requests_total{method=\"GET\",route=\"(page)\",status=\"2xx\"}", 1.0),
            ("portagent_http_requests_total{method=\"-\",route=\"(none)\",status=\"4xx\"}", 1.0),
        ],
    );
    let text = scrape(&setup.server);
    assert!(!text.contains("secret-path") && !text.contains("no/such"), "paths are no labels");
    let bucket =
        "portagent_http_request_duration_seconds_bucket{method=\"POST\",route=\"/api/auth/login\",status=\"4xx\"";
    assert_eq!(value(&text, &format!("{bucket},le=\"30\"}}")), Some(1.0));
    assert_eq!(value(&text, &format!("{bucket},le=\"+Inf\"}}")), Some(1.0));
    assert_eq!(value(&text, &format!("{bucket},le=\"0.05\"}}")), Some(0.0), "a refusal takes its time");
}
