//! Which models there are to choose from.

use std::sync::Arc;

use super::Turns;
use crate::domain::Result;
use crate::llm::Model;

/// A provider's models.
#[derive(Debug, Clone)]
pub struct Models {
    pub provider: String,
    /// The model of conversations that name none; empty where the provider has none.
    pub default: String,
    pub models: Arc<Vec<Model>>,
}

impl Turns {
    /// The models that can be chosen, as they were listed last.
    ///
    /// Errors: `Upstream` where the provider was never reached.
    pub fn models(&self) -> Result<Models> {
        let models = self.provider.models()?;
        let endpoint = self.provider.endpoint();
        Ok(Models { provider: endpoint.name.clone(), default: self.provider.model(None).unwrap_or_default(), models })
    }

    /// Asks the provider for its models again. What it says of them decides how they are asked.
    ///
    /// Errors: `Upstream`.
    pub fn refresh_models(&self) -> Result<usize> {
        self.provider.list().map(|models| models.len())
    }
}
