//! The alert rules: the thresholds of the operations manual, and our own.

use super::readings::{Reading, Readings};

/// One rule. Between its marks nothing changes, so that a value at the edge does not fire twice a minute.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) severity: &'static str,
    /// Above it is trouble, for those that are a matter of numbers.
    pub(super) threshold: Option<f64>,
    /// At or below it the trouble is over.
    pub(super) clear: f64,
    /// Evaluations in a row that it takes to begin and to end.
    pub(super) raise_after: u32,
    pub(super) clear_after: u32,
    pub(super) read: fn(&Readings) -> &Reading,
}

const fn rule(
    name: &'static str,
    severity: &'static str,
    (threshold, clear): (Option<f64>, f64),
    (raise_after, clear_after): (u32, u32),
    read: fn(&Readings) -> &Reading,
) -> Rule {
    Rule { name, severity, threshold, clear, raise_after, clear_after, read }
}

/// Shares are in percent, times in seconds; what is either well or not reads as 0 or 1.
const YES_OR_NO: (Option<f64>, f64) = (None, 0.0);

#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    rule("health",        "critical", YES_OR_NO,            (3, 2), |readings| &readings.health),
    rule("memory",        "warning",  (Some(80.0), 75.0),   (4, 4), |readings| &readings.memory),
    rule("disk",          "critical", (Some(90.0), 88.0),   (2, 2), |readings| &readings.disk),
    rule("response_time", "warning",  (Some(5.0), 2.5),     (2, 4), |readings| &readings.response_time),
    rule("error_rate",    "warning",  (Some(5.0), 3.0),     (2, 4), |readings| &readings.error_rate),
    rule("backup",        "critical", YES_OR_NO,            (2, 1), |readings| &readings.backup),
    rule("integrity",     "critical", YES_OR_NO,            (1, 1), |readings| &readings.integrity),
    rule("upstream",      "critical", YES_OR_NO,            (2, 1), |readings| &readings.upstream),
];

pub(super) static TEST: Rule = rule("test", "info", YES_OR_NO, (1, 1), |readings| &readings.health);

impl Rule {
    pub(super) fn is_bad(&self, value: f64) -> bool {
        value > self.threshold.unwrap_or(0.0)
    }

    pub(super) fn is_good(&self, value: f64) -> bool {
        value <= self.clear
    }
}
