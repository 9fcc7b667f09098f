//! When an alert begins, when it is said again, and when it is over.

use super::Alert;
use super::readings::Readings;
use super::rules::{RULES, Rule};
use crate::telemetry::timestamp::rfc3339;

/// Trouble that lasts is mentioned again after so long, in milliseconds.
const REMIND_AFTER_MS: i64 = 24 * 3_600_000;

pub(super) struct States(Vec<(&'static Rule, RuleState)>);

#[derive(Debug, Default, Clone, PartialEq)]
struct RuleState {
    /// Looks in a row that say the opposite of what is believed.
    doubts: u32,
    /// Since when it is firing.
    since: Option<i64>,
    told: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Fires,
    Lasts,
    /// It had begun then.
    Ends(i64),
}

impl States {
    pub(super) fn new() -> Self {
        Self(RULES.iter().map(|rule| (rule, RuleState::default())).collect())
    }

    /// What there is to tell after a look.
    pub(super) fn evaluate(&mut self, readings: &Readings, instance: &str, now: i64) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (rule, state) in &mut self.0 {
            let reading = (rule.read)(readings);
            let Some(change) = state.see(rule, reading.value, now) else { continue };
            let (status, began) = match change {
                Change::Fires | Change::Lasts => ("firing", state.since.unwrap_or(now)),
                Change::Ends(began) => ("resolved", began),
            };
            let mut alert = Alert::new(status, rule, reading.summary.clone(), instance, began);
            alert.value = rule.threshold.map(|_| reading.value);
            alert.ends_at = matches!(change, Change::Ends(_)).then(|| rfc3339(now));
            alerts.push(alert);
        }
        alerts
    }
}

impl RuleState {
    fn see(&mut self, rule: &Rule, value: f64, now: i64) -> Option<Change> {
        let (opposite, enough) = match self.since {
            None => (rule.is_bad(value), rule.raise_after),
            Some(_) => (rule.is_good(value), rule.clear_after),
        };
        self.doubts = if opposite { self.doubts + 1 } else { 0 };
        if self.doubts >= enough {
            self.doubts = 0;
            self.told = now;
            return Some(match self.since.take() {
                Some(began) => Change::Ends(began),
                None => {
                    self.since = Some(now);
                    Change::Fires
                }
            });
        }
        // A clock that was set back would keep us silent for as long.
        let waited = now - self.told;
        if self.since.is_some() && !(0..REMIND_AFTER_MS).contains(&waited) {
            self.told = now;
            return Some(Change::Lasts);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.name == name).expect("is there")
    }

    /// `!` fires, `.` is over, `r` is said again, `-` nothing.
    fn check(name: &str, values: &[f64], every_ms: i64, expected: &str) {
        let mut state = RuleState::default();
        let look = |(at, value): (usize, &f64)| match state.see(rule(name), *value, 1_000_000 + at as i64 * every_ms) {
            Some(Change::Fires) => '!',
            Some(Change::Ends(_)) => '.',
            Some(Change::Lasts) => 'r',
            None => '-',
        };
        assert_eq!(values.iter().enumerate().map(look).collect::<String>(), expected, "{name} {values:?}");
    }

    #[test]
    fn three_failures_in_a_row_are_an_alert_and_two_good_looks_its_end() {
        check("health", &[1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 30_000, "-----!----.-");
    }

    #[test]
    fn between_the_marks_nothing_changes() {
        check("disk", &[90.0, 90.1, 90.1, 89.0, 89.0, 89.0, 88.0, 89.0, 88.0, 88.0], 30_000, "--!------.");
        check("memory", &[81.0, 81.0, 81.0, 79.0, 81.0, 81.0, 81.0, 81.0], 30_000, "-------!");
        check("error_rate", &[5.0, 5.1, 5.1, 4.0, 3.0, 3.0, 3.0, 3.0], 30_000, "--!----.");
    }

    #[test]
    fn what_lasts_is_said_again_a_day_later() {
        let hours = 12 * 3_600_000;
        check("integrity", &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0], hours, "!-r-r.");
        check("integrity", &[1.0, 1.0, 1.0], -hours, "!rr");
    }

    #[test]
    fn all_that_is_told_is_in_the_alert() {
        let mut states = States::new();
        let mut readings = Readings::default();
        readings.disk.value = 93.0;
        readings.disk.summary = "full".to_owned();
        assert!(states.evaluate(&readings, "home", 0).is_empty());
        let alerts = states.evaluate(&readings, "home", 30_000);
        let json = serde_json::to_value(&alerts).expect("is JSON");
        let expected = serde_json::json!([{
            "status": "firing", "alert": "disk", "severity": "critical", "summary": "full", "value": 93.0,
            "threshold": 90.0, "startsAt": "1970-01-01T00:00:30.000Z", "endsAt": null, "instance": "home",
            "version": env!("CARGO_PKG_VERSION"), "text": "[firing] home: full",
        }]);
        assert_eq!(json, expected);
        readings.disk.value = 50.0;
        assert!(states.evaluate(&readings, "home", 60_000).is_empty());
        let over = &states.evaluate(&readings, "home", 90_000)[0];
        assert_eq!((over.status, over.starts_at.as_str()), ("resolved", "1970-01-01T00:00:30.000Z"));
        assert_eq!(over.ends_at.as_deref(), Some("1970-01-01T00:01:30.000Z"));
    }
}
