//! The families of everything that is counted in this room, and of the process.

use super::page::{Page, Type};
use super::{catalog as c, machine, process, routes, uptime};

/// All that needs no database.
pub fn write(page: &mut Page) {
    page.single("portagent_uptime_seconds", Type::Gauge, "Server uptime in seconds.", uptime().as_secs_f64());
    page.family("portagent_build_info", Type::Gauge, "The running version; always 1.");
    page.whole("portagent_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    routes::write(page);
    gauge(page, "portagent_http_connections", "Open connections, WebSockets included.", c::HTTP_CONNECTIONS.get());
    counter(page, "portagent_http_connections_refused_total", "Connections refused at the limit.", &c::HTTP_REFUSED);
    turns(page);
    accounts(page);
    databases(page);
    page.labelled("portagent_job_failures_total", "Scheduled jobs that failed.", &c::JOB_FAILURES);
    page.labelled("portagent_alert_deliveries_total", "Alert deliveries, by channel and outcome.", &c::ALERTS_SENT);
    counter(
        page,
        "portagent_log_write_errors_total",
        "Lines that could not be written to the log file.",
        &c::LOG_WRITE_ERRORS,
    );
    page.labelled(
        "portagent_log_lines_dropped_total",
        "Log lines that were dropped, by output.",
        &c::LOG_LINES_DROPPED,
    );
    memory(page);
    process::write(page);
}

fn turns(page: &mut Page) {
    page.labelled("portagent_turns_ended_total", "Turns finished, by reason.", &c::TURNS_ENDED);
    page.labelled("portagent_tokens_total", "Tokens as the provider counts them.", &c::TOKENS);
    page.labelled("portagent_upstream_requests_total", "Requests to the model's server.", &c::UPSTREAM_REQUESTS);
    page.labelled(
        "portagent_upstream_errors_total",
        "Failed requests to the model's server, by error code.",
        &c::UPSTREAM_ERRORS,
    );
    counter(page, "portagent_upstream_retries_total", "Requests that were retried.", &c::UPSTREAM_RETRIES);
    let name = "portagent_upstream_first_token_seconds";
    page.family(name, Type::Histogram, "Time from the request to the first token.");
    page.histogram(name, &[], &c::UPSTREAM_FIRST_TOKEN);
}

fn accounts(page: &mut Page) {
    page.labelled("portagent_logins_total", "Login attempts, by outcome.", &c::LOGINS);
    counter(page, "portagent_registrations_total", "Accounts registered.", &c::REGISTRATIONS);
}

fn databases(page: &mut Page) {
    page.labelled("portagent_database_commits_total", "Transactions committed.", &c::COMMITS);
    counter(
        page,
        "portagent_database_commit_failures_total",
        "Transactions that failed to commit.",
        &c::COMMIT_FAILURES,
    );
    let name = "portagent_database_commit_pieces";
    page.family(name, Type::Histogram, "Writes grouped into one transaction.");
    page.histogram(name, &[], &c::COMMIT_PIECES);
    let name = "portagent_database_commit_duration_seconds";
    page.family(name, Type::Histogram, "Duration of a commit, sync included.");
    page.histogram(name, &[], &c::COMMIT_TIME);
    counter(page, "portagent_database_busy_waits_total", "Waits for a lock of another process.", &c::BUSY_WAITS);
}

fn memory(page: &mut Page) {
    if let Some(memory) = machine::memory() {
        let help = "Memory in use, of the control group with the tightest limit, or else of the machine.";
        page.single("portagent_memory_used_bytes", Type::Gauge, help, memory.used as f64);
        page.single(
            "portagent_memory_limit_bytes",
            Type::Gauge,
            "Memory limit of the control group, or the machine's memory.",
            memory.limit as f64,
        );
    }
}

fn counter(page: &mut Page, name: &str, help: &str, counter: &super::Counter) {
    page.family(name, Type::Counter, help);
    page.whole(name, &[], counter.get());
}

fn gauge(page: &mut Page, name: &str, help: &str, value: i64) {
    page.single(name, Type::Gauge, help, value as f64);
}
