//! Who answers a conversation, and what to say where its model is gone.

use std::sync::Arc;

use super::lifecycle::{self, RETIRED};
use super::notice::for_provider;
use super::policy::Policy;
use super::{Entry, Notice, Registry, default_of};
use crate::domain::user::{Caller, Role};
use crate::domain::{Error, Kind, Result, clock};
use crate::llm;
use crate::llm::Model;

/// Who answers a conversation.
#[derive(Clone)]
pub struct Choice {
    pub entry: Arc<Entry>,
    /// As the provider calls it.
    pub model: String,
    /// The provider is the one of conversations that name none.
    pub is_default: bool,
    role: Role,
}

impl Registry {
    /// Opens a connection to the provider of a conversation whose question is just being stored.
    pub fn prepare(&self, wanted: Option<&str>) {
        if let Ok(all) = self.all() {
            named(&all, wanted.unwrap_or_default()).0.provider.prepare();
        }
    }

    /// Who answers where a conversation names `wanted`, or nothing: `provider/model`, or a model of the first provider.
    ///
    /// Errors: `NotFound` (`model_unavailable`) where the model is not there for a person of this role; `Upstream` where no
    /// provider is ready, or where it has to be asked for its models, and fails.
    pub fn choose(&self, wanted: Option<&str>, role: Role) -> Result<Choice> {
        let policy = Policy::of(&self.store)?;
        let all = self.all_by(&policy)?;
        let wanted = wanted.unwrap_or_default();
        let (entry, model) = named(&all, wanted);
        if !entry.is_ready() {
            return Err(not_ready(role));
        }
        let is_default = Arc::ptr_eq(entry, &all[0]);
        let set = policy.default.as_deref().filter(|_| is_default && model.is_empty());
        let model = match default_of(entry, set, &[]) {
            default if model.is_empty() && !default.is_empty() => default,
            _ => entry.provider.model(Some(model)).map_err(|error| for_provider(error, entry))?,
        };
        let choice = Choice { entry: entry.clone(), model, is_default, role };
        if !policy.allows(role, &choice.id()) {
            return self.instead(choice, wanted);
        }
        // A list without it settles the matter only where the name says that it is another provider's.
        let is_foreign = wanted.contains('/') && wanted == choice.model;
        if is_foreign && entry.provider.known_models().is_some_and(|known| known.iter().all(|one| one.id != wanted)) {
            return Err(self.unavailable(&choice, "No provider has it"));
        }
        Ok(choice)
    }

    /// Who would answer, by kind and model, and what its provider said of the model when it listed them last: nothing is
    /// asked for here.
    pub fn known(&self, wanted: Option<&str>) -> Result<(llm::Kind, String, Option<llm::Model>)> {
        let policy = Policy::of(&self.store)?;
        let all = self.all_by(&policy)?;
        let (entry, model) = named(&all, wanted.unwrap_or_default());
        let listed = entry.provider.known_models().unwrap_or_default();
        let set = policy.default.as_deref().filter(|_| Arc::ptr_eq(entry, &all[0]));
        let id = if model.is_empty() { default_of(entry, set, &listed) } else { model.to_owned() };
        let mut known = listed.iter().find(|model| model.id == id).cloned();
        if let Some(known) = &mut known {
            known.context_tokens = entry.provider.context_tokens(&id);
        }
        Ok((entry.provider.endpoint().kind, id, known))
    }

    /// Where an administrator has hidden the default, people get the first model that they see.
    fn instead(&self, choice: Choice, wanted: &str) -> Result<Choice> {
        let offers = if wanted.is_empty() { self.offers_for(choice.role)? } else { Vec::new() };
        match offers.iter().find(|offer| offer.is_default) {
            Some(offer) => self.choose(Some(&offer.id), choice.role),
            None => Err(self.unavailable(&choice, "An administrator has not released it")),
        }
    }

    /// Whether a person may begin or go on with this model, as far as that is known without asking anybody.
    ///
    /// Errors: `NotFound` (`model_unavailable`).
    pub fn check(&self, caller: &Caller, wanted: &str) -> Result<()> {
        let role = caller.user.role;
        let policy = Policy::of(&self.store)?;
        let all = self.all_by(&policy)?;
        let (entry, model) = named(&all, wanted);
        if model.is_empty() || policy.allows(role, &format!("{}/{model}", entry.name())) {
            return Ok(());
        }
        let choice = Choice { entry: entry.clone(), model: model.to_owned(), is_default: false, role };
        Err(self.unavailable(&choice, "An administrator has not released it"))
    }

    /// The model that a person's next conversation begins with, where they have chosen one that they may still use.
    pub fn last_choice(&self, caller: &Caller) -> Result<Option<String>> {
        let Some(id) = self.store.model_choice(&caller.user.id)? else { return Ok(None) };
        let all = self.all()?;
        let (entry, model) = named(&all, &id);
        let is_there = !id.contains('/') || id == format!("{}/{model}", entry.name());
        let known = entry.provider.known_models().unwrap_or_default();
        let is_gone = known.iter().any(|one| one.id == model && is_retired(entry, one));
        Ok(Some(id.as_str()).filter(|id| is_there && !is_gone && self.check(caller, id).is_ok()).map(str::to_owned))
    }

    /// An error of the provider as a person should read it: with the way out that fits.
    pub fn explained(&self, error: Error, choice: &Choice) -> Error {
        let known = choice.entry.provider.known_models().unwrap_or_default();
        let is_listed = known.iter().any(|model| model.id == choice.model && !is_retired(&choice.entry, model));
        match error.code.as_str() {
            "upstream_not_found" if !is_listed => self.unavailable(choice, &error.message),
            "upstream_not_configured" => not_ready(choice.role),
            "upstream_too_large" if choice.entry.provider.takes_context() => {
                let hint = "An administrator can load the model with a larger context (Administration, Models)";
                for_provider(error, &choice.entry).hint(hint)
            }
            _ => for_provider(error, &choice.entry),
        }
    }

    fn unavailable(&self, choice: &Choice, why: &str) -> Error {
        let message = format!("The model `{}` is not available. {why}", choice.id());
        let error = Error::new(Kind::NotFound, "model_unavailable", message);
        let offers = self.offers_for(choice.role).unwrap_or_default();
        let others = || offers.iter().filter(|offer| offer.id != choice.id() && offer.lifecycle != RETIRED);
        let next = others().find(|offer| offer.is_default).or_else(|| others().next());
        match next {
            Some(next) => error.hint(format!("Choose another model, such as {}", next.id)).with_next_model(&next.id),
            None => error.hint("An administrator can check the providers and their models"),
        }
    }
}

impl Choice {
    /// `provider/model`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.entry.name(), self.model)
    }
}

fn is_retired(entry: &Entry, model: &Model) -> bool {
    lifecycle::of(entry.provider.endpoint().kind, model, clock::now_ms()).0 == RETIRED
}

fn not_ready(role: Role) -> Error {
    let notice = if role == Role::Admin { Notice::Administrator } else { Notice::Person };
    Error::new(Kind::Upstream, "upstream_not_configured", "No API key is set, so no model can be asked")
        .hint(notice.text())
}

/// The provider that a text names, and its model; an empty one is the provider's default.
fn named<'a, 'b>(all: &'a [Arc<Entry>], wanted: &'b str) -> (&'a Arc<Entry>, &'b str) {
    let (name, model) = wanted.split_once('/').unwrap_or(("", wanted));
    match all.iter().find(|entry| entry.name() == name) {
        Some(entry) => (entry, model),
        None => (&all[0], wanted),
    }
}
