//! What this server is, for a client that is logged in.

use serde::Serialize;

use super::super::error::Answer;
use super::super::request::Request;
use super::super::response::Response;
use super::super::server::App;
use crate::domain::user::Caller;

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

pub(crate) fn info(app: &App, _caller: &Caller, _req: &Request) -> Answer {
    let info = &app.services.info;
    let view = InfoView {
        version: info.version,
        ws_path: format!("{}/ws", app.base_path),
        provider: &info.provider,
        model: info.model.as_deref(),
        provider_ready: info.provider_ready,
        notice: info.notice.as_deref(),
        demo: info.demo,
    };
    Ok(Response::json(200, &view))
}
