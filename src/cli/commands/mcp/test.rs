//! `portagent mcp test NAME`.

use serde_json::{Value, json};

use crate::app::data::{CallResult, ServerStatus, Tested, ToolServers};
use crate::cli::command::{Command, CommandOption, Given, usage};
use crate::cli::output::{one_line, print, print_json};
use crate::domain::user::Actor;
use crate::domain::{Error, Kind, Result};

pub(in crate::cli) static COMMAND: Command = Command {
    name: "mcp test",
    operands: &["NAME"],
    options: &[
        CommandOption { flag: "tool", value: "TOOL", about: "call this tool, by the name that the server gives it" },
        CommandOption { flag: "input", value: "JSON", about: "what the tool is given; default: {}" },
    ],
    json: true,
    quiet: false,
    about: "start a tool server, list its tools, and call one",
    details: "\
It starts a process of its own beside those of a running service. NAME may be a URL: then nothing needs to be declared.
Exit 0 if the server is ready and the call worked, else 1.",
    examples: &[
        ("portagent mcp test time", "what it speaks, and which tools it has"),
        ("portagent mcp test time --tool get_current_time --input '{\"timezone\":\"UTC\"}'", "a call"),
        ("portagent mcp test http://127.0.0.1:3001/mcp", "a server that is not declared"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let text = given.option("input").unwrap_or("{}");
    let input: Value = serde_json::from_str(text)
        .map_err(|error| usage(format!("--input: {error}"), "write a JSON object, such as '{\"a\":1}'"))?;
    let name = given.operand(0);
    let data = given.data_or_new()?;
    let (servers, name) = match name.contains("://") {
        true => (ToolServers::of_url(name)?, "test"),
        false => (data.tool_servers, name),
    };
    let tested = servers.test(Actor::Operator, name, None, given.option("tool").map(|tool| (tool, &input)));
    servers.close();
    let tested = tested?;
    if given.json {
        print_json(&as_json(&tested))?
    } else {
        print(&as_text(&tested))?
    }
    let is_good = tested.status.state == "ready" && tested.result.as_ref().is_none_or(is_good);
    if is_good { Ok(()) } else { Err(Error::new(Kind::Unavailable, "mcp_test_failed", "the test failed")) }
}

fn is_good(result: &std::result::Result<CallResult, String>) -> bool {
    result.as_ref().is_ok_and(|result| !result.is_error)
}

fn as_json(tested: &Tested) -> Value {
    let Tested { status, took, result } = tested;
    let tools = status.catalog.iter().flat_map(|catalog| &catalog.tools);
    let quarantined = status.catalog.iter().flat_map(|catalog| &catalog.quarantined);
    let result = result.as_ref().map(|result| match result {
        Ok(result) => result_as_json(result),
        Err(message) => json!({"text": message, "pictures": 0, "isError": true}),
    });
    json!({
        "state": status.state,
        "era": era(status),
        "version": status.era.as_ref().map(|era| &era.version),
        "title": status.title,
        "tookMs": took.as_millis(),
        "tools": tools.map(|tool| json!({"name": tool.name, "modelName": tool.model_name})).collect::<Vec<_>>(),
        "quarantined": quarantined.map(|(name, why)| json!({"name": name, "reason": why})).collect::<Vec<_>>(),
        "error": status.error,
        "stderr": status.last_words,
        "result": result,
    })
}

/// What it has beside text and pictures is named where there is any.
fn result_as_json(result: &CallResult) -> Value {
    let mut shown = json!({"text": result.text, "pictures": result.pictures(), "isError": result.is_error});
    let files = result.blobs.len() - result.pictures();
    if files > 0 {
        shown["files"] = json!(files);
    }
    if !result.resources.is_empty() {
        shown["links"] = result.resources.iter().map(|one| json!({"uri": one.uri, "name": one.name})).collect();
    }
    if let Some(structured) = result.structured.as_deref().and_then(|json| serde_json::from_str(json).ok()) {
        shown["structured"] = structured;
    }
    shown
}

fn era(status: &ServerStatus) -> Option<&'static str> {
    status.era.as_ref().map(|era| if era.is_modern { "modern" } else { "legacy" })
}

fn as_text(tested: &Tested) -> String {
    let Tested { status, took, result } = tested;
    let mut lines = vec![format!("state    {} after {} ms", status.state, took.as_millis())];
    if let (Some(word), Some(era)) = (era(status), &status.era) {
        lines.push(format!("speaks   {word}, version {}", era.version));
    }
    if !status.title.is_empty() {
        lines.push(format!("server   {}", one_line(&status.title)));
    }
    lines.extend(status.error.iter().map(|error| format!("error    {}", one_line(error))));
    for tool in status.catalog.iter().flat_map(|catalog| &catalog.tools) {
        lines.push(format!("tool     {}", one_line(&tool.name)));
    }
    for (name, why) in status.catalog.iter().flat_map(|catalog| &catalog.quarantined) {
        lines.push(format!("left out {}: {why}", one_line(name)));
    }
    lines.extend(status.last_words.iter().map(|line| format!("stderr   {}", one_line(line))));
    match result {
        Some(Ok(result)) => {
            let word = if result.is_error { "failed" } else { "answered" };
            let (pictures, files) = (result.pictures(), result.blobs.len());
            let more =
                [("files", files - pictures), ("links", result.resources.len())].into_iter().filter(|(_, n)| *n > 0);
            let more: String = more.map(|(what, n)| format!(", {what}: {n}")).collect();
            let structured = if result.structured.is_some() { ", structured content" } else { "" };
            lines.push(format!("call     {word}, pictures: {pictures}{more}{structured}\n{}", result.text));
        }
        Some(Err(message)) => lines.push(format!("call     {}", one_line(message))),
        None => {}
    }
    lines.join("\n") + "\n"
}
