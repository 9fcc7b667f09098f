//! The models that a person can choose, as the page and the socket give them: one list, so it has one form.

use std::sync::Arc;

use serde::Serialize;

use super::policy::Policy;
use super::{Entry, Registry, default_of, lifecycle};
use crate::domain::user::{Caller, Role};
use crate::domain::{Result, clock};
use crate::llm::Model;

/// A model that can be chosen. What a provider does not say of it is `null` or missing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// What a conversation names: `provider/model`.
    pub id: String,
    pub provider: String,
    pub name: String,
    /// The next conversation of this person begins with it.
    pub is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    pub images: Option<bool>,
    pub files: Option<bool>,
    pub tools: Option<bool>,
    pub thinking: Option<bool>,
    /// How deeply it can be asked to think, from the least to the most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub efforts: Vec<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lifecycle: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub retires_at: String,
}

impl Offer {
    fn is_there(&self) -> bool {
        self.lifecycle != lifecycle::RETIRED
    }
}

impl Registry {
    /// The models that a person can choose, as they were listed last; the default provider's stand first. One that cannot
    /// be asked shows its own default, where it has one. The person's last choice is the default, if it is still there.
    ///
    /// Errors: `Upstream` where there is not a single model.
    pub fn offers(&self, caller: &Caller) -> Result<Vec<Offer>> {
        let mut offers = self.offers_for(caller.user.role)?;
        let choice = self.store.model_choice(&caller.user.id)?;
        if let Some(at) = choice.and_then(|id| offers.iter().position(|offer| offer.id == id && offer.is_there())) {
            offers.iter_mut().enumerate().for_each(|(other, offer)| offer.is_default = other == at);
        }
        Ok(offers)
    }

    /// The same before anything was chosen.
    pub fn offers_for(&self, role: Role) -> Result<Vec<Offer>> {
        let policy = Policy::of(&self.store)?;
        let all = self.all_by(&policy)?;
        let (mut offers, mut trouble) = (Vec::new(), None);
        for (at, entry) in all.iter().enumerate() {
            let listed = entry.models().unwrap_or_else(|error| {
                trouble.get_or_insert(error);
                Arc::default()
            });
            let default = default_of(entry, policy.default.as_deref().filter(|_| at == 0), &listed);
            let unlisted = !default.is_empty() && listed.iter().all(|model| model.id != default);
            let unlisted = unlisted.then(|| Model { id: default.clone(), ..Model::default() });
            let models = unlisted.iter().chain(listed.iter());
            offers.extend(models.map(|model| offer(entry, model, at == 0 && model.id == default)));
        }
        offers.retain(|offer| policy.allows(role, &offer.id));
        if offers.iter().all(|offer| !offer.is_default)
            && let Some(first) = offers.iter_mut().find(|offer| offer.is_there())
        {
            first.is_default = true;
        }
        match trouble {
            Some(error) if offers.is_empty() => Err(error),
            _ => Ok(offers),
        }
    }
}

fn offer(entry: &Entry, model: &Model, is_default: bool) -> Offer {
    let (lifecycle, retires_at) = lifecycle::of(entry.provider.endpoint().kind, model, clock::now_ms());
    Offer {
        id: format!("{}/{}", entry.name(), model.id),
        provider: entry.name().to_owned(),
        name: if model.name.is_empty() { model.id.clone() } else { model.name.clone() },
        is_default,
        context_tokens: entry.provider.context_tokens(&model.id).or(model.context_tokens),
        images: model.images,
        files: model.files,
        tools: model.tools,
        thinking: model.thinking,
        efforts: entry.provider.efforts(model),
        lifecycle,
        retires_at,
    }
}
