//! Who may open a WebSocket: a proper handshake, from our own page or no page at all, with a valid token.

use std::net::TcpStream;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use tungstenite::handshake::server::{Request, Response, create_response, write_response};
use tungstenite::http::HeaderValue;

use super::dispatcher::Dispatcher;
use super::{Upgrade, WsOptions, socket};
use crate::domain::user::Caller;
use crate::domain::web_origin::WebOrigin;
use crate::domain::{Error, Kind, Result};
use crate::hub::{Connected, Outbox};
use crate::service::Services;

const PROTOCOL: &str = "portagent.v1";
/// Browsers cannot set headers on a WebSocket, but they can name subprotocols.
const TOKEN_PREFIX: &str = "bearer.";

/// A handshake that was found good. [`Accepted::run`] answers it.
pub struct Accepted {
    services: Arc<Services>,
    options: WsOptions,
    caller: Caller,
    outbox: Arc<Outbox>,
    connected: Connected,
    head: Vec<u8>,
    request_id: String,
}

/// Decides before anything is written to the socket.
///
/// Errors: `Invalid` when it is no proper handshake; `Forbidden` for another site's page; `Unauthenticated` without a
/// good token; `RateLimited` when this person has too many connections; `Unavailable` when the server stops.
pub fn accept(services: &Arc<Services>, options: &WsOptions, upgrade: &Upgrade) -> Result<Accepted> {
    let Handshake { token, head } = Handshake::check(options, upgrade)?;
    let caller = services.accounts.authenticate(&token)?;
    let outbox = Outbox::new();
    let (user, login) = (caller.user.id.clone(), caller.login.clone());
    let connected = services.hub.connect(user, login, upgrade.address, Arc::clone(&outbox))?;
    Ok(Accepted {
        services: Arc::clone(services),
        options: options.clone(),
        caller,
        outbox,
        connected,
        head,
        request_id: upgrade.request_id.clone(),
    })
}

impl Accepted {
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Answers the handshake and serves the connection until it ends. `leftover` is what the client sent behind its
    /// head.
    pub fn run(self, stream: TcpStream, leftover: Vec<u8>) {
        let user = self.caller.user.id.clone();
        let mut dispatcher = Dispatcher::new(self.services, self.caller, Arc::clone(&self.outbox));
        let ended = socket::run(stream, leftover, self.head, &self.outbox, &self.options, &mut |incoming| {
            dispatcher.take(incoming);
        });
        drop(self.connected);
        let code = ended.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
        log::info!(target: "ws", "closed user={user} code={code} reason={:?} req={}", ended.text(), self.request_id);
    }
}

/// What a good handshake says, without looking at the token.
struct Handshake {
    token: String,
    /// The 101 response, as it goes out.
    head: Vec<u8>,
}

impl Handshake {
    fn check(options: &WsOptions, upgrade: &Upgrade) -> Result<Self> {
        let mut response = response(upgrade)?;
        if !is_own_page(options, upgrade) {
            return Err(Error::new(
                Kind::Forbidden,
                "foreign_origin",
                "This address does not accept other sites' pages",
            )
            .hint("If this is your own page behind a proxy, set PUBLIC_URL or let the proxy pass the Host header"));
        }
        let protocols: Vec<&str> = values(upgrade, "sec-websocket-protocol").flat_map(|v| v.split(',')).collect();
        let mut protocols = protocols.into_iter().map(str::trim);
        if protocols.clone().any(|protocol| protocol == PROTOCOL) {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(PROTOCOL));
        }
        let token = protocols.find_map(|protocol| protocol.strip_prefix(TOKEN_PREFIX)).map(str::to_owned);
        let token = token.or_else(|| query_token(upgrade)).filter(|token| !token.is_empty());
        let token = token.ok_or_else(Error::unauthenticated)?;
        let mut head = Vec::new();
        write_response(&mut head, &response).map_err(Error::internal)?;
        Ok(Self { token, head })
    }
}

/// The 101 response, made by tungstenite, which also checks what RFC 6455 section 4.2.1 demands.
fn response(upgrade: &Upgrade) -> Result<Response> {
    let mut builder = Request::builder().method(upgrade.method.as_str()).uri("/ws");
    for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
        let all: Vec<&str> = values(upgrade, name).collect();
        if !all.is_empty() {
            builder = builder.header(name, all.join(", "));
        }
    }
    let bad = |why: String| Error::invalid("bad_handshake", format!("This is not a WebSocket handshake: {why}"));
    let request = builder.body(()).map_err(|error| bad(error.to_string()))?;
    let mut response = create_response(&request).map_err(|error| bad(error.to_string()))?;
    if let Ok(id) = HeaderValue::from_str(&upgrade.request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    Ok(response)
}

/// A browser names the page that opens the socket, and no page can forge it; other programs need not name one.
fn is_own_page(options: &WsOptions, upgrade: &Upgrade) -> bool {
    let mut origins = values(upgrade, "origin");
    let Some(origin) = origins.next() else { return true };
    let Some(page) = WebOrigin::parse(origin).filter(|_| origins.next().is_none()) else { return false };
    page.is_own_page(options.public_origin.as_deref().and_then(WebOrigin::parse).as_ref(), upgrade.host.as_deref())
}

fn query_token(upgrade: &Upgrade) -> Option<String> {
    let query = upgrade.target_query.as_deref()?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

fn values<'a>(upgrade: &'a Upgrade, name: &'a str) -> impl Iterator<Item = &'a str> {
    upgrade.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("Host", "chat.example.com:5200"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn upgrade(query: &str, without: &str, more: &[(&str, &str)]) -> Upgrade {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut hosts =
            GOOD.iter().filter(|(name, _)| *name != without).chain(more).filter(|(name, _)| *name == "Host");
        Upgrade {
            host: hosts.next_back().map(|(_, host)| (*host).to_owned()),
            method: "GET".to_owned(),
            target_query: Some(query.to_owned()),
            headers: GOOD.iter().filter(|(name, _)| *name != without).chain(more).map(own).collect(),
            address: None,
            request_id: "r1".to_owned(),
        }
    }

    fn outcome(upgrade: &Upgrade) -> Result<(String, String), &'static str> {
        let options =
            WsOptions { public_origin: Some("https://public.example.com".to_owned()), ..WsOptions::default() };
        let found = Handshake::check(&options, upgrade).map_err(|error| error.code.as_str())?;
        Ok((found.token, String::from_utf8(found.head).expect("text")))
    }

    #[test]
    fn the_answer_is_a_101_with_the_accept_key() {
        let (token, head) = outcome(&upgrade("a=1&token=ab%2Ec", "", &[])).expect("good");
        assert_eq!(token, "ab.c");
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert!(head.contains("x-request-id: r1\r\n"), "{head}");
        assert!(!head.contains("sec-websocket-protocol"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn a_token_may_be_a_subprotocol_and_is_never_echoed() {
        let (token, head) =
            outcome(&upgrade("", "", &[("Sec-WebSocket-Protocol", "portagent.v1, bearer.ab.c-d_e")])).expect("good");
        assert_eq!(token, "ab.c-d_e");
        assert!(head.contains("sec-websocket-protocol: portagent.v1\r\n"), "{head}");
        assert!(!head.contains("bearer"), "{head}");
    }

    #[test]
    fn no_token_no_socket() {
        for query in ["", "token=", "tokens=x", "x=token=", "token=%ff"] {
            assert_eq!(outcome(&upgrade(query, "", &[])).map(drop), Err("unauthenticated"), "{query}");
        }
        let empty = [("Sec-WebSocket-Protocol", "portagent.v1, bearer.")];
        assert_eq!(outcome(&upgrade("", "", &empty)).map(drop), Err("unauthenticated"));
    }

    #[test]
    fn a_handshake_needs_its_headers() {
        for without in ["Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key"] {
            assert_eq!(outcome(&upgrade("token=x", without, &[])).map(drop), Err("bad_handshake"), "{without}");
        }
        for (name, value) in [("Upgrade", "h2c"), ("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "short")] {
            assert_eq!(outcome(&upgrade("token=x", name, &[(name, value)])).map(drop), Err("bad_handshake"), "{name}");
        }
        let mut post = upgrade("token=x", "", &[]);
        post.method = "POST".to_owned();
        assert_eq!(outcome(&post).map(drop), Err("bad_handshake"));
        let split = [("Connection", "keep-alive"), ("connection", "upgrade")];
        assert!(outcome(&upgrade("token=x", "Connection", &split)).is_ok(), "a header may come in two lines");
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let check = |host: &str, origin: &str, expected: bool| {
            let found = outcome(&upgrade("token=x", "Host", &[("Host", host), ("Origin", origin)]));
            assert_eq!(
                found.map(drop).map_err(|code| assert_eq!(code, "foreign_origin")).is_ok(),
                expected,
                "{origin}"
            );
        };
        check("chat.example.com:5200", "http://chat.example.com:5200", true);
        check("chat.example.com:5200", "http://CHAT.example.com:5200", true);
        check("chat.example.com", "https://chat.example.com", true);
        check("chat.example.com:443", "https://chat.example.com", true);
        check("chat.example.com", "http://chat.example.com", true);
        check("[::1]:5200", "http://[::1]:5200", true);
        check("[::1]", "http://[::1]", true);
        check("127.0.0.1:5200", "https://public.example.com", true);
        check("127.0.0.1:5200", "http://public.example.com", false);
        check("chat.example.com:5200", "http://chat.example.com", false);
        check("chat.example.com", "https://evil.example.com", false);
        check("chat.example.com", "https://chat.example.com.evil.com", false);
        check("chat.example.com", "https://chat.example.com@evil.com", false);
        check("chat.example.com", "https://evil.com/chat.example.com", false);
        check("chat.example.com", "null", false);
        check("chat.example.com", "", false);
        check("chat.example.com", "file://", false);
        let twice = [("Origin", "http://chat.example.com:5200"), ("Origin", "http://chat.example.com:5200")];
        assert_eq!(outcome(&upgrade("token=x", "", &twice)).map(drop), Err("foreign_origin"));
        assert_eq!(
            outcome(&upgrade("token=x", "Host", &[("Origin", "http://a")])).map(drop),
            Err("foreign_origin"),
            "no Host, nothing to compare with"
        );
    }
}
