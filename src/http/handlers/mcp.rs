//! Tool servers, for administrators. Values that may be secret come out masked, and go back in as they were.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Error;
use crate::domain::user::{Actor, Admin};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::{ServerStatus, ServerView, Tested};

#[derive(Serialize)]
struct ListView<'a> {
    servers: Vec<OneView<'a>>,
    /// Why mcp.json cannot be read: the servers are those of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OneView<'a> {
    name: &'a str,
    /// As it stands in mcp.json, masked; `null` where it cannot be used.
    declaration: Value,
    /// Declared by a setting.
    read_only: bool,
    #[serde(flatten)]
    status: StatusView<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusView<'a> {
    /// off, idle, starting, slow, ready or broken.
    state: &'static str,
    /// modern or legacy, and the protocol's version.
    era: Option<&'static str>,
    version: Option<&'a str>,
    /// As the server names itself.
    title: &'a str,
    running: usize,
    tools: Vec<ToolView<'a>>,
    /// Left out, because providers would refuse them.
    quarantined: Vec<QuarantinedView<'a>>,
    error: Option<&'a str>,
    /// The last lines of its log.
    stderr: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolView<'a> {
    name: &'a str,
    model_name: &'a str,
    description: &'a str,
    /// What the server says about it: not believed.
    hints: &'a Value,
}

#[derive(Serialize)]
struct QuarantinedView<'a> {
    name: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestedView<'a> {
    took_ms: u128,
    #[serde(flatten)]
    status: StatusView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultView<'a> {
    text: &'a str,
    pictures: usize,
    is_error: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestBody {
    tool: Option<String>,
    input: Option<Value>,
}

pub(crate) fn list(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let (servers, error) = context.services.tool_servers.list(Actor::Admin(admin));
    let view = ListView { servers: servers.iter().map(one).collect(), error: error.as_deref() };
    Ok(Response::json(200, &view))
}

/// The declaration with its `name` beside it.
pub(crate) fn add(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let mut body: Value = req.json()?;
    let name = body.as_object_mut().and_then(|body| body.remove("name"));
    let Some(Value::String(name)) = name else {
        return Err(Error::invalid("missing_name", "Name the tool server: name").into());
    };
    context.services.tool_servers.add(Actor::Admin(admin), &name, &body)?;
    shown(context, admin, &name, 201)
}

pub(crate) fn change(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: Value = req.json()?;
    let name = req.param("name")?;
    context.services.tool_servers.change(Actor::Admin(admin), name, &body)?;
    shown(context, admin, name, 200)
}

pub(crate) fn remove(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let name = req.param("name")?;
    context.services.tool_servers.remove(Actor::Admin(admin), name)?;
    Ok(Response::json(200, &serde_json::json!({ "deleted": name })))
}

pub(crate) fn test(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: TestBody = if req.body.is_empty() { TestBody { tool: None, input: None } } else { req.json()? };
    let input = body.input.unwrap_or_else(|| serde_json::json!({}));
    let call = body.tool.as_deref().map(|tool| (tool, &input));
    let owner = &admin.caller().user.container_id;
    let tested = context.services.tool_servers.test(Actor::Admin(admin), req.param("name")?, Some(owner), call)?;
    Ok(Response::json(200, &tested_view(&tested)))
}

fn shown(context: &Context, admin: &Admin, name: &str, code: u16) -> HandlerResult {
    let (servers, _) = context.services.tool_servers.list(Actor::Admin(admin));
    let found = servers.iter().find(|server| server.name == name).ok_or_else(|| Error::not_found("Tool server"))?;
    Ok(Response::json(code, &one(found)))
}

fn one(server: &ServerView) -> OneView<'_> {
    OneView {
        name: &server.name,
        declaration: server
            .declared
            .as_ref()
            .and_then(|declared| serde_json::to_value(declared).ok())
            .unwrap_or_default(),
        read_only: server.is_fixed,
        status: status(&server.status),
    }
}

fn status(status: &ServerStatus) -> StatusView<'_> {
    let tools = status.catalog.iter().flat_map(|catalog| &catalog.tools).map(|tool| ToolView {
        name: &tool.name,
        model_name: &tool.model_name,
        description: &tool.description,
        hints: &tool.hints,
    });
    let quarantined = status.catalog.iter().flat_map(|catalog| &catalog.quarantined);
    StatusView {
        state: status.state,
        era: status.era.as_ref().map(|era| if era.is_modern { "modern" } else { "legacy" }),
        version: status.era.as_ref().map(|era| era.version.as_str()),
        title: &status.title,
        running: status.running,
        tools: tools.collect(),
        quarantined: quarantined.map(|(name, reason)| QuarantinedView { name, reason }).collect(),
        error: status.error.as_deref(),
        stderr: &status.last_words,
    }
}

fn tested_view(tested: &Tested) -> TestedView<'_> {
    let result = tested.result.as_ref().map(|result| match result {
        Ok(result) => ResultView { text: &result.text, pictures: result.pictures(), is_error: result.is_error },
        Err(message) => ResultView { text: message, pictures: 0, is_error: true },
    });
    TestedView { took_ms: tested.took.as_millis(), status: status(&tested.status), result }
}
