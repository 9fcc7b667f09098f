//! Which providers and models there are, and which of them answers a conversation.
//!
//! One provider comes from the settings and stays as it is while the server runs; administrators add others, which stand
//! in a table. The table is read at every question, so that a change counts at once, also by a command; what was learned
//! about a provider lives as long as its row stays the same. No lock is held while a provider is asked.

pub mod check;
mod choice;
mod entry;
mod lifecycle;
mod notice;
mod offer;
mod policy;
mod providers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use check::{Checked, Probe, Verdict};
pub use choice::Choice;
pub use entry::Entry;
pub use lifecycle::Retirement;
pub use notice::Notice;
pub use offer::Offer;
pub use policy::{Policy, PolicyChange};
pub use providers::{Providers, Saved, Shown};

use crate::domain::{Error, Result};
use crate::llm::{Model, Provider};
use crate::store::Store;

pub struct Registry {
    store: Arc<Store>,
    /// The one of the settings.
    fixed: Arc<Entry>,
    /// Those of the table, as they were read last.
    added: Mutex<Vec<Arc<Entry>>>,
}

impl Registry {
    pub fn new(store: Arc<Store>, fixed: Provider) -> Arc<Self> {
        let fixed = Arc::new(Entry::fixed(fixed, &store));
        Arc::new(Self { store, fixed, added: Mutex::default() })
    }

    /// All that can be asked now; the one of conversations that name none stands first.
    ///
    /// Errors: what the store says.
    pub fn all(&self) -> Result<Vec<Arc<Entry>>> {
        self.all_by(&Policy::of(&self.store)?)
    }

    fn all_by(&self, policy: &Policy) -> Result<Vec<Arc<Entry>>> {
        let rows = self.store.providers()?;
        let fixed = self.fixed.name();
        // A row of the same name counts where the settings lack the key: that is how a first key is given in the page.
        let is_fixed_out = !self.fixed.is_ready() && rows.iter().any(|row| row.name == fixed);
        let known = self.added().clone();
        let entry = |row| {
            let known = known.iter().find(|entry| entry.is_of(&row)).cloned();
            known.unwrap_or_else(|| Entry::added(row, &self.store))
        };
        let entries: Vec<Arc<Entry>> = rows.into_iter().map(entry).collect();
        self.added().clone_from(&entries);
        let mut all: Vec<_> = (!is_fixed_out).then(|| self.fixed.clone()).into_iter().collect();
        all.extend(entries.into_iter().filter(|entry| is_fixed_out || entry.name() != fixed));
        for entry in all.iter().filter(|entry| entry.provider.takes_context()) {
            entry.provider.set_contexts(policy.contexts_of(entry.name()));
        }
        let wanted = policy.default.as_deref().and_then(|id| id.split_once('/')).map(|(name, _)| name);
        let wanted = all.iter().position(|entry| Some(entry.name()) == wanted && entry.is_ready());
        // Where nothing is ready, the one of the settings says what is missing.
        if let Some(first) = wanted.or_else(|| all.iter().position(|entry| entry.is_ready())) {
            all[..=first].rotate_right(1);
        }
        Ok(all)
    }

    /// What refusals have taught about models, by full id, as words.
    pub fn learned(&self) -> Result<Vec<(String, String)>> {
        let of = |entry: &Arc<Entry>| {
            let name = entry.name().to_owned();
            entry.provider.lessons().into_iter().map(move |(model, lessons)| (format!("{name}/{model}"), lessons))
        };
        Ok(self.all()?.iter().flat_map(of).collect())
    }

    fn added(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Their names: a bounded list, fit for labels of metrics.
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.all()?.iter().map(|entry| entry.name().to_owned()).collect())
    }

    /// The provider of conversations that name none. Errors: what the store says.
    pub fn first(&self) -> Result<Arc<Entry>> {
        self.all()?.into_iter().next().ok_or_else(|| Error::internal("no provider"))
    }

    /// Closes connections that have not been used for a while.
    pub fn close_idle(&self) {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner).clone();
        added.iter().chain([&self.fixed]).for_each(|entry| entry.provider.close_idle());
    }

    /// Asks every provider for its models again; what they say decides how they are asked.
    pub fn refresh(&self) {
        let all = self.all().unwrap_or_default();
        for entry in all.iter().filter(|entry| entry.is_ready()) {
            match entry.refresh() {
                Ok(models) => log::debug!(target: "llm", "provider {} lists {} models", entry.name(), models.len()),
                Err(error) => {
                    log::debug!(target: "llm", "provider {} lists no models: {}", entry.name(), error.with_cause());
                }
            }
        }
    }
}

/// The model of a provider where none is named: the one that administrators have set, its own, or the first that it lists.
/// Empty where none is known.
fn default_of(entry: &Entry, set: Option<&str>, listed: &[Model]) -> String {
    let set = set.and_then(|id| id.strip_prefix(entry.name())?.strip_prefix('/'));
    set.map_or_else(|| entry.provider.model_or_none(listed), str::to_owned)
}
