//! What administrators do with providers: in the page, or from the command line beside a running server. A key is checked
//! before it is saved; every change leaves an audit line.

use std::sync::Arc;

use super::check::{Checked, Probe, Verdict};
use super::{Entry, Registry};
use crate::domain::provider::{ProviderChange, ProviderRow, key_hint};
use crate::domain::user::Actor;
use crate::domain::{Error, Result, clock};
use crate::service::audit::record;
use crate::store::Store;

#[derive(Clone)]
pub struct Providers {
    registry: Arc<Registry>,
    store: Arc<Store>,
}

/// A provider as it may be shown: nothing of its key but the end.
#[derive(Debug, Clone)]
pub struct Shown {
    pub name: String,
    pub kind: &'static str,
    /// Empty: that of the kind.
    pub base_url: String,
    pub key_hint: Option<String>,
    pub default_model: String,
    /// Comes from the settings and cannot be changed while the server runs.
    pub is_fixed: bool,
    /// Answers conversations that name no provider.
    pub is_default: bool,
    pub is_ready: bool,
    /// As far as it was asked since the start: how many models it has listed, and why it could not be asked.
    pub models: Option<usize>,
    pub problem: Option<String>,
}

/// A provider that was saved, and what it said.
pub struct Saved {
    pub provider: Shown,
    pub checked: Checked,
}

impl Providers {
    pub fn new(registry: Arc<Registry>, store: Arc<Store>) -> Self {
        Self { registry, store }
    }

    pub fn list(&self, _by: Actor<'_>) -> Result<Vec<Shown>> {
        Ok(self.registry.all()?.iter().enumerate().map(|(at, entry)| shown(entry, at == 0)).collect())
    }

    /// Adds one, after asking it whether the key is good. One that cannot be asked is added all the same, and the answer
    /// says so.
    ///
    /// Errors: `Invalid`, also for a key that is refused; `Conflict` where the name is taken.
    pub fn add(&self, by: Actor<'_>, name: Option<&str>, change: ProviderChange) -> Result<Saved> {
        let row = ProviderRow::new(name, change, clock::now_ms())?;
        if self.registry.all()?.iter().any(|entry| entry.name() == row.name && (entry.is_ready() || !entry.is_fixed()))
        {
            return Err(taken(&row.name));
        }
        let checked = check(&row)?;
        self.store.add_provider(row.clone())?;
        record("provider.add", by, on(&row.name));
        self.saved(&row.name, checked)
    }

    /// Changes one likewise; turns that are being answered go on with what they began with.
    ///
    /// Errors: `NotFound`; `Conflict` for the one of the settings; `Invalid`, also for a key that is refused.
    pub fn change(&self, by: Actor<'_>, name: &str, change: ProviderChange) -> Result<Saved> {
        let row = self.row(name)?.changed(change, clock::now_ms())?;
        let checked = check(&row)?;
        self.store.change_provider(row)?;
        record("provider.change", by, on(name));
        self.saved(name, checked)
    }

    /// Removes one. Turns that it is answering go on to their end.
    ///
    /// Errors: `NotFound`; `Conflict` for the one of the settings.
    pub fn remove(&self, by: Actor<'_>, name: &str) -> Result<()> {
        self.row(name)?;
        self.store.delete_provider(name)?;
        record("provider.remove", by, on(name));
        Ok(())
    }

    /// Asks one for its models. Errors: `NotFound`.
    pub fn test(&self, by: Actor<'_>, name: &str) -> Result<Checked> {
        let entry = self.registry.all()?.into_iter().find(|entry| entry.name() == name).ok_or_else(not_found)?;
        let endpoint = entry.provider.endpoint().clone();
        let probe = if entry.is_fixed() { Probe::of_settings(endpoint) } else { Probe::of_row(&self.row(name)?) };
        let checked = probe.ask();
        record("provider.test", by, on(name));
        Ok(checked)
    }

    fn row(&self, name: &str) -> Result<ProviderRow> {
        let entries = self.registry.all()?;
        let entry = entries.iter().find(|entry| entry.name() == name).ok_or_else(not_found)?;
        if entry.is_fixed() {
            let message = format!("The provider `{name}` comes from the settings");
            return Err(Error::conflict("provider_of_settings", message)
                .hint("change LLM_PROVIDER, LLM_PROVIDER_KEY and LLM_PROVIDER_URL, and restart"));
        }
        self.store.providers()?.into_iter().find(|row| row.name == name).ok_or_else(not_found)
    }

    fn saved(&self, name: &str, checked: Checked) -> Result<Saved> {
        let all = self.registry.all()?;
        let at = all.iter().position(|entry| entry.name() == name).ok_or_else(not_found)?;
        Ok(Saved {
            provider: Shown {
                models: Some(checked.models).filter(|_| checked.error.is_none()),
                ..shown(&all[at], at == 0)
            },
            checked,
        })
    }
}

/// Errors: `Invalid` where the key is refused.
fn check(row: &ProviderRow) -> Result<Checked> {
    let checked = Probe::of_row(row).ask();
    if checked.verdict != Verdict::Refused {
        return Ok(checked);
    }
    let Some(error) = checked.error else {
        return Err(
            Error::invalid("key_missing", "This provider needs a key").hint("copy one from the provider's page")
        );
    };
    let message = format!("Not saved: {}", error.message);
    Err(Error::invalid("key_refused", message).hint("check the key, and that it belongs to this address"))
}

fn shown(entry: &Entry, is_default: bool) -> Shown {
    let endpoint = entry.provider.endpoint();
    let (models, problem) = entry.known();
    let is_demo = endpoint.kind == crate::llm::Kind::Demo;
    Shown {
        name: endpoint.name.clone(),
        kind: endpoint.kind.as_str(),
        base_url: if is_demo { String::new() } else { endpoint.base_url.clone() },
        key_hint: endpoint.api_key.as_ref().filter(|_| !is_demo).map(key_hint),
        default_model: endpoint.default_model.clone(),
        is_fixed: entry.is_fixed(),
        is_default,
        is_ready: entry.is_ready(),
        models,
        problem,
    }
}

fn taken(name: &str) -> Error {
    Error::conflict("provider_exists", format!("There is a provider `{name}` already")).hint("choose another name")
}

fn not_found() -> Error {
    Error::not_found("Provider")
}

fn on(name: &str) -> String {
    format!("provider:{name}")
}
