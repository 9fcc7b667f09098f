//! What a request asks the demo for.
//!
//! A word counts when it stands alone, in any case: `long`, `short`, `slow`, `think`, `tool`, `error`. The Chinese ones
//! (长, 短, 慢, 思考, 工具, 错误) count when they stand alone, or anywhere in a short message, since Chinese does not part its words.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Up to so many characters a message counts as short.
const SHORT_CHARS: usize = 10;
/// The tool that the demo knows how to use.
pub(super) const TOOL: &str = "current_time";

#[derive(Debug, Default, PartialEq)]
pub(super) struct Question {
    /// The last text of the user.
    pub text: String,
    pub is_chinese: bool,
    pub long: bool,
    pub short: bool,
    pub slow: bool,
    pub think: bool,
    pub error: bool,
    pub tool: Tool,
    /// About as many tokens as the request has, at four characters each.
    pub input_tokens: u64,
}

/// What is to be done about tools.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Tool {
    #[default]
    Unwanted,
    /// Wanted, but not on offer.
    Missing,
    Use,
    /// It was used: this came back.
    Used(String),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: Vec<Turn<'a>>,
    #[serde(default)]
    tools: Vec<Named>,
}

#[derive(Deserialize)]
struct Turn<'a> {
    role: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Reads a request; `None` when no user says anything in it.
pub(super) fn read(body: &[u8]) -> Option<Question> {
    let request: Body<'_> = serde_json::from_slice(body).ok()?;
    let mut from_users = request.messages.iter().rev().filter(|turn| turn.role == "user").map(|turn| turn.content);
    let last = from_users.next()?;
    let result = result_in(last);
    let text = std::iter::once(last).chain(from_users).find_map(text_in)?;
    let offered = request.tools.iter().any(|tool| tool.name == TOOL);
    let wanted = asks_for(&text, "tool", "工具");
    let tool = match result {
        Some(result) => Tool::Used(result),
        None if wanted && offered => Tool::Use,
        None if wanted => Tool::Missing,
        None => Tool::Unwanted,
    };
    Some(Question {
        is_chinese: text.chars().any(is_han),
        long: asks_for(&text, "long", "长"),
        short: asks_for(&text, "short", "短"),
        slow: asks_for(&text, "slow", "慢"),
        think: asks_for(&text, "think", "思考"),
        error: asks_for(&text, "error", "错误"),
        tool,
        input_tokens: (body.len() / 4) as u64,
        text,
    })
}

/// The text of a turn, if it has any.
fn text_in(content: &RawValue) -> Option<String> {
    if let Ok(text) = serde_json::from_str::<String>(content.get()) {
        return Some(text).filter(|text| !text.trim().is_empty());
    }
    let blocks: Vec<Block<'_>> = serde_json::from_str(content.get()).ok()?;
    let texts: Vec<_> = blocks.into_iter().filter(|block| block.kind == "text").map(|block| block.text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// The first result of a tool in a turn that brings nothing but results.
fn result_in(content: &RawValue) -> Option<String> {
    let blocks: Vec<Block<'_>> = serde_json::from_str(content.get()).ok()?;
    if blocks.is_empty() || blocks.iter().any(|block| block.kind != "tool_result") {
        return None;
    }
    let content = blocks.first()?.content.map_or("\"\"", RawValue::get);
    Some(serde_json::from_str(content).unwrap_or_else(|_| content.to_owned()))
}

fn asks_for(text: &str, word: &str, chinese: &str) -> bool {
    let words: HashSet<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() < 64).map(str::to_lowercase).collect();
    words.contains(word)
        || words.contains(chinese)
        || text.contains(chinese) && text.trim().chars().count() <= SHORT_CHARS
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(content: &str, tools: &str) -> Question {
        let body = format!(r#"{{"messages":[{{"role":"user","content":{content}}}],"tools":{tools}}}"#);
        read(body.as_bytes()).expect("a question")
    }

    #[test]
    fn words_that_stand_alone_count() {
        let question = ask(r#""Be LONG, and slow. Thinking, tooling and errors do not count""#, "[]");
        assert!(question.long && question.slow && !question.think && !question.error && !question.is_chinese);
        let question = ask(r#"[{"type":"text","text":"来点长文"},{"type":"image"}]"#, "[]");
        assert!(question.long && question.is_chinese);
        assert!(!ask(r#""请问长城有多少公里，是哪个朝代建的？""#, "[]").long);
        assert!(ask(r#""请问长城有多少公里，是哪个朝代建的？ 慢""#, "[]").slow);
    }

    #[test]
    fn tools_are_used_once() {
        let offered = r#"[{"name":"current_time"}]"#;
        assert_eq!(ask(r#""tool""#, "[]").tool, Tool::Missing);
        assert_eq!(ask(r#""tool""#, offered).tool, Tool::Use);
        assert_eq!(ask(r#""hello""#, offered).tool, Tool::Unwanted);
        let body = r#"{"messages":[{"role":"user","content":"tool"},{"role":"assistant","content":[]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"noon"}]}]}"#;
        let question = read(body.as_bytes()).expect("a question");
        assert_eq!((question.text.as_str(), question.tool), ("tool", Tool::Used("noon".to_owned())));
    }

    #[test]
    fn nothing_is_no_question() {
        for body in ["", "{}", r#"{"messages":[]}"#, r#"{"messages":[{"role":"user","content":[]}]}"#] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }
}
