//! The built-in upstream, through the same client as a real one.

use std::time::{Duration, Instant};

use portagent::domain::StopReason;
use portagent::domain::message::{MessageRole, Part};
use portagent::domain::secret::Secret;
use portagent::llm::{Cancel, Endpoint, Prompt, demo};

use super::{ask, ask_with, current_time, message, quick, user};

#[test]
fn it_answers_in_the_language_of_the_question() {
    let demo = demo::start().expect("a demo");
    let provider = quick(demo.endpoint());
    for (question, quoted, word) in
        [("Hello, *you*", "> Hello\\, \\*you\\*", "no model"), ("你好", "> 你好", "没有模型")]
    {
        let (told, outcome) = ask(&provider, &[user(question)]);
        let answer = outcome.expect("an answer");
        let [Part::Text(text)] = &answer.parts[..] else { panic!("one text, not {:?}", answer.parts) };
        assert!(text.contains(quoted) && text.contains(word), "{text}");
        assert!(text.contains("LLM_PROVIDER_KEY=") && text.contains("|---|") && text.contains("```"));
        assert!(told.len() > 50, "it comes word by word");
        assert_eq!(answer.model, demo::MODEL);
        assert_eq!(answer.stop_reason, Some(StopReason::EndTurn));
        assert!(answer.usage.input > 0 && answer.usage.output > 50);
    }
}

#[test]
fn it_thinks_and_uses_a_tool_once() {
    let demo = demo::start().expect("a demo");
    let provider = quick(demo.endpoint());
    let mut messages = vec![user("think, then use the tool")];
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));
    let [Part::Thinking { signature: Some(_), .. }, Part::Text(_), Part::ToolCall { id, name, input }] =
        &answer.parts[..]
    else {
        panic!("thinking, text and a call, not {:?}", answer.parts)
    };
    assert_eq!((name.as_str(), input.as_str()), ("current_time", "{}"));
    let output = Part::ToolResult { id: id.clone(), name: name.clone(), output: "12:34".to_owned(), is_error: false };
    messages.push(message(MessageRole::Assistant, answer.parts.clone()));
    messages.push(message(MessageRole::Tool, vec![output]));
    let answer = ask_with(&provider, &messages, &[current_time()]).1.expect("an answer");
    assert!(matches!(&answer.parts[..], [Part::Text(text)] if text.contains("12\\:34")), "{:?}", answer.parts);
}

#[test]
fn it_can_fail_and_wants_its_key() {
    let demo = demo::start().expect("a demo");
    let failure = ask(&quick(demo.endpoint()), &[user("error")]).1.expect_err("as asked for");
    assert!(failure.output_began && !failure.partial.parts.is_empty());
    assert_eq!(failure.error.expect("an error").code.as_str(), "upstream_overloaded");

    let stranger = Endpoint { api_key: Some(Secret::new("guessed")), ..demo.endpoint() };
    let failure = ask(&quick(stranger), &[user("hello")]).1.expect_err("a stranger");
    assert_eq!(failure.error.expect("an error").code.as_str(), "upstream_auth");
}

#[test]
fn a_slow_answer_can_be_stopped_and_so_can_the_demo() {
    let demo = demo::start().expect("a demo");
    let provider = quick(demo.endpoint());
    let cancel = Cancel::new();
    let messages = [user("long and slow")];
    let prompt =
        Prompt { model: "m", system: None, messages: &messages, tools: &[], max_tokens: Some(10), effort: None };
    let began = Instant::now();
    let failure = provider.stream(&prompt, &cancel, &mut |_, so_far| {
        if !so_far.parts.is_empty() {
            cancel.cancel();
        }
    });
    assert!(failure.expect_err("cancelled").error.is_none());
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(demo);
    assert!(began.elapsed() < Duration::from_secs(3), "it stops at once");
}

#[test]
fn half_requests_of_strangers_hold_a_bounded_number_of_threads() {
    let demo = demo::start().expect("a demo");
    let address = demo.base_url().strip_prefix("http://").expect("HTTP").to_owned();
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("lists").flatten();
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        tasks.map(name).filter(|name| name.trim() == "demo-answer").count()
    };
    let half: Vec<_> = (0..400)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&address).expect("connects");
            let _ = std::io::Write::write_all(&mut stream, b"POST /v1/messages HTTP/1.1\r\nContent-Len");
            stream
        })
        .collect();
    assert!(threads() <= 160 + 8, "{} threads", threads()); // those of other tests, too
    drop(half);
    let began = Instant::now();
    while ask(&quick(demo.endpoint()), &[user("hello")]).1.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it answers again");
    }
}
