//! Which wire a kind of provider speaks. Above the wires, so that none of them knows the others.

use super::dialect::Dialect;
use super::{Kind, anthropic, ollama, openai, responses};

pub(super) fn of(kind: Kind) -> &'static dyn Dialect {
    match kind {
        Kind::Anthropic | Kind::Demo => &anthropic::Anthropic,
        Kind::OpenAi => &openai::CHAT,
        Kind::Responses => &responses::RESPONSES,
        Kind::Ollama => &ollama::Ollama,
    }
}
