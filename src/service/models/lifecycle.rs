//! When models retire: as their providers say, else by a table of what vendors have announced.

use super::policy::Policy;
use super::{Registry, default_of};
use crate::domain::Result;
use crate::llm::{Kind, Model};
use crate::telemetry::timestamp;

/// What vendors have announced, as of 2026-11-22: compatible servers and gateways list ids only.
/// <https://docs.anthropic.com/en/docs/about-claude/model-deprecations>
const ANNOUNCED: &[(Kind, &str, &str)] = &[
    (Kind::Anthropic, "claude-sonnet-4-20250514", "2026-06-15"),
    (Kind::Anthropic, "claude-sonnet-4-5", "2026-11-30"),
    (Kind::Anthropic, "claude-opus-4-5", "2027-01-22"),
];

pub(super) const RETIRED: &str = "retired";
const DAY_MS: i64 = 24 * 3_600_000;
/// A warning begins so long before, in milliseconds: 30 days.
const WARN_BEFORE_MS: i64 = 30 * DAY_MS;

/// A configured model whose last day is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    pub provider: String,
    pub model: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl Retirement {
    /// `a/b retires on 2026-12-24, in 12 days`, where it is time to say so.
    pub fn notice(&self, now: i64) -> Option<String> {
        let Self { provider, model, at } = self;
        let day = timestamp::rfc3339(*at);
        let day = day.get(..10).unwrap_or_default();
        match at.saturating_sub(now) {
            ..=0 => Some(format!("{provider}/{model} was retired on {day}")),
            left @ 1..=WARN_BEFORE_MS => {
                Some(format!("{provider}/{model} retires on {day}, in {} days", left / DAY_MS))
            }
            _ => None,
        }
    }
}

/// `active`, `deprecated` or `retired`, and the last day; both empty where nothing is known.
pub(super) fn of(kind: Kind, model: &Model, now: i64) -> (String, String) {
    let announced = || ANNOUNCED.iter().find(|(whose, name, _)| *whose == kind && is_one_of(&model.id, name));
    let retires_at = match model.retires_at.as_str() {
        "" => announced().map_or("", |(_, _, day)| day),
        said => said,
    };
    let state = match (moment(retires_at), model.lifecycle.as_str()) {
        (Some(at), _) if at <= now => RETIRED,
        (Some(_), "") => "deprecated",
        (_, said) => said,
    };
    (state.to_owned(), retires_at.to_owned())
}

/// Whether it is that model, or one of its dated versions: `claude-sonnet-4-5-20250929`.
fn is_one_of(id: &str, name: &str) -> bool {
    let rest = id.strip_prefix(name);
    let is_date = |rest: &str| {
        rest.strip_prefix('-').is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
    };
    rest.is_some_and(|rest| rest.is_empty() || is_date(rest))
}

/// A moment, or the beginning of a day, in milliseconds since 1970.
pub(super) fn moment(text: &str) -> Option<i64> {
    timestamp::parse_rfc3339(text).or_else(|| timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")))
}

impl Registry {
    /// The models that are configured by name and whose last day is known, as far as that is known without asking anyone:
    /// a bounded list, soonest first.
    pub fn retirements(&self) -> Result<Vec<Retirement>> {
        let policy = Policy::of(&self.store)?;
        let all = self.all_by(&policy)?;
        let mut found = Vec::new();
        for (at, entry) in all.iter().enumerate() {
            let known = entry.provider.known_models().unwrap_or_default();
            let set = policy.default.as_deref().filter(|_| at == 0);
            let allowed =
                policy.allowed.iter().flatten().filter_map(|id| id.strip_prefix(entry.name())?.strip_prefix('/'));
            let mut named: Vec<String> = allowed.filter(|model| !model.ends_with('*')).map(str::to_owned).collect();
            named.push(default_of(entry, set, &known));
            named.sort();
            named.dedup();
            for id in named {
                let listed = known.iter().find(|model| model.id == id).cloned();
                let model = listed.unwrap_or_else(|| Model { id: id.clone(), ..Model::default() });
                let (_, retires_at) = of(entry.provider.endpoint().kind, &model, 0);
                let provider = entry.name().to_owned();
                found.extend(moment(&retires_at).map(|at| Retirement { provider, model: id, at }));
            }
        }
        found.sort_by_key(|one| one.at);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_believed_before_the_table() {
        let now = moment("2026-11-22").expect("a day");
        let check = |id: &str, said: (&str, &str), expected: (&str, &str)| {
            let model = Model {
                id: id.to_owned(),
                lifecycle: said.0.to_owned(),
                retires_at: said.1.to_owned(),
                ..Model::default()
            };
            let found = of(Kind::Anthropic, &model, now);
            assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{id} {said:?}");
        };
        check("claude-sonnet-4-5", ("", ""), ("deprecated", "2026-11-30"));
        check("claude-sonnet-4-5-20250929", ("", ""), ("deprecated", "2026-11-30"));
        check("claude-sonnet-4-5", ("active", "2027-06-01T00:00:00Z"), ("active", "2027-06-01T00:00:00Z"));
        check("claude-sonnet-4-20250514", ("", ""), ("retired", "2026-06-15"));
        check("claude-x", ("active", "2026-11-01"), ("retired", "2026-11-01"));
        check("claude-sonnet-5-5", ("active", ""), ("active", ""));
        check("claude-sonnet-4-5-large", ("", ""), ("", ""));
    }

    #[test]
    fn thirty_days_before() {
        let check = |days: i64, expected: Option<&str>| {
            let one = Retirement { provider: "a".to_owned(), model: "b".to_owned(), at: 100 * DAY_MS };
            let said = one.notice((100 - days) * DAY_MS);
            assert_eq!(said.as_deref(), expected, "{days}");
        };
        check(31, None);
        check(30, Some("a/b retires on 1970-04-11, in 30 days"));
        check(0, Some("a/b was retired on 1970-04-11"));
        check(-1, Some("a/b was retired on 1970-04-11"));
    }
}
