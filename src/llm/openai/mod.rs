//! OpenAI's chat completions, which most servers speak, each in a dialect of its own.
//! <https://platform.openai.com/docs/api-reference/chat>

mod calls;
mod request;
mod stream;
mod think;

use super::openai_base::OpenAiWire;

pub(super) static CHAT: OpenAiWire = OpenAiWire {
    path: "/chat/completions",
    body: request::body,
    reader: |origin| Box::new(stream::Stream::new(origin)),
};
