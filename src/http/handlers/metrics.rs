//! `/metrics`, for Prometheus: who may read it, and what it says.

use std::net::IpAddr;

use crate::domain::secret::Secret;
use crate::domain::{Error, Kind, Result};
use crate::http::context::Context;
use crate::http::guard;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::Services;
use crate::service::gauges::{Collected, Gauges};
use crate::service::usage::Total;
use crate::telemetry::metrics::{self, Page, Type};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn metrics(context: &Context, req: &Request) -> HandlerResult {
    admit(context.metrics_token.as_ref(), context.trust.knows_local, req)?;
    let mut page = Page::default();
    metrics::write_families(&mut page);
    write(&mut page, &context.services);
    Ok(Response::data(200, TEXT, page.into_text().into_bytes()))
}

/// Errors: `Unauthenticated` without the token, where there is one; `Forbidden` from far away, where there is none.
pub(super) fn admit(token: Option<&Secret>, knows_local: bool, req: &Request) -> Result<()> {
    match token {
        Some(token) if guard::is_token(req, token) => Ok(()),
        Some(_) => Err(Error::new(Kind::Unauthenticated, "unauthenticated", "The metrics need their token")
            .hint("send METRICS_TOKEN as Authorization: Bearer …")),
        None if knows_local && is_near(req) => Ok(()),
        None => Err(Error::new(Kind::Forbidden, "forbidden", "The metrics are for this machine and its network").hint(
            "set METRICS_TOKEN to read them from elsewhere, through a proxy, or where PUBLIC_URL or TRUSTED_PROXIES is set",
        )),
    }
}

/// From this machine or a private network. A proxy that we do not know stands near by itself and may speak for anybody.
fn is_near(req: &Request) -> bool {
    let speaks_for_itself = !req.forwarded || req.client_ip != req.peer.ip().to_canonical();
    speaks_for_itself && is_private(req.client_ip)
}

/// RFC 1918, RFC 4193, and addresses that no router passes on.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn write(page: &mut Page, services: &Services) {
    let (running, queued) = services.turns.load();
    let sockets = services.hub.connected_count();
    let mut gauge = |name: &str, help: &str, value: usize| page.single(name, Type::Gauge, help, value as f64);
    gauge("portagent_websockets_open", "Open WebSockets.", sockets);
    gauge("portagent_turns_running", "Questions that are being answered.", running);
    gauge("portagent_turns_queued", "Questions that wait.", queued);
    let Collected { gauges, answers } = services.gauges.collect();
    gauge("portagent_healthy", "1 while the databases answer, as /health says.", usize::from(answers));
    costs(page, &services.ledger.totals());
    users(page, &gauges);
    databases(page, &gauges);
    jobs(page, &gauges);
    retirements(page, &gauges);
}

/// Providers are configured, and models are those that they list.
fn costs(page: &mut Page, totals: &[Total]) {
    let name = "portagent_provider_tokens_total";
    page.family(name, Type::Counter, "Tokens by provider, model and direction, since the start.");
    for Total { provider, model, tokens, .. } in totals {
        let directions = [
            ("input", tokens.input),
            ("output", tokens.output),
            ("cache_read", tokens.cache_read),
            ("cache_write", tokens.cache_creation),
        ];
        for (direction, count) in directions {
            page.whole(name, &[("provider", provider), ("model", model), ("direction", direction)], count);
        }
    }
    let name = "portagent_provider_cost_dollars_total";
    page.family(name, Type::Counter, "Cost in US dollars by provider and model, since the start, where it is known.");
    for Total { provider, model, cost, .. } in totals {
        page.money(name, &[("provider", provider), ("model", model)], *cost);
    }
}

fn users(page: &mut Page, gauges: &Gauges) {
    let Some((active, disabled)) = gauges.users else { return };
    page.single("portagent_users_total", Type::Gauge, "Total registered users.", (active + disabled) as f64);
    page.family("portagent_users", Type::Gauge, "Accounts by state.");
    page.whole("portagent_users", &[("state", "active")], active);
    page.whole("portagent_users", &[("state", "disabled")], disabled);
}

fn databases(page: &mut Page, gauges: &Gauges) {
    page.family("portagent_database_bytes", Type::Gauge, "Size of a database's file.");
    for one in &gauges.databases {
        page.whole("portagent_database_bytes", &[("database", one.files.name)], one.files.bytes);
    }
    page.family("portagent_database_wal_bytes", Type::Gauge, "Size of its write-ahead log.");
    for one in &gauges.databases {
        page.whole("portagent_database_wal_bytes", &[("database", one.files.name)], one.files.wal_bytes);
    }
    page.family("portagent_database_free_bytes", Type::Gauge, "Pages in the file that hold nothing.");
    for one in &gauges.databases {
        if let Some(free) = one.free_bytes {
            page.whole("portagent_database_free_bytes", &[("database", one.files.name)], free);
        }
    }
    if let Some((free, size)) = gauges.disk {
        page.single("portagent_disk_free_bytes", Type::Gauge, "Free for us where the data is.", free as f64);
        page.single("portagent_disk_size_bytes", Type::Gauge, "Size of that file system.", size as f64);
    }
}

/// Their labels are what administrators have configured, so there are few.
fn retirements(page: &mut Page, gauges: &Gauges) {
    let name = "portagent_model_retires_timestamp_seconds";
    if gauges.retirements.is_empty() {
        return;
    }
    page.family(name, Type::Gauge, "When a configured model retires, since 1970.");
    for one in &gauges.retirements {
        let labels = [("provider", one.provider.as_str()), ("model", one.model.as_str())];
        page.whole(name, &labels, u64::try_from(one.at / 1000).unwrap_or(0));
    }
}

/// A job that never ran has no time and no outcome to show.
fn jobs(page: &mut Page, gauges: &Gauges) {
    let seconds = |ms: i64| ms as f64 / 1000.0;
    if let Some(backup) = &gauges.backup {
        let failed = backup.last_error.is_some();
        page.single(
            "portagent_backup_last_failed",
            Type::Gauge,
            "1 when the last backup failed.",
            f64::from(u8::from(failed)),
        );
        if let Some(at) = backup.last_ok_at {
            let name = "portagent_backup_last_success_timestamp_seconds";
            page.single(name, Type::Gauge, "When the last good backup was made, since 1970.", seconds(at));
        }
        if let (false, Some(began), Some(ended)) = (failed, backup.last_started_at, backup.last_ended_at)
            && ended >= began
        {
            let name = "portagent_backup_last_duration_seconds";
            page.single(name, Type::Gauge, "How long it took.", seconds(ended - began));
        }
    }
    if let Some(integrity) = &gauges.integrity {
        let ok = integrity.last_error.is_none();
        page.single("portagent_integrity_ok", Type::Gauge, "1 when the last check was good.", f64::from(u8::from(ok)));
        if let Some(at) = integrity.last_ok_at {
            let name = "portagent_integrity_last_ok_timestamp_seconds";
            page.single(name, Type::Gauge, "When the databases were last found sound, since 1970.", seconds(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::{head, request};

    fn asked(peer: &str, lines: &str) -> Request {
        let head = head::parse(format!("GET /metrics HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes()).expect("a head");
        let trusted = ["127.0.0.0/8".parse().expect("a network")];
        let peer = std::net::SocketAddr::new(peer.parse().expect("an address"), 4000);
        request::build(head, peer, &trusted, "", String::new()).expect("a request")
    }

    #[test]
    fn without_a_token_only_neighbours_may_read() {
        let check = |peer: &str, lines: &str, expected: bool| {
            assert_eq!(admit(None, true, &asked(peer, lines)).is_ok(), expected, "{peer} {lines}");
        };
        check("127.0.0.1", "", true);
        check("::1", "", true);
        check("::ffff:10.0.0.7", "", true);
        check("192.168.1.2", "", true);
        check("fd00::1", "", true);
        check("203.0.113.9", "", false);
        check("2001:db8::1", "", false);
        check("127.0.0.1", "X-Forwarded-For: 203.0.113.9\r\n", false);
        check("127.0.0.1", "X-Forwarded-For: 10.0.0.7\r\n", true);
        check("172.17.0.2", "X-Forwarded-For: 10.0.0.7\r\n", false);
        check("172.17.0.2", "Via: 1.1 proxy\r\n", false);
        assert!(
            admit(None, false, &asked("127.0.0.1", "")).is_err(),
            "a proxy without headers looks like this machine"
        );
    }

    #[test]
    fn with_a_token_only_the_token_counts() {
        let token = Secret::new("scrape-me");
        let check = |peer: &str, lines: &str, expected: bool| {
            assert_eq!(admit(Some(&token), true, &asked(peer, lines)).is_ok(), expected, "{peer} {lines}");
        };
        check("203.0.113.9", "Authorization: Bearer scrape-me\r\n", true);
        check("127.0.0.1", "", false);
        check("127.0.0.1", "Authorization: Bearer scrape-m\r\n", false);
        check("127.0.0.1", "Authorization: Basic scrape-me\r\n", false);
    }
}
