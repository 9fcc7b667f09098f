//! The public address: whether the server is reached through it, and what a proxy in between does.

mod stream;
mod way;

use super::clock::Elsewhere;
use super::web::{self, Seen, Web};
use super::{Installation, PublicAddress};
use crate::domain::clock::now_ms;
use crate::domain::finding::Finding;

const ADDRESS: &str = "public address";
const TLS: &str = "public tls";
const OTHERS: [&str; 7] = [
    "public redirect",
    "public url",
    "public websocket",
    "public streaming",
    "public client address",
    "public metrics",
    "public upload",
];
/// Certificates are renewed 30 days before they expire, as a rule. In seconds.
const RENEWED_BEFORE: i64 = 14 * 24 * 3600;

/// What is asked, and how.
struct Asked<'a> {
    web: Web,
    /// Without a slash at its end.
    url: &'a str,
    is_https: bool,
}

pub(super) fn findings(installation: &Installation, address: &PublicAddress) -> (Vec<Finding>, Option<Elsewhere>) {
    let url = address.url.trim_end_matches('/');
    // From this machine to its own address, as directly as a browser would go.
    let web = Web::new(true);
    let asked = Asked { web, url, is_https: url.starts_with("https://") };
    let health = match asked.web.get(&format!("{url}/health"), &[]) {
        Ok(health) => health,
        Err(error) => return (unreachable(&asked, &error), None),
    };
    let time = health.date.as_deref().and_then(|date| Elsewhere::said("the public address", date));
    let mut findings = vec![tls(&asked), reached(&health)];
    if !is_ours(&health) {
        findings.extend(OTHERS.map(|name| Finding::skip(name, "the server is not reached through this address")));
        return (findings, time);
    }
    findings.push(way::redirect(&asked));
    findings.push(way::sub_path(installation, &asked));
    findings.push(way::websocket(&asked));
    findings.extend(stream::findings(&asked));
    findings.push(way::metrics(&asked));
    findings.extend(address.idle.then(|| stream::silence(&asked)));
    findings.push(way::upload(&asked));
    (findings, time)
}

fn unreachable(asked: &Asked<'_>, error: &ureq::Error) -> Vec<Finding> {
    let (what, hint) = web::words(error);
    let is_about_tls = what.contains("certificate") || what.contains("secure");
    let mut findings = vec![if asked.is_https && is_about_tls {
        Finding::fail(TLS, what).hint(hint)
    } else {
        Finding::fail(ADDRESS, format!("it cannot be reached: {what}")).hint(hint)
    }];
    findings.extend(OTHERS.map(|name| Finding::skip(name, "the address cannot be reached")));
    findings
}

fn tls(asked: &Asked<'_>) -> Finding {
    if asked.is_https {
        return certificate(asked.web.expires.at().map(|at| at - now_ms() / 1000));
    }
    Finding::warn(TLS, "the address is not encrypted: passwords can be read on the way")
        .hint("put a proxy with TLS in front, and use its https:// address")
}

/// `left`: seconds, where they are known.
fn certificate(left: Option<i64>) -> Finding {
    let days = left.map(|left| left / (24 * 3600));
    match (left, days) {
        (Some(left), Some(days)) if left < RENEWED_BEFORE => {
            Finding::warn(TLS, format!("its certificate expires in {days} days"))
                .hint("renew it, and check why it was not renewed automatically")
        }
        (_, Some(days)) => Finding::pass(TLS, format!("its certificate is valid for {days} more days")),
        (_, None) => Finding::pass(TLS, "its certificate is valid"),
    }
}

fn reached(health: &Seen) -> Finding {
    if is_ours(health) {
        return Finding::pass(ADDRESS, "our server answers there");
    }
    let (detail, hint) = match health.status {
        502..=504 => ("a proxy answers, but does not reach the server", "check the address that it forwards to"),
        404 => ("something answers, but knows no /health", "check the sub-path: the proxy's and that of PUBLIC_URL"),
        300..=399 => ("it redirects elsewhere", "use the address that it redirects to"),
        401 | 403 => ("something in front asks for a login", "let /health, /api, /agentx and /ws through"),
        _ => ("something else answers there", "check the address, and what the proxy forwards"),
    };
    Finding::fail(ADDRESS, format!("{detail} (status {})", health.status)).hint(hint)
}

fn is_ours(seen: &Seen) -> bool {
    seen.body.starts_with(r#"{"status":"ok","timestamp":"#)
        || seen.body.starts_with(r#"{"status":"error","timestamp":"#)
}
