//! What a tool answered, and how much of it a model gets.

use crate::domain::media::Media;
use crate::domain::tool::{Extras, WorkFile};

/// Text of one result towards the model, in bytes. What is behind it is kept as a file that the agent can read.
pub const TEXT_BYTES: usize = 256 * 1024;
/// An error towards the model, in characters: one sentence. A dump would be repeated by the model.
const SENTENCE_CHARS: usize = 600;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    pub text: String,
    pub blobs: Vec<Blob>,
    /// Its files are what it has written into the work directory.
    pub extras: Extras,
    /// The tool says itself that it did not work: the text goes to the model as one sentence.
    pub is_error: bool,
}

/// Kept as a file in the conversation's work directory; a picture is shown to models that can look at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Blob {
    /// As the tool says.
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Output {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A text file was written.
    pub(super) fn wrote(mut self, path: String, size: usize) -> Self {
        self.extras.files.push(WorkFile { path, media: Media::Text, size: size as u64 });
        self
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: true, ..Self::default() }
    }
}

/// One line without control characters, of bounded length.
pub fn sentence(text: &str) -> String {
    let mut words = String::new();
    let mut chars = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if chars > 0 {
            words.push(' ');
        }
        let room = SENTENCE_CHARS.saturating_sub(chars);
        if word.chars().count() > room {
            words.extend(word.chars().take(room));
            words.push('…');
            return words;
        }
        words.push_str(word);
        chars += word.chars().count() + 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_of_bounded_length() {
        assert_eq!(sentence("  no such\n\tfile:\u{1b} x\0y "), "no such file: x y");
        assert_eq!(sentence(&"a".repeat(10_000)).chars().count(), SENTENCE_CHARS + 1);
        let dump = sentence(&"at line 1\n".repeat(1000));
        assert!(dump.chars().count() <= SENTENCE_CHARS + 2 && dump.ends_with('…'), "{}", dump.len());
    }
}
