//! What people see and change of their own accounts, in `portagent.db`: where they are logged in, their profile, how their
//! page looks.

use rusqlite::{Connection, params};

use super::logins::end_legacy;
use super::user_row::user_by_id;
use super::users::check_email_free;
use crate::domain::id::{LoginId, UserId};
use crate::domain::profile::{Choices, Preferences, Profile};
use crate::domain::user::{Login, User, fold_name};
use crate::domain::{Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Logins that are listed.
const LISTED: i64 = 200;

/// A login that is good. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    pub id: LoginId,
    pub device: Option<String>,
    pub created_at: i64,
    pub last_used_at: i64,
    pub expires_at: i64,
}

impl Store {
    /// Those of an account that are good, last used first.
    pub fn logins_of(&self, user: &UserId) -> Result<Vec<LoginRow>> {
        let sql = "SELECT loginId, device, createdAt, coalesce(lastUsedAt, createdAt) AS used, expiresAt FROM logins \
                   WHERE userId = ?1 AND expiresAt > ?2 ORDER BY used DESC, createdAt DESC, loginId LIMIT ?3";
        self.accounts.read(|conn| {
            rows::all(conn, sql, params![user, clock::now_ms(), LISTED], |row| {
                Ok(LoginRow {
                    id: row.get(0)?,
                    device: row.get(1)?,
                    created_at: row.get(2)?,
                    last_used_at: row.get(3)?,
                    expires_at: row.get(4)?,
                })
            })
        })
    }

    /// Ends one login of an account. Errors: `NotFound`, also for one of another account.
    pub fn end_login_of(&self, user: &UserId, id: &LoginId) -> Result<()> {
        let (user, id) = (user.clone(), id.clone());
        self.accounts.write(move |conn| {
            let ended = rows::change(conn, "DELETE FROM logins WHERE loginId = ?1 AND userId = ?2", (id, user))?;
            if ended == 0 { Err(Error::not_found("Session")) } else { Ok(()) }
        })
    }

    /// Ends every login of an account but this one; returns how many of ours there were. Those of 1.9 are ended together,
    /// so they stay where one of them asks.
    pub fn end_other_logins(&self, user: &UserId, but: &Login) -> Result<u64> {
        let (user, but) = (user.clone(), but.clone());
        self.accounts.write(move |conn| {
            let kept = match &but {
                Login::Ours(id) => id.as_str(),
                Login::Legacy { .. } => "",
            };
            if !kept.is_empty() {
                end_legacy(conn, &user)?;
            }
            let sql = "DELETE FROM logins WHERE userId = ?1 AND loginId <> ?2";
            Ok(rows::change(conn, sql, params![user, kept])? as u64)
        })
    }

    /// Errors: `Conflict` for an address that is taken.
    pub fn set_profile(&self, id: &UserId, profile: Profile) -> Result<User> {
        let id = id.clone();
        self.accounts.write(move |conn| {
            let now = user_by_id(conn, &id)?;
            if let Some(Some(email)) = &profile.email {
                check_email_free(conn, &id, email)?;
            }
            let email = profile.email.unwrap_or(now.email);
            let display_name = profile.display_name.unwrap_or(now.display_name);
            let sql = "UPDATE users SET email = ?2, emailKey = ?3, displayName = ?4, updatedAt = ?5 WHERE userId = ?1";
            let key = email.as_deref().map(fold_name);
            rows::change(conn, sql, params![id, email, key, display_name, clock::now_ms()])?;
            user_by_id(conn, &id)
        })
    }

    pub fn preferences(&self, user: &UserId) -> Result<Preferences> {
        self.accounts.read(|conn| preferences(conn, user))
    }

    pub fn set_preferences(&self, user: &UserId, chosen: Choices) -> Result<Preferences> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let now = preferences(conn, &user)?;
            let language = chosen.language.unwrap_or(now.language);
            let theme = chosen.theme.unwrap_or(now.theme);
            let sql = "UPDATE users SET language = ?2, theme = ?3 WHERE userId = ?1";
            rows::change(conn, sql, params![user, language, theme])?;
            Ok(Preferences { language, theme })
        })
    }
}

fn preferences(conn: &Connection, user: &UserId) -> Result<Preferences> {
    let sql = "SELECT language, theme FROM users WHERE userId = ?1";
    rows::found(conn, sql, [user], |row| Ok(Preferences { language: row.get(0)?, theme: row.get(1)? }), "User")
}
