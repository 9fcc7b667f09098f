//! A tool as a model sees it.

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// A JSON schema, as text.
    pub input_schema: String,
}
