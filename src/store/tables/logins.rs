//! Which tokens are good.

use rusqlite::{Connection, params};

use super::user_row::user_by_id;
use crate::domain::id::{LoginId, UserId};
use crate::domain::user::{Caller, Login};
use crate::domain::{Error, Result, clock, limits};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// The row in `revoked_tokens` that stands for the take-over of 1.9's data: it expires with the last token that 1.9 can
/// have issued, and is removed like every expired row.
const TAKEOVER: &str = "takeover of 1.9";

/// How often it is noted that a login is used, in milliseconds.
const USE_NOTED_EVERY_MS: i64 = 10 * 60 * 1000;

impl Store {
    /// Begins a login on a device: a token with this id is good until it expires or is ended.
    pub fn begin_login(&self, user: &UserId, device: Option<&str>) -> Result<LoginId> {
        let (user, device) = (user.clone(), device.map(str::to_owned));
        self.accounts.write(move |conn| {
            let id = LoginId::random();
            let now = clock::now_ms();
            let lifetime = i64::try_from(limits::TOKEN_LIFETIME.as_millis()).unwrap_or(i64::MAX);
            rows::change(conn, "DELETE FROM logins WHERE expiresAt < ?1", [now])?;
            rows::change(conn, "DELETE FROM revoked_tokens WHERE expiresAt < ?1", [now])?;
            rows::change(
                conn,
                "INSERT INTO logins (loginId, userId, createdAt, expiresAt, device, lastUsedAt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?3)",
                params![id, user, now, now.saturating_add(lifetime), device],
            )?;
            Ok(id)
        })
    }

    /// Whose login this is now: the account exists, is active, and the login was not ended.
    ///
    /// Errors: `Unauthenticated`.
    pub fn caller(&self, user: &UserId, login: &Login) -> Result<Caller> {
        Ok(self.look_up(user, login)?.0)
    }

    /// The same for a request of theirs: that the login is in use is noted, but not each time, since a commit costs a sync
    /// and people want to know the day.
    pub fn caller_in_use(&self, user: &UserId, login: &Login) -> Result<Caller> {
        let (caller, last_used_at) = self.look_up(user, login)?;
        if let (Login::Ours(id), Some(last)) = (login, last_used_at) {
            let now = clock::now_ms();
            let is_noted = (0..USE_NOTED_EVERY_MS).contains(&now.saturating_sub(last));
            if !is_noted && self.is_writable() {
                self.note_use(id.clone(), now);
            }
        }
        Ok(caller)
    }

    /// The caller, and when a login of ours was last used as far as that was noted.
    fn look_up(&self, user: &UserId, login: &Login) -> Result<(Caller, Option<i64>)> {
        self.accounts.read(|conn| {
            let (good, last_used_at) = match login {
                Login::Ours(id) => {
                    let last = last_use_of_good(conn, user, id)?;
                    (last.is_some(), last)
                }
                Login::Legacy { digest, issued_at_s, expires_at_s } => {
                    (legacy_is_good(conn, user, digest, *issued_at_s, *expires_at_s)?, None)
                }
            };
            let user = user_by_id(conn, user).map_err(|_| Error::unauthenticated())?;
            if good && user.is_active {
                Ok((Caller { user, login: login.clone() }, last_used_at))
            } else {
                Err(Error::unauthenticated())
            }
        })
    }

    fn note_use(&self, login: LoginId, now: i64) {
        self.accounts.write_later("the use of a login", move |conn| {
            // Of requests that came together, the first writes.
            let sql = "UPDATE logins SET lastUsedAt = ?2 WHERE loginId = ?1 AND coalesce(lastUsedAt, 0) NOT BETWEEN ?2 - ?3 AND ?2";
            rows::change(conn, sql, params![login, now, USE_NOTED_EVERY_MS]).map(drop)
        });
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
    end_legacy(conn, user)?;
    Ok(rows::change(conn, "DELETE FROM logins WHERE userId = ?1", [user])? as u64)
}

/// Ends the logins of 1.9 of an account.
pub fn end_legacy(conn: &Connection, user: &UserId) -> Result<()> {
    // Tokens of 1.9 count whole seconds: one that was issued within this one dies as well.
    let from = clock::now_ms() / 1000 + 1;
    rows::change(conn, "UPDATE users SET legacyTokensFrom = ?2 WHERE userId = ?1", params![user, from]).map(drop)
}

/// When a login that is good was last used, 0 where that was never noted; `None` for one that is not good.
fn last_use_of_good(conn: &Connection, user: &UserId, id: &LoginId) -> Result<Option<i64>> {
    let sql = "SELECT coalesce(lastUsedAt, 0) FROM logins WHERE loginId = ?1 AND userId = ?2 AND expiresAt > ?3";
    rows::first(conn, sql, params![id, user, clock::now_ms()], |row| row.get(0))
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
