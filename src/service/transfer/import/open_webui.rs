//! The export of Open WebUI: a list of chats, each with its messages as a tree, and in older ones as a list.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::arrival::{Arrival, Changed, Draft, DraftPart, Reason, list, members, moment};
use crate::domain::loose_json::{Raw, text, words};
use crate::domain::message::{MessageRole, Part};

/// The code of an answer that failed there.
const FAILED: &str = "imported_error";

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    title: Raw<'a>,
    #[serde(borrow)]
    created_at: Raw<'a>,
    #[serde(borrow)]
    updated_at: Raw<'a>,
    #[serde(borrow)]
    chat: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct Chat<'a> {
    #[serde(borrow)]
    title: Raw<'a>,
    #[serde(borrow)]
    params: Raw<'a>,
    #[serde(borrow)]
    history: Raw<'a>,
    #[serde(borrow)]
    messages: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct History<'a> {
    #[serde(borrow)]
    messages: Raw<'a>,
    #[serde(borrow)]
    current_id: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow)]
    system: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    #[serde(borrow)]
    parent_id: Raw<'a>,
    #[serde(borrow)]
    role: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    model: Raw<'a>,
    #[serde(borrow)]
    files: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// A part of a content, a file, or an error: they share names.
#[derive(Deserialize, Default)]
struct Piece<'a> {
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    url: Raw<'a>,
    #[serde(borrow)]
    image_url: Raw<'a>,
}

pub(super) fn read(json: &str) -> Result<Arrival, Reason> {
    let row: Row<'_> = serde_json::from_str(json).map_err(|_| Reason::Unreadable)?;
    let chat: Chat<'_> = part(row.chat);
    let params: Params<'_> = part(chat.params);
    let mut arrival = Arrival {
        origin: "openwebui",
        id: words(row.id),
        name: words(row.title).or_else(|| words(chat.title)).unwrap_or_default(),
        system_prompt: words(params.system),
        created_at: moment(row.created_at).or_else(|| moment(chat.timestamp)),
        updated_at: moment(row.updated_at),
        ..Arrival::default()
    };
    for said in messages(&chat)? {
        take(&mut arrival, &said);
    }
    Ok(arrival)
}

/// The path to the newest message of the tree; without a tree, the list.
fn messages<'a>(chat: &Chat<'a>) -> Result<Vec<Said<'a>>, Reason> {
    let history: History<'_> = part(chat.history);
    if history.messages.is_none() {
        return Ok(list(chat.messages).into_iter().map(|raw| part(Some(raw))).collect());
    }
    let nodes = members(history.messages)?;
    let mut nodes: HashMap<&str, Said<'a>> = nodes.iter().map(|(id, raw)| (&**id, part(Some(*raw)))).collect();
    let mut next = words(history.current_id);
    let (mut path, mut seen) = (Vec::new(), HashSet::new());
    while let Some(id) = next {
        let Some(said) = nodes.remove(id.as_str()).filter(|_| seen.insert(id)) else { break };
        next = words(said.parent_id);
        path.push(said);
    }
    path.reverse();
    Ok(path)
}

fn take(arrival: &mut Arrival, said: &Said<'_>) {
    let role = match words(said.role).as_deref() {
        Some("user") => MessageRole::User,
        Some("assistant") => MessageRole::Assistant,
        Some("system") => {
            arrival.system_prompt = arrival.system_prompt.take().or_else(|| words(said.content));
            return;
        }
        _ => return,
    };
    let mut parts = content(said.content, &mut arrival.changed);
    parts.extend(list(said.files).into_iter().map(|raw| file(&part(Some(raw)), &mut arrival.changed)));
    let at = moment(said.timestamp);
    let error: Piece<'_> = part(said.error);
    let is_failed = said.error.is_some_and(|raw| !matches!(raw.get(), "false" | "null"));
    if !parts.is_empty() {
        arrival.drafts.push(Draft { parts, model: words(said.model), ..Draft::new(role, at) });
    }
    if is_failed {
        let message = words(error.content).unwrap_or_else(|| "The answer failed".to_owned());
        let part = DraftPart::Ready(Part::Error { code: FAILED.to_owned(), message, hint: None, next_model: None });
        arrival.drafts.push(Draft { parts: vec![part], ..Draft::new(MessageRole::Error, at) });
    }
}

fn part<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn content(raw: Raw<'_>, changed: &mut Changed) -> Vec<DraftPart> {
    if let Some(text) = text(raw) {
        return texts(&text, changed);
    }
    let mut parts = Vec::new();
    for raw in list(raw) {
        let piece: Piece<'_> = part(Some(raw));
        let picture: Piece<'_> = part(piece.image_url);
        match (words(piece.text), words(picture.url)) {
            (Some(text), _) => parts.extend(texts(&text, changed)),
            (None, Some(url)) => parts.push(picture_of(&url, String::new(), changed)),
            (None, None) => parts.push(changed.unknown(raw.get())),
        }
    }
    parts
}

/// What a model thought stands in front of its answer, quoted in an element of HTML.
fn texts(text: &str, changed: &mut Changed) -> Vec<DraftPart> {
    let (thought, rest) = match thinking(text) {
        Some((thought, rest)) => (Some(thought), rest),
        None => (None, text),
    };
    let thought = thought.map(|text| DraftPart::Ready(Part::Thinking { text, signature: None }));
    let rest = (!rest.trim().is_empty()).then(|| changed.text(rest.to_owned()));
    thought.into_iter().chain(rest).collect()
}

fn thinking(text: &str) -> Option<(String, &str)> {
    let inner = text.trim_start().strip_prefix("<details type=\"reasoning\"")?;
    let (inner, rest) = inner.split_once("</details>")?;
    let inner = inner.split_once("</summary>").map_or(inner, |(_, quoted)| quoted);
    let plain = |line: &str| line.strip_prefix("> ").or_else(|| line.strip_prefix("&gt; ")).unwrap_or(line).to_owned();
    let thought: Vec<String> = inner.trim().lines().map(plain).collect();
    Some((thought.join("\n"), rest.trim_start_matches('\n')))
}

fn file(file: &Piece<'_>, changed: &mut Changed) -> DraftPart {
    let name = words(file.name).unwrap_or_default();
    picture_of(&words(file.url).unwrap_or_default(), name, changed)
}

/// A picture stands in its address; other files stayed on the server.
fn picture_of(url: &str, name: String, changed: &mut Changed) -> DraftPart {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((_, data)) => DraftPart::Inline { data: data.to_owned(), name },
        None => {
            changed.files_missing += 1;
            let name = if name.is_empty() { "?" } else { &name };
            DraftPart::Ready(Part::Text(format!("[File: {name}]")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        let one = |part: &DraftPart| match part {
            DraftPart::Ready(Part::Text(text)) => text.clone(),
            DraftPart::Ready(Part::Thinking { text, .. }) => format!("({text})"),
            DraftPart::Ready(Part::Error { message, .. }) => format!("!{message}"),
            DraftPart::Inline { data, name } => format!("<{name} {data}>"),
            _ => "?".to_owned(),
        };
        let arrival = read(json).unwrap();
        let said: Vec<String> = arrival
            .drafts
            .iter()
            .map(|draft| {
                format!("{}: {}", draft.role.as_str(), draft.parts.iter().map(one).collect::<Vec<_>>().join("|"))
            })
            .collect();
        assert_eq!(said, expected, "{json}");
    }

    #[test]
    fn trees_and_lists() {
        check(
            r#"{"id":"1","title":"t","chat":{"history":{"currentId":"c","messages":{
                "a":{"id":"a","parentId":null,"role":"user","content":"hi"},
                "b":{"id":"b","parentId":"a","role":"assistant","content":"old"},
                "c":{"id":"c","parentId":"a","role":"assistant","content":"new","model":"m","timestamp":1700000000}}}}}"#,
            &["user: hi", "assistant: new"],
        );
        check(
            r#"{"chat":{"history":{"currentId":"a","messages":{"a":{"parentId":"b","role":"user","content":"x"},"b":{"parentId":"a","role":"user","content":"y"}}}}}"#,
            &["user: y", "user: x"],
        );
        check(
            r#"{"chat":{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},7,{"role":"assistant","content":"a"}]}}"#,
            &["user: q", "assistant: a"],
        );
    }

    #[test]
    fn contents() {
        let with = |message: &str| format!(r#"{{"chat":{{"messages":[{{"role":"assistant",{message}}}]}}}}"#);
        check(
            &with(
                r#""content":"<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n> one\n> two\n</details>\nanswer""#,
            ),
            &["assistant: (one\ntwo)|answer"],
        );
        check(
            &with(
                r#""content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"odd":1}]"#,
            ),
            &["assistant: t|< AAAA>|```json\n{\"odd\":1}\n```"],
        );
        check(
            &with(
                r#""content":"x","files":[{"type":"file","name":"a.pdf","url":"/api/files/1"}],"error":{"content":"no"}"#,
            ),
            &["assistant: x|[File: a.pdf]", "error: !no"],
        );
    }
}
