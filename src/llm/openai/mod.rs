//! OpenAI's chat completions, which most servers speak, each in a dialect of its own.
//! <https://platform.openai.com/docs/api-reference/chat>

mod calls;
mod request;
mod stream;
mod think;

use serde_json::Value;

use super::dialect::{Dialect, Form, Reader};
use super::fault::Fault;
use super::models::Model;
use super::{Prompt, openai_base};
use crate::domain::secret::Secret;

pub(super) struct OpenAi;

impl Dialect for OpenAi {
    fn chat_url(&self, base: &str) -> String {
        format!("{}/chat/completions", openai_base::root(base))
    }

    fn models_url(&self, base: &str) -> String {
        openai_base::models_url(base)
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        openai_base::headers(key)
    }

    fn body(&self, prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
        request::body(prompt, form)
    }

    fn reader(&self, origin: &str, _prompt: &Prompt<'_>) -> Box<dyn Reader> {
        Box::new(stream::Stream::new(origin))
    }

    fn models(&self, list: &Value) -> Vec<Model> {
        openai_base::models(list)
    }
}
