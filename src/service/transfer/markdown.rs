//! A conversation as Markdown, for people to read. What was replaced by a later attempt is left out, and so are
//! versions that are not shown.

use std::collections::HashSet;
use std::io::{self, Write};

use time::OffsetDateTime;

use super::portable::{Halt, each_message};
use crate::domain::conversation::Conversation;
use crate::domain::message::{MessageStatus, Part};
use crate::store::{Store, StoredMessage};

/// The shortest fence around what must stay as it is.
const FENCE: usize = 3;

pub(super) fn write_conversation(store: &Store, conversation: &Conversation, out: &mut dyn Write) -> Result<(), Halt> {
    let name = if conversation.name.is_empty() { "Untitled" } else { &conversation.name };
    writeln!(out, "# {}\n", one_line(name))?;
    let model = conversation.model.as_deref().map(|model| format!(" · {}", one_line(model))).unwrap_or_default();
    writeln!(out, "{}{model}\n", moment(conversation.created_at))?;
    if let Some(prompt) = &conversation.system_prompt {
        writeln!(out, "## System prompt\n\n{}\n", prompt.trim_end())?;
    }
    let turns = store.branches(conversation)?;
    let hidden: HashSet<&str> = turns.iter().filter(|turn| !turn.is_shown).map(|turn| turn.id.as_str()).collect();
    each_message(store, conversation, &mut |message| match &message.turn_id {
        Some(turn) if hidden.contains(turn.as_str()) => Ok(()),
        _ => Ok(write_message(message, out)?),
    })
}

fn write_message(message: &StoredMessage, out: &mut dyn Write) -> io::Result<()> {
    if message.status == MessageStatus::Superseded.as_str() {
        return Ok(());
    }
    let who = match message.role.as_str() {
        "user" => "User".to_owned(),
        "assistant" => "Assistant".to_owned(),
        "tool" => "Tool".to_owned(),
        "error" => "Error".to_owned(),
        other => one_line(other),
    };
    let model = message.model.as_deref().map(|model| format!(" · {}", one_line(model))).unwrap_or_default();
    writeln!(out, "## {who} · {}{model}\n", moment(message.timestamp))?;
    for part in message.parts() {
        write_part(&part, out)?;
    }
    if message.status != MessageStatus::Complete.as_str() {
        writeln!(out, "*(interrupted)*\n")?;
    }
    Ok(())
}

fn write_part(part: &Part, out: &mut dyn Write) -> io::Result<()> {
    match part {
        Part::Text(text) => writeln!(out, "{}\n", text.trim_end()),
        Part::Thinking { text, .. } if text.trim().is_empty() => Ok(()),
        Part::Thinking { text, .. } => {
            writeln!(out, "> *Thinking*\n>")?;
            text.trim_end().lines().try_for_each(|line| writeln!(out, "> {line}"))?;
            writeln!(out)
        }
        Part::ToolCall { name, input, .. } => {
            writeln!(out, "**Tool call** `{}`\n", one_line(name))?;
            fenced("json", input, out)
        }
        Part::ToolResult { name, output, is_error, .. } => {
            let what = if *is_error { "Failed tool call" } else { "Result of" };
            writeln!(out, "**{what}** `{}`\n", one_line(name))?;
            fenced("", output, out)
        }
        Part::Image { media_type, name, .. } => attached(name.as_deref().unwrap_or("picture"), media_type, out),
        Part::File { media_type, filename, .. } => attached(filename.as_deref().unwrap_or("file"), media_type, out),
        Part::Attachment(file) => attached(&file.name, file.media.as_str(), out),
        Part::Structured(json) => {
            writeln!(out, "**Structured content**\n")?;
            fenced("json", json, out)
        }
        Part::Resource(one) => writeln!(out, "*(link: {}, {})*\n", one_line(&one.name), one_line(&one.uri)),
        Part::WorkFile(file) => attached(&file.path, file.media.as_str(), out),
        Part::Error { message, hint, .. } => {
            writeln!(out, "**{}** {}\n", one_line(message), one_line(hint.as_deref().unwrap_or_default()))
        }
        // Only for the provider, or for the next request.
        Part::RedactedThinking { .. } | Part::Opaque { .. } | Part::ContextTrimmed { .. } => Ok(()),
    }
}

fn attached(name: &str, media_type: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "*(attached: {}, {})*\n", one_line(name), one_line(media_type))
}

/// In a fence that is longer than any in it.
fn fenced(language: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(FENCE.max(longest + 1));
    writeln!(out, "{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A name makes no heading, list or link of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// In UTC, to the minute.
fn moment(milliseconds: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(milliseconds / 1000) else { return format!("{milliseconds} ms") };
    let (month, hour, minute) = (u8::from(at.month()), at.hour(), at.minute());
    format!("{}-{month:02}-{:02} {hour:02}:{minute:02} UTC", at.year(), at.day())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tool::Resource;

    fn check(part: Part, expected: &str) {
        let mut out = Vec::new();
        write_part(&part, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn parts_are_readable() {
        check(Part::Text("你好\n".to_owned()), "你好\n\n");
        check(
            Part::Thinking { text: "a\nb".to_owned(), signature: Some("x".to_owned()) },
            "> *Thinking*\n>\n> a\n> b\n\n",
        );
        let result = |output: &str| Part::ToolResult {
            id: "1".to_owned(),
            name: "ls\n# x".to_owned(),
            output: output.to_owned(),
            is_error: false,
        };
        check(result("a\n```\nb"), "**Result of** `ls # x`\n\n````\na\n```\nb\n````\n\n");
        check(Part::Structured("{\"a\":1}".to_owned()), "**Structured content**\n\n```json\n{\"a\":1}\n```\n\n");
        let resource = Resource { uri: "https://a.example/\n".to_owned(), name: "a".to_owned(), media_type: None };
        check(Part::Resource(resource), "*(link: a, https://a.example/ )*\n\n");
        check(result(""), "**Result of** `ls # x`\n\n```\n\n```\n\n");
    }

    #[test]
    fn moments() {
        assert_eq!(moment(1_795_335_248_378), "2026-11-22 08:14 UTC");
        assert_eq!(moment(i64::MAX), "9223372036854775807 ms");
    }
}
