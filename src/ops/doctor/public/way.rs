//! What a proxy does with requests: where it sends them, and what it takes off.

use super::{Asked, Seen};
use crate::domain::finding::Finding;
use crate::ops::doctor::{Installation, web};

/// Larger than what proxies let through by default (nginx: 1 MiB), smaller than an upload may be. In bytes.
const UPLOAD_BYTES: usize = 2 * 1024 * 1024;
const UPLOAD_ATTEMPTS: usize = 3;

const REDIRECT: &str = "public redirect";

pub(super) fn redirect(asked: &Asked<'_>) -> Finding {
    match plain(asked.url) {
        Err(why) => Finding::skip(REDIRECT, why),
        Ok(plain) => match asked.web.get(&plain, &[]) {
            Err(_) => Finding::pass(REDIRECT, "nothing is served without encryption"),
            Ok(seen) => leads(seen.status, seen.location.as_deref()),
        },
    }
}

/// What a browser asks for when only the name was typed.
fn plain(url: &str) -> Result<String, &'static str> {
    let rest = url.strip_prefix("https://").ok_or("the address is not encrypted")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        return Err("the address has a port of its own, so it is not typed without https");
    }
    Ok(format!("http://{authority}/"))
}

fn leads(status: u16, to: Option<&str>) -> Finding {
    if (300..400).contains(&status) && to.is_some_and(|to| to.starts_with("https://")) {
        return Finding::pass(REDIRECT, "http:// leads to https://");
    }
    Finding::warn(REDIRECT, "http:// does not lead to https://: connections made by typing the name are not encrypted")
        .hint("let the proxy answer http with a redirect (301) to https")
}

/// Whether the server knows the address that people use.
pub(super) fn sub_path(installation: &Installation, asked: &Asked<'_>) -> Finding {
    const NAME: &str = "public url";
    match installation.public_url.as_deref() {
        Some(known) if known.eq_ignore_ascii_case(asked.url) => Finding::pass(NAME, "PUBLIC_URL is this address"),
        Some(_) => Finding::fail(NAME, "PUBLIC_URL is another address: links, or the page itself, may not work here")
            .hint(format!("set PUBLIC_URL={}, or run this with the address that PUBLIC_URL has", asked.url)),
        None if asked.url.matches('/').count() > 2 => {
            Finding::fail(NAME, "the address has a sub-path, and PUBLIC_URL is not set: the page does not work here")
                .hint(format!("set PUBLIC_URL={}", asked.url))
        }
        None => Finding::warn(NAME, "PUBLIC_URL is not set").hint(format!("set PUBLIC_URL={}", asked.url)),
    }
}

/// A handshake without a token: the server refuses it in one way if it sees a handshake, and in another if it does not.
pub(super) fn websocket(asked: &Asked<'_>) -> Finding {
    const NAME: &str = "public websocket";
    let origin: String = asked.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "cG9ydGFnZW50LWRvY3Rvcg=="),
        ("origin", origin.as_str()),
    ];
    let fail = |detail: &str, hint: &str| Finding::fail(NAME, detail).hint(hint);
    let upgrade = "pass the headers on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                   proxy_set_header Connection \"upgrade\")";
    match asked.web.get(&format!("{}/ws", asked.url), &headers) {
        Ok(seen) if seen.status == 401 && seen.body.contains("unauthenticated") => {
            Finding::pass(NAME, "a WebSocket's handshake reaches the server")
        }
        Ok(seen) if seen.body.contains("upgrade_required") => fail("the proxy does not pass WebSockets on", upgrade),
        Ok(seen) if seen.body.contains("foreign_origin") => fail(
            "the server takes its own page for that of another site",
            "set PUBLIC_URL, or let the proxy pass the Host header on",
        ),
        Ok(seen) => fail(&format!("a handshake is answered with status {}", seen.status), upgrade),
        Err(error) => fail(&format!("a handshake is not answered: {}", web::words(&error).0), upgrade),
    }
}

/// They say how many people are here, and more; strangers reach this address.
pub(super) fn metrics(asked: &Asked<'_>) -> Finding {
    const NAME: &str = "public metrics";
    match asked.web.get(&format!("{}/metrics", asked.url), &[]) {
        Ok(seen) if seen.status == 200 && seen.body.contains("portagent_") => {
            Finding::fail(NAME, "/metrics is answered through the public address, without a token")
                .hint("set PUBLIC_URL, and METRICS_TOKEN for who reads them; or let the proxy refuse /metrics")
        }
        Ok(seen) => Finding::pass(NAME, format!("/metrics is refused without its token (status {})", seen.status)),
        Err(error) => Finding::skip(NAME, format!("/metrics is not answered: {}", web::words(&error).0)),
    }
}

/// The server's own refusal shows that the proxy let so much through; nothing is stored.
pub(super) fn upload(asked: &Asked<'_>) -> Finding {
    const NAME: &str = "public upload";
    let hint = "let it take 20 MiB (nginx: client_max_body_size 20m)";
    let post = || asked.web.post(&format!("{}/api/auth/login", asked.url), &vec![b' '; UPLOAD_BYTES]);
    // An early refusal may be lost on its way through a proxy that is still sending; hardly so three times.
    let is_clear = |seen: &Result<Seen, ureq::Error>| seen.as_ref().is_ok_and(|seen| seen.status == 413);
    let answer = (1..UPLOAD_ATTEMPTS).map(|_| post()).find(is_clear).unwrap_or_else(post);
    match answer {
        Ok(seen) if seen.body.contains("body_too_large") => Finding::pass(NAME, "the proxy lets 2 MiB through"),
        Ok(seen) if seen.status == 413 => Finding::fail(NAME, "the proxy refuses 2 MiB").hint(hint),
        Ok(seen) => Finding::warn(NAME, format!("2 MiB are answered with status {}", seen.status)).hint(hint),
        Err(error) => Finding::warn(NAME, format!("2 MiB are not taken: {}", web::words(&error).0)).hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Level;

    #[test]
    fn what_the_name_alone_leads_to() {
        let check = |url, expected: Option<&str>| assert_eq!(plain(url).ok().as_deref(), expected, "{url}");
        check("https://a.example", Some("http://a.example/"));
        check("https://a.example/chat", Some("http://a.example/"));
        check("https://[2001:db8::1]", Some("http://[2001:db8::1]/"));
        check("https://a.example:8443", None);
        check("https://[2001:db8::1]:8443", None);
        check("http://a.example", None);
        let check = |status, to, expected| assert_eq!(leads(status, to).level, expected, "{status} {to:?}");
        check(301, Some("https://a.example/"), Level::Pass);
        check(308, Some("https://a.example/"), Level::Pass);
        check(302, Some("http://a.example/login"), Level::Warn);
        check(301, None, Level::Warn);
        check(200, None, Level::Warn);
    }
}
