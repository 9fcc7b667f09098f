//! The tools that a conversation can choose, and the permissions that a person has given.

use serde::Serialize;

use crate::domain::Error;
use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

#[derive(Serialize)]
struct ListView {
    tools: Vec<ChoiceView>,
    /// What the person has allowed for good.
    allowed: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChoiceView {
    name: String,
    /// builtin or server.
    kind: &'static str,
    is_default: bool,
}

pub(crate) fn list(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    let choices = context.services.toolbox.choices().into_iter().map(|choice| ChoiceView {
        name: choice.name,
        kind: if choice.is_server { "server" } else { "builtin" },
        is_default: choice.is_default,
    });
    let view = ListView { tools: choices.collect(), allowed: context.services.approvals.allowed(caller)? };
    Ok(Response::json(200, &view))
}

/// Takes a permission back.
pub(crate) fn forbid(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let tool = req.query_value("tool").ok_or_else(|| Error::invalid("missing_tool", "Name the tool: ?tool="))?;
    context.services.approvals.forbid(caller, &tool)?;
    Ok(Response::json(200, &serde_json::json!({ "deleted": tool })))
}
