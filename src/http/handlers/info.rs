//! What this server is, for a client that is logged in.

use serde::Serialize;

use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoView<'a> {
    version: &'a str,
    ws_path: String,
    provider: &'a str,
    model: Option<&'a str>,
    provider_ready: bool,
    notice: Option<&'a str>,
    demo: bool,
}

pub(crate) fn info(context: &Context, _caller: &Caller, _req: &Request) -> HandlerResult {
    let info = &context.services.info;
    let view = InfoView {
        version: info.version,
        ws_path: format!("{}/ws", context.base_path),
        provider: &info.provider,
        model: info.model.as_deref(),
        provider_ready: info.provider_ready,
        notice: info.notice.as_deref(),
        demo: info.demo,
    };
    Ok(Response::json(200, &view))
}
