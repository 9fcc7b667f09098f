//! A wire of OpenAI's servers, of which there are two: they have addresses, the key and the list of models in common.

use serde_json::Value;

use super::dialect::{Dialect, Form, Reader};
use super::fault::Fault;
use super::models::{self, Model};
use super::{Prompt, dialect, json};
use crate::domain::conversation::EFFORTS;
use crate::domain::secret::Secret;

const OWN_URL: &str = "https://api.openai.com/v1";
/// What is taken where a list says that effort is, and no more.
const LEAST_EFFORTS: [&str; 3] = ["low", "medium", "high"];

/// What one of the two has of its own.
pub(super) struct OpenAiWire {
    pub path: &'static str,
    pub body: fn(&Prompt<'_>, &Form<'_>) -> Result<Vec<u8>, Fault>,
    pub reader: fn(&str) -> Box<dyn Reader>,
}

impl Dialect for OpenAiWire {
    fn chat_url(&self, base: &str) -> String {
        format!("{}{}", root(base), self.path)
    }

    fn models_url(&self, base: &str) -> String {
        format!("{}/models", root(base))
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        key.map(|key| ("authorization", format!("Bearer {}", key.expose().trim()))).into_iter().collect()
    }

    fn body(&self, prompt: &Prompt<'_>, form: &Form<'_>) -> Result<Vec<u8>, Fault> {
        (self.body)(prompt, form)
    }

    fn reader(&self, origin: &str, _prompt: &Prompt<'_>) -> Box<dyn Reader> {
        (self.reader)(origin)
    }

    /// OpenAI gives ids; vLLM, OpenRouter and Groq also how much goes in.
    fn models(&self, list: &Value) -> Vec<Model> {
        let one = |entry: &Value| {
            let (thinking, efforts) = thinking(entry);
            Model {
                id: json::text(entry, "id").to_owned(),
                name: json::text(entry, "name").to_owned(),
                context_tokens: ["context_length", "context_window", "max_model_len"]
                    .iter()
                    .find_map(|name| json::count(&entry[*name])),
                images: list_has(&entry["architecture"]["input_modalities"], &["image"]),
                tools: list_has(&entry["supported_parameters"], &["tools"]),
                thinking,
                efforts,
                ..Model::default()
            }
        };
        models::entries(list, "data").map(one).collect()
    }
}

/// Whether one of these stands in a list; `None`: there is no list.
fn list_has(list: &Value, names: &[&str]) -> Option<bool> {
    let list = list.as_array()?;
    Some(list.iter().any(|entry| entry.as_str().is_some_and(|entry| names.contains(&entry))))
}

/// Whether a model thinks, and how deeply it can be asked to, as OpenRouter says it: `supported_efforts` is null where all
/// are taken, and `mandatory` is true where thinking cannot be left.
/// <https://openrouter.ai/docs/client-sdks/typescript/models/modelreasoning>
fn thinking(entry: &Value) -> (Option<bool>, Vec<&'static str>) {
    let (takes, reasoning) = (&entry["supported_parameters"], &entry["reasoning"]);
    let stated = list_has(takes, &["reasoning", "reasoning_effort"]);
    if stated != Some(true) {
        return (stated, Vec::new());
    }
    let is_taken = |effort: &&str| match list_has(&reasoning["supported_efforts"], &[*effort]) {
        Some(is_taken) => is_taken,
        None if reasoning.is_object() => true,
        None => LEAST_EFFORTS.contains(effort),
    };
    let can_be_left = |effort: &&str| *effort != "none" || reasoning["mandatory"] != true;
    (stated, EFFORTS.into_iter().filter(is_taken).filter(can_be_left).collect())
}

/// The base with its version: `/v1` where no part of the path is one.
fn root(base: &str) -> String {
    let base = dialect::bare(base, &["/chat/completions", "/completions", "/responses", "/models"]);
    if base.is_empty() {
        return OWN_URL.to_owned();
    }
    let path = base.split_once("://").map_or(base, |(_, rest)| rest);
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if path.split('/').skip(1).any(is_version) {
        base.to_owned()
    } else if base.ends_with("/paas") {
        format!("{base}/v4")
    } else {
        format!("{base}/v1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn openrouter_says_what_a_model_takes() {
        let check = |entry: Value, expected: (Option<bool>, &[&str])| {
            let (thinks, efforts) = thinking(&entry);
            assert_eq!((thinks, efforts.as_slice()), expected, "{entry}");
        };
        let with = |reasoning: Value| json!({"supported_parameters": ["tools", "reasoning"], "reasoning": reasoning});
        check(json!({"id": "m"}), (None, &[]));
        check(json!({"supported_parameters": ["tools"]}), (Some(false), &[]));
        check(with(Value::Null), (Some(true), &LEAST_EFFORTS));
        check(with(json!({"supported_efforts": ["max", "high", "low"]})), (Some(true), &["low", "high", "max"]));
        check(with(json!({"supported_efforts": null, "mandatory": true})), (Some(true), &EFFORTS[1..]));
    }

    #[test]
    fn addresses_as_people_type_them() {
        let check = |base: &str, expected: &str| assert_eq!(root(base), expected, "{base}");
        check("", "https://api.openai.com/v1");
        check("https://api.openai.com", "https://api.openai.com/v1");
        check("https://api.openai.com/v1/", "https://api.openai.com/v1");
        check("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1");
        check("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4");
        check("https://open.bigmodel.cn/api/paas/v4/chat/completions/", "https://open.bigmodel.cn/api/paas/v4");
        check("https://open.bigmodel.cn/api/paas", "https://open.bigmodel.cn/api/paas/v4");
        check("https://openrouter.ai/api", "https://openrouter.ai/api/v1");
        let gemini = "https://generativelanguage.googleapis.com/v1beta/openai";
        check(gemini, gemini);
        check("http://localhost:8000", "http://localhost:8000/v1");
    }
}
