//! What a person may use in a day or a month, and how much of it is used.

use time::{Date, Duration, OffsetDateTime, UtcOffset};

/// From this part on, in percent, the person is told.
const NEAR_PERCENT: u64 = 80;
/// A clock that steps back by less than this does not give a budget again, in milliseconds: a day.
const STEP_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Millionths of a dollar.
    Money,
    /// All tokens: in and out, cached or not.
    Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// UTC, like every time of day here.
    Day,
    Month,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub measure: Measure,
    pub limit: u64,
    pub period: Period,
}

/// A budget in its present period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetState {
    pub budget: Budget,
    /// Used, and reserved by requests that run.
    pub used: u64,
    /// Milliseconds since 1970.
    pub began_at: i64,
    pub renews_at: i64,
    /// It is the one of all who have none of their own.
    pub is_default: bool,
}

impl Measure {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Tokens => "tokens",
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Money, Self::Tokens].into_iter().find(|one| one.as_str() == text)
    }
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Day, Self::Month].into_iter().find(|one| one.as_str() == text)
    }

    /// Where the period that holds a moment begins, and where the next one does, in milliseconds since 1970.
    pub fn around(self, at: i64) -> (i64, i64) {
        let moment = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let day = moment.to_offset(UtcOffset::UTC).date();
        let (first, next) = match self {
            Self::Day => (day, day.checked_add(Duration::DAY)),
            Self::Month => {
                let first = day.replace_day(1).unwrap_or(day);
                // Every month has its end within 31 days.
                (first, first.checked_add(Duration::days(31)).and_then(|next| next.replace_day(1).ok()))
            }
        };
        let ms = |day: Date| day.midnight().assume_utc().unix_timestamp() * 1000;
        (ms(first), next.map_or(i64::MAX, ms))
    }
}

impl BudgetState {
    pub fn is_exceeded(&self) -> bool {
        self.used >= self.budget.limit
    }

    /// 80 % or more.
    pub fn is_near(&self) -> bool {
        self.percent() >= NEAR_PERCENT
    }

    /// Rounded down; 100 of a budget of nothing.
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100;
        percent.checked_div(u128::from(self.budget.limit)).map_or(100, |part| u64::try_from(part).unwrap_or(u64::MAX))
    }
}

/// When a request counts as made: now, or with the newest one before it, where the clock was set back a little. So each
/// request counts in one period, and a step back gives none again.
pub fn ledger_time(now: i64, newest: Option<i64>) -> i64 {
    newest.filter(|newest| *newest > now && newest - now < STEP_MS).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T02:00:00Z.
    const NOW: i64 = 1_795_485_600_000;
    const DAY: i64 = 24 * 3_600_000;

    #[test]
    fn periods_are_those_of_the_calendar() {
        let midnight = NOW - 2 * 3_600_000;
        assert_eq!(Period::Day.around(NOW), (midnight, midnight + DAY));
        assert_eq!(Period::Day.around(midnight), (midnight, midnight + DAY));
        assert_eq!(Period::Month.around(NOW), (midnight - 23 * DAY, midnight + 7 * DAY));
        let february = 1_834_790_400_000 - 5 * DAY; // 2028-02-17
        let (first, next) = Period::Month.around(february);
        assert_eq!((next - first) / DAY, 29);
    }

    #[test]
    fn parts_of_a_budget() {
        let state = |used, limit| BudgetState {
            budget: Budget { measure: Measure::Tokens, limit, period: Period::Day },
            used,
            began_at: 0,
            renews_at: 0,
            is_default: false,
        };
        let check = |used, limit, near, exceeded| {
            assert_eq!(
                (state(used, limit).is_near(), state(used, limit).is_exceeded()),
                (near, exceeded),
                "{used}/{limit}"
            );
        };
        check(79, 100, false, false);
        check(80, 100, true, false);
        check(100, 100, true, true);
        check(0, 0, true, true);
        check(u64::MAX, u64::MAX, true, true);
    }

    #[test]
    fn a_small_step_back_changes_nothing() {
        assert_eq!(ledger_time(NOW, None), NOW);
        assert_eq!(ledger_time(NOW, Some(NOW - 5)), NOW);
        assert_eq!(ledger_time(NOW, Some(NOW + 3_600_000)), NOW + 3_600_000);
        assert_eq!(ledger_time(NOW, Some(NOW + 400 * DAY)), NOW, "that was a clock that had gone wrong");
    }
}
