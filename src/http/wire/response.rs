//! A response, and the small writer that turns its head into bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::date::Date;
use super::stream::{Produce, Stream};
use crate::domain::id::UserId;

/// What the page may load and do. Rendered messages pass through one named Trusted Types policy.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types portagent";
/// Data is not a page: nothing in it may load or run.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

pub(crate) const JSON: &str = "application/json; charset=utf-8";

#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    content_type: &'static str,
    body: Body,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    cache: &'static str,
    policy: &'static str,
    user: Option<UserId>,
}

#[derive(Debug)]
pub(crate) enum Body {
    Owned(Vec<u8>),
    Embedded(&'static [u8]),
    Shared(Arc<[u8]>),
    /// Sent from the disk, piece by piece.
    Opened {
        file: File,
        bytes: u64,
    },
    /// Pieces with a rest before each but the first. It ends with the connection, which HTTP/1.0 understands as well.
    Paced {
        pieces: Vec<Vec<u8>>,
        every: Duration,
    },
    /// Made while it is sent.
    Streamed(Stream),
}

/// What becomes of the connection, as the response has to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1 that goes on: nothing to say.
    Implied,
    /// HTTP/1.0 that asked to go on.
    Explicit,
    Close,
    /// The end of the connection is the end of the body.
    Unframed,
}

impl Response {
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        // Our wire types are structs of strings and numbers: they cannot fail to serialise.
        Self::data(status, JSON, serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec()))
    }

    /// Data: never cached, never a page.
    pub(crate) fn data(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            body: Body::Owned(body),
            headers: Vec::new(),
            cache: "no-store",
            policy: DATA_POLICY,
            user: None,
        }
    }

    /// A file of `bytes` bytes, to be saved under this name: plain ASCII without quotes.
    pub(crate) fn download(content_type: &'static str, name: &str, file: File, bytes: u64) -> Self {
        Self { body: Body::Opened { file, bytes }, ..Self::data(200, content_type, Vec::new()) }
            .header("Content-Disposition", format!("attachment; filename=\"{name}\""))
    }

    /// A person's own file, which this policy keeps from loading or running anything.
    pub(crate) fn private_file(content_type: &'static str, file: File, bytes: u64, policy: &'static str) -> Self {
        let body = Body::Opened { file, bytes };
        Self { body, policy, cache: "private, no-cache", ..Self::data(200, content_type, Vec::new()) }
    }

    /// The file that is the body.
    pub(crate) fn opened(&self) -> Option<(&File, u64)> {
        match &self.body {
            Body::Opened { file, bytes } => Some((file, *bytes)),
            _ => None,
        }
    }

    fn length(&self) -> u64 {
        self.opened().map_or(self.body().len() as u64, |(_, bytes)| bytes)
    }

    /// Sent piece by piece, `every` so often.
    pub(crate) fn paced(content_type: &'static str, pieces: Vec<Vec<u8>>, every: Duration) -> Self {
        Self { body: Body::Paced { pieces, every }, ..Self::data(200, content_type, Vec::new()) }
    }

    /// The pieces of a body that is sent over time.
    pub(crate) fn pieces(&self) -> Option<(&[Vec<u8>], Duration)> {
        match &self.body {
            Body::Paced { pieces, every } => Some((pieces, *every)),
            _ => None,
        }
    }

    /// Data that is made while it is sent: as long as it turns out to be.
    pub(crate) fn streamed(content_type: &'static str, produce: Produce) -> Self {
        Self { body: Body::Streamed(Stream::new(produce)), ..Self::data(200, content_type, Vec::new()) }
    }

    /// The body that is made while it is sent.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match &self.body {
            Body::Streamed(stream) => Some(stream),
            _ => None,
        }
    }

    /// Where its end is only seen by the end of the connection.
    pub(crate) fn ends_with_connection(&self, minor_version: u8) -> bool {
        self.pieces().is_some() || self.stream().is_some() && minor_version == 0
    }

    /// A file of the page.
    pub(crate) fn file(content_type: &'static str, body: Body, cache: &'static str) -> Self {
        Self { status: 200, content_type, body, headers: Vec::new(), cache, policy: PAGE_POLICY, user: None }
    }

    /// The client has this file already.
    pub(crate) fn not_modified(cache: &'static str) -> Self {
        Self { status: 304, ..Self::file("", Body::Embedded(b""), cache) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Whose request this turned out to be, for the access log.
    pub(crate) fn by(mut self, user: &UserId) -> Self {
        self.user = Some(user.clone());
        self
    }

    pub(crate) fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn body(&self) -> &[u8] {
        match &self.body {
            Body::Owned(bytes) => bytes,
            Body::Embedded(bytes) => bytes,
            Body::Shared(bytes) => bytes,
            Body::Opened { .. } | Body::Paced { .. } | Body::Streamed(_) => &[],
        }
    }

    /// Appends the head, with its empty line, to `out`.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, id: &str, persistence: Persistence, date: &Date) {
        line(out, &["HTTP/1.1 ", status_line(self.status)]);
        line(out, &["Date: ", date.as_str()]);
        if self.status != 304 {
            line(out, &["Content-Type: ", self.content_type]);
            if self.stream().is_some() {
                if persistence != Persistence::Unframed {
                    line(out, &["Transfer-Encoding: chunked"]);
                }
            } else if self.pieces().is_none() {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "Content-Length: {}\r\n", self.length());
            }
        }
        line(out, &["Cache-Control: ", self.cache]);
        line(out, &["X-Request-Id: ", id]);
        for (name, value) in &self.headers {
            line(out, &[name, ": ", value]);
        }
        line(out, &["Content-Security-Policy: ", self.policy]);
        out.extend_from_slice(b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
        match persistence {
            Persistence::Implied => {}
            Persistence::Explicit => out.extend_from_slice(b"Connection: keep-alive\r\n"),
            Persistence::Close | Persistence::Unframed => out.extend_from_slice(b"Connection: close\r\n"),
        }
        out.extend_from_slice(b"\r\n");
    }

    #[cfg(test)]
    pub(crate) fn head_for_test(&self) -> String {
        let mut out = Vec::new();
        self.write_head(&mut out, "test", Persistence::Implied, &Date::now());
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn line(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Code and reason, RFC 9110 section 15.
fn status_line(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        201 => "201 Created",
        202 => "202 Accepted",
        304 => "304 Not Modified",
        400 => "400 Bad Request",
        401 => "401 Unauthorized",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        409 => "409 Conflict",
        411 => "411 Length Required",
        413 => "413 Content Too Large",
        415 => "415 Unsupported Media Type",
        421 => "421 Misdirected Request",
        426 => "426 Upgrade Required",
        429 => "429 Too Many Requests",
        431 => "431 Request Header Fields Too Large",
        502 => "502 Bad Gateway",
        503 => "503 Service Unavailable",
        505 => "505 HTTP Version Not Supported",
        _ => "500 Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_it_has_to() {
        let response = Response::json(200, &serde_json::json!({"a": 1}));
        let head = response.head_for_test();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{head}");
        for part in ["Content-Length: 7\r\n", "no-store", "X-Request-Id: test\r\n", "nosniff"] {
            assert!(head.contains(part), "{part} in {head}");
        }
        assert!(head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn not_modified_has_no_length() {
        let head = Response::not_modified("no-cache").header("ETag", "\"x\"").head_for_test();
        assert!(!head.contains("Content-Length") && head.contains("ETag: \"x\""), "{head}");
    }
}
