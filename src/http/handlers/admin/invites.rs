//! Invite codes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::user::{Actor, Admin};
use crate::http::context::Context;
use crate::http::handlers::auth::SuccessView;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::{Invite, NewInvite};

use super::{PER_PAGE, cursor, limit};

const DEFAULT_SECONDS: u64 = 7 * 24 * 3600;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewInviteBody {
    uses: Option<u32>,
    expires_in_seconds: Option<u64>,
    note: Option<String>,
}

#[derive(Serialize)]
struct ListView<'a> {
    invites: Vec<InviteView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InviteView<'a> {
    code: &'a str,
    uses_left: u32,
    expires_at: i64,
    created_at: i64,
    note: Option<&'a str>,
}

impl<'a> From<&'a Invite> for InviteView<'a> {
    fn from(invite: &'a Invite) -> Self {
        Self {
            code: &invite.code,
            uses_left: invite.uses_left,
            expires_at: invite.expires_at,
            created_at: invite.created_at,
            note: invite.note.as_deref(),
        }
    }
}

pub(crate) fn list(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let limit = limit(req, PER_PAGE)?;
    let (invites, next) = context.services.invites.page(Actor::Admin(admin), cursor(req).as_deref(), limit)?;
    let view = ListView { invites: invites.iter().map(InviteView::from).collect(), cursor: next.as_deref() };
    Ok(Response::json(200, &view))
}

pub(crate) fn create(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: NewInviteBody = req.json()?;
    let new = NewInvite {
        uses: body.uses.unwrap_or(1),
        expires_in: Duration::from_secs(body.expires_in_seconds.unwrap_or(DEFAULT_SECONDS)),
        note: body.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty()),
    };
    let invite = context.services.invites.create(Actor::Admin(admin), new)?;
    Ok(Response::json(201, &InviteView::from(&invite)))
}

pub(crate) fn revoke(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    context.services.invites.revoke(Actor::Admin(admin), req.param("code")?)?;
    Ok(Response::json(200, &SuccessView { success: true }))
}
