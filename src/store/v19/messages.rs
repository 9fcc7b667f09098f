//! The forms that a message had in 1.9, and what they are here.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Raw, milliseconds, text, words};
use crate::domain::id::{MessageId, SessionId};
use crate::domain::message::{Message, MessageRole, MessageStatus, Part};

/// Every field raw, so that one of an unexpected type costs itself and not the message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    role: Raw<'a>,
    #[serde(borrow)]
    subtype: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    tool_call: Raw<'a>,
    #[serde(borrow)]
    tool_call_id: Raw<'a>,
    #[serde(borrow)]
    tool_result: Raw<'a>,
    #[serde(borrow)]
    error_code: Raw<'a>,
    #[serde(borrow)]
    parent_id: Raw<'a>,
}

/// A part of a content, a tool call, a tool result, or a result's output: they share names.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Piece<'a> {
    #[serde(rename = "type", borrow)]
    kind: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    signature: Raw<'a>,
    #[serde(borrow)]
    data: Raw<'a>,
    #[serde(borrow)]
    media_type: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    filename: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
    #[serde(borrow)]
    output: Raw<'a>,
    #[serde(borrow)]
    value: Raw<'a>,
    #[serde(borrow)]
    tool_call_id: Raw<'a>,
    #[serde(borrow)]
    tool_name: Raw<'a>,
}

/// One message, or `None` where it makes no sense. `before` is the timestamp of the message in front of it, for one that
/// has none.
pub fn message(json: &str, session: &SessionId, before: i64) -> Option<Message> {
    let record: Record<'_> = serde_json::from_str(json).ok()?;
    let role = role(&record)?;
    Some(Message {
        id: words(record.id).map_or_else(MessageId::random, |id| MessageId::from_outside(&id)),
        session_id: session.clone(),
        turn_id: None,
        role,
        parts: parts(&record, role),
        status: MessageStatus::Complete,
        model: None,
        usage: None,
        stop_reason: None,
        client_message_id: None,
        timestamp: milliseconds(record.timestamp).unwrap_or(before),
    })
}

/// The id of the model's message that a tool call was a part of.
pub fn parent(json: &str) -> Option<String> {
    let record: Record<'_> = serde_json::from_str(json).ok()?;
    words(record.parent_id).filter(|_| record.tool_call.is_some())
}

fn role(record: &Record<'_>) -> Option<MessageRole> {
    match text(record.subtype).as_deref() {
        Some("tool-call") => return Some(MessageRole::Assistant),
        Some("tool-result") => return Some(MessageRole::Tool),
        _ => {}
    }
    MessageRole::from_text(&text(record.role)?)
}

fn parts(record: &Record<'_>, role: MessageRole) -> Vec<Part> {
    match role {
        MessageRole::Error => vec![Part::Error {
            code: words(record.error_code).unwrap_or_else(|| "error".to_owned()),
            message: plain(record.content),
            hint: None,
            next_model: None,
        }],
        MessageRole::Tool => match piece(record.tool_result) {
            Some(result) => vec![tool_result(&result, record.tool_call_id)],
            None => content(record.content),
        },
        MessageRole::User | MessageRole::Assistant | MessageRole::System => {
            let mut parts = content(record.content);
            parts.extend(piece(record.tool_call).map(|call| tool_call(&call)));
            parts
        }
    }
}

/// A string, or a list of parts. Empty text is no part.
fn content(raw: Raw<'_>) -> Vec<Part> {
    if let Some(text) = text(raw) {
        return if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] };
    }
    pieces(raw).iter().filter_map(part).collect()
}

fn part(piece: &Piece<'_>) -> Option<Part> {
    match text(piece.kind).as_deref() {
        Some("image") => {
            let (media_type, data) = data(piece, "image/png")?;
            Some(Part::Image { media_type, data, name: words(piece.name) })
        }
        Some("file") => {
            let (media_type, data) = data(piece, "application/octet-stream")?;
            Some(Part::File { media_type, data, filename: words(piece.filename).or_else(|| words(piece.name)) })
        }
        Some("thinking" | "reasoning") => Some(Part::Thinking {
            text: words(piece.thinking).or_else(|| words(piece.text))?,
            signature: words(piece.signature),
        }),
        Some("tool-call") => Some(tool_call(piece)),
        Some("tool-result") => Some(tool_result(piece, None)),
        // Text, and whatever else carries some.
        _ => words(piece.text).map(Part::Text),
    }
}

/// The media type and the base64 data, which may have been stored as a `data:` address.
fn data(piece: &Piece<'_>, unknown: &str) -> Option<(String, String)> {
    let data = words(piece.data)?;
    let media_type = words(piece.media_type);
    match data.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((inside, base64)) => Some((media_type.unwrap_or_else(|| inside.to_owned()), base64.to_owned())),
        None => Some((media_type.unwrap_or_else(|| unknown.to_owned()), data)),
    }
}

fn tool_call(call: &Piece<'_>) -> Part {
    Part::ToolCall {
        id: words(call.id).or_else(|| words(call.tool_call_id)).unwrap_or_default(),
        name: words(call.name).or_else(|| words(call.tool_name)).unwrap_or_default(),
        input: call.input.map_or_else(|| "{}".to_owned(), object),
    }
}

/// A JSON object as it was written, an object that was stored as a string, or an object around anything else.
fn object(raw: &RawValue) -> String {
    if raw.get().starts_with('{') {
        return raw.get().to_owned();
    }
    match text(Some(raw)) {
        Some(text) if is_object(&text) => text,
        Some(text) if text.trim().is_empty() => "{}".to_owned(),
        _ => format!("{{\"value\":{}}}", raw.get()),
    }
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
}

fn tool_result(result: &Piece<'_>, call_id: Raw<'_>) -> Part {
    let output = piece(result.output);
    let kind = output.as_ref().and_then(|output| text(output.kind));
    Part::ToolResult {
        id: words(call_id).or_else(|| words(result.tool_call_id)).or_else(|| words(result.id)).unwrap_or_default(),
        name: words(result.name).or_else(|| words(result.tool_name)).unwrap_or_default(),
        output: match output {
            Some(output) if output.value.is_some() => plain(output.value),
            _ => plain(result.output),
        },
        is_error: kind.is_some_and(|kind| kind.starts_with("error")),
    }
}

/// As text: a string is itself, a list of parts its texts, everything else the JSON that it is.
fn plain(raw: Raw<'_>) -> String {
    if let Some(text) = text(raw) {
        return text;
    }
    let texts: Vec<String> = pieces(raw).iter().filter_map(|piece| words(piece.text)).collect();
    if texts.is_empty() { raw.map_or(Cow::Borrowed(""), |raw| raw.get().into()).into_owned() } else { texts.join("\n") }
}

fn piece<'a>(raw: Raw<'a>) -> Option<Piece<'a>> {
    serde_json::from_str(raw?.get()).ok().filter(|_| raw.is_some_and(|raw| raw.get().starts_with('{')))
}

fn pieces<'a>(raw: Raw<'a>) -> Vec<Piece<'a>> {
    let list: Vec<&RawValue> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    list.into_iter().filter_map(|raw| piece(Some(raw))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Message> {
        message(json, &SessionId::from("sess_1".to_owned()), 77)
    }

    fn check(json: &str, role: MessageRole, parts: &[Part]) {
        let message = read(json).unwrap_or_else(|| panic!("no message: {json}"));
        assert_eq!((message.role, message.parts.as_slice()), (role, parts), "{json}");
    }

    fn said(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn words_and_attachments() {
        check(r#"{"role":"user","content":"你好\n"}"#, MessageRole::User, &[said("你好\n")]);
        check(
            r#"{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":""}]}"#,
            MessageRole::Assistant,
            &[said("a")],
        );
        let image = Part::Image { media_type: "image/jpeg".to_owned(), data: "AA==".to_owned(), name: None };
        let file = Part::File {
            media_type: "text/plain".to_owned(),
            data: "QQ==".to_owned(),
            filename: Some("a.txt".to_owned()),
        };
        check(
            r#"{"role":"user","content":[{"type":"image","data":"data:image/jpeg;base64,AA=="},
                {"type":"file","data":"QQ==","mediaType":"text/plain","filename":"a.txt"},{"type":"odd"},7,null]}"#,
            MessageRole::User,
            &[image, file],
        );
        check(r#"{"role":"user","content":null}"#, MessageRole::User, &[]);
        check(r#"{"role":"user"}"#, MessageRole::User, &[]);
    }

    #[test]
    fn tools_and_errors() {
        let call = |input: &str| Part::ToolCall { id: "t1".to_owned(), name: "ls".to_owned(), input: input.to_owned() };
        let json = |input: &str| {
            format!(
                r#"{{"role":"assistant","subtype":"tool-call","toolCall":{{"type":"tool-call","id":"t1","name":"ls","input":{input}}},"parentId":"p"}}"#
            )
        };
        check(&json(r#"{"z":1,"a":[2.50]}"#), MessageRole::Assistant, &[call(r#"{"z":1,"a":[2.50]}"#)]);
        check(&json(r#""{\"a\":1}""#), MessageRole::Assistant, &[call(r#"{"a":1}"#)]);
        check(&json("null"), MessageRole::Assistant, &[call("{}")]);
        check(&json("[1]"), MessageRole::Assistant, &[call(r#"{"value":[1]}"#)]);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        check(&json(&deep), MessageRole::Assistant, &[call(&deep)]);

        let result = |output: &str, is_error: bool| Part::ToolResult {
            id: "t1".to_owned(),
            name: "ls".to_owned(),
            output: output.to_owned(),
            is_error,
        };
        let json = |output: &str| {
            format!(
                r#"{{"role":"tool","subtype":"tool-result","toolCallId":"t1","toolResult":{{"type":"tool-result","id":"x","name":"ls","output":{output}}}}}"#
            )
        };
        check(&json(r#"{"type":"text","value":"ok"}"#), MessageRole::Tool, &[result("ok", false)]);
        check(&json(r#"{"type":"error-text","value":"no"}"#), MessageRole::Tool, &[result("no", true)]);
        check(&json(r#"{"type":"json","value":{"a":1}}"#), MessageRole::Tool, &[result(r#"{"a":1}"#, false)]);
        check(
            &json(r#"{"type":"content","value":[{"type":"text","text":"x"}]}"#),
            MessageRole::Tool,
            &[result("x", false)],
        );
        check(&json(r#""bare""#), MessageRole::Tool, &[result("bare", false)]);

        let error = |code: &str| {
            let (code, message) = (code.to_owned(), "bad".to_owned());
            vec![Part::Error { code, message, hint: None, next_model: None }]
        };
        check(r#"{"role":"error","content":"bad","errorCode":"E1"}"#, MessageRole::Error, &error("E1"));
        check(
            r#"{"role":"error","content":[{"type":"text","text":"bad"}],"errorCode":529}"#,
            MessageRole::Error,
            &error("529"),
        );
        check(r#"{"role":"error","content":"bad"}"#, MessageRole::Error, &error("error"));
    }

    #[test]
    fn ids_and_times() {
        let message = read(r#"{"id":"m","role":"user","content":"x","timestamp":1795335248378}"#).expect("a message");
        assert_eq!((message.id.as_str(), message.timestamp), ("m", 1_795_335_248_378));
        let message = read(r#"{"id":12,"role":"user","content":"x","timestamp":"soon"}"#).expect("a message");
        assert_eq!((message.id.as_str(), message.timestamp), ("12", 77));
        let message = read(r#"{"role":"user","content":"x","timestamp":1.5e3}"#).expect("a message");
        assert_eq!(message.timestamp, 1500);
        assert!(message.id.as_str().starts_with("msg_"));
    }

    #[test]
    fn nonsense_is_no_message() {
        for json in
            ["", "null", "7", "[]", "{}", r#"{"role":"system","content":"x"}"#, r#"{"role":7}"#, r#"{"role":"user""#]
        {
            assert!(read(json).is_none(), "{json}");
        }
    }
}
