//! Everything that is counted, wherever it happens.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Counter, Gauge, Histogram, Labelled, uptime};

/// Upper ends for times that people wait, in microseconds.
pub(super) static WAITS: [u64; 9] =
    [100_000, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 30_000_000, 120_000_000];
/// The same for commits: from a fast disk to an SD card that is being difficult.
static COMMITS_TAKE: [u64; 8] = [1_000, 5_000, 20_000, 50_000, 100_000, 500_000, 2_000_000, 10_000_000];
/// Pieces of work, times a million.
static PIECES: [u64; 7] = [1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000, 64_000_000, 256_000_000];

// The public port.
pub static HTTP_CONNECTIONS: Gauge = Gauge::new();
pub static HTTP_REFUSED: Counter = Counter::new();

// Turns, and the model's server.
pub static TURNS_ENDED: Labelled<4> = Labelled::new("reason", ["completed", "interrupted", "limit", "error"]);
pub static TOKENS: Labelled<4> = Labelled::new("kind", ["input", "output", "cache_read", "cache_write"]);
pub static UPSTREAM_REQUESTS: Labelled<3> = Labelled::new("outcome", ["answered", "cancelled", "failed"]);
pub static UPSTREAM_ERRORS: Labelled<19> = Labelled::new(
    "code",
    [
        "upstream_auth",
        "upstream_bad_answer",
        "upstream_bad_request",
        "upstream_blocked",
        "upstream_content_policy",
        "upstream_bad_url",
        "upstream_billing",
        "upstream_broken_stream",
        "upstream_forbidden",
        "upstream_not_configured",
        "upstream_not_found",
        "upstream_overloaded",
        "upstream_rate_limited",
        "upstream_timeout",
        "upstream_tls",
        "upstream_too_large",
        "upstream_unavailable",
        "upstream_unreachable",
        "other",
    ],
);
pub static UPSTREAM_RETRIES: Counter = Counter::new();
pub static UPSTREAM_FIRST_TOKEN: Histogram<9> = Histogram::new(&WAITS);

// Accounts.
pub static LOGINS: Labelled<5> = Labelled::new("outcome", ["ok", "first_step", "refused", "limited", "failed"]);
pub static REGISTRATIONS: Counter = Counter::new();

// Databases.
pub static COMMITS: Labelled<3> = Labelled::new("database", ["portagent", "agentx", "other"]);
pub static COMMIT_FAILURES: Counter = Counter::new();
pub static COMMIT_PIECES: Histogram<7> = Histogram::new(&PIECES);
pub static COMMIT_TIME: Histogram<8> = Histogram::new(&COMMITS_TAKE);
pub static BUSY_WAITS: Counter = Counter::new();

// Automatic jobs.
pub static JOB_FAILURES: Labelled<7> =
    Labelled::new("name", ["backup", "files", "integrity", "optimize", "retention", "care", "other"]);
pub static ALERTS_SENT: Labelled<4> =
    Labelled::new("outcome", ["webhook_ok", "webhook_failed", "command_ok", "command_failed"]);

// The log.
pub static LOG_WRITE_ERRORS: Counter = Counter::new();
pub static LOG_LINES_DROPPED: Labelled<2> = Labelled::new("output", ["file", "stdout"]);

/// Since when the log file takes no line, in milliseconds of [`uptime`], plus one; 0 when it does.
static LOG_BROKEN: AtomicU64 = AtomicU64::new(0);

/// A line was written to the log file, or not.
pub fn log_file_works(works: bool) {
    if works {
        if LOG_BROKEN.load(Relaxed) != 0 {
            LOG_BROKEN.store(0, Relaxed);
        }
    } else {
        LOG_WRITE_ERRORS.inc();
        LOG_LINES_DROPPED.inc("file");
        let _ = LOG_BROKEN.compare_exchange(0, now_ms(), Relaxed, Relaxed); // an earlier failure counts
    }
}

/// How long the log file has taken nothing; `None` when it works.
pub fn log_file_broken_for() -> Option<Duration> {
    let since = LOG_BROKEN.load(Relaxed);
    (since != 0).then(|| Duration::from_millis(now_ms().saturating_sub(since)))
}

fn now_ms() -> u64 {
    u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}
