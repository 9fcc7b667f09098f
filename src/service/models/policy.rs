//! What administrators say about models: which one answers where a conversation names none, and which of them people see.
//! Administrators themselves see all.

use super::Registry;
use crate::domain::user::{Actor, Role};
use crate::domain::{Error, Result, limits};
use crate::service::audit::record;
use crate::store::Store;

/// Where they stand among the settings.
const DEFAULT: &str = "models.default";
const ALLOWED: &str = "models.allowed";
/// Lines of a list of models.
const PATTERNS: usize = 200;

/// As it was set, or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `provider/model`.
    pub default: Option<String>,
    /// `provider/model` or `provider/*`. `None`: all.
    pub allowed: Option<Vec<String>>,
}

/// What to change: `None` leaves it alone, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    pub default: Option<Option<String>>,
    pub allowed: Option<Option<Vec<String>>>,
}

impl Policy {
    pub(super) fn of(store: &Store) -> Result<Self> {
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        Ok(Self { default: store.setting(DEFAULT)?, allowed: store.setting(ALLOWED)?.map(lines) })
    }

    /// Whether someone of this role may use a model, by its full id.
    pub(super) fn allows(&self, role: Role, id: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == pattern,
        };
        role == Role::Admin || self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(fits))
    }
}

impl Registry {
    pub fn policy(&self, _by: Actor<'_>) -> Result<Policy> {
        Policy::of(&self.store)
    }

    /// Counts from the next question on. Errors: `Invalid` for what names no provider.
    pub fn set_policy(&self, by: Actor<'_>, change: PolicyChange) -> Result<Policy> {
        let names = self.names()?;
        let check = |id: &String| match id.split_once('/') {
            Some((name, model)) if names.iter().any(|known| known == name) && is_name(model) => Ok(()),
            _ => Err(Error::invalid("invalid_model", "A model is named like provider/model")
                .hint(format!("the providers are {}", names.join(", ")))),
        };
        if let Some(default) = change.default {
            default.as_ref().map_or(Ok(()), check)?;
            self.store.set_setting(DEFAULT, default)?;
            record("models.default", by, "models");
        }
        if let Some(allowed) = change.allowed {
            if allowed.as_ref().is_some_and(|list| list.len() > PATTERNS) {
                return Err(Error::invalid("too_many_models", format!("A list has at most {PATTERNS} models")));
            }
            allowed.iter().flatten().try_for_each(check)?;
            self.store.set_setting(ALLOWED, allowed.map(|list| list.join("\n")))?;
            record("models.allowed", by, "models");
        }
        Policy::of(&self.store)
    }
}

fn is_name(model: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    !model.is_empty() && model.chars().count() <= limits::MODEL_CHARS && !model.chars().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_use_what_is_allowed() {
        let policy = Policy { default: None, allowed: Some(vec!["a/one".to_owned(), "b/*".to_owned()]) };
        for (id, allowed) in [("a/one", true), ("a/one-2", false), ("b/any", true), ("bb/any", false), ("c/x", false)] {
            assert_eq!(policy.allows(Role::User, id), allowed, "{id}");
            assert!(policy.allows(Role::Admin, id) && Policy::default().allows(Role::User, id));
        }
    }
}
