//! Invite codes, and what resets the limit of failed logins.

use rusqlite::{Connection, Row, params};

use super::cursor::{self, Cursor};
use crate::domain::id::UserId;
use crate::domain::{Error, Kind, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// An invite code as it stands.
#[derive(Debug, Clone)]
pub struct Invite {
    pub code: String,
    pub note: Option<String>,
    pub uses_left: u32,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub expires_at: i64,
}

impl Store {
    pub fn add_invite(&self, invite: Invite, created_by: Option<UserId>) -> Result<Invite> {
        self.accounts.write(move |conn| {
            rows::change(
                conn,
                "INSERT INTO invites (code, note, usesLeft, createdBy, createdAt, expiresAt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![invite.code, invite.note, invite.uses_left, created_by, invite.created_at, invite.expires_at],
            )?;
            Ok(invite)
        })
    }

    pub fn invites(&self) -> Result<Vec<Invite>> {
        let sql = "SELECT code, note, usesLeft, createdAt, expiresAt FROM invites ORDER BY createdAt, code";
        self.accounts.read(|conn| rows::all(conn, sql, [], invite))
    }

    /// A page of them by age, and the cursor of the next one. Errors: `Invalid` for a cursor that is none.
    pub fn invites_page(&self, cursor: Option<&str>, limit: usize) -> Result<(Vec<Invite>, Option<String>)> {
        let Cursor { at, id } = Cursor::parse(cursor)?;
        let sql = "SELECT code, note, usesLeft, createdAt, expiresAt FROM invites WHERE (createdAt, code) > (?1, ?2) \
                   ORDER BY createdAt, code LIMIT ?3";
        let found =
            self.accounts.read(|conn| rows::all(conn, sql, params![at, id, cursor::one_more(limit)], invite))?;
        Ok(cursor::cut(found, limit, |invite| (invite.created_at, &invite.code)))
    }

    /// Errors: `NotFound`.
    pub fn delete_invite(&self, code: &str) -> Result<()> {
        let code = code.to_owned();
        self.accounts.write(move |conn| match rows::change(conn, "DELETE FROM invites WHERE code = ?1", [code])? {
            0 => Err(Error::not_found("Invite code")),
            _ => Ok(()),
        })
    }

    /// Resets an account's limit of failed logins; `*` stands for all accounts.
    pub fn unlock(&self, name_key: &str) -> Result<()> {
        let name_key = name_key.to_owned();
        let sql =
            "INSERT INTO unlocks (nameKey, at) VALUES (?1, ?2) ON CONFLICT (nameKey) DO UPDATE SET at = excluded.at";
        self.accounts.write(move |conn| rows::change(conn, sql, params![name_key, clock::now_ms()]).map(drop))
    }

    /// When the account was last unlocked, in milliseconds since 1970.
    pub fn unlocked_at(&self, name_key: &str) -> Result<Option<i64>> {
        let sql = "SELECT max(at) FROM unlocks WHERE nameKey IN (?1, '*')";
        self.accounts.read(|conn| rows::value(conn, sql, [name_key]))
    }
}

/// Takes one use of a code. Errors: `Forbidden`, the same for unknown, used and expired.
pub fn take_one_use(conn: &Connection, code: &str) -> Result<()> {
    let sql = "UPDATE invites SET usesLeft = usesLeft - 1 WHERE code = ?1 AND usesLeft > 0 AND expiresAt > ?2";
    match rows::change(conn, sql, params![code, clock::now_ms()])? {
        1 => Ok(()),
        _ => Err(Error::new(Kind::Forbidden, "invalid_invite_code", "Invalid invite code")),
    }
}

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        code: row.get(0)?,
        note: row.get(1)?,
        uses_left: row.get(2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
    })
}
