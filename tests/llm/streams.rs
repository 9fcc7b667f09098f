//! Answers that come to their end.

use portagent::domain::StopReason;
use portagent::domain::message::{Message, MessageRole, Part, Usage};

use super::{ask, ask_with, current_time, message, provider, user};
use crate::support::upstream::{Release, Script, Step, Upstream};

#[test]
fn a_text_arrives_with_everything_that_belongs_to_it() {
    let upstream = Upstream::with([Script::deltas(&["Hel", "lo 世界"])]);
    let (told, outcome) = ask(&provider(&upstream), &[user("hi")]);
    let answer = outcome.expect("an answer");
    assert_eq!(told, ["start", "text Hel", "text lo 世界"]);
    assert_eq!(answer.parts, [Part::Text("Hello 世界".to_owned())]);
    assert_eq!(answer.model, "model-of-the-test");
    assert_eq!(answer.stop_reason, Some(StopReason::EndTurn));
    assert_eq!(answer.usage, Usage { input: 11, cache_creation: 5, cache_read: 7, output: 23 });

    let requests = upstream.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/v1/messages"));
    assert_eq!(requests[0].header("x-api-key"), Some(super::KEY));
    assert_eq!(requests[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"), "compression would hold words back");
    assert_eq!(requests[0].body["stream"], true);
    assert_eq!(requests[0].body["model"], "model-asked");
    assert_eq!(requests[0].body.get("thinking"), None);
}

#[test]
fn any_cut_and_any_noise_gives_the_same_answer() {
    let texts = ["你好，", "世界 🎉\n", "naïve \"quoted\" \u{1}"];
    let scripts = [
        Script::deltas(&texts).in_pieces_of(1),
        Script::deltas(&texts).in_pieces_of(2).with_crlf(),
        Script::deltas(&texts).with_crlf().in_pieces_of(3),
        Script::deltas(&texts).with_noise(),
        Script::deltas(&texts).with_noise().with_crlf().in_pieces_of(5),
    ];
    let upstream = Upstream::with(scripts);
    let provider = provider(&upstream);
    for _ in 0..5 {
        let (told, outcome) = ask(&provider, &[user("hi")]);
        assert_eq!(told[1..], texts.map(|text| format!("text {text}")));
        assert_eq!(outcome.expect("an answer").parts, [Part::Text(texts.concat())]);
    }
}

#[test]
fn a_word_is_told_as_soon_as_it_is_there() {
    let release = Release::default();
    // The second word is sent only after the first was told.
    let script = Script::deltas(&["one", "two"]).pause_after(3, Step::WaitFor(release.clone()));
    let upstream = Upstream::with([script]);
    let messages = [user("hi")];
    let prompt = portagent::llm::Prompt {
        model: "m",
        system: None,
        messages: &messages,
        tools: &[],
        max_tokens: Some(10),
        effort: None,
    };
    let mut told = Vec::new();
    let outcome = provider(&upstream).stream(&prompt, &portagent::llm::Cancel::new(), &mut |delta, so_far| {
        told.push((super::tell(&delta), so_far.parts.clone()));
        release.release();
    });
    assert!(outcome.is_ok());
    assert_eq!(told[1], ("text one".to_owned(), vec![Part::Text("one".to_owned())]));
}

#[test]
fn thinking_and_a_tool_make_a_round() {
    let upstream = Upstream::with([
        Script::tool_use("which tool?", "c2ln+/=", "toolu_1", "current_time", &["{\"zone\":", " \"UTC\"}"]),
        Script::thinking(&["so ", "late"], "bmV4dA==", "It is noon."),
    ]);
    let provider = provider(&upstream);
    let mut messages = vec![user("what time is it?")];
    let (told, outcome) = ask_with(&provider, &messages, &[current_time()]);
    let answer = outcome.expect("an answer");
    assert_eq!(
        told,
        [
            "start",
            "thinking which tool?",
            "text Let me look.",
            "tool toolu_1 current_time",
            "input toolu_1 {\"zone\":",
            "input toolu_1  \"UTC\"}",
            "call toolu_1 current_time {\"zone\": \"UTC\"}",
        ]
    );
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));

    messages.push(message(MessageRole::Assistant, answer.parts));
    messages.push(tool_result("toolu_1", "12:00"));
    let (told, outcome) = ask_with(&provider, &messages, &[current_time()]);
    assert_eq!(told, ["start", "thinking so ", "thinking late", "text It is noon."]);
    let signature = Some("bmV4dA==".to_owned());
    assert_eq!(outcome.expect("an answer").parts[0], Part::Thinking { text: "so late".to_owned(), signature });

    let sent = &upstream.requests()[1].body["messages"];
    let expected: serde_json::Value = serde_json::from_str(
        r#"[{"role":"user","content":[{"type":"text","text":"what time is it?"}]},
            {"role":"assistant","content":[
              {"type":"thinking","thinking":"which tool?","signature":"c2ln+/="},
              {"type":"text","text":"Let me look."},
              {"type":"tool_use","id":"toolu_1","name":"current_time","input":{"zone":"UTC"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"12:00",
              "cache_control":{"type":"ephemeral"}}]}]"#,
    )
    .expect("JSON");
    assert_eq!(*sent, expected);
}

#[test]
fn the_beginning_of_a_request_stays_the_same_for_the_cache() {
    let upstream = Upstream::with([Script::text("a"), Script::text("b")]);
    let provider = provider(&upstream);
    let mut messages = vec![user("one")];
    ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    messages.push(message(MessageRole::Assistant, vec![Part::Text("a".to_owned())]));
    messages.push(user("two"));
    ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");

    let requests = upstream.requests();
    let (first, second) = (&requests[0].body, &requests[1].body);
    let mark: serde_json::Value = serde_json::json!({"type": "ephemeral"});
    for body in [first, second] {
        assert_eq!(body["tools"][0]["cache_control"], mark);
        assert_eq!(body["system"][0]["cache_control"], mark);
        let last = body["messages"].as_array().and_then(|turns| turns.last()).expect("a turn");
        assert_eq!(last["content"][0]["cache_control"], mark);
        assert_eq!(body.to_string().matches("cache_control").count(), 3);
    }
    assert_eq!(first["tools"], second["tools"]);
    assert_eq!(first["system"], second["system"]);
    assert_eq!(second["messages"][0]["content"][0]["text"], "one");
    assert_eq!(second["messages"][0]["content"][0].get("cache_control"), None);
}

fn tool_result(id: &str, output: &str) -> Message {
    let (id, name, output) = (id.to_owned(), "current_time".to_owned(), output.to_owned());
    message(MessageRole::Tool, vec![Part::ToolResult { id, name, output, is_error: false }])
}
