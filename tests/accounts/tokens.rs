//! Tokens: those of Portagent 1.9, and forged ones.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::people::{PASSWORD, register, sql, verify};
use crate::support::server::Server;
use crate::support::ws;

const SECRET: &str = "a secret of the tests, 小";
const DAY_S: i64 = 24 * 3600;

fn sign(secret: &str, header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn hs256() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// As Portagent 1.9 issued it, that long ago.
fn legacy(user: &str, ago_s: i64) -> String {
    let issued = now_s() - ago_s;
    sign(SECRET, &hs256(), &json!({"sub": user, "iat": issued, "exp": issued + 7 * DAY_S}))
}

fn start() -> (Server, String, String) {
    let server = Server::builder().env("JWT_SECRET", SECRET).start();
    let token = register(&server, "ann");
    let user =
        server.http().get("/api/auth/verify", Some(&token)).json()["user"]["userId"].as_str().unwrap().to_owned();
    (server, token, user)
}

/// As if the accounts there were taken over from 1.9 that long ago.
fn take_over(server: &Server, ago_s: i64) {
    let closes = (now_s() - ago_s + 7 * DAY_S) * 1000;
    let row = format!("INSERT OR REPLACE INTO revoked_tokens VALUES ('takeover of 1.9', {closes})");
    sql(server, &format!("UPDATE users SET legacyTokensFrom = 0; {row}"));
}

#[test]
fn tokens_of_1_9_are_for_accounts_that_were_taken_over_and_for_7_days() {
    let (server, _, user) = start();
    let is_good = |token: &str| verify(server.http(), token) == 200;
    assert!(!is_good(&legacy(&user, 60)), "an account that 1.9 never saw");
    take_over(&server, DAY_S);
    assert!(is_good(&legacy(&user, 2 * DAY_S)));
    assert!(!is_good(&legacy(&user, 60)), "1.9 was gone then");
    assert!(!is_good(&legacy(&user, -DAY_S)), "issued in the future");
    let long = json!({"sub": user, "iat": now_s() - 2 * DAY_S, "exp": now_s() + 365 * DAY_S});
    assert!(!is_good(&sign(SECRET, &hs256(), &long)), "1.9 gave none for longer than 7 days");
    take_over(&server, 6 * DAY_S + DAY_S);
    assert!(!is_good(&legacy(&user, 8 * DAY_S)) && !is_good(&legacy(&user, 7 * DAY_S)), "the door has closed");
}

#[test]
fn a_token_of_1_9_is_good_until_it_is_logged_out() {
    let (mut server, token, user) = start();
    take_over(&server, 0);
    let (first, second) = (legacy(&user, 60), legacy(&user, DAY_S));
    assert_eq!(verify(server.http(), &first), 200);
    assert_eq!(verify(server.http(), &second), 200);
    let mut socket = ws::Client::connect(server.port(), &first);
    socket.ask("image_list_request", json!({}));
    assert_eq!(server.http().post("/api/auth/logout", Some(&first), &json!({})).status, 200);
    assert_eq!(socket.wait_closed().0, 1008);
    server.restart();
    for (token, expected) in [(&first, 401), (&second, 200), (&token, 200)] {
        assert_eq!(verify(server.http(), token), expected, "a restart forgets nothing");
    }
    let body = json!({"currentPassword": PASSWORD, "newPassword": "another-one"});
    assert_eq!(server.http().post("/api/auth/password", Some(&second), &body).status, 200);
    for token in [&second, &token, &legacy(&user, 2 * DAY_S)] {
        assert_eq!(verify(server.http(), token), 401, "a new password ends those of 1.9 as well");
    }
}

#[test]
fn made_up_tokens_are_refused() {
    let (server, token, user) = start();
    take_over(&server, 0);
    let good = json!({"sub": user, "iat": now_s() - 60, "exp": now_s() + DAY_S});
    assert_eq!(verify(server.http(), &sign(SECRET, &hs256(), &good)), 200, "the test signs as it should");
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = encode(&json!({"alg": "none"}));
    let mut tampered = parts[2].to_owned().into_bytes();
    tampered[0] = if tampered[0] == b'A' { b'B' } else { b'A' };
    let bad = [
        format!("{none}.{}.", encode(&good)),
        format!("{none}.{}", encode(&good)),
        format!("{none}.{}.{}", parts[1], parts[2]),
        sign(SECRET, &json!({"alg": "none"}), &good),
        sign(SECRET, &json!({"alg": "NONE"}), &good),
        sign(SECRET, &json!({"alg": "HS512"}), &good),
        sign(SECRET, &json!({"typ": "JWT"}), &good),
        sign(SECRET, &json!({"alg": "HS256", "crit": ["exp"]}), &good),
        sign("another secret", &hs256(), &good),
        sign("", &hs256(), &good),
        sign(SECRET, &hs256(), &json!({"sub": user, "iat": now_s() - 8 * DAY_S, "exp": now_s() - DAY_S})),
        sign(SECRET, &hs256(), &json!({"sub": user, "iat": now_s()})),
        sign(SECRET, &hs256(), &json!({"iat": now_s(), "exp": now_s() + DAY_S})),
        sign(SECRET, &hs256(), &json!({"sub": "somebody else", "iat": now_s(), "exp": now_s() + DAY_S})),
        sign(SECRET, &hs256(), &json!({"sub": user, "iat": now_s(), "exp": now_s() + DAY_S, "jti": "invented"})),
        sign(SECRET, &hs256(), &json!("no claims")),
        format!("{}.{}.{}", parts[0], encode(&good), parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], String::from_utf8(tampered).unwrap()),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        "x".repeat(5000),
        "..".to_owned(),
        ".".to_owned(),
    ];
    for token in &bad {
        assert_eq!(verify(server.http(), token), 401, "{token}");
        let hello = ws::Hello { port: server.port(), path: "/ws", token: ws::Token::Query(token), origin: None };
        assert_eq!(ws::Client::open(hello).err(), Some(ws::Refused(401)), "{token}");
    }
    let twice = format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(server.http().request("GET", "/agentx/info", &twice, b"").status, 401);
    assert_eq!(verify(server.http(), &token), 200);
}

#[test]
fn an_open_socket_ends_when_its_token_expires() {
    let (server, token, user) = start();
    take_over(&server, DAY_S);
    let issued = now_s() - 7 * DAY_S + 4;
    let old = sign(SECRET, &hs256(), &json!({"sub": user, "iat": issued, "exp": issued + 7 * DAY_S}));
    let mut of_1_9 = ws::Client::connect(server.port(), &old);
    let mut ours = ws::Client::connect(server.port(), &token);
    let bob = register(&server, "bob");
    let mut other = ws::Client::connect(server.port(), &bob);
    sql(&server, &format!("UPDATE logins SET expiresAt = {} WHERE userId = '{user}'", (now_s() + 4) * 1000));
    for client in [&mut ours, &mut of_1_9] {
        client.ask("image_list_request", json!({}));
    }
    for client in [&mut ours, &mut of_1_9] {
        assert_eq!(client.wait_closed(), (1008, "logged out".to_owned()));
    }
    assert!(now_s() >= issued + 7 * DAY_S, "not before");
    other.ask("image_list_request", json!({}));
}
