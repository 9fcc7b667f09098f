//! Invite codes: what lets people in, how often and until when.

use serde_json::json;

use crate::support::http::Response;
use crate::support::people::{PASSWORD, register, sql};
use crate::support::server::Server;

fn closed() -> Server {
    let server = Server::builder().env("INVITE_CODE_REQUIRED", "true").start();
    register(&server, "ann");
    server
}

fn invite(server: &Server, options: &[&str]) -> String {
    let run = server.run(&[&["invite", "create", "--json"], options].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let invite: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    invite["code"].as_str().unwrap().to_owned()
}

fn come(server: &Server, name: &str, code: Option<&str>) -> Response {
    let body = json!({"username": name, "password": PASSWORD, "inviteCode": code});
    server.http().post("/api/auth/register", None, &body)
}

fn refused(server: &Server, code: Option<&str>) {
    let answer = come(server, "nobody", code);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("Invalid invite code")), "{code:?}");
}

#[test]
fn a_code_lets_one_in_once() {
    let server = closed();
    assert_eq!(server.http().get("/api/auth/config", None).json()["inviteCodeRequired"], true);
    let code = invite(&server, &[]);
    for wrong in [None, Some(""), Some("nonsense"), Some(&*format!("{code}abc")), Some(&code[..code.len() - 1])] {
        refused(&server, wrong);
    }
    let taken = come(&server, "ann", Some(&code));
    assert_eq!(taken.json()["error"], "Username 'ann' already exists");
    let bob = come(&server, "bob", Some(&format!(" {code} ")));
    assert_eq!((bob.status, &bob.json()["user"]["role"]), (201, &json!("user")), "what failed has used nothing up");
    refused(&server, Some(&code));
}

#[test]
fn a_code_for_many_is_used_up_exactly() {
    let server = closed();
    let code = invite(&server, &["--uses", "2", "--note", "a class"]);
    let (http, count) = (server.http(), 6);
    let threads: Vec<_> = (0..count)
        .map(|n| {
            let body = json!({"username": format!("pupil{n}"), "password": PASSWORD, "inviteCode": code});
            std::thread::spawn(move || http.post("/api/auth/register", None, &body).status)
        })
        .collect();
    let mut statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 403, 403, 403, 403]);
}

#[test]
fn expired_and_revoked_codes_are_worth_nothing() {
    let server = closed();
    let expired = invite(&server, &["--expires", "30m"]);
    sql(&server, &format!("UPDATE invites SET expiresAt = 1000 WHERE code = '{expired}'"));
    refused(&server, Some(&expired));
    let revoked = invite(&server, &[]);
    assert_eq!(server.run(&["invite", "revoke", &revoked]).code, Some(0));
    refused(&server, Some(&revoked));
}

/// The code that everybody could compute in Portagent 1.9.
fn daily() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (now - now % (24 * 3600) + 1).to_string()
}

#[test]
fn the_daily_code_counts_only_where_it_is_turned_on() {
    let server = closed();
    refused(&server, Some(&daily()));
    let server = Server::builder().env("INVITE_CODE_REQUIRED", "true").env("INVITE_CODE_DAILY", "true").start();
    register(&server, "ann");
    refused(&server, Some(&format!("{}abc", daily())));
    refused(&server, None);
    // Around midnight the code of a moment ago is yesterday's.
    assert!((0..2).any(|_| come(&server, "bob", Some(&daily())).status == 201));
}
