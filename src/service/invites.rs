//! Invite codes: random, made by an administrator, single-use unless said otherwise, and they expire.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::readable_code;
use super::audit::record;
use crate::domain::user::Actor;
use crate::domain::{Error, Result, clock};
pub use crate::store::Invite;
use crate::store::Store;

const MOST_USES: u32 = 10_000;
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
const NOTE_CHARS: usize = 200;
/// Characters of a code in the log.
const SHOWN_CHARS: usize = 3;

pub struct NewInvite {
    pub uses: u32,
    pub expires_in: Duration,
    pub note: Option<String>,
}

pub struct Invites {
    store: Arc<Store>,
}

impl Invites {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Errors: `Invalid` for numbers out of bounds.
    pub fn create(&self, by: Actor<'_>, new: NewInvite) -> Result<Invite> {
        if !(1..=MOST_USES).contains(&new.uses) {
            return Err(Error::invalid("invalid_uses", format!("uses must be from 1 to {MOST_USES}")));
        }
        if new.expires_in.is_zero() || new.expires_in > LONGEST {
            return Err(Error::invalid("invalid_expiry", "an invite code is good for at most 365 days"));
        }
        if new.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS) {
            return Err(Error::invalid("invalid_note", format!("a note has at most {NOTE_CHARS} characters")));
        }
        let now = clock::now_ms();
        let invite = Invite {
            code: readable_code(),
            note: new.note,
            uses_left: new.uses,
            created_at: now,
            expires_at: now.saturating_add(i64::try_from(new.expires_in.as_millis()).unwrap_or(i64::MAX)),
        };
        let created_by = match by {
            Actor::Operator => None,
            Actor::Admin(admin) => Some(admin.caller().user.id.clone()),
        };
        let invite = self.store.add_invite(invite, created_by)?;
        record("invite.create", by, on(&invite.code));
        Ok(invite)
    }

    pub fn list(&self, _by: Actor<'_>) -> Result<Vec<Invite>> {
        self.store.invites()
    }

    /// Codes by age, a page of them. Errors: `Invalid` for a cursor that is none.
    pub fn page(&self, _by: Actor<'_>, cursor: Option<&str>, limit: usize) -> Result<(Vec<Invite>, Option<String>)> {
        self.store.invites_page(cursor, limit)
    }

    /// Errors: `NotFound`.
    pub fn revoke(&self, by: Actor<'_>, code: &str) -> Result<()> {
        self.store.delete_invite(code)?;
        record("invite.revoke", by, on(code));
        Ok(())
    }
}

/// Enough of a code to tell it from the others of the list, and too little to use it.
fn on(code: &str) -> String {
    format!("invite:{}…", code.chars().take(SHOWN_CHARS).collect::<String>())
}
