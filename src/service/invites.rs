//! Invite codes: random, made by an administrator, single-use unless said otherwise, and they expire.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::readable_code;
use crate::domain::id::UserId;
use crate::domain::{Error, Result, clock};
pub use crate::store::Invite;
use crate::store::Store;

const MOST_USES: u32 = 10_000;
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
const NOTE_CHARS: usize = 200;

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
    pub fn create(&self, new: NewInvite, created_by: Option<UserId>) -> Result<Invite> {
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
        self.store.add_invite(invite, created_by)
    }

    pub fn list(&self) -> Result<Vec<Invite>> {
        self.store.invites()
    }

    /// Errors: `NotFound`.
    pub fn revoke(&self, code: &str) -> Result<()> {
        self.store.delete_invite(code)
    }
}
