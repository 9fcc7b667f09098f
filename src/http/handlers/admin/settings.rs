//! What an administrator can change while the server runs.

use serde::{Deserialize, Serialize};

use crate::domain::Error;
use crate::domain::user::{Actor, Admin};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::audit;
use crate::telemetry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsBody {
    log_level: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsView {
    log_level: &'static str,
    /// A level that was raised to look for something must not fill a disk for years.
    log_level_lasts: &'static str,
}

pub(crate) fn show(_app: &Context, _admin: &Admin, _req: &Request) -> HandlerResult {
    Ok(view())
}

pub(crate) fn change(_app: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: SettingsBody = req.json()?;
    let Some(name) = body.log_level else {
        return Err(Error::invalid("missing_setting", "Name a setting to change: logLevel").into());
    };
    let level = telemetry::level_named(&name).ok_or_else(|| {
        Error::invalid("bad_setting", "That is not a log level").hint("choose debug, info, warn or error")
    })?;
    audit::record("settings.change", Actor::Admin(admin), "LOG_LEVEL");
    telemetry::change_level(level, format_args!("administrator user={}", admin.caller().user.id));
    Ok(view())
}

fn view() -> Response {
    let view = SettingsView {
        log_level: telemetry::level_name(telemetry::level()),
        log_level_lasts: "until the server restarts or reloads (SIGHUP); LOG_LEVEL sets it permanently",
    };
    Response::json(200, &view)
}
