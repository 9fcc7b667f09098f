//! The Anthropic Messages API: what we send, and what streams back.
//! <https://docs.anthropic.com/en/api/messages>, version 2023-06-01.

mod request;
mod stream;
mod wire;

use serde_json::Value;

use super::dialect::{self, Dialect, Form, Reader};
use super::fault::Fault;
use super::models::Model;
use super::{ANTHROPIC_URL, Prompt, json};
use crate::domain::conversation::EFFORTS;
use crate::domain::secret::Secret;

const VERSION: &str = "2023-06-01";

pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn chat_url(&self, base: &str) -> String {
        format!("{}/v1/messages", root(base))
    }

    fn models_url(&self, base: &str) -> String {
        format!("{}/v1/models?limit=1000", root(base))
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        let key = key.map(|key| ("x-api-key", key.expose().trim().to_owned()));
        [("anthropic-version", VERSION.to_owned())].into_iter().chain(key).collect()
    }

    fn body(&self, prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
        request::body(prompt, form)
    }

    fn reader(&self, origin: &str, _prompt: &Prompt<'_>) -> Box<dyn Reader> {
        Box::new(stream::Stream::new(origin))
    }

    /// <https://docs.anthropic.com/en/api/models-list>; compatible servers give ids only.
    fn models(&self, list: &Value) -> Vec<Model> {
        let effort_of = |entry: &Value| entry["capabilities"]["effort"].clone();
        let is_supported = |capability: &Value| capability["supported"] == true;
        let one = |entry: &Value| {
            let can = |name: &str| entry["capabilities"][name]["supported"].as_bool();
            let adaptive = &entry["capabilities"]["thinking"]["types"]["adaptive"]["supported"];
            Model {
                id: json::text(entry, "id").to_owned(),
                name: json::text(entry, "display_name").to_owned(),
                context_tokens: json::count(&entry["max_input_tokens"]),
                max_tokens: json::count(&entry["max_tokens"]).and_then(|tokens| u32::try_from(tokens).ok()),
                images: can("image_input"),
                files: can("pdf_input"),
                tools: None,
                thinking: adaptive.as_bool(),
                efforts: EFFORTS.into_iter().filter(|effort| is_supported(&effort_of(entry)[*effort])).collect(),
                loaded_context: None,
                lifecycle: json::text(entry, "lifecycle").to_owned(),
                retires_at: json::text(entry, "retires_at").to_owned(),
            }
        };
        super::models::entries(list, "data").map(one).collect()
    }

    fn next_page(&self, url: &str, list: &Value) -> Option<String> {
        let last = list["last_id"].as_str().filter(|_| list["has_more"].as_bool() == Some(true))?;
        let last = percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC);
        let first = url.split("&after_id=").next().unwrap_or(url);
        Some(format!("{first}&after_id={last}"))
    }
}

fn root(base: &str) -> &str {
    match dialect::bare(base, &["/messages", "/v1"]) {
        "" => ANTHROPIC_URL,
        root => root,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_type_them() {
        let check = |base: &str, expected: &str| assert_eq!(Anthropic.chat_url(base), expected, "{base}");
        check("https://api.anthropic.com", "https://api.anthropic.com/v1/messages");
        check("https://api.anthropic.com/", "https://api.anthropic.com/v1/messages");
        check(" https://host/gate/v1/ ", "https://host/gate/v1/messages");
        check("https://host/gate/v1/messages", "https://host/gate/v1/messages");
        check("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/messages");
        check("", "https://api.anthropic.com/v1/messages");
    }
}
