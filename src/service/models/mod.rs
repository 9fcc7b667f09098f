//! Which providers and models there are, and which of them answers a conversation.
//!
//! One provider comes from the settings and stays as it is while the server runs; administrators add others, which stand
//! in a table. The table is read at every question, so that a change counts at once, whoever made it; what was learned
//! about a provider lives as long as its row stays the same. No lock is held while a provider is asked.

pub mod check;
mod entry;
mod notice;
mod providers;

use std::sync::{Arc, Mutex, PoisonError};

pub use check::{Checked, Probe, Verdict};
pub use entry::Entry;
pub use notice::{Notice, for_provider};
pub use providers::{Providers, Saved, Shown};

use crate::domain::{Error, Result};
use crate::llm::Provider;
use crate::store::Store;

pub struct Registry {
    store: Arc<Store>,
    /// The one of the settings.
    fixed: Arc<Entry>,
    /// Those of the table, as they were read last.
    added: Mutex<Vec<Arc<Entry>>>,
}

/// Who answers a conversation.
#[derive(Clone)]
pub struct Choice {
    pub entry: Arc<Entry>,
    /// As the provider calls it.
    pub model: String,
    /// The provider is the one of conversations that name none.
    pub is_default: bool,
}

/// A model that can be chosen.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What a conversation names: `provider/model`.
    pub id: String,
    pub provider: String,
    pub model: crate::llm::Model,
    pub is_default: bool,
}

impl Registry {
    pub fn new(store: Arc<Store>, fixed: Provider) -> Arc<Self> {
        Arc::new(Self { store, fixed: Arc::new(Entry::fixed(fixed)), added: Mutex::default() })
    }

    /// All that can be asked now; the one of conversations that name none stands first.
    ///
    /// Errors: what the store says.
    pub fn all(&self) -> Result<Vec<Arc<Entry>>> {
        let rows = self.store.providers()?;
        let fixed = self.fixed.provider.endpoint();
        // A row of the same name counts where the settings lack the key: that is how a first key is given in the page.
        let is_shadowed = |name: &str| name == fixed.name;
        let is_fixed_out = !self.fixed.is_ready() && rows.iter().any(|row| is_shadowed(&row.name));
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |row| added.iter().find(|entry| entry.is_of(&row)).cloned().unwrap_or_else(|| Entry::added(row));
        let entries: Vec<Arc<Entry>> = rows.into_iter().map(entry).collect();
        added.clone_from(&entries);
        drop(added);
        let mut all: Vec<_> = (!is_fixed_out).then(|| self.fixed.clone()).into_iter().collect();
        all.extend(entries.into_iter().filter(|entry| is_fixed_out || !is_shadowed(entry.name())));
        // Where nothing is ready, the one of the settings says what is missing.
        if let Some(first) = all.iter().position(|entry| entry.is_ready()) {
            all[..=first].rotate_right(1);
        }
        Ok(all)
    }

    /// Their names: a bounded list, fit for labels of metrics.
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.all()?.iter().map(|entry| entry.name().to_owned()).collect())
    }

    /// The provider of conversations that name none. Errors: what the store says.
    pub fn first(&self) -> Result<Arc<Entry>> {
        self.all()?.into_iter().next().ok_or_else(|| Error::internal("no provider"))
    }

    /// Who answers where a conversation names `wanted`, or nothing: `provider/model`, or a model of the first provider.
    ///
    /// Errors: `Upstream` where the provider has to be asked for its models, and fails.
    pub fn choose(&self, wanted: Option<&str>) -> Result<Choice> {
        let all = self.all()?;
        let (entry, model) = named(&all, wanted.unwrap_or_default());
        let model = entry.provider.model(Some(model)).map_err(|error| for_provider(error, entry))?;
        Ok(Choice { entry: entry.clone(), model, is_default: Arc::ptr_eq(entry, &all[0]) })
    }

    /// The models that can be chosen, as they were listed last. A provider that cannot be asked shows its own default,
    /// where it has one.
    ///
    /// Errors: `Upstream` where there is not a single model.
    pub fn offers(&self) -> Result<Vec<Offer>> {
        let mut offers = Vec::new();
        let mut trouble = None;
        for (at, entry) in self.all()?.iter().enumerate() {
            let listed = entry.models().unwrap_or_else(|error| {
                trouble.get_or_insert(error);
                Arc::default()
            });
            let default = entry.provider.model_or_none(&listed);
            let unlisted = Some(&default).filter(|id| !id.is_empty() && listed.iter().all(|model| model.id != **id));
            let unlisted = unlisted.map(|id| crate::llm::Model { id: id.clone(), ..Default::default() });
            offers.extend(unlisted.into_iter().chain(listed.iter().cloned()).map(|model| Offer {
                id: format!("{}/{}", entry.name(), model.id),
                provider: entry.name().to_owned(),
                is_default: at == 0 && model.id == default,
                model,
            }));
        }
        match trouble {
            Some(error) if offers.is_empty() => Err(error),
            _ => Ok(offers),
        }
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

/// The provider that a text names, and its model; an empty one is the provider's default.
fn named<'a, 'b>(all: &'a [Arc<Entry>], wanted: &'b str) -> (&'a Arc<Entry>, &'b str) {
    let (name, model) = wanted.split_once('/').unwrap_or(("", wanted));
    match all.iter().find(|entry| entry.name() == name) {
        Some(entry) => (entry, model),
        None => (&all[0], wanted),
    }
}
