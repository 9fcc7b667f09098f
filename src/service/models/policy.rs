//! What administrators say about models: which one answers where a conversation names none, and which of them people see.
//! Administrators themselves see all.

use std::collections::{BTreeMap, HashMap};

use super::{Entry, Registry};
use crate::domain::user::{Actor, Role};
use crate::domain::{Error, Result, limits};
use crate::service::audit::record;
use crate::store::Store;

/// Where they stand among the settings.
const DEFAULT: &str = "models.default";
const ALLOWED: &str = "models.allowed";
const CONTEXTS: &str = "models.contexts";
/// Lines of a list of models.
const PATTERNS: usize = 200;
/// The size of a context that can be set, in tokens.
const LEAST_CONTEXT: u64 = 1024;
const MOST_CONTEXT: u64 = 16 * 1024 * 1024;

/// As it was set, or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `provider/model`.
    pub default: Option<String>,
    /// `provider/model` or `provider/*`. `None`: all.
    pub allowed: Option<Vec<String>>,
    /// The context that a model is loaded with, in tokens, by `provider/model`.
    pub contexts: BTreeMap<String, u64>,
}

/// What to change: `None` leaves it alone, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    pub default: Option<Option<String>>,
    pub allowed: Option<Option<Vec<String>>>,
    /// Of one model: `provider/model`, and its context in tokens.
    pub context: Option<(String, Option<u64>)>,
}

impl Policy {
    pub(super) fn of(store: &Store) -> Result<Self> {
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        let contexts = store.setting(CONTEXTS)?.unwrap_or_default();
        let context = |line: &str| line.rsplit_once(' ').and_then(|(id, n)| Some((id.to_owned(), n.parse().ok()?)));
        Ok(Self {
            default: store.setting(DEFAULT)?,
            allowed: store.setting(ALLOWED)?.map(lines),
            contexts: contexts.lines().filter_map(context).collect(),
        })
    }

    /// The contexts of one provider's models, by their own names.
    pub(super) fn contexts_of(&self, provider: &str) -> HashMap<String, u64> {
        let of =
            |(id, tokens): (&String, &u64)| Some((id.strip_prefix(provider)?.strip_prefix('/')?.to_owned(), *tokens));
        self.contexts.iter().filter_map(of).collect()
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
                return Err(too_many());
            }
            allowed.iter().flatten().try_for_each(check)?;
            self.store.set_setting(ALLOWED, allowed.map(|list| list.join("\n")))?;
            record("models.allowed", by, "models");
        }
        if let Some((id, tokens)) = change.context {
            self.set_context(by, id, tokens)?;
        }
        Policy::of(&self.store)
    }

    /// The names of the providers whose models are loaded with a context that can be set.
    pub fn take_context(&self) -> Result<Vec<String>> {
        let all = self.all()?;
        let taking = all.iter().filter(|entry| entry.provider.takes_context());
        Ok(taking.map(|entry| entry.name().to_owned()).collect())
    }

    fn set_context(&self, by: Actor<'_>, id: String, tokens: Option<u64>) -> Result<()> {
        let mut contexts = Policy::of(&self.store)?.contexts;
        match tokens {
            Some(tokens) => {
                let (all, (name, model)) = (self.all()?, id.split_once('/').unwrap_or_default());
                let entry = all.iter().find(|entry| entry.name() == name && is_name(model));
                check_context(entry.map(AsRef::as_ref), model, tokens)?;
                contexts.insert(id, tokens);
            }
            None => drop(contexts.remove(&id)),
        }
        if contexts.len() > PATTERNS {
            return Err(too_many());
        }
        let lines: Vec<String> = contexts.iter().map(|(id, tokens)| format!("{id} {tokens}")).collect();
        self.store.set_setting(CONTEXTS, Some(lines.join("\n")).filter(|text| !text.is_empty()))?;
        record("models.context", by, "models");
        Ok(())
    }
}

/// Errors: `Invalid`.
fn check_context(entry: Option<&Entry>, model: &str, tokens: u64) -> Result<()> {
    let wrong = |message: String| Error::invalid("invalid_context", message);
    let Some(entry) = entry.filter(|entry| entry.provider.takes_context()) else {
        return Err(wrong("Only models of Ollama are loaded with a context that can be set".to_owned())
            .hint("name the model like ollama/qwen3:8b"));
    };
    let known = entry.provider.known_models().unwrap_or_default();
    let own = known.iter().find(|one| one.id == model).and_then(|one| one.context_tokens);
    let most = own.unwrap_or(MOST_CONTEXT).min(MOST_CONTEXT);
    if !(LEAST_CONTEXT..=most).contains(&tokens) {
        return Err(wrong(format!("The context of `{model}` is a number of tokens from {LEAST_CONTEXT} to {most}")));
    }
    Ok(())
}

fn too_many() -> Error {
    Error::invalid("too_many_models", format!("A list has at most {PATTERNS} models"))
}

fn is_name(model: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    !model.is_empty() && model.chars().count() <= limits::MODEL_CHARS && !model.chars().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_those_of_one_provider() {
        let contexts = [("a/one:8b", 4096), ("ab/one", 1), ("a/b/two", 2)].map(|(id, tokens)| (id.to_owned(), tokens));
        let policy = Policy { contexts: contexts.into(), ..Policy::default() };
        let expected = [("one:8b", 4096), ("b/two", 2)].map(|(id, tokens)| (id.to_owned(), tokens));
        assert_eq!(policy.contexts_of("a"), expected.into());
    }

    #[test]
    fn people_use_what_is_allowed() {
        let policy = Policy { allowed: Some(vec!["a/one".to_owned(), "b/*".to_owned()]), ..Policy::default() };
        for (id, allowed) in [("a/one", true), ("a/one-2", false), ("b/any", true), ("bb/any", false), ("c/x", false)] {
            assert_eq!(policy.allows(Role::User, id), allowed, "{id}");
            assert!(policy.allows(Role::Admin, id) && Policy::default().allows(Role::User, id));
        }
    }
}
