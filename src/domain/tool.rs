//! A tool as a model sees it, and the question to a person whether it may be called.

use super::media::Media;

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// A JSON schema, as text.
    pub input_schema: String,
}

/// A file in the conversation's work directory that a call has made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkFile {
    /// Below the work directory.
    pub path: String,
    /// A picture only where models may look at it.
    pub media: Media,
    /// In bytes.
    pub size: u64,
}

/// What a result points to: an address for a person, never fetched by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub uri: String,
    pub name: String,
    /// As the tool says.
    pub media_type: Option<String>,
}

/// What a call has brought beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    pub files: Vec<WorkFile>,
    /// JSON, as text: what the tool has answered for programs.
    pub structured: Option<String>,
    pub resources: Vec<Resource>,
}

impl Extras {
    /// About how many bytes they take.
    pub fn weight(&self) -> usize {
        let files = self.files.iter().map(|file| file.path.len() + 64).sum::<usize>();
        let resources = self.resources.iter().map(|one| one.uri.len() + one.name.len() + 64).sum::<usize>();
        files + resources + self.structured.as_ref().map_or(0, String::len)
    }
}

/// May this tool be called?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: String,
    pub tool_call_id: String,
    pub tool_name: String,
    /// The tool server; `None`: built in.
    pub server: Option<String>,
    /// JSON, as text.
    pub input: String,
    /// When it is declined without an answer, in milliseconds since 1970.
    pub expires_at: i64,
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Once,
    /// From now on in this conversation.
    Conversation,
    /// From now on in all.
    Always,
    Deny,
}

impl Decision {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Conversation => "conversation",
            Self::Always => "always",
            Self::Deny => "deny",
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Once, Self::Conversation, Self::Always, Self::Deny].into_iter().find(|one| one.as_str() == text)
    }
}
