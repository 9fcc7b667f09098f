//! Whether a model that is configured by name is about to retire, or has.

use crate::domain::finding::Finding;
use crate::service::models::{Registry, Retirement};
use crate::telemetry::timestamp;

const NAME: &str = "models";
const DAY_MS: i64 = 24 * 3_600_000;
/// A warning begins so long before, in milliseconds: 30 days.
const WARN_BEFORE_MS: i64 = 30 * DAY_MS;

pub(super) fn check(models: &Registry, now: i64) -> Finding {
    let retirements = models.retirements().unwrap_or_default();
    let soon: Vec<String> = retirements.iter().filter_map(|one| words(one, now)).collect();
    if soon.is_empty() {
        return Finding::pass(NAME, "no configured model retires within 30 days");
    }
    Finding::warn(NAME, soon.join("; ")).hint("set another default model")
}

/// `a/b retires on 2026-12-24, in 12 days`, where it is time to say so.
pub fn words(retirement: &Retirement, now: i64) -> Option<String> {
    let Retirement { provider, model, at } = retirement;
    let day = timestamp::rfc3339(*at);
    let day = day.get(..10).unwrap_or_default();
    match at.saturating_sub(now) {
        ..=0 => Some(format!("{provider}/{model} was retired on {day}")),
        left @ 1..=WARN_BEFORE_MS => Some(format!("{provider}/{model} retires on {day}, in {} days", left / DAY_MS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_days_before() {
        let check = |days: i64, expected: Option<&str>| {
            let one = Retirement { provider: "a".to_owned(), model: "b".to_owned(), at: 100 * DAY_MS };
            let said = words(&one, (100 - days) * DAY_MS);
            assert_eq!(said.as_deref(), expected, "{days}");
        };
        check(31, None);
        check(30, Some("a/b retires on 1970-04-11, in 30 days"));
        check(0, Some("a/b was retired on 1970-04-11"));
        check(-1, Some("a/b was retired on 1970-04-11"));
    }
}
