//! Invite codes, and the administrator's word that unlocks a login.

use rusqlite::{Connection, Row, params};

use crate::domain::id::UserId;
use crate::domain::{Error, Kind, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::failure;
use crate::store::sqlite::rows::optional;

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
            conn.execute(
                "INSERT INTO invites (code, note, usesLeft, createdBy, createdAt, expiresAt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    invite.code,
                    invite.note,
                    invite.uses_left,
                    created_by.as_ref().map(UserId::as_str),
                    invite.created_at,
                    invite.expires_at
                ],
            )
            .map_err(failure::error)?;
            Ok(invite)
        })
    }

    pub fn invites(&self) -> Result<Vec<Invite>> {
        self.accounts.read(|conn| {
            let mut statement = conn
                .prepare("SELECT code, note, usesLeft, createdAt, expiresAt FROM invites ORDER BY createdAt, code")
                .map_err(failure::error)?;
            let rows = statement.query_map([], invite).map_err(failure::error)?;
            rows.collect::<rusqlite::Result<_>>().map_err(failure::error)
        })
    }

    /// Errors: `NotFound`.
    pub fn delete_invite(&self, code: &str) -> Result<()> {
        let code = code.to_owned();
        self.accounts.write(move |conn| match conn.execute("DELETE FROM invites WHERE code = ?1", [code]) {
            Ok(0) => Err(Error::not_found("Invite code")),
            Ok(_) => Ok(()),
            Err(cause) => Err(failure::error(cause)),
        })
    }

    /// Lets an account's login limit start anew; `*` stands for all accounts.
    pub fn unlock(&self, name_key: &str) -> Result<()> {
        let name_key = name_key.to_owned();
        self.accounts.write(move |conn| {
            conn.execute(
                "INSERT INTO unlocks (nameKey, at) VALUES (?1, ?2) ON CONFLICT (nameKey) DO UPDATE SET at = excluded.at",
                params![name_key, clock::now_ms()],
            )
            .map(drop)
            .map_err(failure::error)
        })
    }

    /// When the account was last unlocked, in milliseconds since 1970.
    pub fn unlocked_at(&self, name_key: &str) -> Result<Option<i64>> {
        self.accounts.read(|conn| {
            optional(conn.query_row("SELECT max(at) FROM unlocks WHERE nameKey IN (?1, '*')", [name_key], |row| {
                row.get::<_, Option<i64>>(0)
            }))
            .map(Option::flatten)
        })
    }
}

/// Takes one use of a code. Errors: `Forbidden`, the same for unknown, used and expired.
pub fn take_one_use(conn: &Connection, code: &str) -> Result<()> {
    let taken = conn
        .execute(
            "UPDATE invites SET usesLeft = usesLeft - 1 WHERE code = ?1 AND usesLeft > 0 AND expiresAt > ?2",
            params![code, clock::now_ms()],
        )
        .map_err(failure::error)?;
    if taken == 1 { Ok(()) } else { Err(not_good()) }
}

fn not_good() -> Error {
    Error::new(Kind::Forbidden, "invalid_invite_code", "Invalid invite code")
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
