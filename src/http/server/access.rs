//! One line in the log for every request.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::id::UserId;

/// The longest path in the log, in bytes.
const PATH_BYTES: usize = 256;

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
        log::info!(target: "http", "{self}");
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
