//! Plain addresses of servers: scheme, host and path, without credentials, query or fragment.

/// Why a text is none, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAddress {
    pub what: &'static str,
    pub hint: &'static str,
}

const EXAMPLE: &str = "write it like https://example.com or http://127.0.0.1:8080/path";

/// Scheme, host with its port, and path.
pub fn split(text: &str) -> Result<(&'static str, &str, &str), NoAddress> {
    let problem = |what, hint| NoAddress { what, hint };
    let (scheme, rest) = text.split_once("://").ok_or(problem("not a URL", EXAMPLE))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => "https",
        "http" => "http",
        _ => return Err(problem("a URL must begin with http:// or https://", EXAMPLE)),
    };
    if rest.contains('@') {
        return Err(problem("a URL must not carry credentials", "a key has a setting of its own, LLM_PROVIDER_KEY"));
    }
    if rest.contains(['?', '#']) {
        return Err(problem("a URL must end before its query or fragment", EXAMPLE));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_authority(authority) || !path.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\') {
        return Err(problem("not a URL", EXAMPLE));
    }
    Ok((scheme, authority, path))
}

/// The base URL of an API, without a slash at its end.
pub fn api(text: &str) -> Result<String, NoAddress> {
    let (scheme, authority, path) = split(text)?;
    Ok(format!("{scheme}://{authority}{}", path.trim_end_matches('/')))
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
}
