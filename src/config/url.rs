//! The URLs that can be configured. Those that people see are plain: no credentials, no query, no fragment.

use super::PublicUrl;
use super::resolve::{Problem, problem};
use crate::domain::Error;

/// In bytes.
const WEBHOOK_BYTES: usize = 4096;

/// The provider's base URL, without a slash at its end.
pub(super) fn api(text: &str) -> Result<String, Problem> {
    let (scheme, authority, path) = split(text)?;
    Ok(format!("{scheme}://{authority}{}", path.trim_end_matches('/')))
}

pub(super) fn public(text: &str) -> Result<PublicUrl, Problem> {
    let (scheme, authority, path) = split(text)?;
    let base_path = path.trim_end_matches('/');
    if !base_path.split('/').skip(1).all(is_segment) {
        let hint = "a sub-path is made of letters, digits and -._~, such as https://example.com/chat";
        return Err(problem("its path cannot be served under", hint));
    }
    Ok(PublicUrl { origin: format!("{scheme}://{authority}"), base_path: base_path.to_owned() })
}

/// Where alerts go: anything that can be posted to, since the path or the query is often the secret.
pub(super) fn webhook(text: &str) -> Result<String, Problem> {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    split(&text[..end])?;
    if text.len() > WEBHOOK_BYTES || !text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return Err(problem("not a URL", "write it as the service shows it, such as https://hooks.example.com/abc"));
    }
    Ok(text.to_owned())
}

/// One that was typed for a command. Errors: `Invalid`, without quoting it.
pub fn typed(text: &str) -> Result<PublicUrl, Error> {
    public(text.trim())
        .map_err(|problem| Error::invalid("bad_url", format!("--url: {}", problem.what)).hint(problem.hint))
}

fn split(text: &str) -> Result<(&'static str, &str, &str), Problem> {
    let example = "write it like https://example.com or http://127.0.0.1:8080/path";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| problem("not a URL", example))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => "https",
        "http" => "http",
        _ => return Err(problem("a URL must begin with http:// or https://", example)),
    };
    if rest.contains('@') {
        return Err(problem("a URL must not carry credentials", "a key has a setting of its own, LLM_PROVIDER_KEY"));
    }
    if rest.contains(['?', '#']) {
        return Err(problem("a URL must end before its query or fragment", example));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_authority(authority) || !path.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\') {
        return Err(problem("not a URL", example));
    }
    Ok((scheme, authority, path))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, port)) if v6.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    !host.is_empty() && host.chars().all(is_name) && port_is_fine
}

fn is_segment(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    !text.is_empty() && text != "." && text != ".." && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_urls() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(api(text).ok().as_deref(), expected, "{text}");
        check("https://api.anthropic.com/", Some("https://api.anthropic.com"));
        check("HTTP://127.0.0.1:8080/v1//", Some("http://127.0.0.1:8080/v1"));
        check("http://[::1]:80/a", Some("http://[::1]:80/a"));
        for bad in [
            "api.anthropic.com",
            "ftp://x",
            "https://",
            "https://:80",
            "https://u:p@x",
            "https://x/?key=1",
            "https://x#a",
            "https://x:99999",
            "https://x y",
            "https://x/\\y",
            "http://[::1",
            "http://[x]",
            "https:///x",
            "https://ü.de",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn public_urls() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = public(text).ok();
            let found = found.as_ref().map(|url| (url.origin.as_str(), url.base_path.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("https://a.example", Some(("https://a.example", "")));
        check("https://a.example:8443/", Some(("https://a.example:8443", "")));
        check("https://a.example/chat/", Some(("https://a.example", "/chat")));
        check("https://a.example/a/b", Some(("https://a.example", "/a/b")));
        check("https://a.example/a//b", None);
        check("https://a.example/../b", None);
        check("https://a.example/a%20b", None);
    }
}
