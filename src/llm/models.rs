//! Models as their providers list them.

use serde_json::Value;

use super::json;

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
    /// How deeply it can be asked to think, from the least to the most.
    pub efforts: Vec<&'static str>,
    /// The context that its server loads it with, where that is set there, in tokens.
    pub loaded_context: Option<u64>,
    /// `active`, `deprecated` or `retired`.
    pub lifecycle: String,
    /// A date or a moment, RFC 3339.
    pub retires_at: String,
}

/// The first that is still there: some providers go on listing what they have retired.
pub(super) fn first(models: &[Model]) -> Option<&Model> {
    models.iter().find(|model| model.lifecycle != "retired").or(models.first())
}

/// The entries of a list that have an id; some servers give the list without a name.
pub(super) fn entries<'a>(list: &'a Value, name: &'static str) -> impl Iterator<Item = &'a Value> {
    let entries = list[name].as_array().or_else(|| list.as_array());
    entries.into_iter().flatten().filter(|entry| !json::text(entry, "id").is_empty())
}
