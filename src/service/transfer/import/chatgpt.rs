//! The export of ChatGPT: `conversations.json`. A conversation is a tree of messages, of which the path to the newest is what
//! its person saw. Tools' work is kept as text: no model of ours knows those tools.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::arrival::{Arrival, Changed, Draft, DraftPart, Reason, fenced, list, members, moment};
use crate::domain::loose_json::{Raw, text, words};
use crate::domain::message::{MessageRole, Part};

#[derive(Deserialize)]
struct Chat<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    conversation_id: Raw<'a>,
    #[serde(borrow)]
    title: Raw<'a>,
    #[serde(borrow)]
    create_time: Raw<'a>,
    #[serde(borrow)]
    update_time: Raw<'a>,
    #[serde(borrow)]
    mapping: Raw<'a>,
    #[serde(borrow)]
    current_node: Raw<'a>,
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    parent: Raw<'a>,
    #[serde(borrow)]
    children: Raw<'a>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    author: Raw<'a>,
    #[serde(borrow)]
    create_time: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    metadata: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct Author<'a> {
    #[serde(borrow)]
    role: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct Metadata<'a> {
    #[serde(borrow)]
    model_slug: Raw<'a>,
    #[serde(borrow)]
    is_visually_hidden_from_conversation: Raw<'a>,
    #[serde(borrow)]
    attachments: Raw<'a>,
}

/// A content, or a part of one: they share names.
#[derive(Deserialize, Default)]
struct Content<'a> {
    #[serde(borrow)]
    content_type: Raw<'a>,
    #[serde(borrow)]
    parts: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    summary: Raw<'a>,
    #[serde(borrow)]
    result: Raw<'a>,
    #[serde(borrow)]
    title: Raw<'a>,
    #[serde(borrow)]
    language: Raw<'a>,
    #[serde(borrow)]
    thoughts: Raw<'a>,
    #[serde(borrow)]
    asset_pointer: Raw<'a>,
    #[serde(borrow)]
    user_profile: Raw<'a>,
    #[serde(borrow)]
    user_instructions: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct Attached<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
}

pub(super) fn read(json: &str) -> Result<Arrival, Reason> {
    let chat: Chat<'_> = serde_json::from_str(json).map_err(|_| Reason::Unreadable)?;
    let nodes = members(chat.mapping)?;
    let nodes: HashMap<&str, Node<'_>> =
        nodes.iter().filter_map(|(id, raw)| Some((&**id, serde_json::from_str(raw.get()).ok()?))).collect();
    let mut arrival = Arrival {
        origin: "chatgpt",
        id: words(chat.conversation_id).or_else(|| words(chat.id)),
        name: words(chat.title).unwrap_or_default(),
        created_at: moment(chat.create_time),
        updated_at: moment(chat.update_time),
        ..Arrival::default()
    };
    for node in path(&nodes, words(chat.current_node)) {
        if let Some(said) = node.message.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            take(&mut arrival, &said);
        }
    }
    Ok(arrival)
}

/// From the first message to the newest. A tree that is none (two parents, a circle) is followed as long as it is one.
fn path<'n, 'a>(nodes: &'n HashMap<&str, Node<'a>>, newest: Option<String>) -> Vec<&'n Node<'a>> {
    let mut seen = HashSet::new();
    let mut path = Vec::new();
    let mut next = newest.filter(|id| nodes.contains_key(id.as_str())).or_else(|| last_of(nodes));
    while let Some(id) = next {
        let Some((id, node)) = nodes.get_key_value(id.as_str()) else { break };
        if !seen.insert(*id) {
            break;
        }
        path.push(node);
        next = words(node.parent);
    }
    path.reverse();
    path
}

/// Without a newest message: the last child of the last child of the root.
fn last_of(nodes: &HashMap<&str, Node<'_>>) -> Option<String> {
    let is_root = |node: &Node<'_>| words(node.parent).is_none_or(|parent| !nodes.contains_key(parent.as_str()));
    // Of several roots the first by name, so that it is the same one each time.
    let mut here = nodes.iter().filter(|(_, node)| is_root(node)).map(|(id, _)| *id).min()?;
    let mut seen = HashSet::new();
    while seen.insert(here) {
        let last = list(nodes.get(here)?.children).into_iter().next_back().and_then(|raw| text(Some(raw)));
        match last.and_then(|id| nodes.get_key_value(id.as_str())) {
            Some((id, _)) => here = *id,
            None => break,
        }
    }
    Some(here.to_owned())
}

fn take(arrival: &mut Arrival, said: &Said<'_>) {
    let author: Author<'_> = part(said.author);
    let metadata: Metadata<'_> = part(said.metadata);
    let content: Content<'_> = part(said.content);
    if words(content.content_type).as_deref() == Some("user_editable_context") {
        arrival.system_prompt = instructions(&content).or(arrival.system_prompt.take());
        return;
    }
    let is_hidden = metadata.is_visually_hidden_from_conversation.is_some_and(|raw| raw.get() == "true");
    let role = match words(author.role).as_deref() {
        Some("user") if !is_hidden => MessageRole::User,
        Some("assistant" | "tool") if !is_hidden => MessageRole::Assistant,
        _ => return,
    };
    let mut parts = parts(&content, said.content, &mut arrival.changed);
    attachments(&metadata, &mut parts);
    if parts.is_empty() {
        return;
    }
    let at = moment(said.create_time);
    // What a model and its tools did one after the other is one answer.
    match arrival.drafts.last_mut().filter(|last| role == MessageRole::Assistant && last.role == role) {
        Some(last) => last.parts.append(&mut parts),
        None => arrival.drafts.push(Draft { parts, ..Draft::new(role, at) }),
    }
    if let (Some(last), Some(model)) = (arrival.drafts.last_mut(), words(metadata.model_slug)) {
        last.model = Some(model);
    }
}

fn part<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Custom instructions are what we call a system prompt.
fn instructions(content: &Content<'_>) -> Option<String> {
    let given = [content.user_profile, content.user_instructions].into_iter().filter_map(words);
    let given: Vec<String> = given.filter(|text| !text.trim().is_empty()).collect();
    (!given.is_empty()).then(|| given.join("\n\n"))
}

fn parts(content: &Content<'_>, raw: Raw<'_>, changed: &mut Changed) -> Vec<DraftPart> {
    let kind = words(content.content_type).unwrap_or_default();
    let own = |name: Raw<'_>| words(name).filter(|text| !text.trim().is_empty());
    match kind.as_str() {
        "text" | "multimodal_text" => {
            list(content.parts).into_iter().filter_map(|raw| piece(raw.get(), Some(raw), changed)).collect()
        }
        "code" | "execution_output" => {
            let language = words(content.language).filter(|name| name != "unknown").unwrap_or_default();
            own(content.text).map(|text| changed.text(fenced(&language, &text))).into_iter().collect()
        }
        "thoughts" => thoughts(content)
            .map(|text| DraftPart::Ready(Part::Thinking { text, signature: None }))
            .into_iter()
            .collect(),
        // How long it thought; what a page looked like to a model.
        "reasoning_recap" | "model_editable_context" => Vec::new(),
        "tether_browsing_display" => own(content.result).map(|text| changed.text(text)).into_iter().collect(),
        "tether_quote" => {
            let quote =
                own(content.text).map(|text| text.lines().map(|line| format!("> {line}\n")).collect::<String>());
            let title = words(content.title).map(|title| format!("{title}\n\n")).unwrap_or_default();
            quote.map(|quote| changed.text(title + &quote)).into_iter().collect()
        }
        _ => match own(content.text) {
            Some(text) => vec![changed.text(text)],
            None => raw.map(|raw| changed.unknown(raw.get())).into_iter().collect(),
        },
    }
}

/// A part of a content: a text, a picture, something said.
fn piece(json: &str, raw: Raw<'_>, changed: &mut Changed) -> Option<DraftPart> {
    if let Some(text) = text(raw) {
        let text = without_marks(&text);
        return (!text.trim().is_empty()).then(|| changed.text(text));
    }
    let piece: Content<'_> = part(raw);
    if let Some(pointer) = words(piece.asset_pointer) {
        return Some(asset(&pointer, ""));
    }
    match words(piece.text) {
        Some(text) => Some(changed.text(text)),
        None if json == "null" => None,
        None => Some(changed.unknown(json)),
    }
}

fn thoughts(content: &Content<'_>) -> Option<String> {
    let one = |raw| {
        let thought: Content<'_> = part(Some(raw));
        let both = [words(thought.summary), words(thought.content)];
        both.into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    let all: Vec<String> = list(content.thoughts).into_iter().map(one).filter(|text| !text.is_empty()).collect();
    (!all.is_empty()).then(|| all.join("\n\n"))
}

/// Files that are named beside the content; pictures stand in it as well.
fn attachments(metadata: &Metadata<'_>, parts: &mut Vec<DraftPart>) {
    for raw in list(metadata.attachments) {
        let attached: Attached<'_> = part(Some(raw));
        let Some(id) = words(attached.id) else { continue };
        let name = words(attached.name).unwrap_or_default();
        let known = parts.iter_mut().find_map(|part| match part {
            DraftPart::Asset { key, name } if *key == id => Some(name),
            _ => None,
        });
        match known {
            Some(known) => *known = name,
            None => parts.push(asset(&id, &name)),
        }
    }
}

/// `file-service://file-…`, `sediment://file_…`: in the archive a file's name begins with what is behind the slashes.
fn asset(pointer: &str, name: &str) -> DraftPart {
    let id = pointer.rsplit("://").next().unwrap_or(pointer);
    let id = id.split(['?', '#']).next().unwrap_or(id);
    DraftPart::Asset { key: id.to_owned(), name: name.to_owned() }
}

/// Without the marks of citations, which stand between two private characters and mean nothing elsewhere.
fn without_marks(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('\u{e200}') {
        plain.push_str(before);
        rest = match behind.split_once('\u{e201}') {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who said what.
    fn said(json: &str) -> Vec<(&'static str, String)> {
        let one = |part: &DraftPart| match part {
            DraftPart::Ready(Part::Text(text)) => text.clone(),
            DraftPart::Ready(Part::Thinking { text, .. }) => format!("({text})"),
            DraftPart::Asset { key, name } => format!("<{key} {name}>"),
            _ => "?".to_owned(),
        };
        let drafts = read(json).unwrap().drafts;
        drafts
            .iter()
            .map(|draft| (draft.role.as_str(), draft.parts.iter().map(one).collect::<Vec<_>>().join("|")))
            .collect()
    }

    fn node(id: &str, parent: &str, role: &str, content: &str) -> String {
        format!(
            r#""{id}":{{"id":"{id}","parent":"{parent}","children":[],"message":{{"author":{{"role":"{role}"}},"create_time":1700000000.5,"content":{content},"metadata":{{}}}}}}"#
        )
    }

    fn text_of(words: &str) -> String {
        format!(r#"{{"content_type":"text","parts":["{words}"]}}"#)
    }

    #[test]
    fn the_path_to_the_newest_message_is_taken() {
        let nodes = [
            r#""root":{"id":"root","parent":null,"message":null,"children":["a"]}"#.to_owned(),
            node("a", "root", "user", &text_of("question")),
            node("b", "a", "assistant", &text_of("old answer")),
            node("c", "a", "assistant", &text_of("new answer\u{e200}cite\u{e202}turn0\u{e201}")),
        ];
        let json = format!(r#"{{"mapping":{{{}}},"current_node":"c"}}"#, nodes.join(","));
        assert_eq!(said(&json), [("user", "question".to_owned()), ("assistant", "new answer".to_owned())]);
    }

    #[test]
    fn a_circle_ends_where_it_began() {
        let nodes = [node("a", "b", "user", &text_of("a")), node("b", "a", "assistant", &text_of("b"))];
        for newest in ["a", "b"] {
            let json = format!(r#"{{"mapping":{{{}}},"current_node":"{newest}"}}"#, nodes.join(","));
            assert_eq!(said(&json).len(), 2, "{newest}");
        }
        let json = format!(r#"{{"mapping":{{{}}}}}"#, nodes.join(","));
        assert_eq!(said(&json).len(), 0, "nothing begins it");
    }

    #[test]
    fn contents_of_all_kinds() {
        let check = |content: &str, expected: &str| {
            let json = format!(r#"{{"mapping":{{{}}},"current_node":"a"}}"#, node("a", "x", "assistant", content));
            let said = said(&json);
            assert_eq!(said.first().map_or("", |(_, text)| text), expected, "{content}");
        };
        check(r#"{"content_type":"code","language":"python","text":"print(1)"}"#, "```python\nprint(1)\n```");
        check(r#"{"content_type":"execution_output","text":"1"}"#, "```\n1\n```");
        check(r#"{"content_type":"thoughts","thoughts":[{"summary":"s","content":"c"},7]}"#, "(s\nc)");
        check(r#"{"content_type":"reasoning_recap","content":"Thought for 3 s"}"#, "");
        check(
            r#"{"content_type":"multimodal_text","parts":["x",{"content_type":"image_asset_pointer","asset_pointer":"sediment://file_1#a"},{"content_type":"audio_transcription","text":"said"},null,[1]]}"#,
            "x|<file_1 >|said|```json\n[1]\n```",
        );
        check(r#"{"content_type":"new","text":"t"}"#, "t");
        check(r#"{"content_type":"new","x":1}"#, "```json\n{\"content_type\":\"new\",\"x\":1}\n```");
        check(r#"{"content_type":"text","parts":[""]}"#, "");
        check("7", "```json\n7\n```");
        check("null", "");
    }
}
