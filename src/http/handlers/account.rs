//! One's own account: sessions, profile, preferences, and its end.

use serde::{Deserialize, Deserializer, Serialize};

use super::admin::is_dry_run;
use super::auth::{SuccessView, UserView, source};
use crate::domain::Error;
use crate::domain::id::LoginId;
use crate::domain::profile::{Choices, Preferences, Profile};
use crate::domain::user::{Caller, Login, User};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

#[derive(Serialize)]
struct SessionsView<'a> {
    sessions: Vec<SessionView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionView<'a> {
    session_id: &'a str,
    device: Option<&'a str>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    /// The one that asks.
    current: bool,
}

#[derive(Serialize)]
struct EndedView {
    ended: u64,
}

#[derive(Serialize)]
struct ProfileView<'a> {
    user: UserView<'a>,
    preferences: PreferencesView,
}

#[derive(Serialize)]
struct PreferencesView {
    language: Option<String>,
    theme: Option<String>,
}

/// An absent field stays as it is, null clears it; so it is in the next one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileBody {
    #[serde(default, deserialize_with = "given")]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    email: Option<Option<String>>,
}

#[derive(Deserialize)]
struct PreferencesBody {
    #[serde(default, deserialize_with = "given")]
    language: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    theme: Option<Option<String>>,
}

#[derive(Deserialize)]
struct DeleteBody {
    password: Option<String>,
    code: Option<String>,
}

/// What goes, or went, with the account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletedView {
    deleted: bool,
    /// A code is needed as well.
    second_step: bool,
    conversations: u64,
    messages: u64,
    message_bytes: u64,
    files: u64,
    file_bytes: u64,
    logins: u64,
}

/// `GET /api/auth/sessions`
pub(crate) fn sessions(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    let found = context.services.accounts.sessions(caller)?;
    let sessions = found.iter().map(|login| SessionView {
        session_id: login.id.as_str(),
        device: login.device.as_deref(),
        created_at: login.created_at,
        last_used_at: login.last_used_at,
        expires_at: login.expires_at,
        current: matches!(&caller.login, Login::Ours(id) if *id == login.id),
    });
    Ok(Response::json(200, &SessionsView { sessions: sessions.collect() }))
}

/// `DELETE /api/auth/sessions/:id`
pub(crate) fn end_session(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    context.services.accounts.end_session(caller, &LoginId::from_outside(req.param("id")?))?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

/// `DELETE /api/auth/sessions`: all but the one that asks.
pub(crate) fn end_other_sessions(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    let ended = context.services.accounts.end_other_sessions(caller)?;
    Ok(Response::json(200, &EndedView { ended }))
}

/// `GET /api/auth/profile`
pub(crate) fn profile(context: &Context, caller: &Caller, _req: &Request) -> HandlerResult {
    answer_profile(context, caller, &caller.user)
}

/// `PUT /api/auth/profile`
pub(crate) fn set_profile(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let ProfileBody { display_name, email } = req.json()?;
    let user = context.services.accounts.set_profile(caller, Profile { display_name, email })?;
    answer_profile(context, caller, &user)
}

/// `PUT /api/auth/preferences`
pub(crate) fn set_preferences(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let PreferencesBody { language, theme } = req.json()?;
    let chosen = context.services.accounts.set_preferences(caller, Choices { language, theme })?;
    Ok(Response::json(200, &PreferencesView::from(chosen)))
}

/// `POST /api/auth/delete`; with `?dryRun=1` it only counts.
pub(crate) fn delete(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let services = &context.services;
    let (mut rows, files) = services.users.own_belongings(caller)?;
    let is_dry = is_dry_run(req);
    if !is_dry {
        let body: DeleteBody = req.json()?;
        let password = body.password.filter(|password| !password.is_empty());
        let password = password.ok_or_else(|| Error::invalid("missing_credentials", "The password is required"))?;
        let source = source(context, req);
        let confirmed = services.accounts.confirm(caller, &password, &source)?;
        services.accounts.confirm_code(caller, body.code.as_deref(), &source)?;
        let deleted = services.users.delete_own(&confirmed)?;
        (rows.conversations, rows.messages) = (deleted.conversations, deleted.messages);
    }
    let view = DeletedView {
        deleted: !is_dry,
        second_step: caller.user.has_second_step,
        conversations: rows.conversations,
        messages: rows.messages,
        message_bytes: rows.message_bytes,
        files: files.files,
        file_bytes: files.bytes,
        logins: rows.logins,
    };
    Ok(Response::json(200, &view))
}

fn answer_profile(context: &Context, caller: &Caller, user: &User) -> HandlerResult {
    let preferences = context.services.accounts.preferences(caller)?.into();
    Ok(Response::json(200, &ProfileView { user: UserView::from(user), preferences }))
}

impl From<Preferences> for PreferencesView {
    fn from(Preferences { language, theme }: Preferences) -> Self {
        Self { language, theme }
    }
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
