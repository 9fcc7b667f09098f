//! Why a model stopped writing. One vocabulary for all providers: each provider's own words are translated where its
//! wire is read, and everything behind that decides by this type.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    EndTurn,
    ToolUse,
    /// The limit on the length of one answer.
    MaxTokens,
    StopSequence,
    Refusal,
    /// The provider wants the same request again to go on.
    PauseTurn,
    /// The model's context window is full.
    ContextWindow,
    /// Longer than we accept: `limits::ANSWER_BYTES`.
    Limit,
    /// A word that we do not know, kept for display.
    Other(String),
}

/// The words that are stored and sent to clients. They are those of the Messages API, and one of our own.
const WORDS: [(&str, StopReason); 8] = [
    ("end_turn", StopReason::EndTurn),
    ("tool_use", StopReason::ToolUse),
    ("max_tokens", StopReason::MaxTokens),
    ("stop_sequence", StopReason::StopSequence),
    ("refusal", StopReason::Refusal),
    ("pause_turn", StopReason::PauseTurn),
    ("model_context_window_exceeded", StopReason::ContextWindow),
    ("limit", StopReason::Limit),
];
/// An unknown word that is longer is cut, in characters.
const WORD_CHARS: usize = 64;

impl StopReason {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(word) => word,
            known => WORDS.iter().find(|(_, reason)| reason == known).map_or("", |(word, _)| word),
        }
    }
}

/// Reads the word under which it is stored.
impl From<&str> for StopReason {
    fn from(text: &str) -> Self {
        let known = WORDS.iter().find(|(word, _)| *word == text).map(|(_, reason)| reason.clone());
        known.unwrap_or_else(|| Self::Other(text.chars().take(WORD_CHARS).collect()))
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for (word, reason) in &WORDS {
            assert_eq!((reason.as_str(), &StopReason::from(*word)), (*word, reason));
        }
        assert_eq!(StopReason::from("content_filter").as_str(), "content_filter");
        assert_eq!(StopReason::from("词".repeat(100).as_str()).as_str().chars().count(), WORD_CHARS);
    }
}
