//! Which tokens are good.

use rusqlite::{Connection, params};

use super::users::user_by_id;
use crate::domain::id::{LoginId, UserId};
use crate::domain::user::{Caller, Login};
use crate::domain::{Error, Result, clock, limits};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// The row in `revoked_tokens` that stands for the take-over of 1.9's data: it expires with the last token that 1.9 can
/// have issued, and is removed like every expired row.
const TAKEOVER: &str = "takeover of 1.9";

impl Store {
    /// Begins a login: a token with this id is good until it expires or is ended.
    pub fn begin_login(&self, user: &UserId) -> Result<LoginId> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let id = LoginId::random();
            let now = clock::now_ms();
            let lifetime = i64::try_from(limits::TOKEN_LIFETIME.as_millis()).unwrap_or(i64::MAX);
            rows::change(conn, "DELETE FROM logins WHERE expiresAt < ?1", [now])?;
            rows::change(conn, "DELETE FROM revoked_tokens WHERE expiresAt < ?1", [now])?;
            rows::change(
                conn,
                "INSERT INTO logins (loginId, userId, createdAt, expiresAt) VALUES (?1, ?2, ?3, ?4)",
                params![id, user, now, now.saturating_add(lifetime)],
            )?;
            Ok(id)
        })
    }

    /// Whose login this is now: the account exists, is active, and the login was not ended.
    ///
    /// Errors: `Unauthenticated`.
    pub fn caller(&self, user: &UserId, login: &Login) -> Result<Caller> {
        self.accounts.read(|conn| {
            let good = match login {
                Login::Ours(id) => login_is_good(conn, user, id)?,
                Login::Legacy { digest, issued_at_s, expires_at_s } => {
                    legacy_is_good(conn, user, digest, *issued_at_s, *expires_at_s)?
                }
            };
            let user = user_by_id(conn, user).map_err(|_| Error::unauthenticated())?;
            if good && user.is_active {
                Ok(Caller { user, login: login.clone() })
            } else {
                Err(Error::unauthenticated())
            }
        })
    }

    /// Whether a login expired after the first of these moments and not after the second, in milliseconds since 1970.
    pub fn has_expired(&self, after: i64, until: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM logins WHERE expiresAt > ?1 AND expiresAt <= ?2)";
        self.accounts.read(|conn| rows::value(conn, sql, params![after, until]))
    }

    /// Ends one login.
    pub fn end_login(&self, login: &Login) -> Result<()> {
        let login = login.clone();
        self.accounts.write(move |conn| {
            match login {
                Login::Ours(id) => rows::change(conn, "DELETE FROM logins WHERE loginId = ?1", [id]),
                Login::Legacy { digest, expires_at_s, .. } => rows::change(
                    conn,
                    "INSERT OR IGNORE INTO revoked_tokens (digest, expiresAt) VALUES (?1, ?2)",
                    params![digest, expires_at_s.saturating_mul(1000)],
                ),
            }
            .map(drop)
        })
    }

    /// Ends every login of an account; returns how many of ours there were.
    pub fn end_logins(&self, user: &UserId) -> Result<u64> {
        let user = user.clone();
        self.accounts.write(move |conn| end_all(conn, &user))
    }
}

pub fn end_all(conn: &Connection, user: &UserId) -> Result<u64> {
    // Tokens of 1.9 count whole seconds: one that was issued within this one dies as well.
    let from = clock::now_ms() / 1000 + 1;
    rows::change(conn, "UPDATE users SET legacyTokensFrom = ?2 WHERE userId = ?1", params![user, from])?;
    Ok(rows::change(conn, "DELETE FROM logins WHERE userId = ?1", [user])? as u64)
}

fn login_is_good(conn: &Connection, user: &UserId, id: &LoginId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM logins WHERE loginId = ?1 AND userId = ?2 AND expiresAt > ?3)";
    rows::value(conn, sql, params![id, user, clock::now_ms()])
}

/// Opens the door for tokens of 1.9: its data was taken over just now.
pub fn accept_legacy(conn: &Connection) -> Result<()> {
    let closes = (clock::now_ms() / 1000).saturating_add(lifetime_s()).saturating_mul(1000);
    let sql = "INSERT INTO revoked_tokens (digest, expiresAt) VALUES (?1, ?2)";
    rows::change(conn, sql, params![TAKEOVER, closes]).map(drop)
}

fn lifetime_s() -> i64 {
    i64::try_from(limits::TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX)
}

/// Tokens of 1.9 carry no id. They count only for accounts that were taken over, if they were issued before that and live
/// no longer than those of 1.9 did; and only until the last of those has expired.
fn legacy_is_good(conn: &Connection, user: &UserId, digest: &str, issued_at_s: i64, expires_at_s: i64) -> Result<bool> {
    let sql = "SELECT expiresAt FROM revoked_tokens WHERE digest = ?1";
    let door: Option<i64> = rows::first(conn, sql, [TAKEOVER], |row| row.get(0))?;
    let Some(door_closes_s) = door.map(|at| at / 1000) else { return Ok(false) };
    let (now_s, lifetime_s) = (clock::now_ms() / 1000, lifetime_s());
    let lived = issued_at_s < door_closes_s.saturating_sub(lifetime_s)
        && expires_at_s <= issued_at_s.saturating_add(lifetime_s)
        && expires_at_s > now_s
        && now_s < door_closes_s;
    if !lived {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE userId = ?1 AND legacyTokensFrom <= ?2) \
               AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE digest = ?3)";
    rows::value(conn, sql, params![user, issued_at_s, digest])
}
