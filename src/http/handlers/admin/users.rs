//! Accounts, as an administrator sees and changes them.

use serde::{Deserialize, Serialize};

use crate::domain::Error;
use crate::domain::user::{Actor, Admin, NewUser, Role, User};
use crate::http::context::Context;
use crate::http::handlers::auth::SuccessView;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::UserPage;

use super::{PER_PAGE, cursor, is_dry_run, limit};

/// A password may be missing, and is then refused in plain words and not in serde's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewUserBody {
    username: Option<String>,
    password: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: Option<String>,
}

#[derive(Serialize)]
struct ListView<'a> {
    users: Vec<AccountView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountView<'a> {
    user_id: &'a str,
    username: &'a str,
    email: Option<&'a str>,
    display_name: Option<&'a str>,
    role: &'static str,
    is_active: bool,
    /// Logs in in two steps.
    second_step: bool,
    created_at: i64,
}

#[derive(Serialize)]
struct UserOnly<'a> {
    user: AccountView<'a>,
}

/// What is, or was, stored of an account. The command `user delete --json` says the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletedView<'a> {
    user_id: &'a str,
    username: &'a str,
    deleted: bool,
    conversations: u64,
    turns: u64,
    messages: u64,
    message_bytes: u64,
    files: u64,
    file_bytes: u64,
    logins: u64,
    /// Codes that they made: these stay, without their name.
    invites: u64,
}

#[derive(Serialize)]
struct EndedView {
    ended: u64,
}

impl<'a> From<&'a User> for AccountView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            user_id: user.id.as_str(),
            username: &user.username,
            email: user.email.as_deref(),
            display_name: user.display_name.as_deref(),
            role: user.role.as_str(),
            is_active: user.is_active,
            second_step: user.has_second_step,
            created_at: user.created_at,
        }
    }
}

pub(crate) fn list(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let query = req.query_value("query").unwrap_or_default();
    let page = UserPage { query, cursor: cursor(req), limit: limit(req, PER_PAGE)? };
    let (users, next) = context.services.users.page(Actor::Admin(admin), &page)?;
    let view = ListView { users: users.iter().map(AccountView::from).collect(), cursor: next.as_deref() };
    Ok(Response::json(200, &view))
}

pub(crate) fn add(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: NewUserBody = req.json()?;
    let role = match body.role.as_deref() {
        None | Some("user") => Role::User,
        Some("admin") => Role::Admin,
        Some(_) => return Err(Error::invalid("invalid_role", "role must be user or admin").into()),
    };
    let new = NewUser {
        username: body.username.unwrap_or_default(),
        password: body.password.unwrap_or_default(),
        email: body.email,
        display_name: body.display_name,
        avatar: None,
    };
    answer(201, &context.services.users.add(Actor::Admin(admin), new, role)?)
}

pub(crate) fn disable(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    answer(200, &users.set_active(by, &users.by_id(by, req.param("id")?)?, false)?)
}

pub(crate) fn enable(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    answer(200, &users.set_active(by, &users.by_id(by, req.param("id")?)?, true)?)
}

pub(crate) fn promote(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    answer(200, &users.set_role(by, &users.by_id(by, req.param("id")?)?, Role::Admin)?)
}

pub(crate) fn demote(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    answer(200, &users.set_role(by, &users.by_id(by, req.param("id")?)?, Role::User)?)
}

pub(crate) fn logout(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    let ended = users.logout(by, &users.by_id(by, req.param("id")?)?)?;
    Ok(Response::json(200, &EndedView { ended }))
}

pub(crate) fn unlock(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    users.unlock(by, Some(users.by_id(by, req.param("id")?)?.id.as_str()))?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

pub(crate) fn set_password(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: PasswordBody = req.json()?;
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    users.set_password(by, &users.by_id(by, req.param("id")?)?, &body.password.unwrap_or_default())?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

pub(crate) fn reset_second_step(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    let user = users.by_id(by, req.param("id")?)?;
    users.reset_second_step(by, &user)?;
    answer(200, &users.by_id(by, user.id.as_str())?)
}

/// With `?dryRun=1` it only counts.
pub(crate) fn delete(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (users, by) = (&context.services.users, Actor::Admin(admin));
    let user = users.by_id(by, req.param("id")?)?;
    let (mut rows, files) = users.belongings(by, &user)?;
    let is_dry = is_dry_run(req);
    if !is_dry {
        let deleted = users.delete(by, &user)?;
        (rows.conversations, rows.messages) = (deleted.conversations, deleted.messages);
    }
    let view = DeletedView {
        user_id: user.id.as_str(),
        username: &user.username,
        deleted: !is_dry,
        conversations: rows.conversations,
        turns: rows.turns,
        messages: rows.messages,
        message_bytes: rows.message_bytes,
        files: files.files,
        file_bytes: files.bytes,
        logins: rows.logins,
        invites: rows.invites,
    };
    Ok(Response::json(200, &view))
}

fn answer(status: u16, user: &User) -> HandlerResult {
    Ok(Response::json(status, &UserOnly { user: user.into() }))
}
