//! `/metrics` as Prometheus reads it.

mod access;
mod counts;
mod format;
mod locked;
mod packaging;

use crate::support::server::Server;

pub fn scrape(server: &Server) -> String {
    let answer = server.http().get("/metrics", None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text()
}

/// The value of one series, named as it stands in the text.
pub fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The names of all families.
pub fn families(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}
