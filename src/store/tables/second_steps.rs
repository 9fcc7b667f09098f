//! The second step of log-ins, in `portagent.db`: secrets of apps, and codes for the day when one is lost.

use rusqlite::{Connection, params};

use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::{Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

impl Store {
    /// The secret of an account whose second step is on or, with `false`, waits to be confirmed.
    pub fn step_secret(&self, user: &UserId, is_on: bool) -> Result<Option<Secret>> {
        let sql = "SELECT secret FROM second_steps WHERE userId = ?1 AND isOn = ?2";
        let found = self.accounts.read(|conn| rows::first(conn, sql, params![user, is_on], |row| row.get(0)))?;
        Ok(found.map(|text: String| Secret::new(text)))
    }

    pub fn has_second_step(&self, user: &UserId) -> Result<bool> {
        Ok(self.step_secret(user, true)?.is_some())
    }

    pub fn count_recovery_codes(&self, user: &UserId) -> Result<u64> {
        let sql = "SELECT count(*) FROM recovery_codes WHERE userId = ?1";
        self.accounts.read(|conn| rows::count(conn, sql, [user]))
    }

    /// A secret that waits to be confirmed, in place of one that waited before. Errors: `Conflict` when the step is on.
    pub fn prepare_second_step(&self, user: &UserId, secret: Secret) -> Result<()> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let sql = "INSERT INTO second_steps (userId, secret, createdAt) VALUES (?1, ?2, ?3) ON CONFLICT (userId) \
                       DO UPDATE SET secret = excluded.secret, createdAt = excluded.createdAt WHERE isOn = 0";
            match rows::change(conn, sql, params![user, secret.expose(), clock::now_ms()])? {
                0 => Err(Error::conflict("second_step_on", "Two-step log-in is on already")),
                _ => Ok(()),
            }
        })
    }

    /// Turns on what waited, with the first code used, and these recovery codes. False when nothing waits any more.
    pub fn turn_on_second_step(&self, user: &UserId, secret: Secret, step: i64, digests: Vec<String>) -> Result<bool> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let sql = "UPDATE second_steps SET isOn = 1, lastStep = ?2 WHERE userId = ?1 AND isOn = 0 AND secret = ?3";
            if rows::change(conn, sql, params![user, step, secret.expose()])? == 0 {
                return Ok(false);
            }
            rows::change(conn, "DELETE FROM recovery_codes WHERE userId = ?1", [&user])?;
            for digest in digests {
                let sql = "INSERT INTO recovery_codes (userId, digest) VALUES (?1, ?2)";
                rows::change(conn, sql, params![user, digest])?;
            }
            Ok(true)
        })
    }

    /// Uses the code of this period. False when it, or a later one, was used already.
    pub fn use_step(&self, user: &UserId, step: i64) -> Result<bool> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let sql = "UPDATE second_steps SET lastStep = ?2 WHERE userId = ?1 AND isOn = 1 AND lastStep < ?2";
            Ok(rows::change(conn, sql, params![user, step])? > 0)
        })
    }

    /// Uses a recovery code. False when there is none like it.
    pub fn use_recovery_code(&self, user: &UserId, digest: String) -> Result<bool> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let sql = "DELETE FROM recovery_codes WHERE userId = ?1 AND digest = ?2";
            Ok(rows::change(conn, sql, params![user, digest])? > 0)
        })
    }

    /// Turns it off. False when it was not on.
    pub fn turn_off_second_step(&self, user: &UserId) -> Result<bool> {
        let user = user.clone();
        self.accounts.write(move |conn| turn_off(conn, &user))
    }
}

fn turn_off(conn: &Connection, user: &UserId) -> Result<bool> {
    rows::change(conn, "DELETE FROM recovery_codes WHERE userId = ?1", [user])?;
    let was_on = "SELECT EXISTS (SELECT 1 FROM second_steps WHERE userId = ?1 AND isOn = 1)";
    let was_on = rows::value(conn, was_on, [user])?;
    rows::change(conn, "DELETE FROM second_steps WHERE userId = ?1", [user])?;
    Ok(was_on)
}
