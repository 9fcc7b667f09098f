//! What a tool answered, as the model and the person get it: text, pictures, and resources as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Pictures of one result, and bytes of each.
const PICTURES: usize = 16;
const PICTURE_BYTES: usize = 6 * 1024 * 1024;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallResult {
    pub text: String,
    /// Media type and content.
    pub pictures: Vec<(String, Vec<u8>)>,
    /// The tool says that it did not work.
    pub is_error: bool,
}

impl CallResult {
    pub(super) fn of(result: &Value) -> Self {
        let mut found = Self { is_error: result.get("isError") == Some(&Value::Bool(true)), ..Self::default() };
        for block in result.get("content").and_then(Value::as_array).into_iter().flatten() {
            found.add(block);
        }
        // It repeats the text, where there is any.
        if found.text.is_empty()
            && let Some(structured) = result.get("structuredContent").filter(|value| !value.is_null())
        {
            found.text = structured.to_string();
        }
        found
    }

    fn add(&mut self, block: &Value) {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" => self.line(text("text")),
            "image" => self.picture(text("mimeType"), text("data")),
            "audio" => self.line(&format!("[audio ({}) that cannot be shown]", text("mimeType"))),
            "resource" => self.resource(block.get("resource").unwrap_or(&Value::Null)),
            "resource_link" => self.line(&format!("[{}: {}]", text("name"), text("uri"))),
            other => self.line(&format!("[content of the unknown type {other:?}]")),
        }
    }

    fn resource(&mut self, resource: &Value) {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("mimeType");
        match (text("text"), text("blob")) {
            ("", blob) if kind.starts_with("image/") => self.picture(kind, blob),
            ("", _) => self.line(&format!("[{}: {kind}]", text("uri"))),
            (content, _) => self.line(&format!("[{}]\n{content}", text("uri"))),
        }
    }

    fn picture(&mut self, media_type: &str, data: &str) {
        let is_small = data.len() / 4 * 3 <= PICTURE_BYTES && self.pictures.len() < PICTURES;
        match STANDARD.decode(data.trim()) {
            Ok(bytes) if is_small => self.pictures.push((media_type.to_owned(), bytes)),
            Ok(_) => self.line("[a picture that is too large]"),
            Err(_) => self.line("[a picture that cannot be read]"),
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
            {"type": "resource_link", "name": "z", "uri": "file:///z"},
            {"type": "audio", "mimeType": "audio/wav", "data": ""},
            {"type": "new"}
        ], "structuredContent": {"c": 1}}));
        let text = "a\n[a picture that cannot be read]\n[file:///x]\nb\n[z: file:///z]\n\
                    [audio (audio/wav) that cannot be shown]\n[content of the unknown type \"new\"]";
        assert_eq!(result.text, text);
        let pictures = [("image/png".to_owned(), vec![1, 2]), ("image/gif".to_owned(), vec![3])];
        assert_eq!((result.pictures.as_slice(), result.is_error), (&pictures[..], false));
        let structured = CallResult::of(&json!({"structuredContent": {"c": 1}, "isError": true}));
        assert_eq!((structured.text.as_str(), structured.is_error), (r#"{"c":1}"#, true));
        assert_eq!(CallResult::of(&json!("x")), CallResult::default());
    }
}
