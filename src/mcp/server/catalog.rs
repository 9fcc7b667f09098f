//! The tools of a server, as models may have them.

use serde_json::Value;

use crate::mcp::client::Declared;
use crate::mcp::name::model_name;
use crate::mcp::schema;

/// A tool's description towards a model, in characters.
const DESCRIPTION_CHARS: usize = 8 * 1024;

/// The tools of a server, in the order of their names.
#[derive(Debug, Default)]
pub struct Catalog {
    pub tools: Vec<RemoteTool>,
    /// Left out because providers refuse them: name and reason.
    pub quarantined: Vec<(String, String)>,
}

/// A tool of a server, as a model may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteTool {
    pub server: String,
    /// As its server calls it.
    pub name: String,
    pub model_name: String,
    pub description: String,
    /// A JSON schema, as text.
    pub schema: String,
    /// What the server says about it (`readOnlyHint` and others): shown, never believed.
    pub hints: Value,
}

impl Catalog {
    /// Mends what can be mended, and names what cannot.
    pub(super) fn of(server: &str, tools: Vec<Declared>) -> Self {
        let mut catalog = Self::default();
        for tool in tools {
            let model_name = model_name(server, &tool.name);
            match schema::mended(&tool.schema) {
                Ok(_) if catalog.tools.iter().any(|other: &RemoteTool| other.model_name == model_name) => {
                    catalog.quarantined.push((tool.name, "its name appears twice".to_owned()));
                }
                Ok(schema) => catalog.tools.push(RemoteTool {
                    server: server.to_owned(),
                    name: tool.name,
                    model_name,
                    description: tool.description.chars().take(DESCRIPTION_CHARS).collect(),
                    schema: schema.to_string(),
                    hints: tool.hints,
                }),
                Err(why) => catalog.quarantined.push((tool.name, why.to_owned())),
            }
        }
        catalog.tools.sort_by(|one, other| one.model_name.cmp(&other.model_name));
        catalog
    }
}
