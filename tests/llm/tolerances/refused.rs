//! Refusals that name what they do not take: it is changed, the question is asked once more, and what was learned is kept.

use portagent::domain::message::{Message, MessageRole, Part};
use portagent::llm::{Cancel, Prompt, ToolSpec};

use super::{provider, shown};
use crate::llm::{message, user};
use crate::support::upstream::{Script, Upstream};
use crate::support::wires::Wire::{self, Anthropic, Chat, Ollama, Responses};

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Picture,
    Pdf,
    /// With a tool that has a schema as generators write them.
    Tool,
    /// Behind a call and its result.
    Round,
    /// With instructions that changed on the way.
    NewSystem,
}
use Asks::{NewSystem, Pdf, Picture, Round, Tool};

struct Row {
    on: &'static [Wire],
    asks: Asks,
    status: u16,
    words: &'static str,
    /// In the first request, and in none that follows.
    gone: &'static str,
    /// In all that follow, and not in the first.
    instead: &'static str,
}

const ALL: &[Wire] = &Wire::ALL;
const CHAT: &[Wire] = &[Chat];
const DATA: &str = "aGVsbG8=";
const NAMED: &str = "[Attachment ";

const fn row(on: &'static [Wire], asks: Asks, words: &'static str, gone: &'static str, instead: &'static str) -> Row {
    Row { on, asks, status: 400, words, gone, instead }
}

const ROWS: &[Row] = &[
    row(ALL, Picture, "this model does not support image input", DATA, NAMED),
    row(CHAT, Picture, "messages[0]: unknown variant `image_url`, expected `text` at line 1", DATA, NAMED),
    row(&[Chat, Responses], Picture, "messages[0].content must be a string", DATA, NAMED),
    row(CHAT, Picture, "At most 0 image(s) may be provided in one request.", DATA, NAMED),
    row(CHAT, Picture, "m is not a multimodal model", DATA, NAMED),
    Row { status: 404, ..row(CHAT, Picture, "No endpoints found that support image input", DATA, NAMED) },
    row(&[Anthropic, Chat, Responses], Pdf, "this model does not support file input", DATA, NAMED),
    row(CHAT, Pdf, "messages[0]: unknown variant `file`, expected one of `text`, `image_url`", DATA, NAMED),
    row(&[Anthropic], Pdf, "messages.0.content.1: 'document' blocks are not supported", DATA, NAMED),
    row(ALL, Tool, "tools.0.function.parameters.$schema: Extra inputs are not permitted", "$schema", ""),
    row(ALL, Tool, "Unknown name \"additionalProperties\" at 'tools[0]'", "additionalProperties", ""),
    row(ALL, Tool, "registry/m does not support tools", "input that is looked at", ""),
    row(CHAT, Tool, "\"auto\" tool choice requires --enable-auto-tool-choice to be set", "\"tools\"", ""),
    Row { status: 404, ..row(CHAT, Tool, "No endpoints found that support tool use.", "\"tools\"", "") },
    row(CHAT, Tool, "Unrecognized request argument supplied: stream_options", "stream_options", ""),
    row(&[Anthropic], Tool, "tools.0.cache_control: Extra inputs are not permitted", "cache_control", ""),
    row(CHAT, Round, "messages[1]: missing field `content` at line 1 column 301", "", "\"content\":\"\""),
    row(CHAT, Round, "'messages.1' : ('messages.1.content' : value must be a string)", "", "\"content\":\"\""),
    row(CHAT, Round, "messages.1.content: null is not allowed", "", "\"content\":\"\""),
    row(
        &[Anthropic, Chat, Responses],
        Round,
        "Tool call id was functions.look:0 but must be a-z, A-Z, 0-9, with a length of 9.",
        "functions_look_0",
        "\"000000000\"",
    ),
    row(
        CHAT,
        NewSystem,
        "System message must be at the beginning.",
        "{\"content\":\"Be brief.\",\"role\":\"system\"}",
        "",
    ),
    row(&[Anthropic], NewSystem, "messages.1: unexpected role \"system\"", "\"role\":\"system\"", ""),
];

fn asked(asks: Asks) -> Vec<Message> {
    let data = DATA.to_owned();
    let with = |part| vec![message(MessageRole::User, vec![Part::Text("hi".to_owned()), part])];
    match asks {
        Picture => with(Part::Image { media_type: "image/png".to_owned(), data, name: None }),
        Pdf => with(Part::File { media_type: "application/pdf".to_owned(), data, filename: None }),
        Tool => vec![user("hi")],
        Round => {
            let (id, name) = ("functions.look:0".to_owned(), "look".to_owned());
            let result =
                Part::ToolResult { id: id.clone(), name: name.clone(), output: "seen".to_owned(), is_error: false };
            let call = Part::ToolCall { id, name, input: "{}".to_owned() };
            vec![user("hi"), message(MessageRole::Assistant, vec![call]), message(MessageRole::Tool, vec![result])]
        }
        NewSystem => {
            let changed = message(MessageRole::System, vec![Part::Text("Be brief.".to_owned())]);
            vec![
                user("hi"),
                message(MessageRole::Assistant, vec![Part::Text("Hello".to_owned())]),
                changed,
                user("so?"),
            ]
        }
    }
}

fn tool() -> ToolSpec {
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","type":"object","additionalProperties":false,
        "properties":{"strict":{"type":"boolean"},"at":{"type":"object","additionalProperties":false}}}"#;
    ToolSpec {
        name: "look".to_owned(),
        description: "input that is looked at".to_owned(),
        input_schema: schema.to_owned(),
    }
}

#[test]
fn is_changed_once_and_for_all() {
    for row in ROWS {
        for wire in row.on {
            let what = format!("{:?} on {wire:?}: {}", row.asks, row.words);
            let refusal = Script::refusal(row.status, "invalid_request_error", row.words);
            let upstream = Upstream::with([refusal, wire.text(&["one"]), wire.text(&["two"])]);
            let provider = provider(&upstream, *wire);
            let (messages, tools) = (asked(row.asks), [tool()]);
            let tools = if matches!(row.asks, Tool) { &tools[..] } else { &[] };
            let prompt =
                Prompt { model: "m", system: None, messages: &messages, tools, max_tokens: Some(100), effort: None };
            for expected in ["text one", "text two"] {
                let outcome = provider.stream(&prompt, &Cancel::new(), &mut |_, _| {});
                let answer = outcome.unwrap_or_else(|failure| panic!("{what}: {:?}", failure.error));
                assert_eq!(shown(&answer), [expected], "{what}");
            }
            let sent: Vec<String> = upstream.requests().iter().map(|request| request.body.to_string()).collect();
            assert_eq!(sent.len(), 3, "{what}");
            assert!(sent[0].contains(row.gone), "{what}: {}", sent[0]);
            assert!(row.instead.is_empty() || !sent[0].contains(row.instead), "{what}: {}", sent[0]);
            for later in &sent[1..] {
                assert!(row.gone.is_empty() || !later.contains(row.gone), "{what}: {later}");
                assert!(later.contains(row.instead), "{what}: {later}");
            }
            if row.words.contains("permitted") && row.gone == "$schema" {
                assert!(
                    sent[1].contains("\"strict\":{\"type\":\"boolean\"}"),
                    "an input of that name stays: {}",
                    sent[1]
                );
            }
        }
    }
}

#[test]
fn nothing_is_asked_again_as_it_was() {
    for (wire, words) in [
        (Chat, "messages[0].content must be a string"),
        (Anthropic, "this model does not support image input"),
        (Responses, "Unrecognized request argument supplied: stream_options"),
        (Ollama, "tools.0.cache_control: Extra inputs are not permitted"),
    ] {
        let upstream = Upstream::start();
        upstream.always(move || Script::refusal(400, "invalid_request_error", words));
        let messages = [user("hi")];
        let prompt =
            Prompt { model: "m", system: None, messages: &messages, tools: &[], max_tokens: Some(100), effort: None };
        provider(&upstream, wire).stream(&prompt, &Cancel::new(), &mut |_, _| {}).expect_err("refused");
        assert_eq!(upstream.requests().len(), 1, "{words} on {wire:?}");
    }
}

#[test]
fn a_limit_of_the_answer_is_learned_once() {
    for (wire, words, name) in [
        (
            Anthropic,
            "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for m",
            "max_tokens",
        ),
        (Chat, "Range of max_tokens should be [1, 8192]", "max_tokens"),
        (Chat, "max_tokens is too large: 100000. This model supports at most 8192 completion tokens", "max_tokens"),
        (
            Responses,
            "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 8192",
            "max_output_tokens",
        ),
    ] {
        let refusal = Script::refusal(400, "invalid_request_error", words);
        let upstream = Upstream::with([refusal, wire.text(&["one"]), wire.text(&["two"])]);
        let provider = provider(&upstream, wire);
        let messages = [user("hi")];
        let prompt = Prompt {
            model: "m",
            system: None,
            messages: &messages,
            tools: &[],
            max_tokens: Some(100_000),
            effort: None,
        };
        for _ in 0..2 {
            provider.stream(&prompt, &Cancel::new(), &mut |_, _| {}).expect("an answer");
        }
        let sent: Vec<_> = upstream.requests().iter().map(|request| request.body[name].clone()).collect();
        assert_eq!(sent, [100_000, 8192, 8192], "{words}");
    }
}

#[test]
fn a_name_that_is_refused_again_is_changed_back() {
    let words =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let back = "Unrecognized request argument supplied: max_completion_tokens";
    let upstream = Upstream::with([
        Script::refusal(400, "invalid_request_error", words),
        Chat.text(&["one"]),
        Script::refusal(400, "invalid_request_error", back),
        Chat.text(&["two"]),
    ]);
    let provider = provider(&upstream, Chat);
    for _ in 0..2 {
        crate::llm::ask(&provider, &[user("hi")]).1.expect("an answer");
    }
    let sent: Vec<bool> = upstream.requests().iter().map(|request| request.body["max_tokens"].is_u64()).collect();
    assert_eq!(sent, [true, false, false, true]);
}

#[test]
fn notes_that_a_server_does_not_take_back_are_left_out() {
    for words in [
        "'messages.1' : for 'role:assistant' ('messages.1' : property 'reasoning_content' is unsupported)",
        "body.messages.1.assistant.reasoning_content: Extra inputs are not permitted",
    ] {
        let thought = r#"{"choices":[{"delta":{"reasoning_content":"hm","content":"a"},"finish_reason":"stop"}]}"#;
        let refusal = Script::refusal(400, "invalid_request_error", words);
        let upstream = Upstream::with([Script::chunks(&[thought]), refusal, Chat.text(&["b"]), Chat.text(&["c"])]);
        let provider = provider(&upstream, Chat);
        let answer = crate::llm::ask(&provider, &[user("hi")]).1.expect("an answer");
        let messages = [user("hi"), message(MessageRole::Assistant, answer.parts), user("go on")];
        for _ in 0..2 {
            crate::llm::ask(&provider, &messages).1.expect("an answer");
        }
        let sent: Vec<bool> =
            upstream.requests().iter().map(|request| request.body.to_string().contains("reasoning_content")).collect();
        assert_eq!(sent, [false, true, false, false], "{words}");
    }
}
