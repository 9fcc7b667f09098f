//! Where a provider's models are asked for, and how its answer is read.

use super::models::Model;
use super::{Endpoint, json, wires};
use crate::domain::secret::Secret;

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
        let dialect = wires::of(endpoint.kind);
        let headers = dialect.headers(endpoint.api_key.as_ref()).into_iter();
        let headers = headers.map(|(name, value)| (name, Secret::new(value))).collect();
        Self { url: dialect.models_url(&endpoint.base_url), headers, endpoint: endpoint.clone() }
    }

    /// What came back. `None`: it is no list.
    pub fn read(&self, body: &str) -> Option<Vec<Model>> {
        let list = json::parse(body)?;
        let models = wires::of(self.endpoint.kind).models(&list);
        let is_list = ["data", "models"].iter().any(|name| list[*name].is_array()) || list.is_array();
        is_list.then_some(models)
    }
}
