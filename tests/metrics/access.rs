//! Who may read the numbers.

use crate::support::server::Server;

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let server = Server::builder().env("METRICS_TOKEN", "scrape-me-7f3a").start();
    let http = server.http();
    for token in [None, Some("scrape-me"), Some("scrape-me-7f3a-")] {
        let answer = http.get("/metrics", token);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("unauthenticated")), "{token:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = http.get("/metrics", Some("scrape-me-7f3a"));
    assert!(answer.status == 200 && answer.text().contains("portagent_uptime_seconds"));
    let config = server.run(&["config"]).stdout;
    assert!(config.contains("METRICS_TOKEN") && !config.contains("7f3a"), "{config}");
    assert!(!std::fs::read_to_string(server.log_file()).unwrap().contains("7f3a"));
}

#[test]
fn without_one_a_stranger_behind_a_proxy_is_sent_away() {
    let server = Server::start();
    let far = |headers: &str| server.http().request("GET", "/metrics", headers, b"");
    let answer = far("X-Forwarded-For: 203.0.113.9\r\n");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("forbidden")), "{}", answer.text());
    assert!(answer.json()["hint"].as_str().unwrap().contains("METRICS_TOKEN"));
    assert_eq!(far("X-Forwarded-For: 192.168.7.7\r\n").status, 200);
    assert_eq!(far("").status, 200);
}
