//! OpenAI's Responses, without anything kept on the other side: its newer models use tools while they think over this
//! wire only. <https://platform.openai.com/docs/api-reference/responses>

mod items;
mod request;
mod stream;

use super::openai_base::OpenAiWire;

pub(super) static RESPONSES: OpenAiWire =
    OpenAiWire { path: "/responses", body: request::body, reader: |origin| Box::new(stream::Stream::new(origin)) };
