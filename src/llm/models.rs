//! Models as their providers list them.

use serde_json::Value;

use super::{Endpoint, dialect, json};
use crate::domain::secret::Secret;

/// A model, and what its provider says that it can do; `None` and empty: it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub id: String,
    /// For people; empty where there is only an id.
    pub name: String,
    /// The most that goes in, in tokens.
    pub context_tokens: Option<u64>,
    /// The most that comes out, in tokens.
    pub max_tokens: Option<u32>,
    pub images: Option<bool>,
    pub files: Option<bool>,
    pub tools: Option<bool>,
    /// Whether it thinks as much as a question needs, when it is asked to.
    pub thinking: Option<bool>,
    /// `active`, `deprecated` or `retired`.
    pub lifecycle: String,
    /// A date or a moment, RFC 3339.
    pub retires_at: String,
}

/// The entries of a list that have an id; some servers give the list without a name.
pub(super) fn entries<'a>(list: &'a Value, name: &'static str) -> impl Iterator<Item = &'a Value> {
    let entries = list[name].as_array().or_else(|| list.as_array());
    entries.into_iter().flatten().filter(|entry| !json::text(entry, "id").is_empty())
}

/// Where and how a provider's models are asked for, for those who ask with a client of their own.
#[derive(Debug, Clone)]
pub struct Listing {
    pub url: String,
    /// One of them carries the key.
    pub headers: Vec<(&'static str, Secret)>,
    endpoint: Endpoint,
}

impl Listing {
    pub fn of(endpoint: &Endpoint) -> Self {
        let dialect = dialect::of(endpoint.kind);
        let headers = dialect.headers(endpoint.api_key.as_ref()).into_iter();
        let headers = headers.map(|(name, value)| (name, Secret::new(value))).collect();
        Self { url: dialect.models_url(&endpoint.base_url), headers, endpoint: endpoint.clone() }
    }

    /// What came back. `None`: it is no list.
    pub fn read(&self, body: &str) -> Option<Vec<Model>> {
        let list = json::parse(body)?;
        let models = dialect::of(self.endpoint.kind).models(&list);
        let is_list = ["data", "models"].iter().any(|name| list[*name].is_array()) || list.is_array();
        is_list.then_some(models)
    }
}
