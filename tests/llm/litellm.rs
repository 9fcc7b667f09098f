//! LiteLLM's proxy from PyPI between the provider and the scripted upstream: a real server of other people's for chat
//! completions, Responses and Messages, in front of each of two vendors' wires. `make test-litellm` installs and names it.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portagent::domain::StopReason;
use portagent::domain::message::{Message, MessageRole, Part};
use portagent::domain::secret::Secret;
use portagent::llm::{Answer, Endpoint, Kind, Provider};
use serde_json::Value;
use tempfile::TempDir;

use super::{ask, ask_with, current_time, message, quick, user};
use crate::support::upstream::{Recorded, Script, Upstream};
use crate::support::wires::Wire;

const KEY: &str = "sk-litellm-0123456789";
const KINDS: [Kind; 3] = [Kind::OpenAi, Kind::Responses, Kind::Anthropic];
const MODELS: [&str; 2] = ["behind-openai", "behind-anthropic"];

struct Proxy {
    process: Child,
    home: TempDir,
    url: String,
    upstream: Upstream,
}

impl Proxy {
    fn start() -> Self {
        let program = std::env::var("LITELLM").expect("LITELLM names the proxy's program");
        let upstream = Upstream::start();
        upstream.answers(answer);
        let home = tempfile::tempdir().expect("a directory");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let url = upstream.url();
        let config = format!(
            "model_list:\n\
             - model_name: behind-openai\n  litellm_params: {{model: openai/model-of-the-test, api_base: '{url}/v1', api_key: k}}\n\
             - model_name: behind-anthropic\n  litellm_params: {{model: anthropic/claude-sonnet-4-6, api_base: '{url}', api_key: k}}\n\
             general_settings: {{master_key: {KEY}}}\n\
             router_settings: {{num_retries: 0, disable_cooldowns: true}}\n\
             litellm_settings: {{num_retries: 0, telemetry: false, use_chat_completions_url_for_anthropic_messages: true}}\n"
        );
        let file = home.path().join("config.yaml");
        std::fs::write(&file, config).expect("a file");
        let log = File::create(home.path().join("log")).expect("a file");
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--config"])
            .arg(&file)
            .env("HOME", home.path())
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a descriptor"))
            .stdout(log)
            .spawn()
            .expect("LiteLLM runs");
        let proxy = Self { process, home, url: format!("http://127.0.0.1:{port}"), upstream };
        let deadline = Instant::now() + Duration::from_secs(300);
        while proxy.provider(Kind::OpenAi, MODELS[0]).list().is_err() {
            assert!(Instant::now() < deadline, "LiteLLM does not start: {}", proxy.log());
            std::thread::sleep(Duration::from_millis(300));
        }
        proxy
    }

    fn provider(&self, kind: Kind, model: &str) -> Provider {
        quick(Endpoint {
            name: "litellm".to_owned(),
            kind,
            base_url: self.url.clone(),
            api_key: Some(Secret::new(KEY)),
            needs_key: true,
            default_model: model.to_owned(),
        })
    }

    /// The end of what it has written.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands behind LiteLLM: a call where a tool is on offer and none was called yet, an error where one is asked for.
fn answer(request: &Recorded) -> Script {
    let wire = match request.path.as_str() {
        "/v1/messages" => Wire::Anthropic,
        "/v1/responses" => Wire::Responses,
        _ => Wire::Chat,
    };
    let body = request.body.to_string();
    let has_result =
        ["\"role\":\"tool\"", "tool_result", "function_call_output"].iter().any(|sign| body.contains(sign));
    match &request.body["tools"] {
        _ if body.contains("be busy") => Script::refusal(429, "rate_limit_error", "slow down"),
        _ if body.contains("be broken") => Script::refusal(400, "invalid_request_error", "this is not right"),
        Value::Array(tools) if !tools.is_empty() && !has_result => wire.call("current_time", r#"{"zone":"UTC"}"#),
        _ if has_result => wire.text(&["No", "on."]),
        _ => wire.text(&["Hel", "lo, ", "世界"]),
    }
}

fn said(answer: &Answer) -> String {
    answer
        .parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect()
}

fn round(proxy: &Proxy, kind: Kind, model: &str) {
    let what = format!("{kind:?} in front of {model}");
    let provider = proxy.provider(kind, model);
    let asked = |messages: &[Message], tools: &[_]| {
        let outcome = ask_with(&provider, messages, tools).1;
        outcome.unwrap_or_else(|failure| panic!("{what}: {:?}\n{}", failure.error, proxy.log()))
    };
    let answer = asked(&[user("hi")], &[]);
    assert_eq!(
        (said(&answer).as_str(), answer.stop_reason.as_ref()),
        ("Hello, 世界", Some(&StopReason::EndTurn)),
        "{what}"
    );
    assert_eq!(answer.usage.output, 23, "{what}: {answer:?}");

    let mut messages = vec![user("what time is it?")];
    let answer = asked(&messages, &[current_time()]);
    assert_eq!(answer.stop_reason, Some(StopReason::ToolUse), "{what}: {answer:?}");
    let calls: Vec<_> = answer.parts.iter().filter(|part| matches!(part, Part::ToolCall { .. })).collect();
    let [Part::ToolCall { id, name, input }] = calls[..] else { panic!("{what}: {answer:?}") };
    assert_eq!((name.as_str(), input.replace(' ', "").as_str()), ("current_time", r#"{"zone":"UTC"}"#), "{what}");
    let result = Part::ToolResult { id: id.clone(), name: name.clone(), output: "12:00".to_owned(), is_error: false };
    messages.push(message(MessageRole::Assistant, answer.parts.clone()));
    messages.push(message(MessageRole::Tool, vec![result]));
    let answer = asked(&messages, &[current_time()]);
    assert_eq!(said(&answer), "Noon.", "{what}");
    messages.push(message(MessageRole::Assistant, answer.parts));
    messages.push(user("thanks"));
    assert_eq!(said(&asked(&messages, &[current_time()])), "Noon.", "{what}");

    for (question, code, words) in
        [("be busy", "upstream_rate_limited", "slow down"), ("be broken", "upstream_bad_request", "this is not right")]
    {
        let failure = ask(&provider, &[user(question)]).1.expect_err("a refusal");
        let error = failure.error.expect("an error");
        assert_eq!(error.code.as_str(), code, "{what}: {error}");
        assert!(error.message.contains(words), "{what}: {error}");
    }
}

#[test]
#[ignore = "needs LiteLLM's proxy: make test-litellm"]
fn a_real_gateway_in_front_of_two_vendors() {
    let proxy = Proxy::start();
    let listed = proxy.provider(Kind::OpenAi, MODELS[0]).list().expect("a list").models;
    assert_eq!(listed.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), MODELS);
    for kind in KINDS {
        for model in MODELS {
            round(&proxy, kind, model);
            println!("{kind:?} in front of {model}: agreed");
        }
    }
    let wrong = Endpoint {
        api_key: Some(Secret::new("sk-wrong")),
        ..proxy.provider(Kind::OpenAi, MODELS[0]).endpoint().clone()
    };
    let error = ask(&quick(wrong), &[user("hi")]).1.expect_err("a refusal").error.expect("an error");
    assert_eq!(error.code.as_str(), "upstream_auth", "{error}");
    assert!(proxy.upstream.requests().len() > 20);
}
