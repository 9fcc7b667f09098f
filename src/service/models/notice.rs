//! What is missing before a question can be answered, for those who can change it and for those who cannot; and errors of
//! a provider with the way out that fits where it was set up.

use super::Entry;
use crate::domain::Error;

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    Administrator,
    Person,
}

impl Notice {
    /// What to do where no provider is ready.
    pub fn text(self) -> &'static str {
        match self {
            Self::Administrator => {
                "No key for the model provider: add a provider in the page or with `portagent provider add`, or set \
                 LLM_PROVIDER_KEY and restart; LLM_PROVIDER=demo shows everything without a key"
            }
            Self::Person => "No model can be asked yet: an administrator has to finish setting up this server",
        }
    }
}

/// The hints of errors speak of the settings; a provider that was added has its own way out.
pub(super) fn for_provider(mut error: Error, entry: &Entry) -> Error {
    let speaks_of_settings = error.hint.as_ref().is_some_and(|hint| hint.contains("LLM_PROVIDER"));
    if !entry.is_fixed() && speaks_of_settings {
        let name = entry.name();
        let about = match error.code.as_str() {
            "upstream_auth" | "upstream_not_configured" => "check the key of",
            "upstream_forbidden" | "upstream_billing" => "check what the key may do at",
            _ => "check the address and the models of",
        };
        error.hint = Some(format!("An administrator can {about} the provider `{name}`").into());
    }
    error
}
