//! Two-step log-in: set up with an app's code, asked for at the log-in, good once, and the ways out.

use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::people::{PASSWORD, login, register, sql, try_login, verify};
use crate::support::server::Server;

/// What an authenticator app shows now, and never used before as far as the server knows.
fn fresh_code(server: &Server, secret: &str) -> String {
    sql(server, "UPDATE second_steps SET lastStep = 0");
    let bytes: [u8; 20] = BASE32_NOPAD.decode(secret.as_bytes()).unwrap().try_into().unwrap();
    let app = totp_rs::Builder::new().with_secret(totp_rs::Secret::new_stack(bytes)).build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    app.generate(now.as_secs()).to_string()
}

fn post(server: &Server, path: &str, token: Option<&str>, body: Value) -> Response {
    server.http().post(path, token, &body)
}

fn code_of(answer: &Response) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Turns it on: the app's secret, and the recovery codes.
fn turn_on(server: &Server, token: &str) -> (String, Vec<String>) {
    let made = post(server, "/api/auth/2fa/setup", Some(token), json!({"password": PASSWORD}));
    assert_eq!(made.status, 200, "{}", made.text());
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let done = post(server, "/api/auth/2fa/confirm", Some(token), json!({"code": fresh_code(server, &secret)}));
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.json();
    let codes = done["recoveryCodes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    (secret, codes.collect())
}

/// The first step: a ticket, and no token.
fn ticket(server: &Server, name: &str, password: &str) -> String {
    let answer = try_login(server.http(), name, password);
    assert_eq!(code_of(&answer), error(401, "second_step_required"), "{}", answer.text());
    assert!(answer.json()["token"].is_null());
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

fn second(server: &Server, ticket: &str, code: &str) -> Response {
    post(server, "/api/auth/login/code", None, json!({"ticket": ticket, "code": code}))
}

#[test]
fn it_is_on_when_a_code_was_given_and_asked_for_from_then_on() {
    let server = Server::start();
    let token = register(&server, "alice");
    let set_up = |password: &str| post(&server, "/api/auth/2fa/setup", Some(&token), json!({"password": password}));
    let confirm = |code: &str| post(&server, "/api/auth/2fa/confirm", Some(&token), json!({"code": code}));
    assert_eq!(code_of(&confirm("123456")), error(409, "second_step_not_prepared"));
    assert_eq!(code_of(&set_up("wrong-password")), error(403, "wrong_password"), "a stolen token is not enough");
    let made = set_up(PASSWORD).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(
        made["uri"].as_str().unwrap().contains(secret) && made["qr"].as_str().unwrap().starts_with("<svg"),
        "{made}"
    );
    let wrong = confirm("no code");
    assert_eq!(code_of(&wrong), error(403, "wrong_code"));
    assert!(wrong.json()["hint"].as_str().unwrap().contains("clock"), "{}", wrong.text());
    login(&server, "alice"); // not on yet
    let codes = confirm(&fresh_code(&server, secret)).json();
    assert_eq!(codes["recoveryCodes"].as_array().unwrap().len(), 10);
    let status = server.http().get("/api/auth/2fa", Some(&token)).json();
    assert_eq!(status, json!({"on": true, "recoveryCodesLeft": 10}));
    assert_eq!(code_of(&set_up(PASSWORD)), error(409, "second_step_on"), "it is not replaced in passing");
    assert_eq!(verify(server.http(), &token), 200, "sessions stay");

    assert_eq!(code_of(&try_login(server.http(), "alice", "wrong-password")), error(401, "invalid_credentials"));
    let first = ticket(&server, "alice", PASSWORD);
    assert_eq!(verify(server.http(), &first), 401, "a ticket is no token");
    assert_eq!(code_of(&second(&server, &first, "12345")), error(403, "wrong_code"));
    let code = fresh_code(&server, secret);
    let done = second(&server, &first, &code);
    assert_eq!((done.status, verify(server.http(), done.json()["token"].as_str().unwrap())), (200, 200));
    assert_eq!(code_of(&second(&server, &first, &code)), error(401, "ticket_expired"), "a ticket is good once");
    assert_eq!(
        code_of(&second(&server, &ticket(&server, "alice", PASSWORD), &code)),
        error(403, "wrong_code"),
        "so is a code"
    );
    let recovery = codes["recoveryCodes"][3].as_str().unwrap().to_uppercase();
    assert_eq!(second(&server, &ticket(&server, "alice", PASSWORD), &recovery).status, 200);
    assert_eq!(code_of(&second(&server, &ticket(&server, "alice", PASSWORD), &recovery)), error(403, "wrong_code"));
    assert_eq!(server.http().get("/api/auth/2fa", Some(&token)).json()["recoveryCodesLeft"], 9);
    let both = json!({"usernameOrEmail": "alice", "password": PASSWORD, "code": fresh_code(&server, secret)});
    assert_eq!(post(&server, "/api/auth/login", None, both).status, 200, "both steps in one request");
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains(secret) && !log.contains(&code) && !log.contains(&first), "no secret is in the log");
    assert!(
        !sql(&server, "SELECT group_concat(digest) FROM recovery_codes")
            .contains(&recovery.to_lowercase().replace('-', ""))
    );
}

#[test]
fn wrong_codes_count_and_a_right_password_lifts_nothing() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "3").start();
    let token = register(&server, "alice");
    let (secret, _) = turn_on(&server, &token);
    for _ in 0..3 {
        let ticket = ticket(&server, "alice", PASSWORD);
        assert_eq!(code_of(&second(&server, &ticket, "not it")), error(403, "wrong_code"));
    }
    assert_eq!(code_of(&try_login(server.http(), "alice", PASSWORD)), error(429, "rate_limited"));
    let disable = json!({"password": PASSWORD, "code": fresh_code(&server, &secret)});
    assert_eq!(post(&server, "/api/auth/2fa/disable", Some(&token), disable).status, 429, "nor with a token");
    assert_eq!(server.run(&["user", "unlock", "alice"]).code, Some(0));
    let good = second(&server, &ticket(&server, "alice", PASSWORD), &fresh_code(&server, &secret));
    assert_eq!(good.status, 200, "{}", good.text());
}

#[test]
fn one_ticket_takes_few_tries_and_dies_with_the_password() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "0").start();
    let token = register(&server, "alice");
    let (secret, _) = turn_on(&server, &token);
    let tried = ticket(&server, "alice", PASSWORD);
    assert!((0..5).all(|_| second(&server, &tried, "000000x").status == 403));
    assert_eq!(code_of(&second(&server, &tried, &fresh_code(&server, &secret))), error(401, "ticket_expired"));
    let open = ticket(&server, "alice", PASSWORD);
    assert_eq!(server.run(&["user", "passwd", "alice", "--generate", "--json"]).code, Some(0));
    assert_eq!(code_of(&second(&server, &open, &fresh_code(&server, &secret))), error(401, "ticket_expired"));
}

#[test]
fn the_ways_out() {
    let server = Server::start();
    let admin = register(&server, "admin");
    let token = register(&server, "alice");
    let (secret, codes) = turn_on(&server, &token);
    let disable = |password: &str, code: &str| {
        code_of(&post(&server, "/api/auth/2fa/disable", Some(&token), json!({"password": password, "code": code})))
    };
    assert_eq!(disable("wrong-password", &codes[0]), error(403, "wrong_password"));
    assert_eq!(disable(PASSWORD, "123"), error(403, "wrong_code"));
    assert_eq!(disable(PASSWORD, &fresh_code(&server, &secret)), error(200, ""));
    login(&server, "alice");

    // A new password of the operator's leaves the second step; the reset is a command of its own.
    turn_on(&server, &token);
    let made = server.run(&["user", "passwd", "alice", "--generate", "--json"]);
    let password = serde_json::from_str::<Value>(&made.stdout).unwrap()["password"].as_str().unwrap().to_owned();
    ticket(&server, "alice", &password);
    let reset = server.run(&["user", "2fa", "reset", "alice"]);
    assert_eq!((reset.code, reset.stdout.as_str()), (Some(0), "alice logs in with the password alone now\n"));
    assert!(
        reset.stderr.contains("action=user.2fa_reset by=operator on=user:")
            || std::fs::read_to_string(server.log_file()).unwrap().contains("action=user.2fa_reset by=operator")
    );
    assert_eq!(try_login(server.http(), "alice", &password).status, 200);

    // An administrator resets that of others, and sees who has it.
    let bob = register(&server, "bob");
    turn_on(&server, &bob);
    let users = server.http().get("/api/admin/users?query=bob", Some(&admin)).json();
    assert_eq!(users["users"][0]["secondStep"], true, "{users}");
    let path = format!("/api/admin/users/{}/2fa/reset", users["users"][0]["userId"].as_str().unwrap());
    assert_eq!(post(&server, &path, Some(&bob), json!({})).status, 403);
    assert_eq!(post(&server, &path, Some(&admin), json!({})).json()["user"]["secondStep"], false);
    login(&server, "bob");
}

#[test]
fn an_account_with_a_second_step_is_deleted_with_a_code() {
    let server = Server::start();
    register(&server, "admin");
    let token = register(&server, "alice");
    let (_, codes) = turn_on(&server, &token);
    let delete = |body: Value| code_of(&post(&server, "/api/auth/delete", Some(&token), body));
    let dry = post(&server, "/api/auth/delete?dryRun=1", Some(&token), json!({})).json();
    assert_eq!(dry["secondStep"], true);
    assert_eq!(delete(json!({"password": PASSWORD})), error(403, "code_required"));
    assert_eq!(delete(json!({"password": PASSWORD, "code": "123456x"})), error(403, "wrong_code"));
    assert_eq!(delete(json!({"password": PASSWORD, "code": codes[0]})), error(200, ""));
    assert_eq!(sql(&server, "SELECT count(*) FROM second_steps; SELECT count(*) FROM recovery_codes"), "0\n0");
}
