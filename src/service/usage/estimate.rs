//! Tokens where a provider has not counted them: before a request is sent, and when it was cut off.

use crate::domain::message::{Message, Part, Usage};
use crate::llm::Prompt;

/// Bytes of UTF-8 for a token. English has about four; the three bytes of a Chinese character are about one.
const BYTES_PER_TOKEN: u64 = 4;
/// A picture of the largest size that buys anything, 1568 pixels on its long side.
const IMAGE_TOKENS: u64 = 1600;
/// A PDF is mostly pictures and fonts: so many bytes of it weigh like one of text.
const FILE_BYTES: u64 = 4;
/// What is reserved for an answer. Most have fewer; a longer one is settled by what it had.
const RESERVED_OUTPUT: u64 = 4096;

/// What to reserve for a prompt and its answer.
pub(super) fn of_prompt(prompt: &Prompt<'_>) -> Usage {
    let messages: u64 = prompt.messages.iter().map(of_message).sum();
    let tools = prompt.tools.iter().map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.len());
    let rest = prompt.system.map_or(0, str::len) + tools.sum::<usize>();
    let output = prompt.max_tokens.map_or(RESERVED_OUTPUT, |most| RESERVED_OUTPUT.min(most.into()));
    Usage { input: messages + of_bytes(rest as u64), output, ..Usage::default() }
}

pub(super) fn of_parts(parts: &[Part]) -> u64 {
    let weight = |part: &Part| match part {
        Part::Image { .. } => IMAGE_TOKENS * BYTES_PER_TOKEN,
        Part::Attachment(file) if file.media.is_picture() => IMAGE_TOKENS * BYTES_PER_TOKEN,
        Part::Attachment(file) => file.size / FILE_BYTES,
        Part::File { data, .. } => data.len() as u64 / FILE_BYTES,
        // For people only.
        Part::Structured(_) | Part::Resource(_) => 0,
        other => other.weight() as u64,
    };
    of_bytes(parts.iter().map(weight).sum())
}

/// Rounded up.
pub(super) fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

fn of_message(message: &Message) -> u64 {
    of_parts(&message.parts)
}
