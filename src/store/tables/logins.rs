//! Which tokens are good.

use rusqlite::{Connection, params};

use super::users::user_by_id;
use crate::domain::id::{LoginId, UserId};
use crate::domain::user::{Caller, Login};
use crate::domain::{Error, Result, clock, limits};
use crate::store::engine::Store;
use crate::store::sqlite::failure;

impl Store {
    /// Begins a login: a token with this id is good until it expires or is ended.
    pub fn begin_login(&self, user: &UserId) -> Result<LoginId> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let id = LoginId::random();
            let now = clock::now_ms();
            let lifetime = i64::try_from(limits::TOKEN_LIFETIME.as_millis()).unwrap_or(i64::MAX);
            conn.execute("DELETE FROM logins WHERE expiresAt < ?1", [now]).map_err(failure::error)?;
            conn.execute("DELETE FROM revoked_tokens WHERE expiresAt < ?1", [now]).map_err(failure::error)?;
            conn.execute(
                "INSERT INTO logins (loginId, userId, createdAt, expiresAt) VALUES (?1, ?2, ?3, ?4)",
                params![id.as_str(), user.as_str(), now, now.saturating_add(lifetime)],
            )
            .map_err(failure::error)?;
            Ok(id)
        })
    }

    /// Who holds this login, as things stand now: the account exists, is active, and the login was not ended.
    ///
    /// Errors: `Unauthenticated`.
    pub fn caller(&self, user: &UserId, login: &Login) -> Result<Caller> {
        self.accounts.read(|conn| {
            let good = match login {
                Login::Ours(id) => login_is_good(conn, user, id)?,
                Login::Legacy { digest, issued_at_s, .. } => legacy_is_good(conn, user, digest, *issued_at_s)?,
            };
            let user = user_by_id(conn, user).map_err(|_| Error::unauthenticated())?;
            if good && user.is_active {
                Ok(Caller { user, login: login.clone() })
            } else {
                Err(Error::unauthenticated())
            }
        })
    }

    /// Ends one login.
    pub fn end_login(&self, login: &Login) -> Result<()> {
        let login = login.clone();
        self.accounts.write(move |conn| {
            match login {
                Login::Ours(id) => conn.execute("DELETE FROM logins WHERE loginId = ?1", [id.as_str()]),
                Login::Legacy { digest, expires_at_s, .. } => conn.execute(
                    "INSERT OR IGNORE INTO revoked_tokens (digest, expiresAt) VALUES (?1, ?2)",
                    params![digest, expires_at_s.saturating_mul(1000)],
                ),
            }
            .map(drop)
            .map_err(failure::error)
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
    conn.execute(
        "UPDATE users SET legacyTokensFrom = ?2 WHERE userId = ?1",
        params![user.as_str(), clock::now_ms() / 1000 + 1],
    )
    .map_err(failure::error)?;
    let ended = conn.execute("DELETE FROM logins WHERE userId = ?1", [user.as_str()]).map_err(failure::error)?;
    Ok(ended as u64)
}

fn login_is_good(conn: &Connection, user: &UserId, id: &LoginId) -> Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM logins WHERE loginId = ?1 AND userId = ?2 AND expiresAt > ?3)")
        .and_then(|mut statement| {
            statement.query_row(params![id.as_str(), user.as_str(), clock::now_ms()], |row| row.get(0))
        })
        .map_err(failure::error)
}

fn legacy_is_good(conn: &Connection, user: &UserId, digest: &str, issued_at_s: i64) -> Result<bool> {
    conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM users WHERE userId = ?1 AND legacyTokensFrom <= ?2) \
         AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE digest = ?3)",
    )
    .and_then(|mut statement| statement.query_row(params![user.as_str(), issued_at_s, digest], |row| row.get(0)))
    .map_err(failure::error)
}
