//! Accounts: registering, logging in and out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::device::device;
use crate::domain::user::{Caller, NewUser, User};
use crate::domain::{Error, Kind};
use crate::http::context::Context;
use crate::http::guard;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::{FirstStep, LoggedIn, Registration, RequestSource};

/// [`crate::domain::limits::TOKEN_LIFETIME`], as 1.9 wrote it.
const EXPIRES_IN: &str = "7d";

/// Absent and null are the same; what is missing is named in plain words and not in serde's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisterBody {
    username: Option<String>,
    password: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
    avatar: Option<String>,
    invite_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginBody {
    username_or_email: Option<String>,
    password: Option<String>,
    /// For clients that have the code at hand: both steps in one request.
    code: Option<String>,
}

#[derive(Deserialize)]
struct CodeBody {
    ticket: Option<String>,
    code: Option<String>,
}

/// An error with what the second step needs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeOwedView<'a> {
    error: &'static str,
    code: &'static str,
    ticket: &'a str,
    expires_in_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordBody {
    current_password: Option<String>,
    new_password: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigView {
    invite_code_required: bool,
    setup_required: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedInView<'a> {
    token: &'a str,
    user: UserView<'a>,
    expires_in: &'static str,
}

#[derive(Serialize)]
struct VerifyView<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserView<'a>>,
}

#[derive(Serialize)]
pub(crate) struct SuccessView {
    pub(crate) success: bool,
}

/// A person, as their own client sees them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView<'a> {
    user_id: &'a str,
    username: &'a str,
    email: Option<&'a str>,
    container_id: &'a str,
    display_name: Option<&'a str>,
    avatar: Option<&'a str>,
    role: &'static str,
    created_at: i64,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            user_id: user.id.as_str(),
            username: &user.username,
            email: user.email.as_deref(),
            container_id: user.container_id.as_str(),
            display_name: user.display_name.as_deref(),
            avatar: user.avatar.as_deref(),
            role: user.role.as_str(),
            created_at: user.created_at,
        }
    }
}

pub(crate) fn config(context: &Context, _req: &Request) -> HandlerResult {
    let config = context.services.accounts.config()?;
    let view = ConfigView { invite_code_required: config.invite_code_required, setup_required: config.setup_required };
    Ok(Response::json(200, &view))
}

pub(crate) fn register(context: &Context, req: &Request) -> HandlerResult {
    let body: RegisterBody = req.json()?;
    let user = NewUser {
        username: body.username.unwrap_or_default(),
        password: body.password.unwrap_or_default(),
        email: body.email,
        display_name: body.display_name,
        avatar: body.avatar,
    };
    let registration = Registration { user: user.checked()?, invite_code: body.invite_code };
    Ok(logged_in(201, &context.services.accounts.register(registration, &source(context, req))?))
}

pub(crate) fn login(context: &Context, req: &Request) -> HandlerResult {
    let body: LoginBody = req.json()?;
    let name = body.username_or_email.unwrap_or_default();
    let password = body.password.unwrap_or_default();
    if name.trim().is_empty() || password.is_empty() {
        return Err(Error::invalid("missing_credentials", "Username and password are required").into());
    }
    let (accounts, source) = (&context.services.accounts, source(context, req));
    match (accounts.login(&name, &password, &source)?, body.code.filter(|code| !code.trim().is_empty())) {
        (FirstStep::LoggedIn(done), _) => Ok(logged_in(200, &done)),
        (FirstStep::Ticket(ticket, _), Some(code)) => {
            Ok(logged_in(200, &accounts.login_with_code(&ticket, &code, &source)?))
        }
        (FirstStep::Ticket(ticket, lifetime), None) => Ok(code_owed(&ticket, lifetime)),
    }
}

/// The second step: the ticket that the first one answered, and a code.
pub(crate) fn login_with_code(context: &Context, req: &Request) -> HandlerResult {
    let CodeBody { ticket, code } = req.json()?;
    let (Some(ticket), Some(code)) = (ticket, code.filter(|code| !code.trim().is_empty())) else {
        return Err(Error::invalid("missing_credentials", "Ticket and code are required").into());
    };
    Ok(logged_in(200, &context.services.accounts.login_with_code(&ticket, &code, &source(context, req))?))
}

fn code_owed(ticket: &str, lifetime: Duration) -> Response {
    let view = CodeOwedView {
        error: "This account logs in in two steps: send the ticket and a code to /api/auth/login/code",
        code: "second_step_required",
        ticket,
        expires_in_seconds: lifetime.as_secs(),
    };
    Response::json(401, &view).header("WWW-Authenticate", "Bearer")
}

/// Not behind the guard: a bad token is an answer here, in 1.9's form, and not an error.
pub(crate) fn verify(context: &Context, req: &Request) -> HandlerResult {
    match guard::caller(context, req) {
        Ok(caller) => {
            let view = VerifyView { valid: true, user: Some(UserView::from(&caller.user)) };
            Ok(Response::json(200, &view).by(&caller.user.id))
        }
        Err(error) if error.kind == Kind::Unauthenticated => {
            Ok(Response::json(401, &VerifyView { valid: false, user: None }).header("WWW-Authenticate", "Bearer"))
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn logout(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    context.services.accounts.logout(caller)?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

pub(crate) fn change_password(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let body: PasswordBody = req.json()?;
    let (Some(current), Some(new)) = (body.current_password, body.new_password) else {
        return Err(Error::invalid("missing_credentials", "Current and new password are required").into());
    };
    Ok(logged_in(200, &context.services.accounts.change_password(caller, &current, &new, &source(context, req))?))
}

pub(crate) fn source(context: &Context, req: &Request) -> RequestSource {
    let device = req.headers.get("user-agent").and_then(device);
    RequestSource { ip: req.client_ip, is_local: context.trust.is_local(req), device }
}

fn logged_in(status: u16, done: &LoggedIn) -> Response {
    let view = LoggedInView { token: &done.token, user: UserView::from(&done.user), expires_in: EXPIRES_IN };
    Response::json(status, &view).by(&done.user.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ContainerId, UserId};
    use crate::domain::user::Role;

    #[test]
    fn a_login_as_scripts_read_it() {
        let user = User {
            id: UserId::from_outside("u-1"),
            username: "john".to_owned(),
            email: None,
            container_id: ContainerId::from_outside("user-c"),
            display_name: Some("John".to_owned()),
            avatar: None,
            role: Role::Admin,
            is_active: true,
            has_second_step: false,
            created_at: 1_700_000_000_000,
        };
        let response = logged_in(201, &LoggedIn { token: "t.o.k".to_owned(), user });
        assert_eq!(
            String::from_utf8_lossy(response.body()),
            r#"{"token":"t.o.k","user":{"userId":"u-1","username":"john","email":null,"containerId":"user-c","displayName":"John","avatar":null,"role":"admin","createdAt":1700000000000},"expiresIn":"7d"}"#
        );
        assert_eq!(response.user().map(UserId::as_str), Some("u-1"));
    }

    #[test]
    fn a_bad_token_is_an_answer() {
        let response = Response::json(401, &VerifyView { valid: false, user: None });
        assert_eq!(response.body(), br#"{"valid":false}"#);
    }
}
