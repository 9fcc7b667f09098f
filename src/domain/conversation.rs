//! A conversation: what the wire and the tables call an image.

use super::id::{ContainerId, ConversationId, SessionId};

/// How deeply a model may be asked to think, from the least to the most. Which of them a model takes, it says itself.
pub const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub id: ConversationId,
    pub container_id: ContainerId,
    pub session_id: SessionId,
    pub name: String,
    pub description: Option<String>,
    pub system_prompt: Option<String>,
    /// `None`: the server's default at the time of the turn.
    pub model: Option<String>,
    /// How deeply the model thinks, one of [`EFFORTS`]; `None`: as it decides.
    pub effort: Option<String>,
    /// It stands in front of the others.
    pub is_pinned: bool,
    /// It was put away: it stands in a list of its own, until it gets a message.
    pub is_archived: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub updated_at: i64,
}

/// What may be changed: `None` leaves a field alone, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct ConversationChange {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub system_prompt: Option<Option<String>>,
    pub model: Option<Option<String>>,
    pub tools: Option<Option<Vec<String>>>,
    pub effort: Option<Option<String>>,
    pub pinned: Option<bool>,
    pub archived: Option<bool>,
}

/// Which conversations are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listing {
    /// Those that were put away, or those that were not.
    pub archived: bool,
    /// `None`: pinned or not.
    pub pinned: Option<bool>,
}
