//! OpenAI's Responses, without anything kept on the other side: its newer models use tools while they think over this
//! wire only. <https://platform.openai.com/docs/api-reference/responses>

mod items;
mod request;
mod stream;

use serde_json::Value;

use super::Prompt;
use super::dialect::{Dialect, Form, Reader};
use super::fault::Fault;
use super::models::Model;
use super::openai_base;
use crate::domain::secret::Secret;

pub(super) struct Responses;

impl Dialect for Responses {
    fn chat_url(&self, base: &str) -> String {
        format!("{}/responses", openai_base::root(base))
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
