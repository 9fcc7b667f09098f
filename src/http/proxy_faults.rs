//! What a wrongly configured proxy does to requests, said once in the log with what arrived: to its visitors it looks like
//! a fault of ours.

use std::sync::atomic::{AtomicBool, Ordering};

use super::wire::request::Request;

/// The longest value of a header that is quoted, in characters.
const SHOWN_CHARS: usize = 100;

/// Each is said once for a start.
#[derive(Default)]
pub(crate) struct ProxyFaults {
    no_upgrade: AtomicBool,
    foreign_page: AtomicBool,
    preamble: AtomicBool,
}

impl ProxyFaults {
    /// A request for the socket without a handshake. A browser's handshake that lost its `Upgrade` on the way still has
    /// its key.
    pub(crate) fn no_upgrade(&self, req: &Request) {
        if req.headers.contains("sec-websocket-key") && first(&self.no_upgrade) {
            log::warn!(
                target: "http",
                "a WebSocket handshake arrived with Upgrade: {} and Connection: {}, so chats cannot connect: let the proxy \
                 pass both headers on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                 proxy_set_header Connection \"upgrade\") req={}",
                shown(req.headers.get("upgrade")),
                shown(req.headers.get("connection")),
                req.id
            );
        }
    }

    /// A page whose address is not the host that the request asks for: another site, or our own page behind a proxy that
    /// changes the host.
    pub(crate) fn foreign_page(&self, req: &Request) {
        if first(&self.foreign_page) {
            log::warn!(
                target: "http",
                "a page of {} was refused because it asked for host {}: if it is our own page, set PUBLIC_URL to its \
                 address, or let the proxy pass the host on (nginx: proxy_set_header Host $http_host) req={}",
                shown(req.headers.get("origin")),
                shown(req.host()),
                req.id
            );
        }
    }

    pub(crate) fn preamble(&self) {
        if first(&self.preamble) {
            log::warn!(
                target: "http",
                "a connection began with the PROXY protocol, which is not spoken here: turn it off in the proxy (nginx: \
                 proxy_protocol off; HAProxy: no send-proxy) and let it send X-Forwarded-For"
            );
        }
    }
}

fn first(said: &AtomicBool) -> bool {
    !said.swap(true, Ordering::Relaxed)
}

/// As it came, without what would break the line.
fn shown(value: Option<&str>) -> String {
    let Some(value) = value else { return "(none)".to_owned() };
    let value: String = value.chars().take(SHOWN_CHARS).collect();
    format!("{value:?}")
}
