//! One's own conversations as a file, made while it is sent.

use std::io;
use std::sync::Arc;

use crate::domain::Error;
use crate::domain::id::ConversationId;
use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::wire::content_disposition;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::{JSON, Response};
use crate::service::Stopwatch;
use crate::service::transfer::{Format, Halt, Which};

/// `GET /api/export?imageId=ID|all&format=json|md|zip`
pub(crate) fn export(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let which = match req.query_value("imageId").as_deref() {
        None | Some("") => {
            return Err(Error::invalid("missing_parameter", "Name a conversation, or all: ?imageId=").into());
        }
        Some("all") => Which::All,
        Some(id) => Which::One(ConversationId::from_outside(id)),
    };
    let format = req.query_value("format").unwrap_or_else(|| "json".to_owned());
    let format =
        Format::from_text(&format).ok_or_else(|| Error::invalid("invalid_format", "format must be json, md or zip"))?;
    let export = context.services.transfer.export(caller, which, format)?;
    let disposition = content_disposition::named("attachment", &export.name);
    let (services, caller, request) = (Arc::clone(&context.services), caller.clone(), req.id.clone());
    let produce = move |out: &mut dyn io::Write| {
        let mut watch = Stopwatch::start();
        let outcome = export.write(out, &mut || services.cpu.pace(&caller, &mut watch));
        services.cpu.charge(&caller, &watch);
        outcome.map_err(|halt| match halt {
            Halt::Output(cause) => cause,
            Halt::Source(error) => {
                log::error!(target: "http", "an export was cut off req={request}: {}", error.with_cause());
                io::ErrorKind::Other.into()
            }
        })
    };
    let content_type = match format {
        Format::Json => JSON,
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Zip => "application/zip",
    };
    Ok(Response::streamed(content_type, Box::new(produce))
        .header("Content-Disposition", disposition)
        .header("Vary", "Authorization")
        .header("Cross-Origin-Resource-Policy", "same-origin"))
}
