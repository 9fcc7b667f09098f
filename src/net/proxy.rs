//! The proxy of the environment, and which addresses go past it: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as
//! curl reads them.

use std::net::IpAddr;

use ipnet::IpNet;
use ureq::Proxy;
use ureq::http::Uri;

/// The proxy for requests to this address. None for one on this machine, which a proxy elsewhere cannot reach.
pub fn proxy_for(url: &str) -> Option<Proxy> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    let list = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if is_loopback(&host) || is_listed(&list, &host, port) { None } else { Proxy::try_from_env() }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Entries are names, which cover the names below them, addresses or networks, with or without a port; `*` is all.
fn is_listed(list: &str, host: &str, port: u16) -> bool {
    list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).any(|entry| covers(entry, host, port))
}

fn covers(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let entry = entry.to_ascii_lowercase();
    if let Ok(network) = entry.parse::<IpNet>() {
        return host.parse().is_ok_and(|ip: IpAddr| network.contains(&ip));
    }
    let bare = entry.trim_matches(['[', ']']);
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, digits)) if bare.parse::<IpAddr>().is_err() => (name, digits.parse().ok()),
        _ => (entry.as_str(), None),
    };
    if wanted.is_some_and(|wanted: u16| wanted != port) {
        return false;
    }
    let name = name.trim_matches(['[', ']']);
    let name = name.strip_prefix("*.").or(name.strip_prefix('.')).unwrap_or(name).trim_end_matches('.');
    match (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        (Ok(entry), Ok(host)) => entry == host,
        _ => host.strip_suffix(name).is_some_and(|rest| !name.is_empty() && (rest.is_empty() || rest.ends_with('.'))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_past_the_proxy() {
        let check = |list: &str, host: &str, expected: bool| {
            assert_eq!(is_listed(list, host, 443), expected, "{list:?} {host}");
        };
        check("", "a.test", false);
        check("*", "a.test", true);
        check("case.test", "case.test", true);
        check("case.test", "a.case.test", true);
        check(".case.test", "a.case.test", true);
        check("*.case.test", "a.case.test", true);
        check("Case.Test", "a.case.test", true);
        check("case.test", "notcase.test", false);
        check("case.test", "case.test.example", false);
        check("other.test, case.test", "case.test", true);
        check("other.test case.test", "case.test", true);
        check(" , ,", "case.test", false);
        check("case.test:443", "case.test", true);
        check("case.test:8443", "case.test", false);
        check("10.0.0.0/8", "10.1.2.3", true);
        check("10.0.0.0/8", "11.1.2.3", false);
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3:443", "10.1.2.3", true);
        check("2001:db8::/32", "2001:db8::1", true);
        check("2001:db8::1", "2001:db8::1", true);
        check("[2001:db8::1]:443", "2001:db8::1", true);
        check("[2001:db8::1]:80", "2001:db8::1", false);
        check("0.1.2.3", "10.1.2.3", false);
    }

    #[test]
    fn this_machine_needs_no_proxy() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1", "a.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "api.anthropic.com", "192.168.1.7"] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(proxy_for("http://[::1]:5200/").is_none());
        assert!(proxy_for("http://LocalHost:11434/").is_none());
        assert!(proxy_for("not a url").is_none());
    }
}
