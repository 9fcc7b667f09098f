//! One line in the log for every request, but for floods of refused ones.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::id::UserId;
use crate::telemetry::metrics::uptime;

/// The longest path in the log, in bytes.
const PATH_BYTES: usize = 256;
/// Refused requests (4xx) of one address that get a line of their own in one second.
const LINES: u64 = 20;
/// Addresses that are counted in one second.
const ADDRESSES: usize = 1024;

pub(crate) struct Line<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    /// Measured once: the line on stdout is the line in the file.
    pub(crate) took: Duration,
    pub(crate) ip: IpAddr,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) id: &'a str,
}

impl Line<'_> {
    pub(crate) fn log(&self) {
        let second = uptime().as_secs();
        let (ended, is_folded) = FOLDED.lock().unwrap_or_else(PoisonError::into_inner).count(self, second);
        for line in ended {
            log::info!(target: "http", "{line}");
        }
        if !is_folded {
            log::info!(target: "http", "{self}");
        }
    }
}

/// Refused requests of the present second, by address. A flood of them becomes one line a second with their number, so
/// that it does not roll the log over.
struct Folded {
    second: u64,
    counts: BTreeMap<IpAddr, u64>,
}

static FOLDED: Mutex<Folded> = Mutex::new(Folded { second: 0, counts: BTreeMap::new() });

impl Folded {
    /// The lines about the second that has ended, and whether this request gets no line of its own.
    fn count(&mut self, line: &Line<'_>, second: u64) -> (Vec<String>, bool) {
        let mut ended = Vec::new();
        if second != self.second {
            self.second = second;
            for (ip, count) in std::mem::take(&mut self.counts).into_iter().filter(|(_, count)| *count > LINES) {
                ended.push(format!("{} more requests were refused within a second ip={ip}", count - LINES));
            }
        }
        let is_known = self.counts.contains_key(&line.ip);
        if !(400..500).contains(&line.status) || (!is_known && self.counts.len() == ADDRESSES) {
            return (ended, false);
        }
        let count = self.counts.entry(line.ip).or_default();
        *count += 1;
        (ended, *count > LINES)
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_millis();
        write!(f, "{} {} {} {took}ms ip={}", self.method, Shown(self.path), self.status, self.ip)?;
        if let Some(user) = self.user {
            write!(f, " user={}", Shown(user.as_str()))?;
        }
        write!(f, " req={}", self.id)
    }
}

/// One word, whatever was sent: no blanks, nothing that a terminal acts upon, no more than fits a line.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= PATH_BYTES && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return f.write_str(self.0);
        }
        // A character that is replaced takes one byte, so counting characters bounds the bytes.
        for c in self.0.chars().take(PATH_BYTES) {
            f.write_char(if c.is_ascii_graphic() { c } else { '?' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refused_requests_is_one_line_a_second() {
        let mut folded = Folded { second: 0, counts: BTreeMap::new() };
        let line = |last: u8, status| Line {
            method: "GET",
            path: "/",
            status,
            took: Duration::ZERO,
            ip: IpAddr::from([192, 0, 2, last]),
            user: None,
            id: "x",
        };
        let own_lines = (0..1000).filter(|_| !folded.count(&line(1, 401), 7).1).count() as u64;
        assert_eq!(own_lines, LINES);
        assert!(!folded.count(&line(2, 404), 7).1, "another address has its own lines");
        assert!(!folded.count(&line(1, 200), 7).1, "what is answered is never folded");
        let (ended, is_folded) = folded.count(&line(1, 401), 8);
        assert_eq!(ended, ["980 more requests were refused within a second ip=192.0.2.1"]);
        assert!(!is_folded);
        for at in 0..5000_u32 {
            folded.count(&Line { ip: IpAddr::from(at.to_be_bytes()), ..line(1, 404) }, 9);
        }
        assert!(folded.counts.len() <= ADDRESSES);
    }

    #[test]
    fn a_line_is_one_line() {
        let user = UserId::from_outside("u-1");
        let line = |path: &str, user| {
            Line {
                method: "GET",
                path,
                status: 200,
                took: Duration::ZERO,
                ip: IpAddr::from([1, 2, 3, 4]),
                user,
                id: "abc",
            }
            .to_string()
        };
        assert_eq!(line("/api/auth/login", Some(&user)), "GET /api/auth/login 200 0ms ip=1.2.3.4 user=u-1 req=abc");
        assert_eq!(line("/a b\n小\u{1b}[31m", None), "GET /a?b???[31m 200 0ms ip=1.2.3.4 req=abc");
        assert!(line(&"x".repeat(9999), None).len() < 320);
    }
}
