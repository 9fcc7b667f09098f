//! Two-step log-in of one's own account.

use serde::{Deserialize, Serialize};

use super::auth::{SuccessView, source};
use crate::domain::Error;
use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

#[derive(Deserialize)]
struct Body {
    password: Option<String>,
    code: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusView {
    on: bool,
    recovery_codes_left: u64,
}

#[derive(Serialize)]
struct SetUpView<'a> {
    secret: &'a str,
    uri: &'a str,
    qr: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodesView {
    recovery_codes: Vec<String>,
}

/// `GET /api/auth/2fa`
pub(crate) fn status(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    let status = context.services.accounts.second_step(caller)?;
    Ok(Response::json(200, &StatusView { on: status.is_on, recovery_codes_left: status.recovery_codes_left }))
}

/// `POST /api/auth/2fa/setup`
pub(crate) fn set_up(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let accounts = &context.services.accounts;
    let password = given(req.json::<Body>()?.password, "The password is required")?;
    let made = accounts.prepare_second_step(&accounts.confirm(caller, &password, &source(context, req))?)?;
    Ok(Response::json(200, &SetUpView { secret: &made.secret, uri: &made.uri, qr: &made.qr }))
}

/// `POST /api/auth/2fa/confirm`
pub(crate) fn turn_on(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let code = given(req.json::<Body>()?.code, "The code is required")?;
    let recovery_codes = context.services.accounts.turn_on_second_step(caller, &code, &source(context, req))?;
    Ok(Response::json(200, &CodesView { recovery_codes }))
}

/// `POST /api/auth/2fa/disable`
pub(crate) fn turn_off(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let (accounts, source) = (&context.services.accounts, source(context, req));
    let Body { password, code } = req.json()?;
    let (password, code) = (given(password, "The password is required")?, given(code, "The code is required")?);
    accounts.turn_off_second_step(&accounts.confirm(caller, &password, &source)?, &code, &source)?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

fn given(field: Option<String>, message: &'static str) -> Result<String, Error> {
    field.filter(|text| !text.is_empty()).ok_or_else(|| Error::invalid("missing_credentials", message))
}
