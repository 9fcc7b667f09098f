//! `portagent invite …`: codes that let people register.

pub(in crate::cli) mod create;
pub(in crate::cli) mod list;
pub(in crate::cli) mod revoke;

use serde_json::{Value, json};

use crate::service::invites::Invite;

fn as_json(invite: &Invite) -> Value {
    json!({
        "code": invite.code,
        "usesLeft": invite.uses_left,
        "expiresAt": invite.expires_at,
        "createdAt": invite.created_at,
        "note": invite.note,
    })
}
