//! How often one may try: by account and by address, and how one is let in again.

use serde_json::json;

use crate::support::http::Response;
use crate::support::people::{PASSWORD, post_from, register, sqlite3, try_login, try_login_from};
use crate::support::server::{Builder, Server};

const WRONG: &str = "wrong-password";

fn strict() -> Builder {
    Server::builder().env("LOGIN_FAILURES_PER_5MIN", "3")
}

fn told_to_wait(answer: &Response, most: u64) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("rate_limited")), "{}", answer.text());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=most).contains(&wait), "{wait}");
}

#[test]
fn three_failures_and_the_door_is_shut_until_it_is_unlocked() {
    let server = strict().start();
    register(&server, "ann");
    register(&server, "bob");
    let http = server.http();
    let shut_out = || {
        for _ in 0..3 {
            assert_eq!(try_login(http, "Ann", WRONG).status, 401);
        }
        told_to_wait(&try_login(http, "ann", WRONG), 300);
        told_to_wait(&try_login(http, " ANN ", PASSWORD), 300);
    };
    shut_out();
    assert_eq!(try_login(http, "bob", PASSWORD).status, 200, "another account is not concerned");
    let unlocked = server.run(&["user", "unlock", "ann"]);
    assert_eq!((unlocked.code, unlocked.stdout.as_str()), (Some(0), "1 unlocked\n"), "{}", unlocked.stderr);
    assert_eq!(try_login(http, "ann", PASSWORD).status, 200);

    shut_out();
    assert_eq!(server.run(&["user", "unlock"]).code, Some(0));
    assert_eq!(try_login(http, "ann", WRONG).status, 401, "the counting starts anew");
    assert_eq!(try_login(http, "ann", PASSWORD).status, 200);
    assert!(!server.run(&["user", "unlock", "nobody"]).stderr.is_empty());
}

#[test]
fn the_right_password_unlocks_the_account_from_elsewhere() {
    let server = strict().start();
    register(&server, "ann");
    let http = server.http();
    for _ in 0..3 {
        assert_eq!(try_login_from(http, "203.0.113.5", "ann", WRONG).status, 401);
    }
    told_to_wait(&try_login_from(http, "203.0.113.5", "ann", PASSWORD), 300);
    assert_eq!(try_login_from(http, "198.51.100.9", "ann", WRONG).status, 401, "who sits elsewhere is not shut out");
    assert_eq!(try_login_from(http, "198.51.100.9", "ann", PASSWORD).status, 200);
    assert_eq!(try_login_from(http, "203.0.113.5", "ann", PASSWORD).status, 200);
}

#[test]
fn an_ipv6_customer_is_one_address() {
    let server = strict().start();
    register(&server, "ann");
    let http = server.http();
    for host in 1..=3 {
        assert_eq!(try_login_from(http, &format!("2001:db8:1:2::{host}"), "ann", WRONG).status, 401);
    }
    told_to_wait(&try_login_from(http, "2001:db8:1:2:ffff::9", "ann", WRONG), 300);
    assert_eq!(try_login_from(http, "2001:db8:1:3::1", "ann", WRONG).status, 401);
}

#[test]
fn one_address_cannot_try_all_names_nor_can_all_addresses_try_one() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "1").start();
    let http = server.http();
    let tries = |n: usize, of: &dyn Fn(usize) -> (String, String)| {
        let (address, name) = of(n);
        try_login_from(http, &address, &name, WRONG).status
    };
    let names = |n: usize| ("203.0.113.5".to_owned(), format!("name{n}"));
    assert_eq!((0..6).map(|n| tries(n, &names)).collect::<Vec<_>>(), [401, 401, 401, 401, 401, 429]);
    let addresses = |n: usize| (format!("198.51.100.{n}"), "victim".to_owned());
    let statuses: Vec<u16> = (0..12).map(|n| tries(n, &addresses)).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 2]);
}

#[test]
fn guesses_at_the_same_time_count_like_guesses_in_turn() {
    let server = strict().start();
    register(&server, "ann");
    let http = server.http();
    let threads: Vec<_> = (0..16).map(|_| std::thread::spawn(move || try_login(http, "ann", WRONG).status)).collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(looked_at, 3, "{statuses:?}");
}

#[test]
fn only_a_trusted_proxy_says_where_a_client_is() {
    let server = strict().env("TRUSTED_PROXIES", "10.0.0.0/8").start();
    register(&server, "ann");
    let http = server.http();
    for n in 1..=3 {
        assert_eq!(try_login_from(http, &format!("203.0.113.{n}"), "ann", WRONG).status, 401);
    }
    told_to_wait(&try_login_from(http, "203.0.113.4", "ann", PASSWORD), 300);
    let log = std::fs::read_to_string(server.log_file()).unwrap();
    assert!(log.contains(" ip=127.0.0.1 ") && !log.contains("203.0.113"), "{log}");
}

#[test]
fn registrations_are_counted_by_address() {
    let server = Server::builder().env("REGISTRATIONS_PER_HOUR", "2").start();
    let http = server.http();
    let from = |address: &str, name: &str| {
        post_from(http, address, "/api/auth/register", &json!({"username": name, "password": PASSWORD}))
    };
    register(&server, "ann");
    assert_eq!(from("203.0.113.5", "one").status, 201);
    assert_eq!(from("203.0.113.5", "ann").status, 409);
    told_to_wait(&from("203.0.113.5", "two"), 3600);
    assert_eq!(from("203.0.113.6", "two").status, 201);
    let containers = sqlite3(&server.data_dir().join("data/agentx.db"), "SELECT count(*) FROM containers");
    let users = sqlite3(&server.data_dir().join("data/portagent.db"), "SELECT count(*) FROM users");
    assert_eq!(users, "3");
    assert!(containers.parse::<u32>().unwrap() <= 3, "a failed registration leaves nothing behind: {containers}");
}

#[test]
fn zero_turns_the_limits_off() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "0").env("REGISTRATIONS_PER_HOUR", "0").start();
    for n in 0..22 {
        let body = json!({"username": "ann", "password": PASSWORD});
        let expected = if n == 0 { 201 } else { 409 };
        assert_eq!(server.http().post("/api/auth/register", None, &body).status, expected);
    }
    let statuses: Vec<u16> = (0..11).map(|_| try_login(server.http(), "ann", WRONG).status).collect();
    assert_eq!(statuses, [401; 11]);
}

#[test]
fn name_and_email_are_one_account_and_no_name_looks_like_another_key() {
    let server = strict().start();
    let body = json!({"username": "ann", "password": PASSWORD, "email": "ann@example.com"});
    assert_eq!(server.http().post("/api/auth/register", None, &body).status, 201);
    let http = server.http();
    for name in ["ann", "ann@example.com", "ANN"] {
        assert_eq!(try_login(http, name, WRONG).status, 401, "{name}");
    }
    told_to_wait(&try_login(http, "ann@example.com", PASSWORD), 300);

    register(&server, "lin");
    for _ in 0..3 {
        assert_eq!(try_login_from(http, "198.51.100.7", "lin\n203.0.113.9", WRONG).status, 401);
    }
    assert_eq!(try_login_from(http, "203.0.113.9", "lin", PASSWORD).status, 200);
}

#[test]
fn a_network_of_many_addresses_cannot_keep_the_owner_out() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "1").start();
    register(&server, "ann");
    let http = server.http();
    assert_eq!(try_login_from(http, "203.0.113.5", "ann", PASSWORD).status, 200);
    let statuses: Vec<u16> =
        (0..14).map(|n| try_login_from(http, &format!("198.51.100.{n}"), "ann", WRONG).status).collect();
    assert_eq!((&statuses[..10], &statuses[10..]), (&[401; 10][..], &[429; 4][..]));
    assert_eq!(try_login_from(http, "203.0.113.5", "ann", PASSWORD).status, 200, "where ann logged in before");
    // One /48 has 65,536 networks of the size that a customer gets: it is counted as a whole, too.
    let of_v6 = |n: usize| try_login_from(http, &format!("2001:db8:7:{n:x}00::1"), "ann", WRONG).status;
    assert_eq!((0..6).map(of_v6).collect::<Vec<_>>(), [401, 401, 401, 401, 429, 429]);
}

#[test]
fn successful_logins_are_counted_too() {
    let server = Server::builder().env("LOGIN_FAILURES_PER_5MIN", "1").start();
    register(&server, "ann");
    register(&server, "bob");
    let statuses: Vec<u16> = (0..7).map(|_| try_login(server.http(), "ann", PASSWORD).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429]);
    assert_eq!(try_login(server.http(), "bob", PASSWORD).status, 200);
}
