//! What this server is, for a client that is logged in.

use serde::Serialize;

use crate::domain::user::{Caller, Role};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::models::Notice;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoView<'a> {
    version: &'a str,
    ws_path: String,
    provider: &'a str,
    model: Option<&'a str>,
    provider_ready: bool,
    /// The one who asks can finish the set-up, and it is not finished.
    setup_needed: bool,
    notice: Option<&'a str>,
    demo: bool,
}

pub(crate) fn info(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    let is_admin = caller.user.role == Role::Admin;
    let info = context.services.info(if is_admin { Notice::Administrator } else { Notice::Person })?;
    let view = InfoView {
        version: env!("CARGO_PKG_VERSION"),
        ws_path: format!("{}/ws", context.base_path),
        provider: &info.provider,
        model: info.model.as_deref(),
        provider_ready: info.provider_ready,
        setup_needed: is_admin && !info.provider_ready,
        notice: info.notice,
        demo: info.demo,
    };
    Ok(Response::json(200, &view))
}
