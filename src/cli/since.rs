//! `--since`: a time ago, a day, or a moment. All in UTC, as the log is.

use crate::cli::command::usage;
use crate::domain::Result;
use crate::telemetry::timestamp;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Milliseconds since 1970. Errors: `Invalid` for what is no time.
pub(super) fn moment(text: &str, now_ms: i64) -> Result<i64> {
    let today = now_ms - now_ms.rem_euclid(DAY_MS);
    let found = match text.trim() {
        "now" => Some(now_ms),
        "today" => Some(today),
        "yesterday" => Some(today - DAY_MS),
        text => ago(text).map(|ms| now_ms.saturating_sub(ms)).or_else(|| written_out(text)),
    };
    found.ok_or_else(|| {
        usage(format!("--since {text}: not a time"), "such as 30m, 1h, 2d, today, 2026-11-24 or 2026-11-24T10:00:00Z")
    })
}

/// `1h`, `90 seconds`, and `1 hour ago` as journalctl takes it.
fn ago(text: &str) -> Option<i64> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let unit_ms = match text[digits..].trim() {
        "s" | "sec" | "second" | "seconds" => 1000,
        "m" | "min" | "minute" | "minutes" => 60 * 1000,
        "h" | "hour" | "hours" => 3600 * 1000,
        "d" | "day" | "days" => DAY_MS,
        "w" | "week" | "weeks" => 7 * DAY_MS,
        _ => return None,
    };
    number.checked_mul(unit_ms)
}

/// A moment as RFC 3339 has it, or its beginning: the day, with hours and minutes, with seconds.
fn written_out(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    ["", "Z", ":00Z", "T00:00:00Z"].iter().find_map(|rest| timestamp::parse_rfc3339(&format!("{text}{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now = 1_795_333_833_845; // 2026-11-22T07:50:33.845Z
        let check = |text: &str, expected: Option<i64>| assert_eq!(moment(text, now).ok(), expected, "{text}");
        check("1h", Some(now - 3_600_000));
        check("30m", Some(now - 1_800_000));
        check("2d", Some(now - 2 * DAY_MS));
        check("1 hour ago", Some(now - 3_600_000));
        check("90 seconds", Some(now - 90_000));
        check("today", Some(1_795_305_600_000));
        check("yesterday", Some(1_795_305_600_000 - DAY_MS));
        check("2026-11-22", Some(1_795_305_600_000));
        check("2026-11-22 07:50", Some(1_795_333_800_000));
        check("2026-11-22T07:50:33", Some(1_795_333_833_000));
        check("2026-11-22T07:50:33.845Z", Some(now));
        check("2026-11-22T08:50:33+01:00", Some(1_795_333_833_000));
        for bad in ["", "h", "1", "1x", "-1h", "9999999999999999999h", "999999999999999w", "2026-13-01", "天", "1天"]
        {
            check(bad, None);
        }
    }
}
