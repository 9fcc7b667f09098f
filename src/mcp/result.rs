//! What a tool answered: the text that a model gets, what is no text, and what programs and people get beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::domain::tool::Resource;

/// Pictures and other files of one result, and bytes of each.
const BLOBS: usize = 16;
const BLOB_BYTES: usize = 6 * 1024 * 1024;
/// Links of one result that people can follow; those beyond are text only.
const RESOURCES: usize = 100;
/// An address that is longer, in bytes, is text only.
const URI_BYTES: usize = 2048;
/// Of what a link is called, in characters.
const NAME_CHARS: usize = 200;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallResult {
    pub text: String,
    /// What is no text: media type, as the server says, and content.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// JSON, as text. The text says the same, as the protocol wants it, or is this where the server sent no other.
    pub structured: Option<String>,
    pub resources: Vec<Resource>,
    /// The tool says that it did not work.
    pub is_error: bool,
}

impl CallResult {
    /// How many of the blobs are pictures.
    pub fn pictures(&self) -> usize {
        self.blobs.iter().filter(|(media_type, _)| media_type.starts_with("image/")).count()
    }

    pub(super) fn of(result: &Value) -> Self {
        let mut found = Self { is_error: result.get("isError") == Some(&Value::Bool(true)), ..Self::default() };
        for block in result.get("content").and_then(Value::as_array).into_iter().flatten() {
            found.add(block);
        }
        found.structured = result.get("structuredContent").filter(|value| !value.is_null()).map(Value::to_string);
        if let Some(json) = found.structured.as_ref().filter(|_| found.text.is_empty()) {
            found.text.clone_from(json);
        }
        found
    }

    fn add(&mut self, block: &Value) {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" => self.line(text("text")),
            "image" => self.blob("picture", text("mimeType"), text("data")),
            "audio" => self.blob("recording", text("mimeType"), text("data")),
            "resource" => self.resource(block.get("resource").unwrap_or(&Value::Null)),
            "resource_link" => {
                self.line(&format!("[{}: {}]", text("name"), text("uri")));
                self.point_to(block);
            }
            other => self.line(&format!("[content of the unknown type {other:?}]")),
        }
    }

    fn resource(&mut self, resource: &Value) {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("mimeType");
        self.point_to(resource);
        match (text("text"), text("blob")) {
            ("", "") => self.line(&format!("[{}: {kind}]", text("uri"))),
            ("", blob) if kind.starts_with("image/") => self.blob("picture", kind, blob),
            ("", blob) => {
                self.line(&format!("[{}: {kind}]", text("uri")));
                self.blob("file", kind, blob);
            }
            (content, _) => self.line(&format!("[{}]\n{content}", text("uri"))),
        }
    }

    /// Its title, else its name, else where it is.
    fn point_to(&mut self, resource: &Value) {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let Some(uri) = text("uri").filter(|uri| uri.len() <= URI_BYTES && self.resources.len() < RESOURCES) else {
            return;
        };
        let name = text("title").or_else(|| text("name")).unwrap_or(uri).chars().take(NAME_CHARS).collect();
        let media_type = text("mimeType").map(|kind| kind.chars().take(NAME_CHARS).collect());
        self.resources.push(Resource { uri: uri.to_owned(), name, media_type });
    }

    fn blob(&mut self, what: &str, media_type: &str, data: &str) {
        let is_small = data.len() / 4 * 3 <= BLOB_BYTES && self.blobs.len() < BLOBS;
        match STANDARD.decode(data.trim()) {
            Ok(bytes) if is_small => self.blobs.push((media_type.to_owned(), bytes)),
            Ok(_) => self.line(&format!("[a {what} that is too large]")),
            Err(_) => self.line(&format!("[a {what} that cannot be read]")),
        }
    }

    fn line(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_content_has_its_place() {
        let result = CallResult::of(&json!({"content": [
            {"type": "text", "text": "a"},
            {"type": "image", "mimeType": "image/png", "data": "AQI="},
            {"type": "image", "mimeType": "image/png", "data": "?"},
            {"type": "resource", "resource": {"uri": "file:///x", "text": "b"}},
            {"type": "resource", "resource": {"uri": "file:///y", "mimeType": "image/gif", "blob": "Aw=="}},
            {"type": "resource", "resource": {"uri": "file:///p", "mimeType": "application/pdf", "blob": "BA=="}},
            {"type": "resource_link", "name": "z", "title": "Zed", "uri": "https://z.example/", "mimeType": "text/html"},
            {"type": "audio", "mimeType": "audio/wav", "data": "BQ=="},
            {"type": "new"}
        ], "structuredContent": {"c": 1}}));
        let text = "a\n[a picture that cannot be read]\n[file:///x]\nb\n[file:///p: application/pdf]\n\
                    [z: https://z.example/]\n[content of the unknown type \"new\"]";
        assert_eq!(result.text, text);
        let blob = |kind: &str, byte: &[u8]| (kind.to_owned(), byte.to_vec());
        let blobs = [
            blob("image/png", &[1, 2]),
            blob("image/gif", &[3]),
            blob("application/pdf", &[4]),
            blob("audio/wav", &[5]),
        ];
        assert_eq!((result.blobs.as_slice(), result.is_error), (&blobs[..], false));
        let names: Vec<_> = result.resources.iter().map(|one| (one.name.as_str(), one.uri.as_str())).collect();
        let own = |uri| (uri, uri);
        assert_eq!(names, [own("file:///x"), own("file:///y"), own("file:///p"), ("Zed", "https://z.example/")]);
        assert_eq!(result.resources[3].media_type.as_deref(), Some("text/html"));
        assert_eq!(result.structured.as_deref(), Some(r#"{"c":1}"#));
        let structured = CallResult::of(&json!({"structuredContent": {"c": 1}, "isError": true}));
        assert_eq!((structured.text.as_str(), structured.is_error), (r#"{"c":1}"#, true));
        assert_eq!(CallResult::of(&json!("x")), CallResult::default());
    }

    #[test]
    fn links_have_limits() {
        let link = |uri: &str| json!({"type": "resource_link", "name": "n".repeat(1000), "uri": uri});
        let long = format!("https://x.example/{}", "y".repeat(URI_BYTES));
        let links: Vec<Value> = std::iter::once(long.as_str()).chain(["https://x.example/"; 200]).map(link).collect();
        let result = CallResult::of(&json!({"content": links}));
        assert_eq!((result.resources.len(), result.resources[0].uri.as_str()), (RESOURCES, "https://x.example/"));
        assert_eq!((result.resources[0].name.len(), result.text.lines().count()), (NAME_CHARS, 201));
    }
}
